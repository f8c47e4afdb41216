/** boot/trap.ts: traps become signals, and stacks have names. The last ones need the built system. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import loadWabt from 'wabt';
import {
  describeTrap,
  SIGABRT,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGSEGV,
  trapInfo,
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

  it('trap: the kinds of division are told apart, and their place is', () => {
    const code = (fields: string): number => trapInfo(trapOf(`(func (export "run") (drop ${fields}))`)).code;
    assert.equal(code('(i32.div_s (i32.const 1) (i32.const 0))'), 1);
    assert.equal(code('(i32.div_s (i32.const 0x80000000) (i32.const -1))'), 2);
    assert.equal(code('(i32.trunc_f64_s (f64.const 1e300))'), 7);
    assert.notEqual(trapInfo(trapOf('(func (export "run") unreachable)')).address, 0);
  });

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

const CLI = fileURLToPath(new URL('../build/node/cli.js', import.meta.url));
const CC = fileURLToPath(new URL('../userland/cc/tabos-cc', import.meta.url));

/** How a program ends that divides by zero, after `prepare`, with these functions before main. */
function runDividing(functions: string, prepare: string): { status: number | null; output: string } {
  const scratch = mkdtempSync(join(tmpdir(), 'tabos-trap-'));
  try {
    const source = join(scratch, 'divide.c');
    writeFileSync(
      source,
      `#include <setjmp.h>
      #include <signal.h>
      #include <unistd.h>
      static volatile int zero, result;
      static sigjmp_buf out;
      ${functions}
      int main(void)
      {
        ${prepare}
        result = 100 / zero;
        return 99;
      }`,
    );
    execFileSync(CC, ['-O1', '-D_GNU_SOURCE', source, '-o', join(scratch, 'divide')]);
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, join(scratch, 'divide')], {
      encoding: 'utf8',
    });
    return { status, output: stdout + stderr };
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** A program's death by SIGFPE, as a shell says it. */
const DIED = 128 + SIGFPE;

/* Elsewhere a handler that returns is called for ever, and one that jumps goes on: docs/posix.md, "Traps". */
describe('trap: handlers', () => {
  it('trap: when the handler has returned, the process dies of the signal', () => {
    const { status, output } = runDividing(
      'static void handler(int sig) { write(1, "handled\\n", 8); }',
      'signal(SIGFPE, handler);',
    );
    assert.equal(status, DIED);
    assert.equal(output.split('handled\n').length, 2);
    assert.match(output, /wasm trap: divi/);
  });

  it('trap: a jump out of the handler is the death by that signal', () => {
    const { status, output } = runDividing(
      'static void handler(int sig) { siglongjmp(out, 1); }',
      'if (sigsetjmp(out, 1)) return 98; signal(SIGFPE, handler);',
    );
    assert.equal(status, DIED);
    assert.match(output, /wasm trap: divi/);
  });

  it('trap: a jump within the handler is none out of it', () => {
    const { status } = runDividing(
      'static void handler(int sig) { jmp_buf here; if (setjmp(here) == 0) longjmp(here, 1); _exit(5); }',
      'signal(SIGFPE, handler);',
    );
    assert.equal(status, 5);
  });

  it('trap: without a handler nothing is called, and the stack is printed', () => {
    const { status, output } = runDividing('static void handler(int sig) {}', 'signal(SIGSEGV, handler);');
    assert.equal(status, DIED);
    assert.match(output, /wasm trap: divi.*\n[^]* at main /);
  });
});
