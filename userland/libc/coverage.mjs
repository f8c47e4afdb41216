/*
 * Which functions of POSIX does the C library not have, or have only so that
 * they fail with ENOSYS? Brings the table in docs/posix.md up to date:
 *
 *   node userland/libc/coverage.mjs MUSL-SOURCE [--check]
 *
 * MUSL-SOURCE is the unpacked source of the musl that build.sh builds. --check
 * writes nothing and fails when the table is out of date.
 *
 * A function is missing when neither libc.a defines it nor a header has it as a
 * macro. It fails when its source makes system calls of which wit/posix.wit has
 * none, when its source says ENOSYS and calls nothing, or when it calls such a
 * function and nothing of the kernel itself.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const top = join(here, '../..');
const sysroot = join(top, 'build/sysroot');
const BEGIN = '<!-- begin: written by userland/libc/coverage.mjs -->';
const END = '<!-- end -->';

/* System calls of Linux that libc makes under another name (see syscalls.mjs). */
const RENAMED = {
  getdents: 'getdents64',
  pread64: 'pread',
  pwrite64: 'pwrite',
  newfstatat: 'fstatat',
  faccessat2: 'faccessat',
  fchmod: 'fchmodat',
  fchown: 'fchownat',
  fstat: 'fstatat',
};

/* Why an option, or a function by itself, is not there. */
const OPTIONS = {
  'OB TRC': 'Tracing is obsolescent and was taken out of POSIX.1-2024.',
  'OB XSR': 'STREAMS are obsolescent and were taken out of POSIX.1-2024.',
  'RPP|TPP': 'musl has no priority ceilings.',
};
const REASONS = [
  [
    /^(accept|bind|connect|get(peer|sock)name|[gs]etsockopt|listen|recv|send|shutdown|sock)/,
    'There are no sockets yet.',
  ],
  [/^posix_typed_mem|^posix_mem_offset/, 'There is no typed memory.'],
  [/^dbm_/, 'The database is a library of its own (gdbm, ndbm).'],
  [/^posix_spawnattr_/, 'musl leaves scheduling attributes out.'],
];
/* Calls that say nothing about whether a function works. */
const HELPERS = new Set(['ipc', 'fcntl', 'close']);
/* What the compiler itself makes of a call, so that no library defines it. */
const COMPILED = new Set(['setjmp', 'longjmp']);

function reason(f) {
  const own = REASONS.find(([pattern]) => pattern.test(f.name));
  return own?.[1] || OPTIONS[f.option] || f.why;
}

/** What each object of libc.a defines and uses. */
function objects() {
  const text = execFileSync('llvm-nm-22', [join(sysroot, 'lib/libc.a')], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const all = [];
  for (const line of text.split('\n')) {
    const start = /^(\S+)\.o:$/.exec(line);
    if (start) all.push({ name: start[1], defines: new Set(), uses: new Set() });
    const symbol = /^[0-9a-f ]{8} (\w) (\S+)$/.exec(line);
    if (symbol) (/[Uw]/.test(symbol[1]) ? all.at(-1).uses : all.at(-1).defines).add(symbol[2]);
  }
  return all;
}

/** Source text by object name: musl's, or ours where it replaces one. */
function sources(musl) {
  const texts = new Map();
  for (const root of [join(musl, 'src'), join(here, 'src')])
    for (const file of readdirSync(root, { recursive: true })) {
      const arch = /^[^/]+\/(\w+)\/[^/]+$/.exec(file)?.[1];
      if (!file.endsWith('.c') || (arch && arch !== 'wasm32')) continue;
      texts.set(basename(file, '.c'), readFileSync(join(root, file), 'utf8'));
    }
  return texts;
}

function macros() {
  const names = new Set();
  const include = join(sysroot, 'include');
  for (const file of readdirSync(include, { recursive: true }).filter((name) => name.endsWith('.h')))
    for (const m of readFileSync(join(include, file), 'utf8').matchAll(/^\s*#\s*define\s+(\w+)/gm)) names.add(m[1]);
  return names;
}

/** The objects that can only fail, with what they lack. */
function failing(all, texts, calls) {
  const lacks = new Map();
  const known = (call) => calls.has(RENAMED[call] ?? call.replace(/(_time)?64$/, '')) || calls.has(call);
  for (const object of all) {
    const text = texts.get(object.name) ?? '';
    const made = [...new Set([...text.matchAll(/(?:\bSYS_|socketcall(?:_cp)?\()(\w+)/g)].map((m) => m[1]))].filter(
      (call) => !HELPERS.has(call),
    );
    const imports = [...object.uses].some((name) => /^__tabos_(?!deliver|pending|cancel|tp)/.test(name));
    object.imports = imports;
    if (made.length && !made.some(known)) lacks.set(object, `the call ${made[0]}`);
    else if (
      !made.length &&
      !imports &&
      /return __syscall_ret\(-ENOSYS\)|errno = ENOSYS;\s*return|return ENOSYS;/.test(text)
    )
      lacks.set(object, 'an implementation in musl');
  }
  const owner = new Map();
  for (const object of all) for (const name of object.defines) owner.set(name, object);
  for (let more = true; more;) {
    more = false;
    for (const object of all)
      if (!lacks.has(object) && !object.imports && (texts.get(object.name)?.length ?? 0) < 2000)
        for (const name of object.uses)
          if (lacks.has(owner.get(name)) && !lacks.has(object) && !name.startsWith('__')) {
            lacks.set(object, name);
            more = true;
          }
  }
  return { lacks, owner };
}

function table(musl) {
  const wit = readFileSync(join(top, 'wit/posix.wit'), 'utf8');
  const calls = new Set([...wit.matchAll(/^\s+([\w-]+): func/gm)].map((m) => m[1].replaceAll('-', '_')));
  const all = objects();
  const { lacks, owner } = failing(all, sources(musl), calls);
  const defined = macros();
  const [, ...lines] = readFileSync(join(top, 'docs/posix-interfaces.tsv'), 'utf8').trim().split('\n');
  const rows = { missing: [], failing: [] };
  let total = 0;
  for (const line of lines) {
    const [name, header, option] = line.split('\t');
    if (!/^\w+$/.test(name) || (!header && !option)) continue;
    total++;
    const f = { name, option };
    const object = owner.get(name);
    if (!object && !defined.has(name) && !COMPILED.has(name))
      rows.missing.push({ ...f, why: 'musl does not have it.' });
    else if (object && lacks.has(object)) rows.failing.push({ ...f, why: `Lacks ${lacks.get(object)}.` });
  }
  return { rows, total };
}

function render({ rows, total }) {
  const group = (list) => {
    const groups = new Map();
    for (const f of list) {
      const key = `${f.option.replaceAll('|', '\\|')} | ${reason(f)}`;
      groups.set(key, [...(groups.get(key) ?? []), f.name]);
    }
    return [...groups].sort().map(([key, names]) => `| ${names.map((n) => `\`${n}\``).join(' ')} | ${key} |`);
  };
  const head = ['| functions | option | why |', '| --- | --- | --- |'];
  const there = total - rows.missing.length - rows.failing.length;
  return [
    BEGIN,
    '',
    `Of ${total} functions, ${there} are there; ${rows.failing.length} are there but always fail, and ` +
      `${rows.missing.length} are missing.`,
    '',
    '### They fail, with ENOSYS as a rule',
    '',
    ...head,
    ...group(rows.failing),
    '',
    '### Missing: a program that uses them does not link',
    '',
    ...head,
    ...group(rows.missing),
    '',
    END,
  ].join('\n');
}

const [musl, option] = process.argv.slice(2);
if (!musl || !existsSync(join(musl, 'src'))) {
  console.error('usage: node userland/libc/coverage.mjs MUSL-SOURCE [--check]');
  process.exit(2);
}
const page = join(top, 'docs/posix.md');
const text = readFileSync(page, 'utf8');
const fresh = text.slice(0, text.indexOf(BEGIN)) + render(table(musl)) + text.slice(text.indexOf(END) + END.length);
if (option === '--check') {
  if (fresh !== text) {
    console.error('docs/posix.md is out of date: run userland/libc/coverage.mjs');
    process.exit(1);
  }
} else writeFileSync(page, fresh);
