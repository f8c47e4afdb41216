/** wit/: the parser, and that check.mjs finds every way to disagree. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import loadWabt from 'wabt';
import type { AudioImports } from '../build/gen/kernel.d.ts';
import { checkModule } from '../wit/check.mjs';
import { parseWit, signature } from '../wit/parse.mjs';

const wabt = await loadWabt();
const wit = parseWit(fileURLToPath(new URL('../wit', import.meta.url)));

function assemble(text: string): Uint8Array {
  const module = wabt.parseWat('test.wat', text, { threads: true });
  return module.toBinary({}).buffer;
}

function program(fields: string): string[] {
  const memory = '(import "env" "memory" (memory 1 1024 shared))';
  return checkModule(assemble(`(module ${memory} ${fields})`), 'program', wit);
}

/** A module that exports all that world kernel wants, with `change` made to its text. */
function kernel(change: (text: string) => string): string[] {
  const fields = ['(import "env" "memory" (memory 1 1024 shared))'];
  for (const [module, functions] of wit.world('kernel').exports)
    for (const f of functions) {
      const [, parameters, result] = /\((.*)\) -> (.*)/.exec(signature(f))!;
      fields.push(
        `(func (export "${module}#${f.name}")` +
          ` (param ${parameters!.replaceAll(',', '')})` +
          (result === 'nothing' ? ')' : ` (result ${result}) unreachable)`),
      );
    }
  const text = change(fields.join('\n'));
  return checkModule(assemble(`(module ${text})`), 'kernel', wit);
}

function parseText(text: string) {
  const directory = mkdtempSync(join(tmpdir(), 'tabos-wit-test-'));
  try {
    writeFileSync(join(directory, 'test.wit'), text);
    return parseWit(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('wit: parser', () => {
  it('gives names, core signatures and docs', () => {
    const { interfaces } = parseText(
      'package a:b;\n/// I.\ninterface i {\n  /// One.\n  /// Two.\n  get-it: func(%list: u32, at: s64) -> s32;\n}\n',
    );
    const [f] = interfaces.get('i')!;
    assert.equal(f!.name, 'get-it');
    assert.deepEqual(f!.docs, ['One.', 'Two.']);
    assert.equal(signature(f!), '(i32, i64) -> i32');
  });

  it('refuses a type that is no plain number, with its line', () => {
    assert.throws(
      () => parseText('package a:b;\ninterface i {\n  f: func(a: string);\n}\n'),
      /test\.wit:3: expected one of s32, u32, s64, u64, found "string"/,
    );
  });

  it('refuses the same name twice', () => {
    assert.throws(() => parseText('package a:b;\ninterface i { f: func(); f: func(); }'), /i\.f, which is taken/);
  });
});

describe('wit: check of a program', () => {
  it('accepts calls with their types', () => {
    assert.deepEqual(program('(import "tabos:posix/file" "pread" (func (param i32 i32 i32 i64) (result i32)))'), []);
  });

  it('finds a call with a wrong type', () => {
    const lines = program('(import "tabos:posix/file" "pread" (func (param i32 i32 i32 i32) (result i32)))');
    assert.deepEqual(lines, [
      'import "tabos:posix/file" "pread" has the type (i32, i32, i32, i32) -> i32, wit/ says (i32, i32, i32, i64) -> i32',
    ]);
  });

  it('finds a call with a missing result', () => {
    const lines = program('(import "tabos:posix/process" "getpid" (func))');
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /\(\) -> nothing, wit\/ says \(\) -> i32/);
  });

  it('finds a call that does not exist', () => {
    const lines = program('(import "tabos:posix/file" "slurp" (func))');
    assert.match(lines[0]!, /"slurp" \(function\) is not in wit\//);
  });

  it('finds a foreign import module', () => {
    const lines = program('(import "wasi_snapshot_preview1" "fd_read" (func (param i32 i32 i32 i32) (result i32)))');
    assert.match(lines[0]!, /wasi_snapshot_preview1/);
  });

  it("finds the kernel's own interfaces in a program", () => {
    const lines = program('(import "tabos:posix/supervisor" "kill" (func (param i32 i32) (result i32)))');
    assert.equal(lines.length, 1);
  });

  it('finds a call imported as a global', () => {
    const lines = program('(import "tabos:posix/process" "getpid" (global i32))');
    assert.match(lines[0]!, /"getpid" \(global\) is not in wit\//);
  });

  it('finds a memory of its own', () => {
    const lines = checkModule(assemble('(module (memory 1))'), 'program', wit);
    assert.match(lines[0]!, /env/);
  });

  it('refuses what is no module, and a module cut short', () => {
    assert.deepEqual(checkModule(new TextEncoder().encode('#!/bin/sh\n'), 'program', wit), [
      'not a WebAssembly module',
    ]);
    const whole = assemble('(module (import "env" "memory" (memory 1 2 shared)))');
    assert.deepEqual(checkModule(whole.subarray(0, 14), 'program', wit), ['the module is cut short']);
  });
});

describe('wit: check of a kernel', () => {
  it('accepts one with every export', () => {
    assert.deepEqual(
      kernel((text) => text),
      [],
    );
  });

  it('finds a missing export', () => {
    assert.deepEqual(
      kernel((text) => text.replace(/\(func \(export "tabos:posix\/file#read"\).*\n/, '')),
      ['export "tabos:posix/file#read" is missing'],
    );
  });

  it('finds an export with a wrong type', () => {
    const lines = kernel((text) =>
      text.replace(
        '(export "tabos:posix/file#lseek") (param i32 i64 i32) (result i64)',
        '(export "tabos:posix/file#lseek") (param i32 i32 i32) (result i64)',
      ),
    );
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /lseek.*wit\/ says \(i32, i64, i32\) -> i64/);
  });

  it('finds an export that is not in wit/', () => {
    const lines = kernel((text) => `${text}\n(func (export "backdoor"))`);
    assert.deepEqual(lines, ['export "backdoor" is not in wit/']);
  });

  it('finds a driver call with a wrong type', () => {
    const lines = kernel((text) => `(import "fs" "read" (func (param i32))) ${text}`);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /"fs" "read"/);
  });
});

// tsc is the test here: it fails when one of these does compile after all.
export const drivers: AudioImports[] = [
  { write: (request, buffer, length) => request + buffer + length },
  // @ts-expect-error a number is declared, not a bigint
  { write: (request: bigint) => Number(request) },
  // @ts-expect-error a result is declared
  { write: () => {} },
  // @ts-expect-error only three parameters are given
  { write: (a: number, b: number, c: number, d: number) => a + b + c + d },
  // @ts-expect-error the call is missing
  {},
];
