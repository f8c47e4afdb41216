/** boot/programs.ts: what task workers are given, whatever order messages come in. */
import assert from 'node:assert/strict';
import { ProgramStore, SharedMemories } from '../boot/programs.ts';
import type { Program, ToTask } from '../boot/protocol.ts';

const module = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
const info = { minimumPages: 1, forks: false, threads: false };
const program = (id: number): Program => ({ id, module, info });

/** Answers, as `slot: type ids`. */
function recorder(): { lines: string[]; answer: (slot: number, message: ToTask) => void } {
  const lines: string[] = [];
  return {
    lines,
    answer(slot, message) {
      if (message.type === 'programs') lines.push(`${slot}: ${message.programs.map(({ id }) => id).join(' ')}`);
      else if (message.type === 'no-program') lines.push(`${slot}: no ${message.id}`);
      else if (message.type === 'memory') lines.push(`${slot}: memory ${message.id} ${message.memory !== null}`);
    },
  };
}

describe('programs', () => {
  it('programs: a new worker gets all, and later only what is new to it', () => {
    const { lines, answer } = recorder();
    const store = new ProgramStore(answer);
    store.add(program(1));
    assert.deepEqual(
      store.greet(0).map(({ id }) => id),
      [1],
    );
    store.add(program(2));
    store.add(program(3));
    store.want(0, 3);
    store.want(0, 3);
    assert.deepEqual(lines, ['0: 2 3', '0: 3']);
  });

  it('programs: one that is asked for before it has come is answered when it does', () => {
    const { lines, answer } = recorder();
    const store = new ProgramStore(answer);
    store.want(4, 9);
    store.want(5, 9);
    assert.deepEqual(lines, []);
    store.add(program(9), 1);
    assert.deepEqual(lines, ['4: 9', '5: 9']);
  });

  it('programs: a worker that is gone is not answered', () => {
    const { lines, answer } = recorder();
    const store = new ProgramStore(answer);
    store.want(4, 9);
    store.forget(4);
    store.add(program(9));
    assert.deepEqual(lines, []);
  });

  it('programs: a dropped one can still be had for a while, then it is refused', () => {
    const { lines, answer } = recorder();
    const store = new ProgramStore(answer);
    store.add(program(1));
    store.drop(1);
    assert.deepEqual(store.greet(0), []);
    store.want(0, 1);
    for (let id = 2; id < 200; id++) {
      store.add(program(id));
      store.drop(id);
    }
    store.want(0, 1);
    assert.deepEqual(lines, ['0: 1', '0: no 1']);
  });

  it('programs: a thread gets the memory of its process, also when it asks first', () => {
    const { lines, answer } = recorder();
    const memories = new SharedMemories(answer);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    memories.want(2, 50);
    assert.deepEqual(lines, []);
    memories.share(1, 50, memory);
    memories.want(3, 50);
    assert.deepEqual(lines, ['2: memory 50 true', '3: memory 50 true']);
  });

  it('programs: the memory of a worker that was terminated reaches who waits for it', () => {
    const { lines, answer } = recorder();
    const memories = new SharedMemories(answer);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    memories.want(2, 50);
    memories.shareLast(50, memory);
    memories.shareLast(51, memory); // nobody waits
    memories.want(3, 50);
    assert.deepEqual(lines, ['2: memory 50 true', '3: memory 50 true']);
  });

  it('programs: memories that nobody uses are let go, but not at once', () => {
    const { lines, answer } = recorder();
    const memories = new SharedMemories(answer);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    for (let id = 1; id <= 20; id++) {
      memories.share(1, id, memory);
      memories.leave(1, id);
    }
    memories.want(2, 20);
    memories.want(2, 1);
    memories.share(1, 1, memory); // another thread is made after all
    memories.want(3, 1);
    assert.deepEqual(lines, ['2: memory 20 true', '2: memory 1 false', '3: memory 1 true']);
  });
});
