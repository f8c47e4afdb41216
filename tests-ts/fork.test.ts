/** boot/program.ts: fork unwinds the parent, and parent and copy go on from the call. */
import assert from 'node:assert/strict';
import binaryen from 'binaryen';
import { ENTRY_START, RunningProgram, type ProgramExports } from '../boot/program.ts';
import type { Space } from '../boot/space.ts';

const PID = 77;
const EAGAIN = 11;

/**
 * A program that forks two calls deep, with values in locals and on its C stack
 * on either side of the call, and stores them with fork's result at address 64.
 */
const TEXT = `(module
  (import "env" "memory" (memory 4 16384 shared))
  (import "tabos:posix/process" "fork" (func $fork (result i32)))
  (global $__stack_pointer (export "__stack_pointer") (mut i32) (i32.const 65536))
  (global (export "__tls_base") (mut i32) (i32.const 4242))
  (global (export "__stack_low") i32 (i32.const 1024))
  (global (export "__stack_high") i32 (i32.const 65536))
  (global (export "__heap_base") i32 (i32.const 70000))
  (func $inner (param $kept i32)
    (local $result i32)
    (local.set $result (call $fork))
    (i32.store (i32.const 64) (local.get $result))
    (i32.store (i32.const 68) (local.get $kept))
    (i32.store (i32.const 72) (i32.load (global.get $__stack_pointer))))
  (func (export "_start")
    (i32.store (i32.const 76) (i32.add (i32.load (i32.const 76)) (i32.const 1)))
    (global.set $__stack_pointer (i32.sub (global.get $__stack_pointer) (i32.const 16)))
    (i32.store (global.get $__stack_pointer) (i32.const 555))
    (call $inner (i32.const 123))
    (global.set $__stack_pointer (i32.add (global.get $__stack_pointer) (i32.const 16)))
    (i32.store (i32.const 80) (global.get $__stack_pointer))))`;

function compile(): WebAssembly.Module {
  const module = binaryen.parseText(TEXT);
  module.setFeatures(binaryen.Features.All);
  module.runPasses(['asyncify']);
  return new WebAssembly.Module(Uint8Array.from(module.emitBinary()));
}

const module = compile();

interface ForkRequest {
  readonly stackPointer: number;
  readonly tlsBase: number;
  readonly entry: number;
  readonly buffer: number;
  readonly end: number;
}

/** An instance on `memory`, whose forks are answered by `answer`. */
function load(memory: WebAssembly.Memory, answer: (request: ForkRequest) => number): RunningProgram {
  let running: RunningProgram | null = null;
  const imports = { env: { memory }, 'tabos:posix/process': { fork: () => running?.fork() ?? -1 } };
  const exports = new WebAssembly.Instance(module, imports).exports as unknown as ProgramExports;
  const space = { memory, words: () => new Int32Array(memory.buffer) } as unknown as Space;
  running = new RunningProgram(exports, space, (stackPointer, tlsBase, entry, buffer, end) =>
    answer({ stackPointer, tlsBase, entry, buffer, end }),
  );
  return running;
}

const newMemory = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: 4, maximum: 16384, shared: true });

/** What the program has stored: result, its local, its stack word, entries counted, final stack pointer. */
function report(memory: WebAssembly.Memory): number[] {
  return [...new Int32Array(memory.buffer, 64, 5)];
}

describe('fork', () => {
  it('fork: the parent goes on after the call with the pid', () => {
    const memory = newMemory();
    const requests: ForkRequest[] = [];
    load(memory, (request) => requests.push(request) && PID).run();
    assert.deepEqual(report(memory), [PID, 123, 555, 1, 65536]);
    assert.equal(requests.length, 1);
    const [{ stackPointer, tlsBase, entry, buffer, end }] = requests as [ForkRequest];
    assert.equal(stackPointer, 65536 - 16);
    assert.equal(tlsBase, 4242);
    assert.equal(entry, ENTRY_START);
    assert.ok(buffer >= 1024 + 1024 && buffer % 16 === 0);
    assert.ok(end > buffer + 16 && end < stackPointer);
  });

  it('fork: a copy of the memory goes on after the call with 0', () => {
    const memory = newMemory();
    const copy = newMemory();
    let request: ForkRequest | null = null;
    load(memory, (made) => {
      request = made;
      new Uint8Array(copy.buffer).set(new Uint8Array(memory.buffer));
      return PID;
    }).run();
    const { stackPointer, tlsBase, buffer } = request as unknown as ForkRequest;
    const child = load(copy, () => assert.fail('the child does not fork'));
    child.exports.__stack_pointer.value = stackPointer;
    child.exports.__tls_base.value = tlsBase;
    child.runForked(buffer);
    assert.deepEqual(report(copy), [0, 123, 555, 1, 65536]);
    assert.deepEqual(report(memory), [PID, 123, 555, 1, 65536]);
  });

  it('fork: a refusal by the kernel is the result of the call', () => {
    const memory = newMemory();
    load(memory, () => -EAGAIN).run();
    assert.equal(report(memory)[0], -EAGAIN);
  });

  it('fork: without room on the stack it is refused, and the program goes on', () => {
    const memory = newMemory();
    const program = load(memory, () => assert.fail('nothing to copy'));
    program.exports.__stack_pointer.value = 1024 + 1024 + 2048;
    program.run();
    assert.ok((report(memory)[0] ?? 0) < 0);
    assert.equal(report(memory)[1], 123);
  });
});
