#!/usr/bin/env node
/*
 * Runs the C programs tests-c/posix/AREA/CALL.c, on this machine and in TabOS.
 *
 *     node tests-c/posix/run.mjs [PART OF A NAME]
 *
 * A program prints what it finds and exits with 0; both systems must say the
 * same. A program whose first lines hold "TabOS only" asks for what this machine
 * hasn't, and must just exit with 0. A program in file/ works in the directory it
 * is started in, and runs in TabOS on every kind of filesystem. Prints `ok NAME` or `FAIL NAME: why`, and
 * the failing outputs.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const top = join(here, '../..');
const out = join(top, 'build/tests/posix');
const HANG_MS = 60_000;

/** Directories of TabOS, each on another filesystem; the first is where programs run that don't care. */
const FILESYSTEMS = [
  { name: 'ramfs', directory: '/mnt' },
  { name: 'tmpfs', directory: '/tmp' },
  { name: 'ext2', directory: '/home', lasts: true },
];

/** Exit status (128+signal as a shell says it), or why there is none, and all output. */
function run(program, args, cwd) {
  return new Promise((resolve) => {
    const options = { cwd, timeout: HANG_MS, killSignal: 'SIGKILL', encoding: 'utf8', maxBuffer: 16 << 20 };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      let status = error ? error.code : 0;
      if (error?.killed) status = 'hangs';
      else if (error?.signal) status = `killed by ${error.signal}`;
      resolve({ status, stdout, stderr });
    });
    child.stdin.end();
  });
}

function isNewer(file, than) {
  try {
    return statSync(file).mtimeMs > statSync(than).mtimeMs;
  } catch {
    return true;
  }
}

async function compile(compiler, source, target, ...depends) {
  if (![source, ...depends].some((file) => isNewer(file, target))) return '';
  const args = ['-std=gnu17', '-O1', '-g', '-Wall', '-pthread', '-o', target, source, '-lm'];
  const { status, stderr } = await run(compiler, args);
  return status === 0 ? '' : stderr || `the compiler ended with ${status}`;
}

/** '' or why the test fails. */
async function test(name, scratch) {
  const source = join(here, `${name}.c`);
  const target = join(out, name);
  mkdirSync(dirname(target), { recursive: true });
  const only = /TabOS only/.test(readFileSync(source, 'utf8').slice(0, 400));
  const libc = join(top, 'build/sysroot/lib/libc.a');
  let why = await compile(join(top, 'userland/cc/tabos-cc'), source, `${target}.wasm`, libc);
  if (why) return `tabos-cc: ${why}`;
  let native;
  if (!only) {
    why = await compile('cc', source, target);
    if (why) return `cc: ${why}`;
    native = await run(target, [], scratch);
    if (native.status !== 0) return `exit ${native.status} on this machine\n${native.stdout}${native.stderr}`;
  }
  for (const filesystem of name.startsWith('file/') ? FILESYSTEMS : FILESYSTEMS.slice(0, 1)) {
    const volume = join(scratch, 'home.img');
    const home = filesystem.lasts ? ['--home', volume] : [];
    const args = [join(top, 'boot/tabos.mjs'), ...home, '--cwd', filesystem.directory, `${target}.wasm`];
    const ours = await run(process.execPath, args);
    rmSync(volume, { force: true });
    const where = `in TabOS, on ${filesystem.name}`;
    if (ours.status !== 0) return `exit ${ours.status} ${where}\n${ours.stdout}${ours.stderr}`;
    if (native && native.stdout !== ours.stdout)
      return `the outputs differ\n--- this machine\n${native.stdout}--- ${where}\n${ours.stdout}`;
  }
  return '';
}

const [filter = ''] = process.argv.slice(2);
const names = readdirSync(here, { recursive: true })
  .filter((file) => file.endsWith('.c'))
  .map((file) => relative(here, join(here, file)).slice(0, -2))
  .filter((name) => `posix ${name}`.includes(filter))
  .sort();
async function worker() {
  for (let name; (name = names.shift());) {
    const scratch = mkdtempSync(join(tmpdir(), 'tabos-posix-'));
    const why = await test(name, scratch);
    rmSync(scratch, { recursive: true });
    console.log(why ? `FAIL posix ${name}: ${why}` : `ok posix ${name}`);
    if (why) process.exitCode = 1;
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, worker));
