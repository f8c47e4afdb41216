/*
 * The linking half of tabos-cc: clang as the linker's driver, then the passes
 * that make of its output a TabOS program.
 *
 *   link        crt1.o, the arguments, libc.a, clang's builtins
 *   asyncify    if it imports fork (before the next: binaryen's asyncify does
 *               not know try_table)
 *   exnref      if it has exceptions (setjmp): from LLVM's legacy form
 *   hints       that safepoints hardly ever call
 *   tabos.abi   a custom section with the ABI version
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { functionsThatNeverFork } from './forking.mjs';
import { withHints } from './hints.mjs';
import { customSection, inspect } from './module.mjs';

const ABI_VERSION = 1;
const STACK_BYTES = 1 << 20;
const MAX_MEMORY_BYTES = 1 << 30; // the same for all programs, so that workers can recycle memories

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const sysroot = process.env.TABOS_SYSROOT ?? join(root, 'build/sysroot');
const clang = process.env.TABOS_CLANG ?? 'clang-22';
const ld = process.env.TABOS_LD ?? '/usr/bin/wasm-ld-22';
const wasmOpt = process.env.TABOS_WASM_OPT ?? join(root, 'node_modules/binaryen/bin/wasm-opt');

/**
 * With --no-handler-fork, functions that don't lead to fork although they call by pointer (forking.mjs): signal
 * delivery, in calls and safepoints, and stdio (its streams' operations are libc's own, unless there are
 * fopencookie's). Names that a program hasn't are ignored.
 */
const DELIVERY = ['__tabos_deliver', '__tabos_deliver_cp', '__tabos_safepoint'];
const STDIO = (
  '__fwritex fwrite fwrite_unlocked __overflow __uflow __towrite __toread fflush fflush_unlocked fclose ' +
  'fread fread_unlocked __fseeko_unlocked __fseeko __ftello_unlocked __ftello __stdio_exit close_file vfprintf'
).split(' ');

function fail(message) {
  process.stderr.write(`tabos-cc: ${message}\n`);
  process.exit(1);
}

/** Splits a response file as a shell would. */
function responseFile(path) {
  const words = [];
  let word = '';
  let quote = '';
  let open = false;
  for (const match of readFileSync(path, 'utf8').matchAll(/\\([^])|([^])/g)) {
    const [, escaped, plain] = match;
    if (escaped !== undefined) [word, open] = [word + escaped, true];
    else if (quote) plain === quote ? (quote = '') : (word += plain);
    else if (plain === '"' || plain === "'") [quote, open] = [plain, true];
    else if (!/\s/.test(plain)) [word, open] = [word + plain, true];
    else if (open) [word, open] = [words.push(word) && '', false];
  }
  if (open) words.push(word);
  return words;
}

/** Options for ELF linkers that mean nothing here. */
const IGNORED = new Set(
  (
    '-pthread -pthreads -static -static-pie -static-libgcc -rdynamic -pie -no-pie -nopie -mthreads ' +
    '-Wl,-E -Wl,--export-dynamic -Wl,--as-needed -Wl,--no-as-needed -Wl,-Bstatic -Wl,-Bdynamic ' +
    '-Wl,--warn-common -Wl,--no-undefined -Wl,--no-copy-dt-needed-entries -Wl,--enable-new-dtags ' +
    '-Wl,--disable-new-dtags -Wl,--start-group -Wl,--end-group -Wl,-pie -Wl,-static -Wl,--relax'
  ).split(' '),
);
const IGNORED_PREFIX =
  /^-Wl,(-z,?(relro|now|noexecstack|defs|lazy|origin|text|nodlopen|separate-code)|-?-rpath|-R|--hash-style|--sort-common|--sort-section|--version-script|-soname|-h,|--dynamic-linker|-Bsymbolic|-O\d|--verbose|--dynamic-list|--no-warn)/;

/** What we must know of the arguments, and what clang is to get of them. */
function parse(words) {
  const options = {
    output: 'a.out',
    optimize: '0',
    strip: false,
    relocatable: false,
    crt: true,
    libs: true,
    handlerFork: true,
    safepoints: true,
    args: [],
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (word.startsWith('@') && existsSync(word.slice(1))) words.splice(i--, 1, ...responseFile(word.slice(1)));
    else if (word === '-o') options.output = words[++i];
    else if (/^-o./.test(word) && !/^-obj/.test(word)) options.output = word.slice(2);
    else if (word.startsWith('--output=')) options.output = word.slice(9);
    else if (word === '-s') options.strip = true;
    else if (/^(-Wl,)?--no-handler-fork$/.test(word)) options.handlerFork = false;
    else if (/^-m(no-)?safepoints$/.test(word)) options.safepoints = word === '-msafepoints';
    else if (word === '-shared' || word === '-Wl,-shared') fail(`${word}: there are no shared libraries here`);
    else if (word === '-z') options.args.push(`-Wl,-z,${words[++i]}`);
    else if (IGNORED.has(word) || IGNORED_PREFIX.test(word)) continue;
    else {
      if (/^-O/.test(word)) options.optimize = word.slice(2) || '1';
      if (word === '-r' || word === '-Wl,-r' || word === '-Wl,--relocatable') options.relocatable = true;
      if (word === '-nostdlib') options.crt = options.libs = false;
      if (word === '-nostartfiles') options.crt = false;
      if (word === '-nodefaultlibs') options.libs = false;
      options.args.push(word);
    }
  }
  return options;
}

/** Runs a tool; its diagnostics are returned, not shown. */
function run(command, args) {
  const result = spawnSync(command, args, {
    stdio: ['inherit', 'inherit', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (result.error) fail(`${command}: ${result.error.message}`);
  return { ok: result.status === 0, status: result.status ?? 1, diagnostics: result.stderr };
}

const targetFlags = readFileSync(join(here, 'target-flags'), 'utf8').trim().split('\n');

/** As in tabos-cc. */
const safepointFlags = [`-fpass-plugin=${join(sysroot, 'lib/safepoints.so')}`, '-mllvm', '-disable-lsr'];

function builtins() {
  const { stdout } = spawnSync(clang, ['-print-resource-dir'], { encoding: 'utf8' });
  const path = join((stdout ?? '').trim(), 'lib/wasi/libclang_rt.builtins-wasm32.a');
  if (!existsSync(path)) fail(`no ${path}: install libclang-rt-22-dev-wasm32`);
  return path;
}

/** Links to `output`; `extra` objects come before libc. */
function link(options, output, extra) {
  const flags = [
    ...targetFlags,
    '-Wno-unused-command-line-argument',
    '-nostdlibinc',
    '-isystem',
    join(sysroot, 'include'),
    // for sources among the arguments
    ...(options.safepoints && options.libs ? safepointFlags : []),
  ];
  const common = ['-nostdlib', '--no-wasm-opt', `--ld-path=${ld}`, '-o', output];
  if (options.relocatable) return run(clang, [...flags, ...common, ...options.args]);
  const exported = [
    '_start',
    '__stack_pointer',
    '__tls_base',
    '__wasm_init_tls',
    '__heap_base',
    '__stack_low',
    '__stack_high',
  ];
  const linker = [
    '--import-memory',
    '--shared-memory',
    `--max-memory=${MAX_MEMORY_BYTES}`,
    '--stack-first',
    // A function pointer is an index into the table: none may equal SIG_IGN (1) or SIG_HOLD (2).
    '--table-base=4',
    '-z,stack-size=' + STACK_BYTES,
    ...exported.map((name) => `--export=${name}`),
    ...(options.strip ? ['--strip-debug'] : []),
  ];
  return run(clang, [
    ...flags,
    ...common,
    ...linker.map((option) => `-Wl,${option}`),
    `-L${join(sysroot, 'lib')}`,
    ...(options.crt ? [join(sysroot, 'lib/crt1.o')] : []),
    ...options.args,
    ...(options.libs ? ['-x', 'none'] : []), // a `-x c` of the arguments ends here
    ...extra,
    ...(options.handlerFork ? [] : [join(sysroot, 'lib/no-handler-fork.o')]),
    ...(options.libs ? ['-lc', builtins()] : []),
    '-fno-pic',
  ]);
}

/** binaryen's passes, in the one order that works. */
function transform(file, found, options) {
  const passes = [];
  if (found.forks) {
    passes.push('--asyncify', '--pass-arg=asyncify-imports@tabos:posix/process.fork');
    const promised = options.handlerFork ? [] : [...DELIVERY, ...(found.cookies ? [] : STDIO)];
    const list = `${file}.never-fork`;
    writeFileSync(list, (functionsThatNeverFork(readFileSync(file), promised) ?? promised).join('\n'));
    passes.push(`--pass-arg=asyncify-removelist@@${list}`);
  }
  if (found.exceptions) passes.push('--translate-to-exnref');
  if (found.forks && options.optimize !== '0') passes.push(/[sz]/.test(options.optimize) ? '-Os' : '-O2');
  const features =
    'threads bulk-memory bulk-memory-opt mutable-globals sign-ext nontrapping-float-to-int multivalue reference-types exception-handling call-indirect-overlong';
  const enable = features.split(' ').map((name) => `--enable-${name}`);
  const result = run(process.execPath, [wasmOpt, file, '-o', file, ...enable, '-g', ...passes]);
  if (!result.ok) {
    process.stderr.write(result.diagnostics);
    fail('the passes after linking failed');
  }
}

const options = parse(process.argv.slice(2));
// In a folder of its own, because the linker writes the file's name into the module.
const scratch =
  options.output === '/dev/null'
    ? join(tmpdir(), `tabos-cc.${process.pid}`)
    : join(dirname(options.output), `.tabos-cc.${process.pid}`);
const temporary = join(scratch, basename(options.output));
mkdirSync(scratch, { recursive: true });
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

let linked = link(options, temporary, []);
// A main(argc, argv) of old style is called plainly `main` and has two parameters.
if (/function signature mismatch: main$/m.test(linked.diagnostics))
  linked = link(options, temporary, [join(sysroot, 'lib/main-knr.o')]);
process.stderr.write(linked.diagnostics.replaceAll(temporary, options.output));
if (!linked.ok) process.exit(linked.status);

// clang was asked for something else than a program (-v, for one).
if (!existsSync(temporary)) process.exit(0);

if (!options.relocatable) {
  const found = inspect(readFileSync(temporary));
  if (found.forks || found.exceptions) transform(temporary, found, options);
  writeFileSync(temporary, withHints(readFileSync(temporary)));
  const version = Buffer.alloc(4);
  version.writeUInt32LE(ABI_VERSION);
  writeFileSync(temporary, customSection('tabos.abi', version), { flag: 'a' });
  chmodSync(temporary, 0o755);
}
if (options.output !== '/dev/null') renameSync(temporary, options.output);
