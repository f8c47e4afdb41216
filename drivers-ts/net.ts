/*
 * Streams and datagrams beyond the tab. Carries none yet: every call answers ENOSYS.
 */
import type { NetImports } from '../build/gen/kernel.d.ts';
import { Driver } from './driver.ts';

export class NetDriver extends Driver implements NetImports {
  socket(_request: number, _kind: number): number {
    return this.absent();
  }

  connect(_request: number, _socket: number, _address: number, _length: number): number {
    return this.absent();
  }

  send(_request: number, _socket: number, _buffer: number, _length: number): number {
    return this.absent();
  }

  recv(_request: number, _socket: number, _buffer: number, _length: number): number {
    return this.absent();
  }

  close(_request: number, _socket: number): number {
    return this.absent();
  }
}
