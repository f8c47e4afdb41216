/** userland/cc/forking.mjs: which functions the pass for fork must prepare. */
import assert from 'node:assert/strict';
import loadWabt from 'wabt';

/** It has no types. */
const { functionsThatNeverFork } = (await import(new URL('../userland/cc/forking.mjs', import.meta.url).href)) as {
  functionsThatNeverFork(bytes: Buffer, promised: readonly string[]): string[] | null;
};
const wabt = await loadWabt();

function neverFork(fields: string, promised: readonly string[] = []): string[] | null {
  const fork = '(import "tabos:posix/process" "fork" (func $fork (result i32)))';
  const module = wabt.parseWat('t.wat', `(module ${fork} ${fields})`, { threads: true, exceptions: true });
  const { buffer } = module.toBinary({ write_debug_names: true });
  return functionsThatNeverFork(Buffer.from(buffer), promised)?.sort() ?? null;
}

/** A handler's type, and one that is called by that type. */
const DELIVERY = `(type $handler (func (param i32))) (table 4 funcref)
  (func $deliver (call_indirect (type $handler) (i32.const 0) (i32.const 1)))
  (func $call (call $deliver))`;

describe('forking', () => {
  it('forking: callers of callers of fork can, others never', () => {
    const found = neverFork(`
      (func $a (result i32) (call $fork))
      (func $b (drop (call $a)))
      (func $c (call $d))
      (func $d (block (br_if 0 (i32.const 1)) (drop (i64.const -5)) (drop (f64.const 1))))`);
    assert.deepEqual(found, ['c', 'd']);
  });

  it('forking: a call by pointer leads to functions of its type whose address is taken', () => {
    const handler = '(func $handler (param i32) (drop (call $fork)))';
    assert.deepEqual(neverFork(`${DELIVERY} ${handler} (elem (i32.const 1) $handler)`), []);
    assert.deepEqual(neverFork(`${DELIVERY} ${handler}`), ['call', 'deliver']);
    const other = '(func $other (drop (call $fork)))';
    assert.deepEqual(neverFork(`${DELIVERY} ${other} (elem (i32.const 1) $other)`), ['call', 'deliver']);
  });

  it('forking: what is promised not to lead to fork leads nobody there', () => {
    const handler = '(func $handler (param i32) (drop (call $fork))) (elem (i32.const 1) $handler)';
    assert.deepEqual(neverFork(`${DELIVERY} ${handler}`, ['deliver']), ['call', 'deliver']);
  });

  it('forking: all kinds of instructions are passed over', () => {
    const found = neverFork(`(memory 1 1 shared) (tag $t (param i32)) (table 1 funcref)
      (func $many (param i32) (local i64 f32)
        (try (do (throw $t (i32.const 300))) (catch $t drop) (catch_all))
        (block (block (br_table 0 1 0 (local.get 0))))
        (drop (select (result i32) (i32.const -1) (i32.const 2) (local.get 0)))
        (i64.store offset=70000 (i32.const 0) (i64.const 0x7fffffffffffffff))
        (drop (i32.atomic.rmw.add offset=300 (i32.const 0) (i32.const 1)))
        (atomic.fence)
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))
        (memory.copy (i32.const 0) (i32.const 0) (i32.const 0))
        (drop (i32.trunc_sat_f32_s (f32.const 0x1p100)))
        (drop (memory.grow (i32.const 0)))
        (if (local.get 0) (then (call $many (i32.const 1)))))
      (func $after (call $many (i32.const 0)) (drop (call $fork)))`);
    assert.deepEqual(found, ['many']);
  });
});
