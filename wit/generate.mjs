/*
 * Generates everything that follows from wit/ into a directory (build/gen):
 *
 *   kernel.c kernel.h    wit-bindgen's C bindings of world kernel
 *   posix.c posix.h      wit-bindgen's C bindings of world posix
 *   sys.h                prototypes of what the kernel must implement
 *   entry.c              the exports of kernel.wasm: handshake, then sys_NAME
 *   calls.h calls.inc    a number for each system call; their names and arguments
 *   syscalls.h           the imports of a program, one per call, for libc
 *   types/               jco's TypeScript types, one file per interface
 *   kernel.d.ts          the same under the names that cross the boundary
 *
 *     node wit/generate.mjs WIT-BINDGEN OUTPUT-DIRECTORY
 *
 * A file whose contents did not change is not touched, so nothing is rebuilt for it.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { camelCase, parseWit, snakeCase } from './parse.mjs';
import { argumentKind, checkKinds } from './trace.mjs';

const C_TYPES = {
  s32: 'int32_t',
  u32: 'uint32_t',
  s64: 'int64_t',
  u64: 'uint64_t',
};
const GENERATED = 'Generated from wit/ by wit/generate.mjs.';

/** "file" of "tabos:posix/file"; "fs" of "fs". */
function interfaceName(module) {
  return module.slice(module.indexOf('/') + 1);
}

/** The name wit-bindgen gives an export's C function. */
function bindingName(module, f) {
  return snakeCase(`exports_${module.replace(/[:/]/g, '_')}_${f.name}`);
}

function parameterList(f) {
  if (f.parameters.length === 0) return 'void';
  return f.parameters.map((p) => `${C_TYPES[p.type]} ${snakeCase(p.name)}`).join(', ');
}

function argumentList(f) {
  return f.parameters.map((p) => snakeCase(p.name)).join(', ');
}

function resultType(f) {
  return f.result ? C_TYPES[f.result] : 'void';
}

/** System calls make the handshake; what the boot code calls does not. */
function systemCalls(wit) {
  return new Set(wit.world('posix').imports.keys());
}

/** What the kernel's own C function for an export is called. */
function implementationName(module, f, calls) {
  if (calls.has(module)) return `sys_${snakeCase(f.name)}`;
  return snakeCase(`${interfaceName(module)}_${f.name}`);
}

function sysHeader(wit) {
  const calls = systemCalls(wit);
  const lines = [
    `/* ${GENERATED} What the kernel implements for its exports. */`,
    '#ifndef SYS_H',
    '#define SYS_H',
    '',
    '#include <stdint.h>',
  ];
  for (const [module, functions] of wit.world('kernel').exports) {
    lines.push('', `/* ${module} */`);
    for (const f of functions) {
      const name = implementationName(module, f, calls);
      lines.push(`${resultType(f)} ${name}(${parameterList(f)});`);
    }
  }
  return [...lines, '', '#endif', ''].join('\n');
}

/**
 * Calls by which processes synchronise: what a program stored in shared memory is
 * published before the first kind, and what others stored is seen after the second
 * (kernel-c/task/shared.c). exit, fork, futex and shared-word see to it themselves.
 */
const RELEASES = new Set(
  [
    'write writev pwrite pwritev sendfile close dup3 openat unlinkat linkat symlinkat mkdirat renameat2 fcntl flock',
    'fsync fdatasync sync execve execveat spawn vfork mmap munmap mremap mprotect kill tgkill tkill rt-sigqueueinfo',
    'mq-timedsend msgsnd semop semtimedop semctl shmdt sched-yield clock-nanosleep',
    'sendto sendmsg sendmmsg connect shutdown',
  ].flatMap((line) => line.split(' ')),
);
const ACQUIRES = new Set(
  [
    'read readv pread preadv fcntl flock openat unlinkat linkat symlinkat mkdirat renameat2 wait4 waitid',
    'ppoll pselect6 epoll-pwait signal-take rt-sigtimedwait mq-timedreceive msgrcv semop semtimedop semctl',
    'sched-yield clock-nanosleep recvfrom recvmsg recvmmsg accept4',
  ].flatMap((line) => line.split(' ')),
);

function entrySource(wit) {
  const calls = systemCalls(wit);
  const lines = [
    `/* ${GENERATED} The exports of kernel.wasm. */`,
    '#include "kernel.h"',
    '#include "sys.h"',
    '#include "task/entry.h"',
    '#include "task/mm.h"',
  ];
  for (const [module, functions] of wit.world('kernel').exports)
    for (const f of functions) {
      const call = `${implementationName(module, f, calls)}(${argumentList(f)})`;
      const head = `${resultType(f)} ${bindingName(module, f)}(${parameterList(f)})`;
      const exit = f.result === 's64' ? 'syscall_exit64' : 'syscall_exit';
      const body = calls.has(module)
        ? [
            `\tif (unlikely(!syscall_entered("${f.name}")))`,
            `\t\tsyscall_enter_slow(${[callNumber(f), ...sixArguments(f)].join(', ')});`,
            ...(RELEASES.has(f.name) ? ['\tshared_release();'] : []),
            ...(ACQUIRES.has(f.name)
              ? [`\t${resultType(f)} result = ${call};`, '\tshared_acquire();', `\treturn ${exit}(result);`]
              : [`\treturn ${exit}(${call});`]),
          ]
        : [`\treturn ${call};`];
      lines.push('', head, '{', ...body, '}');
    }
  return [...lines, ''].join('\n');
}

const TRACED_ARGUMENTS = 6;

function callNumber(f) {
  return `CALL_${snakeCase(f.name)}`;
}

function sixArguments(f) {
  const zeros = Array(TRACED_ARGUMENTS - Math.min(f.parameters.length, TRACED_ARGUMENTS)).fill('0');
  return [...f.parameters.slice(0, TRACED_ARGUMENTS).map((p) => snakeCase(p.name)), ...zeros];
}

function allCalls(wit) {
  return [...systemCalls(wit)].flatMap((module) => wit.world('kernel').exports.get(module));
}

function callsHeader(wit) {
  const lines = [`/* ${GENERATED} A number for each system call: only inside this kernel. */`];
  lines.push('#ifndef CALLS_H', '#define CALLS_H', '', 'enum call {', '\tCALL_NONE,');
  for (const f of allCalls(wit)) lines.push(`\t${callNumber(f)},`);
  return [...lines, '};', '', '#endif', ''].join('\n');
}

/** Rows of the table in kernel-c/task/trace.c. */
function callsTable(wit) {
  const lines = [`/* ${GENERATED} Names and arguments of system calls. */`];
  checkKinds(allCalls(wit));
  for (const f of allCalls(wit)) {
    const kinds = f.parameters.slice(0, TRACED_ARGUMENTS).map((p) => `ARG_${argumentKind(f, p)}`);
    lines.push(`[${callNumber(f)}] = { "${snakeCase(f.name)}", ${kinds.length}, { ${kinds.join(', ') || '0'} } },`);
  }
  return [...lines, ''].join('\n');
}

function syscallsHeader(wit) {
  const lines = [
    `/* ${GENERATED} The system calls, as a program imports them. */`,
    '#ifndef TABOS_SYSCALLS_H',
    '#define TABOS_SYSCALLS_H',
    '',
    '#include <stdint.h>',
    '',
    '#define __TABOS_CALL(module, name) \\',
    '\t__attribute__((import_module(module), import_name(name)))',
  ];
  for (const [module, functions] of wit.world('posix').imports)
    for (const f of functions) {
      lines.push('', ...f.docs.map((line) => `/* ${line} */`));
      lines.push(`__TABOS_CALL("${module}", "${f.name}")`);
      const name = `__tabos_${snakeCase(f.name)}`;
      lines.push(`${resultType(f)} ${name}(${parameterList(f)});`);
    }
  return [...lines, '', '#endif', ''].join('\n');
}

/**
 * wit-bindgen's C for a world, without the canonical ABI's allocator and the
 * component type: our functions pass only numbers, and kernel.wasm is a core module.
 */
function bindgen(program, witDirectory, world) {
  const scratch = mkdtempSync(join(tmpdir(), 'tabos-wit-'));
  try {
    execFileSync(
      program,
      ['c', witDirectory, '--world', world, '--no-object-file', '--no-helpers'].concat(['--out-dir', scratch]),
      { stdio: 'pipe' }, // a failure's error carries what it wrote
    );
    const source = readFileSync(join(scratch, `${world}.c`), 'utf8')
      .replace('#include <stdlib.h>\n', '')
      .replace(/__attribute__\(\(__weak__, __export_name__\("cabi_realloc"\)\)\)\n[^]*?\n}\n/, '')
      .replace(/\/\/ Ensure that the \*_component_type\.o[^]*$/, '');
    if (/realloc|component_type/.test(source))
      throw new Error('wit: this wit-bindgen writes C that generate.mjs does not know');
    return {
      [`${world}.c`]: source,
      [`${world}.h`]: readFileSync(join(scratch, `${world}.h`), 'utf8'),
    };
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** jco's types of world kernel: { "types/interfaces/fs.d.ts": text, … }. */
async function jcoTypes(witDirectory) {
  const jco = await import('@bytecodealliance/jco-transpile/component');
  await jco.$init;
  // One text, the package declaration first: jco's own path reader sees no host files.
  const texts = readdirSync(witDirectory)
    .filter((file) => file.endsWith('.wit'))
    .map((file) => readFileSync(join(witDirectory, file), 'utf8'))
    .sort((a, b) => /^package /m.test(b) - /^package /m.test(a));
  const files = jco.generateTypes('kernel', {
    wit: { tag: 'source', val: texts.join('\n') },
    world: 'kernel',
    features: { tag: 'list', val: [] },
    tlaCompat: false,
    guest: false,
  });
  const types = {};
  for (const [name, bytes] of files) types[`types/${name}`] = new TextDecoder().decode(bytes);
  return types;
}

/**
 * The kernel's imports and exports under their WebAssembly names, each typed by
 * jco's declaration of the function: a driver that differs fails tsc.
 */
function kernelTypes(wit, types) {
  const { imports, exports } = wit.world('kernel');
  const lines = [`// ${GENERATED} The boundary of kernel.wasm.`];
  const identifier = (module) => camelCase(interfaceName(module));
  const typeName = (module) => identifier(module).replace(/^./, (c) => c.toUpperCase());
  for (const module of [...imports.keys(), ...exports.keys()]) {
    const file = `types/interfaces/${module.replace(/[:/]/g, '-')}`;
    if (!(`${file}.d.ts` in types)) throw new Error(`wit: jco wrote no types for ${module}`);
    lines.push(`import type * as ${identifier(module)} from "./${file}.js";`);
  }
  for (const [module, functions] of imports) {
    lines.push('', `/** Import module "${module}" of kernel.wasm. */`);
    lines.push(`export interface ${typeName(module)}Imports {`);
    for (const f of functions) {
      const type = `typeof ${identifier(module)}.${camelCase(f.name)}`;
      lines.push(...(f.docs.length ? [`  /** ${f.docs.join(' ')} */`] : []));
      lines.push(`  ${JSON.stringify(f.name)}: ${type};`);
    }
    lines.push('}');
  }
  lines.push('', 'export interface KernelImports {');
  lines.push('  env: { memory: WebAssembly.Memory };');
  for (const module of imports.keys()) lines.push(`  ${JSON.stringify(module)}: ${typeName(module)}Imports;`);
  lines.push('}');
  for (const [module, functions] of exports) {
    lines.push('', `/** Exports "${module}#…" of kernel.wasm. */`);
    lines.push(`export interface ${typeName(module)}Exports {`);
    for (const f of functions) {
      const type = `typeof ${identifier(module)}.${camelCase(f.name)}`;
      lines.push(...(f.docs.length ? [`  /** ${f.docs.join(' ')} */`] : []));
      lines.push(`  ${JSON.stringify(`${module}#${f.name}`)}: ${type};`);
    }
    lines.push('}');
  }
  lines.push('', '/** Everything kernel.wasm exports. */');
  lines.push('export interface KernelExports extends');
  lines.push(`  ${[...exports.keys()].map((m) => `${typeName(m)}Exports`).join(',\n  ')} {`);
  lines.push('  __indirect_function_table: WebAssembly.Table;');
  lines.push('  __stack_pointer: WebAssembly.Global;');
  lines.push('  __wasm_init_tls(area: number): void;');
  lines.push('  __tls_size: WebAssembly.Global;');
  lines.push('  __tls_align: WebAssembly.Global;');
  lines.push('  __heap_base: WebAssembly.Global;');
  lines.push("  /** Address of the table indices for uaccess.wasm's exports. */");
  lines.push('  uaccess_table: WebAssembly.Global;');
  lines.push('}', '');
  lines.push("/** Module name of each area of system calls, for a program's imports. */");
  lines.push('export type PosixModule =');
  lines.push(`  | ${[...systemCalls(wit)].map((m) => JSON.stringify(m)).join('\n  | ')};`, '');
  return lines.join('\n');
}

/** A kernel function is found by its call's name alone, so it must be unique. */
function checkNames(wit) {
  const calls = systemCalls(wit);
  const owners = new Map();
  for (const [module, functions] of wit.world('kernel').exports)
    for (const f of functions) {
      const name = implementationName(module, f, calls);
      if (owners.has(name)) throw new Error(`wit: ${name} is in ${owners.get(name)} and ${module}`);
      owners.set(name, module);
    }
  for (const module of calls)
    if (!wit.world('kernel').exports.has(module)) throw new Error(`wit: world kernel does not export ${module}`);
}

function writeIfChanged(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

const [witBindgen, output] = process.argv.slice(2);
if (!output) {
  console.error('usage: node wit/generate.mjs WIT-BINDGEN OUTPUT-DIRECTORY');
  process.exit(2);
}
const directory = dirname(fileURLToPath(import.meta.url));
const wit = parseWit(directory);
checkNames(wit);
const types = await jcoTypes(directory);
const files = {
  ...bindgen(witBindgen, directory, 'kernel'),
  ...bindgen(witBindgen, directory, 'posix'),
  ...types,
  'sys.h': sysHeader(wit),
  'entry.c': entrySource(wit),
  'calls.h': callsHeader(wit),
  'calls.inc': callsTable(wit),
  'syscalls.h': syscallsHeader(wit),
  'kernel.d.ts': kernelTypes(wit, types),
};
for (const [name, text] of Object.entries(files)) writeIfChanged(join(output, name), text);
