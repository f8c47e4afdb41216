/*
 * Measures TabOS against this machine, in one go, and prints a table.
 *
 *     node bench/run.mjs [--write] [--quick] [node] [chromium] [firefox] [test…]
 *
 * The same programs, ubench/ and elapsed.c, run natively (on all cores, and pinned to one),
 * and under TabOS in the hosts named, or in all. A ratio is the time taken
 * compared with the better of the two native figures: below 1 is faster than
 * native. --write puts the table into bench/README.md, between its marks.
 */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync } from 'node:zlib';

import { Console, launch, startServer } from '../tests-ts/harness.ts';

const top = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(top, 'build/bench');
const HOSTS = ['node', 'chromium', 'firefox'];
const PI = 'echo "scale=1000; 4*a(1)" | bc -lq';
const SH_200_TRUE = 'for i in $(seq 200); do /bin/true; done';
const RUN_MS = 600_000;
const QUICK = ['-m', '50', '-r', '1'];
/** Where there are turns instead of rounds. */
const IN_TURNS = ['-m', '150', '-r', '1'];
/** Bytes of the large file. */
const LARGE = 64 << 20;
/** KiB in a record or call that the raw stores are tried with. */
const RAW_KIB = [64, 256, 1024, 4096];

/**
 * What a row is to reach: a figure in its unit, or a multiple of the time that it takes natively, or
 * that another row of the same host takes (`of`).
 */
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
  home_read_4k: { most: 500 },
  home_read_64m: { times: 1 },
  ls_lr_warm: { times: 1 },
  idb_write_64m_fsync: { times: 1.25, of: 'idb_raw_write_64m' },
  opfs_write_64m_fsync: { times: 1.25, of: 'opfs_raw_write_64m' },
  idb_create_fsync_1000: { times: 1.2, of: 'idb_raw_1000_flushes' },
  opfs_create_fsync_1000: { times: 1.2, of: 'opfs_raw_1000_flushes' },
  reload_to_prompt: { most: 1500 },
};
/** Of ubench: files of /home, which is ext2 on a store of the host's; natively, of the disk that build/ is on. */
const READS = ['read_4k', 'read_64m'];
const WRITES = ['write_64m_fsync', 'create_fsync_1000'];
/** What /home can lie on in a browser. */
const STORES = { chromium: ['idb', 'opfs'], firefox: ['idb', 'opfs'] };
const TREE = 'for d in $(seq 50); do mkdir -p tree/$d; for f in $(seq 40); do echo $f >tree/$d/$f; done; done';
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
const ofHome = /^(home|idb|opfs|file)_|^ls_lr_warm$/;
const ofPage = ['page_to_prompt', 'reload_to_prompt'];
const elsewhere = (name) => name in ELAPSED || name === 'find_usr_cold' || ofHome.test(name) || ofPage.includes(name);
const inUbench = only.filter((name) => !elsewhere(name));
const quick = options.quick ? QUICK : [];
const turns = options.quick ? 0 : 7;
const elapsedRuns = options.quick ? 1 : 5;

const nativeShell = (command) => run('sh', ['-c', command]);

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
  const sources = {
    ubench: readdirSync(join(top, 'bench/ubench'))
      .filter((file) => file.endsWith('.c'))
      .map((file) => `bench/ubench/${file}`),
    elapsed: ['bench/elapsed.c'],
  };
  for (const [name, files] of Object.entries(sources)) {
    const args = ['-O2', '-pthread', ...files, '-o'];
    await run('cc', [...args, join(out, name)]);
    await run('userland/cc/tabos-cc', [...args, join(out, `${name}.wasm`)]);
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** The median of each row of several turns, of which the first doesn't count if there are more. */
function medians(found) {
  const counted = found.length > 1 ? found.slice(1) : found;
  return Object.fromEntries(
    Object.entries(counted[0]).map(([name, { unit }]) => [
      name,
      { value: median(counted.map((turn) => turn[name].value)), unit },
    ]),
  );
}

function wanted(name) {
  return only.length === 0 || only.includes(name);
}

/** The tests of ubench that are asked for, without those that need a /home. */
async function namesInUbench() {
  if (inUbench.length > 0) return inUbench;
  const all = (await run(`${out}/ubench`, ['-l'])).trim().split('\n');
  return all.map((line) => line.split(' ')[0]).filter((name) => ![...READS, ...WRITES].includes(name));
}

/** Rows of ubench in `directory`, as [name there, name here]. */
async function measureFiles(shell, programs, directory, rows, settings = quick) {
  const asked = rows.filter(([, row]) => wanted(row));
  if (asked.length === 0) return {};
  const names = asked.map(([name]) => name).join(' ');
  const found = figures(await shell(`${programs}ubench ${settings.join(' ')} -d ${directory} ${names}`));
  return Object.fromEntries(asked.filter(([name]) => found[name]).map(([name, row]) => [row, found[name]]));
}

/** What reads files that last, in `directory`, where there is a tree. */
async function measureReads(shell, programs, directory, settings) {
  const rows = READS.map((name) => [name, `home_${name}`]);
  const results = await measureFiles(shell, programs, directory, rows, settings);
  if (wanted('ls_lr_warm')) {
    const text = await shell(
      `cd ${directory}; for i in $(seq 5); do ls -lR tree >/dev/null; done; ${programs}elapsed ${elapsedRuns} 'ls -lR tree'; cd`,
    );
    results.ls_lr_warm = { value: Number(text.trim()), unit: 'ms' };
  }
  return results;
}

async function makeTree(shell, directory) {
  if (wanted('ls_lr_warm')) await shell(`cd ${directory}; ${TREE}; sync; cd`);
}

/**
 * The same in `directory` and natively in turns: both meet the machine in the same mood. `beside` has what
 * it was natively. Medians of all turns but the first, in which engines still compile.
 */
async function measureReadsInTurns(shell, directory) {
  const beside = join(out, 'home');
  mkdirSync(beside, { recursive: true });
  try {
    await makeTree(shell, directory);
    await makeTree(nativeShell, beside);
    const ours = [];
    const theirs = [];
    for (let turn = 0; turn <= turns; turn++) {
      ours.push(await measureReads(shell, '', directory, IN_TURNS));
      theirs.push(await measureReads(nativeShell, `${out}/`, beside, IN_TURNS));
    }
    return { ...medians(ours), beside: medians(theirs) };
  } finally {
    rmSync(beside, { recursive: true });
  }
}

/** What writes them, to a store of the kind `store`. */
function measureWrites(shell, programs, directory, store, settings) {
  const rows = WRITES.map((name) => [name, `${store}_${name}`]);
  return measureFiles(shell, programs, directory, rows, settings);
}

/** The same without TabOS, on this machine. */
async function measureNativeHome(shell) {
  const directory = join(out, 'home');
  mkdirSync(directory, { recursive: true });
  try {
    await makeTree(shell, directory);
    return {
      ...(await measureReads(shell, `${out}/`, directory)),
      ...(await measureWrites(shell, `${out}/`, directory, 'file')),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Results of one system, given how to run a shell command line in it. */
async function measure(shell, programs) {
  const results =
    only.length === 0 || inUbench.length > 0
      ? figures(await shell(`${programs}ubench ${[...quick, ...(await namesInUbench())].join(' ')}`))
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
  const home = join(out, 'home.store');
  rmSync(home, { force: true });
  const atHome = (command) => run(process.execPath, [...options, '--home', home, '-c', command]);
  Object.assign(results, await measureReadsInTurns(atHome, '/home'), await measureWrites(atHome, '', '/home', 'file'));
  rmSync(home, { force: true });
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
  const directory = siteWith(programs);
  copyFileSync(join(top, 'bench/raw-stores.js'), join(directory, 'raw-stores.js'));
  return directory;
}

/** What the browser's own store does without TabOS, in a worker of the page: raw-stores.js. */
async function runRaw(page, what) {
  const answer = await page.evaluate(
    (message) =>
      new Promise((resolve, reject) => {
        const worker = new Worker('raw-stores.js');
        worker.onmessage = ({ data }) => {
          worker.terminate();
          resolve(data);
        };
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage(message);
      }),
    what,
  );
  if (answer.error) throw new Error(`raw ${what.kind}: ${answer.error}`);
  return answer.results;
}

/**
 * Writing to a store, with TabOS and without it, in turns: a disk that is slow for a while is so for both.
 * The medians of all turns but the first, in which engines still compile, and the best size for the raw store's
 * records or calls is found.
 */
async function measureStore(tab, shell, store) {
  const row = (name) => `${store}_${name}`;
  if (!WRITES.some((name) => wanted(row(name)))) return {};
  let sizes = wanted(row('write_64m_fsync')) ? RAW_KIB : [];
  const ours = [];
  const raw = [];
  for (let turn = 0; turn <= turns; turn++) {
    ours.push(await measureWrites(shell, '', '/home', store, QUICK));
    const { large, small } = await runRaw(tab.page, { kind: store, sizes });
    sizes = sizes.toSorted((a, b) => large[a] - large[b]).slice(0, 1);
    raw.push({ large: large[sizes[0]], small });
  }
  if (turns > 0) raw.shift();
  const results = medians(ours);
  if (sizes.length > 0) {
    console.error(`${store}: fastest with ${sizes[0]} KiB in a record or call`);
    results[row('raw_write_64m')] = { value: LARGE / median(raw.map(({ large }) => large)) / 1e3, unit: 'MB/s' };
  }
  results[row('raw_1000_flushes')] = { value: median(raw.map(({ small }) => small)), unit: 'ms' };
  return results;
}

/** /home on each kind of store, and that store by itself. */
async function measureHomes(name, url, browser) {
  const results = {};
  for (const [i, store] of STORES[name].entries()) {
    const tab = await Console.open(browser, `${url}?home=${store}`);
    await tab.prompt();
    const device = await tab.page.evaluate(() => window.tabos?.home?.device);
    if (!device?.includes(store)) throw new Error(`${name}: /home is on ${device}, not on ${store}`);
    const shell = shellOf(name, tab);
    if (i === 0) Object.assign(results, await measureReadsInTurns(shell, '/home'));
    Object.assign(results, await measureStore(tab, shell, store));
    if (i === 0 && wanted('reload_to_prompt')) results.reload_to_prompt = await measureReload(tab);
    await tab.page.close();
  }
  return results;
}

/** The page is loaded again, by now with files in /home. */
async function measureReload(tab) {
  const times = [];
  for (let i = 0; i < (options.quick ? 1 : 5); i++) {
    await tab.page.reload({ waitUntil: 'load' });
    await tab.prompt();
    times.push(await tab.page.evaluate(() => performance.getEntriesByName('tabos:prompt')[0].startTime));
  }
  times.sort((a, b) => a - b);
  return { value: Math.round(times[times.length >> 1]), unit: 'ms' };
}

/** Runs command lines in the shell of a page. */
function shellOf(name, tab) {
  return async (command) => {
    const { output, status } = await tab.run(command, RUN_MS);
    if (status > 1) throw new Error(`${name}: ${command}: exit ${status}\n${output}`);
    return output;
  };
}

async function measureBrowser(name) {
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
    const results = await measure(shellOf(name, console_), '');
    if (findUsr) results.find_usr_cold = { value: findUsr, unit: 'ms' };
    const warm = loads.slice(1).sort((a, b) => a - b);
    results.page_to_prompt = { value: Math.round(warm[warm.length >> 1]), unit: 'ms' };
    await console_.page.close(); // it owns /home
    Object.assign(results, await measureHomes(name, server.url, browser));
    return results;
  } finally {
    await browser.close();
    server.close();
  }
}

/** How long it takes, compared with something else of the same unit. */
function timeRatio(value, base, unit) {
  return unit === 'MB/s' ? base / value : value / base;
}

/** The rows with a target: what was reached in each host, and whether that is enough. */
function targetTable(native, results) {
  const rows = [
    ['test', 'target', ...hosts],
    ['---', '---', ...hosts.map(() => '--:')],
  ];
  for (const [name, { most, times, of }] of Object.entries(TARGETS)) {
    const reached = hosts.map((host) => results[host]?.[name]);
    const base = (host) => (of ? results[host]?.[of] : (results[host]?.beside?.[name] ?? native[name]));
    const { unit } = reached.find(Boolean) ?? {};
    if (!unit || (most === undefined && !hosts.some(base))) continue;
    const inTurns = hosts.some((host) => results[host]?.beside?.[name]);
    const than = of ?? (inTurns && !most ? 'native, in turns' : `native (${number(native[name]?.value)} ${unit})`);
    const cells = hosts.map((host, i) => {
      if (!reached[i] || (most === undefined && !base(host))) return '';
      const { value } = reached[i];
      if (!(value > 0)) return 'fails';
      const ratio = most === undefined ? timeRatio(value, base(host).value, unit) : 0;
      const shown = most === undefined ? `${ratio.toFixed(2)} ×` : `${number(value)} ${unit}`;
      return (most === undefined ? ratio <= times : value <= most) ? shown : `**${shown}**`;
    });
    rows.push([name, most === undefined ? `≤ ${times} × ${than}` : `≤ ${most} ${unit}`, ...cells]);
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
  for (const no of ['pi', 'beside']) names.delete(no);
  for (const name of names) {
    const unit = [native, ...Object.values(results)].map((found) => found[name]?.unit).find(Boolean);
    const more = unit === 'MB/s'; // more is better
    const known = [native[name]?.value, pinned[name]?.value].filter((value) => value > 0);
    const best = more ? Math.max(...known) : Math.min(...known);
    const cells = hosts.flatMap((host) => {
      const value = results[host]?.[name]?.value;
      if (!(value > 0)) return [value === undefined ? '' : 'fails', ''];
      const base = results[host].beside?.[name]?.value ?? best;
      return [number(value), base > 0 && known.length ? timeRatio(value, base, unit).toFixed(2) : ''];
    });
    rows.push([`${name} (${unit})`, number(native[name]?.value), number(pinned[name]?.value), ...cells]);
  }
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const number = (value) => (value > 0 ? String(Number(value.toPrecision(4))) : '');

await compile();
const site = await makeSite();
console.error('native');
const native = { ...(await measure(nativeShell, `${out}/`)), ...(await measureNativeHome(nativeShell)) };
console.error('native, on one core');
const pinnedShell = (command) => run('taskset', ['-c', '0', 'sh', '-c', command]);
const pinned = { ...(await measure(pinnedShell, `${out}/`)), ...(await measureNativeHome(pinnedShell)) };
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
for (const name of only)
  if (![native, ...Object.values(results)].some((found) => name in found)) {
    console.error(`${name}: no such test in what was measured; bench/README.md lists the names`);
    process.exitCode = 1;
  }
const { kernel, fetched } = sizes();
const lines = [
  `${cpus().length} cores, ${cpus()[0].model.trim()}, Linux, ${new Date().toISOString().slice(0, 10)}; medians.`,
  'A ratio compares the time with the better of the two native figures, or with native in turns (`home_…`, `ls_lr_warm`): below 1 is faster.',
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
