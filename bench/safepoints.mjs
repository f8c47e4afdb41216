/*
 * Measures what safepoints cost, and prints a table.
 *
 *     node bench/safepoints.mjs [--write] [--runs N] [kernel…]
 *
 * Each kernel of bench/safepoints is compiled twice, with safepoints and without, and
 * both are called in turns in one program under TabOS in Node (main.c there). That is
 * done in several rounds over all kernels; the table has the median of the rounds.
 * --write puts the table into bench/README.md, between its marks.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const top = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(top, 'build/bench/safepoints');
const cc = join(top, 'userland/cc/tabos-cc');

const { values: options, positionals } = parseArgs({
  options: { write: { type: 'boolean' }, runs: { type: 'string', default: '5' } },
  allowPositionals: true,
});

function run(program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: top, encoding: 'utf8' });
  if (error || status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error ?? `exit ${status}\n${stderr}`}`);
  return stdout;
}

const path = (name) => join(out, name);
const source = (name) => join('bench/safepoints', `${name}.c`);

function compile(name) {
  run(cc, ['-O2', '-mno-safepoints', '-Drun=run_plain', '-c', source(name), '-o', path(`${name}.plain.o`)]);
  run(cc, ['-O2', '-Drun=run_safe', '-c', source(name), '-o', path(`${name}.safe.o`)]);
  const objects = ['main.o', `${name}.plain.o`, `${name}.safe.o`].map(path);
  run(cc, ['-O2', ...objects, '-o', path(`${name}.wasm`)]);
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

const percent = (ratio) => `${((ratio - 1) * 100).toFixed(1)} %`;
const us = (ns) => (ns / 1000).toFixed(1);
const bytes = (name) => statSync(path(name)).size;

mkdirSync(out, { recursive: true });
run(cc, ['-O2', '-mno-safepoints', '-c', source('main'), '-o', path('main.o')]);
const all = readdirSync(join(top, 'bench/safepoints'))
  .filter((file) => file.endsWith('.c') && file !== 'main.c')
  .map((file) => file.slice(0, -2));
const names = positionals.length ? all.filter((name) => positionals.includes(name)) : all;
names.forEach(compile);
const results = new Map(names.map((name) => [name, []]));
for (let round = 0; round < Number(options.runs); round++)
  for (const name of names) {
    const figures = run(process.execPath, ['boot/tabos.mjs', path(`${name}.wasm`)])
      .trim()
      .split(' ')
      .map(Number);
    results.get(name).push(figures);
  }

const rows = names.map((name) => {
  const [plain, safe, ratio] = [0, 1, 2].map((i) => median(results.get(name).map((figures) => figures[i])));
  const about = /\/\* (.*?)\.? \*\//s.exec(readFileSync(join(top, source(name)), 'utf8'))[1];
  return { name, about, plain, safe, ratio, size: bytes(`${name}.safe.o`) - bytes(`${name}.plain.o`) };
});
const ratios = rows.map(({ ratio }) => ratio);
const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
const table = [
  '| kernel | without, µs | with, µs | cost | bytes more | |',
  '|---|---|---|---|---|---|',
  ...rows.map((r) => `| ${r.name} | ${us(r.plain)} | ${us(r.safe)} | ${percent(r.ratio)} | ${r.size} | ${r.about} |`),
  `| geometric mean | | | **${percent(mean)}** | | |`,
  `| worst | | | **${percent(Math.max(...ratios))}** | | |`,
].join('\n');
console.log(table);
if (options.write) {
  const readme = join(top, 'bench/README.md');
  const text = readFileSync(readme, 'utf8');
  const marks = /(<!-- safepoints -->\n)[^]*?(<!-- end safepoints -->)/;
  writeFileSync(
    readme,
    text.replace(marks, (_, start, end) => `${start}${table}\n${end}`),
  );
}
