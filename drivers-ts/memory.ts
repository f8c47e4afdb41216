/*
 * Kernel memory as JavaScript sees it: the only file that builds views of it.
 *
 * The memory is shared and grows in any worker at any time, so a view may be
 * too short; it is renewed when an address lies beyond it. Addresses come out
 * of wasm as signed numbers and are made unsigned here.
 */
const decoder = new TextDecoder();
const encoder = new TextEncoder();

export class KernelMemory {
  readonly memory: WebAssembly.Memory;
  #bytes: Uint8Array<ArrayBufferLike>;
  #words: Int32Array<ArrayBufferLike>;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Int32Array(memory.buffer);
  }

  /** The bytes themselves, shared: good until the next growth anywhere, so don't keep it. */
  view(address: number, length: number): Uint8Array<ArrayBufferLike> {
    const start = address >>> 0;
    this.#reach(start + length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A private copy, for APIs that refuse shared memory. */
  copy(address: number, length: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(length);
    copy.set(this.view(address, length));
    return copy;
  }

  write(address: number, bytes: Uint8Array): void {
    this.view(address, bytes.length).set(bytes);
  }

  text(address: number, length: number): string {
    return decoder.decode(this.copy(address, length));
  }

  /** NUL-terminated and cut to `capacity` bytes. */
  writeText(address: number, capacity: number, text: string): void {
    if (capacity === 0) return;
    const bytes = encoder.encode(text).subarray(0, capacity - 1);
    this.write(address, bytes);
    this.view(address + bytes.length, 1)[0] = 0;
  }

  writeInt64(address: number, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, value, true);
    this.write(address, bytes);
  }

  /** The words, and the index of the first of `count` at `address`: for Atomics, and for lists. */
  words(address: number, count = 1): { words: Int32Array<SharedArrayBuffer>; index: number } {
    const start = address >>> 0;
    this.#reach(start + 4 * count);
    return { words: this.#words as Int32Array<SharedArrayBuffer>, index: start >>> 2 };
  }

  #reach(end: number): void {
    if (end <= this.#bytes.length) return;
    // Growing by nothing makes an engine that hasn't yet heard of another worker's growth look.
    this.memory.grow(0);
    this.#bytes = new Uint8Array(this.memory.buffer);
    this.#words = new Int32Array(this.memory.buffer);
    if (end > this.#bytes.length) throw new RangeError(`kernel address ${end.toString(16)} out of range`);
  }
}
