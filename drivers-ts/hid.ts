/*
 * Human interface devices. There are none yet: every call answers ENOSYS.
 */
import type { HidImports } from '../build/gen/kernel.d.ts';
import { Driver } from './driver.ts';

export class HidDriver extends Driver implements HidImports {
  control(_request: number, _device: number, _operation: number, _buffer: number, _length: number): number {
    return this.absent();
  }
}
