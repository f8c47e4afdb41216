/** boot/modules.ts: which modules are programs, and why others are not. */
import assert from 'node:assert/strict';
import loadWabt from 'wabt';
import { BadModule, inspectProgram } from '../boot/modules.ts';

const wabt = await loadWabt();
const calls = new Set(['tabos:posix/file#read', 'tabos:posix/process#fork', 'tabos:posix/process#exit']);

const MEMORY = '(import "env" "memory" (memory 3 16384 shared))';
const GLOBALS = ['__stack_pointer', '__tls_base', '__stack_low', '__stack_high', '__heap_base']
  .map((name) => `(global (export "${name}") (mut i32) (i32.const 0))`)
  .join(' ');
const START = '(func (export "_start"))';
const ABI = [0, 14, 9, ...new TextEncoder().encode('tabos.abi'), 1, 0, 0, 0];

function assemble(fields: string): Uint8Array {
  return wabt.parseWat('t.wat', `(module ${fields})`, { threads: true, memory64: true }).toBinary({}).buffer;
}

function program(fields: string, abi: number[] = ABI): Uint8Array {
  return Uint8Array.from([...assemble(fields), ...abi]);
}

const good = program(
  `${MEMORY} (import "tabos:posix/file" "read" (func (param i32 i32 i32) (result i32))) ${GLOBALS} ${START}`,
);

function refused(bytes: Uint8Array, reason: RegExp): void {
  assert.throws(
    () => inspectProgram(bytes, calls),
    (error) => error instanceof BadModule && reason.test(error.message),
  );
}

describe('modules', () => {
  it('modules: a program is accepted, and its memory is known', () => {
    assert.deepEqual(inspectProgram(good, calls), { minimumPages: 3, forks: false, threads: false });
  });

  it('modules: a program with threads says so', () => {
    const bytes = program(`${MEMORY} ${GLOBALS} ${START} (func (export "thread_entry") (param i32))`);
    assert.equal(inspectProgram(bytes, calls).threads, true);
  });

  it('modules: every truncation is refused without more than an error', () => {
    for (let length = 0; length < good.length; length++)
      assert.throws(() => inspectProgram(good.subarray(0, length), calls), BadModule, `cut at ${length}`);
  });

  it('modules: no byte changed makes it throw anything but BadModule', () => {
    for (let at = 0; at < good.length; at++)
      for (const value of [0x00, 0x7f, 0x80, 0xff]) {
        const bytes = good.slice();
        bytes[at] = value;
        try {
          inspectProgram(bytes, calls);
        } catch (error) {
          assert.ok(error instanceof BadModule, `byte ${at} = ${value}: ${String(error)}`);
        }
      }
  });

  it('modules: text is no module', () => refused(new TextEncoder().encode('#!/bin/sh\n'), /no WebAssembly module/));

  it('modules: a module of another system is refused', () => {
    refused(assemble('(import "wasi_snapshot_preview1" "fd_write" (func)) (memory 1)'), /not built for TabOS/);
  });

  it('modules: an import that is not in the kernel is named', () => {
    refused(
      program(`${MEMORY} (import "tabos:posix/file" "frobnicate" (func)) ${GLOBALS} ${START}`),
      /file\.frobnicate/,
    );
    refused(program(`${MEMORY} (import "host" "log" (func)) ${GLOBALS} ${START}`), /host\.log/);
    refused(program(`${MEMORY} (import "env" "x" (global i32)) ${GLOBALS} ${START}`), /env\.x/);
  });

  it('modules: a later version of the system is named', () => {
    refused(program(`${MEMORY} ${GLOBALS} ${START}`, [...ABI.slice(0, -4), 2, 0, 0, 0]), /version 2/);
  });

  it('modules: a memory that is not shared, wide, or of another size is refused', () => {
    refused(program(`(import "env" "memory" (memory 1 16384)) ${GLOBALS} ${START}`), /not shared/);
    refused(program(`(import "env" "memory" (memory 1 100 shared)) ${GLOBALS} ${START}`), /1 to 16384/);
    refused(program(`(import "env" "memory" (memory 20000 30000 shared)) ${GLOBALS} ${START}`), /20000 to 16384/);
    refused(program(`(import "env" "memory" (memory i64 1 16384 shared)) ${GLOBALS} ${START}`), /64 bits/);
    refused(program(`(memory 1) ${GLOBALS} ${START}`), /env\.memory/);
  });

  it('modules: a missing entry is named', () => refused(program(`${MEMORY} ${GLOBALS}`), /_start/));

  it('modules: fork without the fork pass is refused', () => {
    const fork = '(import "tabos:posix/process" "fork" (func (result i32)))';
    refused(program(`${MEMORY} ${fork} ${GLOBALS} ${START}`), /fork pass/);
  });
});
