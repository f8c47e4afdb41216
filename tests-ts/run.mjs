#!/usr/bin/env node
/*
 * Runs every stage of the tests, or the tests whose name contains the argument.
 *
 *     node tests-ts/run.mjs [--suites] [PART OF A NAME]
 *
 * --suites runs instead the suites of others, in tests-c/suites/.
 *
 * A stage is a program whose lines say how a test ended: `ok NAME`,
 * `FAIL NAME: why`, `skip NAME: why`, or TAP (`ok 1 NAME`, `not ok 2 NAME`,
 * `ok 3 NAME # SKIP`). All it writes is shown. A stage that ends badly without
 * naming a failed test is a failed test itself. The last line is the sum.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const top = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(top);
// As build.sh has it: npm's Node, which runs TypeScript, and the tools from the cache.
const cache = process.env.TABOS_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tabos');
process.env.PATH = [join(top, 'node_modules/.bin'), join(cache, 'cargo/bin'), process.env.PATH].join(delimiter);
const suites = process.argv[2] === '--suites';
const [filter = ''] = process.argv.slice(suites ? 3 : 2);
const mocha = ['node', 'node_modules/mocha/bin/mocha.js', '--reporter', 'tap', '--exit', '--timeout', '120000'];
const grep = filter ? ['--fgrep', filter] : [];

function testFiles(pattern) {
  return readdirSync('tests-ts')
    .filter((file) => pattern.test(file))
    .sort()
    .map((file) => join('tests-ts', file));
}
const inBrowsers = testFiles(/(^|\.)browser\.test\.ts$/);
const inNode = testFiles(/\.test\.ts$/).filter((file) => !inBrowsers.includes(file));

const suiteStages = readdirSync('tests-c/suites')
  .filter((file) => file.endsWith('.sh') && file.includes(filter))
  .map((file) => ({ name: `suite: ${file}`, run: [join('tests-c/suites', file)] }));

const ownStages = [
  {
    name: 'kernel: unit tests on this machine, under AddressSanitizer and UBSan',
    build: ['make', '-s', '-C', 'tests-c', 'native'],
    run: ['build/tests/kernel-tests', filter],
  },
  {
    name: 'kernel: unit tests on this machine, under ThreadSanitizer',
    build: ['make', '-s', '-C', 'tests-c', 'tsan'],
    run: ['build/tests/kernel-tests-tsan', filter],
    prefix: 'tsan ',
  },
  {
    name: 'kernel: unit tests under wasmtime, with the mock drivers',
    build: ['make', '-s', '-C', 'tests-c', 'wasm'],
    run: [
      'wasmtime',
      'run',
      '-W',
      'threads=y,shared-memory=y',
      '--env',
      'FSI=idb-mock',
      'build/tests/kernel-tests.wasm',
      filter,
    ],
    prefix: 'wasmtime ',
  },
  { name: 'posix: C programs here and in TabOS', run: ['node', 'tests-c/posix/run.mjs', filter] },
  {
    name: 'cmd: shell scripts here and in TabOS',
    run: ['node', 'tests-c/cmd/run.mjs', filter].filter(Boolean),
  },
  ...['configure', 'config-sub'].map((suite) => ({
    name: `suite: ${suite}, of others, here and in TabOS`,
    run: [`tests-c/suites/${suite}.sh`],
    skip: !`suite: ${suite}`.includes(filter),
  })),
  { name: 'boot: TypeScript in Node', run: [...mocha, ...grep, ...inNode], skip: inNode.length === 0 },
  {
    name: 'drivers: inside a page of Chromium and of Firefox',
    run: [
      'node',
      '--disable-warning=ExperimentalWarning', // of Node's own type stripping
      'node_modules/@web/test-runner/dist/bin.js',
      '--config=tests-ts/web-test-runner.config.mjs',
    ],
    env: { TEST_FILTER: filter },
  },
  {
    name: 'page: Chromium and Firefox',
    run: [...mocha, ...grep, ...inBrowsers],
    skip: inBrowsers.length === 0,
  },
];

const sum = { passed: 0, failed: 0, skipped: 0 };

/** How a line says a test ended: [verdict, name], or undefined for any other line. */
function verdict(line) {
  let match = /^(not ok|ok) \d+ (.*?)(\s+# SKIP\b.*)?$/.exec(line);
  if (match)
    return [match[3] || match[2].endsWith('# SKIP -') ? 'skipped' : match[1] === 'ok' ? 'passed' : 'failed', match[2]];
  match = /^(ok|FAIL|skip|not ok|known) +(.*)$/.exec(line);
  if (!match) return undefined;
  const kinds = { ok: 'passed', FAIL: 'failed', 'not ok': 'failed', skip: 'skipped', known: 'skipped' };
  return [kinds[match[1]], match[2]];
}

async function runStage({ name, build, run, prefix = '', env }) {
  console.log(`\n== ${name}`);
  const count = { passed: 0, failed: 0, skipped: 0 };
  const started = Date.now();
  const finish = (problem) => {
    if (problem) {
      console.log(`FAIL ${name}: ${problem}`);
      count.failed++;
    }
    for (const key of Object.keys(sum)) sum[key] += count[key];
    console.log(
      `-- ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped, in ${Math.round((Date.now() - started) / 1000)} s`,
    );
  };
  if (build) {
    const { status } = spawnSync(build[0], build.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0) return finish('it does not build');
  }
  const child = spawn(run[0], run.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const failure = new Promise((resolve) => child.on('error', resolve));
  const ended = new Promise((resolve) => child.on('close', (status, signal) => resolve({ status: signal ?? status })));
  for await (const line of createInterface({ input: child.stdout })) {
    const found = verdict(line);
    if (found) count[found[0]]++;
    // "cmd: 12 passed, 0 failed, 1 known failures": a runner that prints only what fails
    const total = /^\w+: (\d+) passed, \d+ failed/.exec(line);
    if (total) count.passed += Number(total[1]);
    if (!found || !prefix) console.log(line);
    else console.log(line.replace(/^(not ok|\w+) /, `$1 ${prefix}`));
  }
  const { status, message } = await Promise.race([ended, failure]);
  if (message) return finish(message);
  const ran = count.passed + count.failed + count.skipped;
  if (status !== 0 && count.failed === 0 && (ran > 0 || !filter)) return finish(`it ended with ${status}`);
  if (ran === 0 && !filter) return finish('no test ran');
  finish('');
}

for (const stage of suites ? suiteStages : ownStages) if (!stage.skip) await runStage(stage);

const ran = sum.passed + sum.failed + sum.skipped;
if (ran === 0) console.log(`\nno test's name contains "${filter}"`);
const skipped = sum.skipped ? `, ${sum.skipped} skipped` : '';
console.log(`\n${sum.passed} passed, ${sum.failed} failed${skipped}`);
process.exitCode = sum.failed || ran === 0 ? 1 : 0;
