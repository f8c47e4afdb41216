/*
 * Sound. There is no output device yet: every call answers ENOSYS.
 */
import type { AudioImports } from '../build/gen/kernel.d.ts';
import { Driver } from './driver.ts';

export class AudioDriver extends Driver implements AudioImports {
  write(_request: number, _buffer: number, _length: number): number {
    return this.absent();
  }
}
