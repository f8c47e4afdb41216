/** drivers-ts/memory.ts: views of kernel memory. */
import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import { KernelMemory } from '../drivers-ts/memory.ts';

const PAGE = 65536;

function make(initial = 1): KernelMemory {
  return new KernelMemory(new WebAssembly.Memory({ initial, maximum: 40000, shared: true }));
}

describe('memory', () => {
  it('memory: what is written is read back as text and as a copy', () => {
    const memory = make();
    memory.write(100, new TextEncoder().encode('häß'));
    assert.equal(memory.text(100, 5), 'häß');
    const copy = memory.copy(100, 5);
    copy[0] = 0;
    assert.equal(memory.text(100, 1), 'h');
  });

  it('memory: a text is cut to the capacity and terminated', () => {
    const memory = make();
    memory.write(0, new Uint8Array(16).fill(0xff));
    memory.writeText(0, 4, 'abcdef');
    assert.deepEqual([...memory.copy(0, 5)], [97, 98, 99, 0, 0xff]);
    memory.writeText(8, 0, 'x');
    assert.equal(memory.copy(8, 1)[0], 0xff);
  });

  it('memory: an address above 2 GiB that arrives negative is found', () => {
    const memory = make(32769); // one page more than 2 GiB
    const address = 0x8000_0010 | 0;
    assert.ok(address < 0);
    memory.write(address, Uint8Array.of(7));
    assert.equal(new Uint8Array(memory.memory.buffer)[0x8000_0010], 7);
    const { words, index } = memory.words(address);
    assert.equal(words[index], 7);
  });

  it('memory: growth in another worker is seen', async () => {
    const memory = make();
    const code = `
      const { workerData: memory, parentPort } = require('node:worker_threads');
      memory.grow(3);
      new Uint8Array(memory.buffer)[3 * ${PAGE}] = 42;
      parentPort.postMessage('grown');`;
    const worker = new Worker(code, { eval: true, workerData: memory.memory });
    await new Promise((resolve) => worker.once('message', resolve));
    assert.equal(memory.copy(3 * PAGE, 1)[0], 42);
    await worker.terminate();
  });

  it('memory: an address beyond the end throws', () => {
    assert.throws(() => make().view(PAGE - 1, 2), RangeError);
  });

  it('memory: a 64-bit number is stored little-endian and signed', () => {
    const memory = make();
    memory.writeInt64(8, -2n);
    assert.deepEqual([...memory.copy(8, 8)], [0xfe, 255, 255, 255, 255, 255, 255, 255]);
  });
});
