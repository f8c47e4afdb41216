/*
 * Measures TabOS against this machine, in one go, and prints a table.
 *
 *     node bench/run.mjs [--write] [--quick] [node] [chromium] [firefox] [test…]
 *
 * The same ubench.c and elapsed.c run natively (on all cores, and pinned to one),
 * and under TabOS in the hosts named, or in all. A ratio is the time taken
 * compared with the better of the two native figures: below 1 is faster than
 * native. --write puts the table into bench/README.md, between its marks.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync } from 'node:zlib';

const top = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(top, 'build/bench');
const HOSTS = ['node', 'chromium', 'firefox'];
const PI = 'echo "scale=1000; 4*a(1)" | bc -lq';
const SH_200_TRUE = 'for i in $(seq 200); do /bin/true; done';
const RUN_MS = 600_000;

/** What a row is to reach: a time in its unit, or a multiple of the native figure. */
const TARGETS = {
  fork_1m_exit_wait: { most: 2000 },
  spawn_true_wait: { most: 800 },
  sh_200_true: { most: 500 },
  thread_create_join: { most: 400 },
  mutex: { times: 2 },
  pipe_pingpong: { times: 1.5 },
  signal_busy: { most: 5000 },
  signal_busy_max: { most: 5000 },
  find_usr_cold: { most: 1000 },
};
/** All names of /usr (some 5,000), nothing of which has been fetched yet; the first thing a fresh system does. */
const FIND_USR = "elapsed 1 'find /usr | wc -l'";

const { values: options, positionals } = parseArgs({
  options: { write: { type: 'boolean' }, quick: { type: 'boolean' } },
  allowPositionals: true,
});
const named = positionals.filter((word) => HOSTS.includes(word));
const hosts = named.length ? named : HOSTS;
const only = positionals.filter((word) => !HOSTS.includes(word));
const ELAPSED = { pi_1000_bc: PI, sh_200_true: SH_200_TRUE };
const inUbench = only.filter((name) => !(name in ELAPSED) && name !== 'find_usr_cold');
const ubenchOptions = [...(options.quick ? ['-m', '50', '-r', '1'] : []), ...inUbench];
const elapsedRuns = options.quick ? 1 : 5;

/** What a program wrote; rejects when it fails. */
function run(program, args, input = '') {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: top, stdio: ['pipe', 'pipe', 'pipe'] });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (part) => (text[name] += part));
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      // ubench ends with 1 when one test could not run; the table then shows it.
      if (status === 0 || (status === 1 && / nan /.test(text.stdout))) resolve(text.stdout);
      else reject(new Error(`${program} ${args.join(' ')}: ${signal ?? `exit ${status}`}\n${text.stderr}`));
    });
    child.stdin.end(input);
  });
}

/** Lines "name value unit" as { name: { value, unit } }. */
function figures(text) {
  const found = {};
  for (const line of text.split('\n')) {
    const match = /^(\w+) (\S+) (\S+)$/.exec(line.trim());
    if (match) found[match[1]] = { value: Number(match[2]), unit: match[3] };
  }
  return found;
}

async function compile() {
  mkdirSync(out, { recursive: true });
  for (const name of ['ubench', 'elapsed']) {
    const args = ['-O2', '-pthread', `bench/${name}.c`, '-o'];
    await run('cc', [...args, join(out, name)]);
    await run('userland/cc/tabos-cc', [...args, join(out, `${name}.wasm`)]);
  }
}

/** Results of one system, given how to run a shell command line in it. */
function wanted(name) {
  return only.length === 0 || only.includes(name);
}

async function measure(shell, programs) {
  const results =
    only.length === 0 || inUbench.length > 0
      ? figures(await shell(`${programs}ubench ${ubenchOptions.join(' ')}`))
      : {};
  for (const [name, command] of Object.entries(ELAPSED)) {
    if (only.length > 0 && !only.includes(name)) continue;
    const text = await shell(`${programs}elapsed ${elapsedRuns} '${command}'`);
    results[name] = { value: Number(text.trim()), unit: 'ms' };
  }
  if (only.length === 0) results.pi = (await shell(PI)).replace(/[\s\\]/g, '');
  return results;
}

async function measureNode() {
  const options = ['boot/tabos.mjs', '--archive', join(site, 'boot.tar.gz')];
  const shell = (command) => run(process.execPath, [...options, '-c', command]);
  const results = await measure(shell, '');
  if (wanted('find_usr_cold')) results.find_usr_cold = { value: Number((await shell(FIND_USR)).trim()), unit: 'ms' };
  return results;
}

/** The page with our programs in its boot archive. */
async function makeSite() {
  const { siteWith } = await import('../tests-ts/c-programs.ts');
  const programs = ['ubench', 'elapsed'].map((name) => ({
    path: `/bin/${name}`,
    mode: 0o755,
    data: readFileSync(join(out, `${name}.wasm`)),
  }));
  return siteWith(programs);
}

async function measureBrowser(name) {
  const { Console, launch, startServer } = await import('../tests-ts/harness.ts');
  const server = await startServer(site);
  const browser = await launch(name);
  try {
    const loads = [];
    let console_;
    let findUsr = 0;
    for (let i = 0; i < (options.quick ? 2 : 6); i++) {
      await console_?.page.close();
      console_ = await Console.open(browser, server.url);
      await console_.prompt();
      loads.push(await console_.page.evaluate(() => performance.getEntriesByName('tabos:prompt')[0].startTime));
      if (i === 0 && wanted('find_usr_cold')) findUsr = Number((await console_.run(FIND_USR)).output.trim());
    }
    const results = await measure(async (command) => {
      const { output, status } = await console_.run(command, RUN_MS);
      if (status > 1) throw new Error(`${name}: ${command}: exit ${status}\n${output}`);
      return output;
    }, '');
    if (findUsr) results.find_usr_cold = { value: findUsr, unit: 'ms' };
    const warm = loads.slice(1).sort((a, b) => a - b);
    results.page_to_prompt = { value: Math.round(warm[warm.length >> 1]), unit: 'ms' };
    return results;
  } finally {
    await browser.close();
    server.close();
  }
}

/** The rows with a target: what was reached in each host, and whether that is enough. */
function targetTable(native, results) {
  const rows = [
    ['test', 'target', ...hosts],
    ['---', '---', ...hosts.map(() => '--:')],
  ];
  for (const [name, { most, times }] of Object.entries(TARGETS)) {
    if (!native[name] && most === undefined) continue;
    const { value, unit } = native[name] ?? { unit: 'ms' };
    const limit = most ?? times * value;
    const target = most === undefined ? `≤ ${times} × native (${number(value)} ${unit})` : `≤ ${most} ${unit}`;
    const cells = hosts.map((host) => {
      const reached = results[host]?.[name]?.value;
      if (!(reached > 0)) return reached === undefined ? '' : 'fails';
      const shown = most === undefined ? `${(reached / value).toFixed(2)} ×` : `${number(reached)} ${unit}`;
      return reached <= limit ? shown : `**${shown}**`;
    });
    rows.push([name, target, ...cells]);
  }
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** Bytes of what the page fetches before the prompt, as our server compresses it. */
function sizes() {
  const packed = (file) => {
    const bytes = readFileSync(join(top, 'build/site', file));
    return file.endsWith('.gz') ? bytes.length : brotliCompressSync(bytes, { params: { [1]: 5 } }).length;
  };
  const fetched = readdirSync(join(top, 'build/site')).filter(
    (file) => /\.(html|css|js|wasm|gz)$/.test(file) && !/debug|^sw\.js$/.test(file),
  );
  return {
    kernel: statSync(join(top, 'build/kernel.wasm')).size,
    fetched: fetched.reduce((total, file) => total + packed(file), 0),
  };
}

function table(native, pinned, results) {
  const rows = [
    ['test', 'native', 'on one core', ...hosts.flatMap((host) => [host, 'ratio'])],
    ['---', ...Array(2 + 2 * hosts.length).fill('--:')],
  ];
  const names = new Set([native, ...Object.values(results)].flatMap((found) => Object.keys(found)));
  names.delete('pi');
  for (const name of names) {
    const unit = [native, ...Object.values(results)].map((found) => found[name]?.unit).find(Boolean);
    const more = unit === 'MB/s'; // more is better
    const known = [native[name]?.value, pinned[name]?.value].filter((value) => value > 0);
    const best = more ? Math.max(...known) : Math.min(...known);
    const cells = hosts.flatMap((host) => {
      const value = results[host]?.[name]?.value;
      if (!(value > 0)) return [value === undefined ? '' : 'fails', ''];
      return [number(value), known.length ? (more ? best / value : value / best).toFixed(2) : ''];
    });
    rows.push([`${name} (${unit})`, number(native[name]?.value), number(pinned[name]?.value), ...cells]);
  }
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const number = (value) => (value > 0 ? String(Number(value.toPrecision(4))) : '');

await compile();
const site = await makeSite();
console.error('native');
const native = await measure((command) => run('sh', ['-c', command]), `${out}/`);
console.error('native, on one core');
const pinned = await measure((command) => run('taskset', ['-c', '0', 'sh', '-c', command]), `${out}/`);
const results = {};
for (const host of hosts) {
  console.error(host);
  try {
    results[host] = await (host === 'node' ? measureNode() : measureBrowser(host));
  } catch (error) {
    console.error(error.message); // the other hosts are still worth measuring
    process.exitCode = 1;
  }
}
rmSync(site, { recursive: true });
const { kernel, fetched } = sizes();
const lines = [
  `${cpus().length} cores, ${cpus()[0].model.trim()}, Linux, ${new Date().toISOString().slice(0, 10)}; medians.`,
  'A ratio compares the time with the better of the two native figures: below 1 is faster.',
  '',
  table(native, pinned, results),
  '',
  'What the rows are to reach; what misses it is bold. `native` is on all cores, in the same run.',
  '',
  targetTable(native, results),
  '',
  `kernel.wasm: ${Math.ceil(kernel / 1024)} KiB. Fetched before the prompt: ${(fetched / 2 ** 20).toFixed(2)} MiB compressed.`,
];
for (const [host, found] of Object.entries(results))
  if (found.pi !== undefined)
    lines.push(`π to 1,000 digits, ${host}: ${found.pi === native.pi ? 'identical to native' : 'DIFFERENT'}.`);
const text = lines.join('\n');
console.log(text);
if (options.write) {
  const file = join(top, 'bench/README.md');
  const marks = /(<!-- results -->\n)[^]*(\n<!-- end -->)/;
  const page = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (!marks.test(page)) throw new Error('bench/README.md has no marks for the results');
  writeFileSync(
    file,
    page.replace(marks, (_, begin, end) => `${begin}${text}${end}`),
  );
}
