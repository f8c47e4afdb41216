/*
 * The functions in a module's DWARF, as the "x-scopes" of a source map.
 *
 * A source map alone has lines only: Firefox's debugger, which shows no names from
 * a name section, would call every frame "(wasmcall)". With this extension of the
 * format its call stack names the C functions, those that were inlined too. The
 * format has room for variables, but Firefox 153 shows wasm locals all the same.
 */
import { execFileSync } from 'node:child_process';
import { normalize } from 'node:path';

/** The entries of .debug_info as {tag, offset, depth, text: attribute -> what stands in parentheses}. */
function* entries(module) {
  const dump = execFileSync(process.env.LLVM_DWARFDUMP ?? 'llvm-dwarfdump-22', ['--debug-info', module], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  let entry;
  let attribute;
  for (const line of dump.split('\n')) {
    let match;
    if ((match = /^0x([0-9a-f]+):( +)DW_TAG_(\w+)/.exec(line))) {
      if (entry) yield entry;
      entry = { tag: match[3], offset: parseInt(match[1], 16), depth: match[2].length >> 1, text: {} };
    } else if (entry && (match = /^ +DW_AT_(\w+)\t\((.*)$/.exec(line))) {
      attribute = match[1];
      entry.text[attribute] = match[2];
    } else if (entry && attribute && /^ +\[/.test(line)) {
      entry.text[attribute] += `\n${line}`; // a list of ranges
    }
  }
  if (entry) yield entry;
}

const quoted = (text) => /"(.*)"/.exec(text ?? '')?.[1];

function rangesOf({ low_pc, high_pc, ranges }) {
  if (low_pc && high_pc) return [[parseInt(low_pc, 16), parseInt(high_pc, 16)]];
  return [...(ranges ?? '').matchAll(/\[(0x\w+), (0x\w+)\)/g)].map(([, low, high]) => [Number(low), Number(high)]);
}

/**
 * The value of "x-scopes". `sources` maps a source's name to its index in the source map,
 * `codeOffset` is where in the module the addresses of the DWARF begin, `codeSize` where they end.
 */
export function sourceScopes(module, sources, codeOffset, codeSize) {
  const functions = new Map(); // all of DW_TAG_subprogram, by offset
  const inlined = new Set(); // the offsets of those that are inlined somewhere
  const owners = []; // by depth: the function that what is deeper belongs to
  for (const { tag, offset, depth, text } of entries(module)) {
    const owner = owners[depth - 1];
    owners[depth] = owner;
    if (tag === 'subprogram') {
      const name = quoted(text.name) ?? quoted(text.abstract_origin);
      owners[depth] = { tag, uid: offset, name, ranges: rangesOf(text), children: [] };
      functions.set(offset, owners[depth]);
    } else if (owner && tag === 'inlined_subroutine') {
      const uid = parseInt(text.abstract_origin, 16);
      const scope = {
        tag,
        abstract_origin: { uid },
        ranges: rangesOf(text),
        call_file: sources.get(normalize(quoted(text.call_file) ?? '')),
        call_line: parseInt(text.call_line, 10),
        children: [],
      };
      inlined.add(uid);
      owner.children.push(scope);
      owners[depth] = scope;
    }
  }
  // What the linker has dropped keeps its entry, from address 0 or -1 on.
  const isPresent = ({ ranges }) => ranges.some(([low]) => low > 0 && low < codeSize);
  const kept = [...functions.values()].filter((f) => isPresent(f) || inlined.has(f.uid));
  for (const f of kept) if (!isPresent(f)) f.ranges = [];
  return {
    code_section_offset: codeOffset,
    debug_info: [{ tag: 'compile_unit', ranges: [[0, codeSize]], children: kept }],
  };
}
