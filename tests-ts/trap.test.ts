/** boot/trap.ts: traps become signals, and stacks have names. */
import assert from 'node:assert/strict';
import loadWabt from 'wabt';
import {
  describeTrap,
  SIGABRT,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGSEGV,
  trapPhrase,
  trapSignal,
  wasmFrames,
} from '../boot/trap.ts';

const wabt = await loadWabt();

/** What running the export `run` of a module with these fields throws. */
function trapOf(fields: string): unknown {
  const features = { threads: true, exceptions: true };
  const module = wabt.parseWat('t.wat', `(module $victim ${fields})`, features);
  const { buffer } = module.toBinary({ write_debug_names: true });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(buffer)));
  try {
    (exports['run'] as () => void)();
  } catch (error) {
    return error;
  }
  return assert.fail('it did not trap');
}

const table = '(table 1 funcref) (type $none (func)) (type $one (func (param i32)))';
const traps: [name: string, fields: string, signal: number][] = [
  ['a load out of bounds', '(memory 1) (func (export "run") (drop (i32.load (i32.const -4))))', SIGSEGV],
  ['endless recursion', '(func $deep (export "run") (call $deep))', SIGSEGV],
  ['an unaligned atomic', '(memory 1 1 shared) (func (export "run") (drop (i32.atomic.load (i32.const 1))))', SIGBUS],
  ['a division by zero', '(func (export "run") (drop (i32.div_s (i32.const 1) (i32.const 0))))', SIGFPE],
  ['a remainder by zero', '(func (export "run") (drop (i32.rem_u (i32.const 1) (i32.const 0))))', SIGFPE],
  ['INT_MIN / -1', '(func (export "run") (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))', SIGFPE],
  ['a float that fits no integer', '(func (export "run") (drop (i32.trunc_f64_s (f64.const 1e300))))', SIGFPE],
  ['unreachable', '(func (export "run") unreachable)', SIGILL],
  ['a null function', `${table} (func (export "run") (call_indirect (type $none) (i32.const 0)))`, SIGILL],
  ['a call beyond the table', `${table} (func (export "run") (call_indirect (type $none) (i32.const 9)))`, SIGILL],
  [
    'a call by another type',
    `${table} (elem (i32.const 0) $f) (func $f (param i32)) (func (export "run") (call_indirect (type $none) (i32.const 0)))`,
    SIGILL,
  ],
  ['an uncaught exception', '(tag $t) (func (export "run") (throw $t))', SIGABRT],
];

/** SpiderMonkey's words (js/src/jit and js.msg), which Node can't make. */
const spiderMonkey: [message: string, signal: number][] = [
  ['index out of bounds', SIGSEGV],
  ['unaligned memory access', SIGBUS],
  ['integer divide by zero', SIGFPE],
  ['integer overflow', SIGFPE],
  ['invalid conversion to integer', SIGFPE],
  ['unreachable executed', SIGILL],
  ['indirect call to null', SIGILL],
  ['indirect call signature mismatch', SIGILL],
  ['table index out of bounds', SIGILL],
];

describe('trap', () => {
  for (const [name, fields, signal] of traps)
    it(`trap: ${name} is signal ${signal}`, () => assert.equal(trapSignal(trapOf(fields)), signal));

  for (const [message, signal] of spiderMonkey)
    it(`trap: Firefox's "${message}" is signal ${signal}`, () =>
      assert.equal(trapSignal(new WebAssembly.RuntimeError(message)), signal));

  it("trap: Firefox's stack overflow is SIGSEGV and called so", () => {
    const error = new Error('too much recursion');
    error.name = 'InternalError';
    assert.equal(trapSignal(error), SIGSEGV);
    assert.equal(trapPhrase(error), 'stack overflow');
  });

  it('trap: the stack names the functions, innermost first', () => {
    const error = trapOf('(func $inner unreachable) (func $outer (export "run") (call $inner))');
    assert.deepEqual(
      wasmFrames(error).map(({ name }) => name),
      ['inner', 'outer'],
    );
    const [first, second] = describeTrap(error);
    assert.equal(first, 'wasm trap: unreachable');
    assert.match(second ?? '', /^ {4}at inner \(\+0x[0-9a-f]+\)$/);
  });

  it('trap: frames of one module have one url, those of another another', () => {
    const a = wasmFrames(trapOf('(func $a (export "run") unreachable)'));
    const b = wasmFrames(trapOf('(func $b (export "run") nop unreachable)'));
    assert.ok(a[0]?.url);
    assert.notEqual(a[0]?.url, b[0]?.url);
  });

  it("trap: Firefox's stack lines are understood", () => {
    const error = new WebAssembly.RuntimeError('unreachable executed');
    error.stack =
      'fault@http://localhost/task.js line 7 > WebAssembly.Module:wasm-function[3]:0x41\n' +
      'wasm-function[9]@http://localhost/task.js line 7 > WebAssembly.Module:wasm-function[9]:0x50\n' +
      '#enter@http://localhost/task.js:12:3\n';
    assert.deepEqual(
      wasmFrames(error).map(({ name, offset }) => [name, offset]),
      [
        ['fault', 0x41],
        ['function 9', 0x50],
      ],
    );
  });
});
