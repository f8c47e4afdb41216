#!/usr/bin/env node
// Runs the shell tests: tests-c/cmd/*.test, in TabOS and by this machine's own
// dash and tools, and compares both with what the file says.
//
//   node tests-c/cmd/run.mjs [--native|--tabos] [--fill] [NAME…]
//
// A test file holds tests like
//
//   sort: -n orders by number
//     $ printf '10\n9\n' | sort -n
//     9
//     10
//
// A line at the margin names the test; `$` begins a command, `>` continues it;
// what follows is its output (standard error too) and, when it is not 0, its
// exit status as [N]. Several commands make one script, each starting in the
// shell where the last one ended. Each test begins in an empty directory.
// A name that ends in "(TabOS)" is not run natively. --fill writes what the
// machine's own tools answer into tests that have no output yet.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const top = join(here, '../..');
const HANG_MS = 60_000; // longer than this without a word: the test hangs

/** Parse one file into tests: { name, file, steps: [{ command, expected: [] }] }. */
function parse(file) {
  const tests = [];
  let step;
  for (const line of readFileSync(join(here, file), 'utf8').split('\n')) {
    if (line.startsWith('#')) continue;
    if (line.startsWith('  $ ')) {
      step = { command: line.slice(4), expected: [] };
      tests.at(-1).steps.push(step);
    } else if (line.startsWith('  > ') || line === '  >') {
      step.command += '\n' + line.slice(4);
    } else if (line.startsWith('  ')) {
      step.expected.push(line.slice(2));
    } else if (line.trim() !== '') {
      tests.push({ name: line.trim(), file, steps: [] });
    }
  }
  return tests;
}

const MARK = '\u0001';

/** The shell script of a test: after each command a mark with its exit status. */
function script(test) {
  return test.steps.map((s) => `${s.command}\nprintf '\\001%s\\001\\n' "$?"\n`).join('');
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** One script for many tests, each in its own shell and directory. */
function batch(tests, dir) {
  const lines = [`mkdir -p ${dir} && cd ${dir} || exit 9`, 'export LC_ALL=C.UTF-8 HOME=$PWD'];
  for (const [i, test] of tests.entries()) {
    lines.push(
      `printf '\\002${i}\\002\\n'; mkdir t${i}; cd t${i}`,
      `sh -c ${quoted(script(test))} t </dev/null 2>&1`,
      `cd ${dir}; chmod -R u+rwx t${i} 2>/dev/null; rm -rf t${i}`,
    );
  }
  lines.push(`printf '\\002end\\002\\n'`);
  return lines.join('\n');
}

/** Run argv with `input` as standard input; the output, and whether it hung. */
function run(argv, env) {
  return new Promise((resolve) => {
    const child = spawn(argv[0], argv.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let hung = false;
    let timer;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        hung = true;
        child.kill('SIGKILL');
      }, HANG_MS);
    };
    watch();
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output += text;
        watch();
      });
    }
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ output, hung, code: code ?? signal });
    });
  });
}

/** Results of tests as an array of arrays of { output: [], status } or a string that says what broke. */
async function runAll(tests, start) {
  const results = [];
  while (results.length < tests.length) {
    const rest = tests.slice(results.length);
    const { output, hung, code } = await start(rest);
    const parts = output.split(/\u0002(\d+|end)\u0002\n/);
    // parts: text before, index, text, index, text…
    let ended = false;
    const seen = [];
    for (let i = 1; i < parts.length; i += 2) {
      if (parts[i] === 'end') ended = true;
      else seen.push(parts[i + 1]);
    }
    if (seen.length === 0) {
      results.push(`nothing ran (${hung ? 'hung' : `exit ${code}`}): ${output.slice(-2000)}`);
      continue;
    }
    for (const [i, text] of seen.entries()) {
      const last = i === seen.length - 1;
      if (last && !ended) {
        results.push(`${hung ? 'hangs' : `the system ended with ${code}`} after: ${text.slice(-2000)}`);
      } else {
        results.push(steps(text));
      }
    }
  }
  return results;
}

/** Split one test's output at its marks. */
function steps(text) {
  const parts = text.split(new RegExp(`${MARK}(\\d+)${MARK}\\n`));
  const found = [];
  for (let i = 0; i + 1 < parts.length; i += 2) {
    found.push({ output: lines(parts[i]), status: Number(parts[i + 1]) });
  }
  // What the shell said after its last mark: it ended early.
  const tail = parts.length % 2 ? parts.at(-1) : '';
  if (tail !== '') found.push({ output: lines(tail), status: undefined });
  return found;
}

function lines(text) {
  if (text === '') return [];
  const all = text.split('\n');
  if (all.at(-1) === '') all.pop();
  else all[all.length - 1] += '\\'; // no newline at the end
  return all;
}

const shown = (r) => [...r.output, ...(r.status ? [`[${r.status}]`] : [])];

/** What differs, as text, or '' when the result is as the file says. */
function difference(test, result) {
  if (typeof result === 'string') return `    ${result}`;
  const report = [];
  for (const [i, step] of test.steps.entries()) {
    const got = result[i] ? shown(result[i]) : ['(the shell ended before this)'];
    if (got.join('\n') !== step.expected.join('\n')) {
      report.push(`    $ ${step.command.replaceAll('\n', '\n    > ')}`);
      report.push(...step.expected.map((l) => `    - ${l}`), ...got.map((l) => `    + ${l}`));
    }
  }
  if (result.length > test.steps.length && !report.length) {
    report.push(`    more output: ${shown(result.at(-1)).join('\n')}`);
  }
  return report.join('\n');
}

function fill(file, tests, results) {
  const out = [];
  const answers = tests.flatMap((t, i) =>
    t.steps.map((s, j) =>
      s.expected.length || typeof results[i] === 'string' ? [] : shown(results[i][j] ?? { output: ['?'] }),
    ),
  );
  let pending = [];
  for (const line of readFileSync(join(here, file), 'utf8').split('\n')) {
    if (!line.startsWith('  >')) {
      out.push(...pending.map((l) => `  ${l}`));
      pending = [];
    }
    out.push(line);
    if (line.startsWith('  $ ')) pending = answers.shift();
  }
  writeFileSync(join(here, file), out.join('\n'));
}

const args = process.argv.slice(2);
const options = new Set(args.filter((a) => a.startsWith('--')));
const names = args.filter((a) => !a.startsWith('--'));
const files = readdirSync(here)
  .filter((f) => f.endsWith('.test'))
  .sort();
const known = new Map(
  readFileSync(join(here, 'known-failures'), 'utf8')
    .split('\n')
    .filter((l) => l && !l.startsWith('#'))
    .map((l) => l.split(/\t+/)),
);
let failed = 0;
let passed = 0;
let expectedFailures = 0;

for (const file of files) {
  const tests = parse(file).filter(
    (t) => !names.length || options.has('--fill') || names.some((n) => t.name.includes(n) || file === `${n}.test`),
  );
  if (!tests.length) continue;
  const report = (where, list, results) => {
    for (const [i, test] of list.entries()) {
      const text = difference(test, results[i]);
      const reason = where === 'tabos' ? known.get(test.name) : undefined;
      if (!text && reason) {
        console.log(`not ok ${where} ${test.name}\n    passes, but is listed in known-failures`);
        failed++;
      } else if (!text) {
        passed++;
      } else if (reason) {
        console.log(`known  ${where} ${test.name} (${reason})`);
        expectedFailures++;
      } else {
        console.log(`not ok ${where} ${test.name}\n${text}`);
        failed++;
      }
    }
  };
  if (!options.has('--tabos')) {
    const list = tests.filter((t) => !t.name.endsWith('(TabOS)'));
    const dir = mkdtempSync(join(tmpdir(), 'cmd-'));
    const env = { PATH: process.env.PATH, TERM: 'dumb' };
    const results = await runAll(list, (rest) => run(['dash', '-c', batch(rest, dir)], env));
    rmSync(dir, { recursive: true, force: true });
    if (options.has('--fill')) {
      fill(
        file,
        tests,
        tests.map((t) => results[list.indexOf(t)] ?? ''),
      );
      continue;
    }
    report('native', list, results);
  }
  if (!options.has('--native')) {
    const tabos = [process.execPath, join(top, 'boot/tabos.mjs')];
    const results = await runAll(tests, (rest) => run([...tabos, '-c', batch(rest, '/tmp/cmd')], process.env));
    report('tabos', tests, results);
  }
}
console.log(`cmd: ${passed} passed, ${failed} failed, ${expectedFailures} known failures`);
process.exitCode = failed ? 1 : 0;
