#!/usr/bin/env node
/*
 * A source map from a module's DWARF: node kernel-c/source-map.mjs MODULE.wasm OUT.wasm
 *
 * Firefox's debugger, and Chromium's without its DWARF extension, know C lines
 * only from a source map. This writes OUT.wasm.map, with the sources and the names
 * of functions (source-scopes.mjs) inside, and OUT.wasm, which names it in a custom
 * section "sourceMappingURL". In the map of a wasm module the generated line is
 * always 1 and the column a byte offset.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, normalize } from 'node:path';

import { sourceScopes } from './source-scopes.mjs';

const CODE_SECTION = 10;
const CUSTOM_SECTION = 0;
const URL_SECTION = 'sourceMappingURL';

/** Sections as {id, name (of custom ones), start (of the header), body, end}, offsets in `bytes`. */
function* sections(bytes) {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const id = bytes[at++];
    const size = number();
    const body = at;
    const end = body + size;
    let name;
    if (id === CUSTOM_SECTION) {
      const length = number();
      name = bytes.toString('utf8', at, at + length);
    }
    at = end;
    yield { id, name, start, body, end };
  }
}

/** The rows of all line tables as {address, file, line, column}, by address; line 0 is "no line". */
function lineRows(module, codeSize) {
  const text = execFileSync(process.env.LLVM_DWARFDUMP ?? 'llvm-dwarfdump-22', ['--debug-line', module], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  const rows = [];
  let sequence = []; // one function's rows
  let directories;
  let files;
  let file;
  for (const line of text.split('\n')) {
    let match;
    if (line.startsWith('debug_line[')) {
      directories = new Map();
      files = new Map();
    } else if ((match = /^include_directories\[ *(\d+)\] = "(.*)"/.exec(line))) {
      directories.set(match[1], match[2]);
    } else if ((match = /^file_names\[ *(\d+)\]:/.exec(line))) {
      files.set(match[1], (file = { name: '', directory: '0' }));
    } else if ((match = /^ +name: "(.*)"/.exec(line))) {
      file.name = match[1];
    } else if ((match = /^ +dir_index: (\d+)/.exec(line))) {
      file.directory = match[1];
    } else if ((match = /^0x([0-9a-f]+) +(\d+) +(\d+) +(\d+) +\d+ +\d+ *(\d+)? *(.*)/.exec(line))) {
      const { name, directory } = files.get(match[4]) ?? { name: '', directory: '0' };
      const ends = line.includes('end_sequence');
      sequence.push({
        address: parseInt(match[1], 16),
        file: normalize(join(directories.get(directory) ?? '', name)),
        line: ends ? 0 : Number(match[2]),
        column: Number(match[3]),
      });
      if (ends) {
        // A function that the linker has dropped keeps its rows, from address 0 or -1 on.
        if (sequence[0].address > 0 && sequence[0].address < codeSize) rows.push(...sequence);
        sequence = [];
      }
    }
  }
  // Where one function ends another may begin: the beginning counts.
  return rows.sort((a, b) => a.address - b.address || Math.sign(a.line) - Math.sign(b.line));
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** A number as base 64 VLQ, the digits of source maps. */
function vlq(value) {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    const digit = rest & 31;
    rest >>>= 5;
    text += DIGITS[rest ? digit | 32 : digit];
  } while (rest);
  return text;
}

function sourceMap(rows, codeOffset) {
  const sources = new Map();
  const segments = [];
  const last = { offset: 0, source: 0, line: 0, column: 0 };
  let previous;
  for (const row of rows) {
    const same = previous && row.file === previous.file && row.line === previous.line && row.column === previous.column;
    previous = row;
    if (same) continue;
    const offset = row.address + codeOffset;
    if (row.line === 0) {
      segments.push(vlq(offset - last.offset));
      last.offset = offset;
      continue;
    }
    if (!sources.has(row.file)) sources.set(row.file, sources.size);
    const source = sources.get(row.file);
    const line = row.line - 1;
    const column = Math.max(row.column - 1, 0);
    segments.push(
      vlq(offset - last.offset) + vlq(source - last.source) + vlq(line - last.line) + vlq(column - last.column),
    );
    Object.assign(last, { offset, source, line, column });
  }
  const names = [...sources.keys()];
  return {
    version: 3,
    sources: names,
    sourcesContent: names.map((name) => (existsSync(name) ? readFileSync(name, 'utf8') : null)),
    names: [],
    mappings: segments.join(','),
  };
}

/** The module with exactly one section that names its map. */
function withUrl(bytes, url) {
  const kept = [bytes.subarray(0, 8)];
  for (const s of sections(bytes)) if (s.name !== URL_SECTION) kept.push(bytes.subarray(s.start, s.end));
  const text = (s) => Buffer.concat([Buffer.from([s.length]), Buffer.from(s)]); // both are under 128 bytes
  const body = Buffer.concat([text(URL_SECTION), text(url)]);
  return Buffer.concat([...kept, Buffer.from([CUSTOM_SECTION, body.length]), body]);
}

const [module, out] = process.argv.slice(2);
if (!module || !out) {
  console.error('usage: source-map.mjs MODULE.wasm OUT.wasm');
  process.exit(2);
}
const bytes = readFileSync(module);
const code = [...sections(bytes)].find((s) => s.id === CODE_SECTION);
if (!code) throw new Error(`${module} has no code`);
const codeSize = code.end - code.body;
const map = sourceMap(lineRows(module, codeSize), code.body);
if (map.sources.length === 0) throw new Error(`${module} has no line tables: compile it with -g`);
const sources = new Map(map.sources.map((name, index) => [name, index]));
map['x-scopes'] = sourceScopes(module, sources, code.body, codeSize);
writeFileSync(`${out}.map`, JSON.stringify(map));
writeFileSync(out, withUrl(bytes, `${basename(out)}.map`));
