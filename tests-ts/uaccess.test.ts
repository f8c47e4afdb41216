/** kernel-c/uaccess.wat: what copies to a program's memory, in one piece or by quarters. Needs the built kernel. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const EFAULT = 14;
const PAGE_BYTES = 65536;
const PAGES = 4;

type CopyOut = (to: number, from: number, length: number) => number;

function sharedMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
}

for (const name of ['copy_out', 'copy_out_quarters'])
  describe(`uaccess: ${name}`, () => {
    const kernel = sharedMemory();
    const program = sharedMemory();
    const source = new Uint8Array(kernel.buffer).map((_, i) => (i * 31 + (i >> 8)) & 0xff);
    new Uint8Array(kernel.buffer).set(source);
    const target = new Uint8Array(program.buffer);
    const module = new WebAssembly.Module(readFileSync(new URL('../build/uaccess.wasm', import.meta.url)));
    const imports = { kernel: { memory: kernel }, program: { memory: program } };
    const copy = new WebAssembly.Instance(module, imports).exports[name] as CopyOut;

    it('copies these bytes, and none beside them', () => {
      const lengths = [0, 1, 1023, 2047, 2048, 2049, 3071, 3072, 3073, 4095, 4096, 4097, 5000, 65535, 65536, 65537];
      for (const length of lengths)
        for (const [to, from] of [
          [4096, 8192],
          [4097, 8192],
          [4096, 8199],
          [12345, 1029],
        ] as const) {
          target.fill(0xaa);
          assert.equal(copy(to, from, length), 0);
          const expected = new Uint8Array(target.length).fill(0xaa);
          expected.set(source.subarray(from, from + length), to);
          assert.ok(Buffer.compare(target, expected) === 0, `${length} bytes from ${from} to ${to}`);
        }
    });

    it('copies up to the end of the memory, and nothing that goes beyond it', () => {
      const end = PAGES * PAGE_BYTES;
      assert.equal(copy(end - 5000, 0, 5000), 0);
      assert.deepEqual(target.slice(end - 5000), source.slice(0, 5000));
      target.fill(0);
      for (const to of [end - 4999, end, -5000, 0, 1023]) assert.equal(copy(to, 0, 5000), -EFAULT);
      assert.ok(target.every((byte) => byte === 0));
    });
  });
