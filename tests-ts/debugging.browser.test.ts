/*
 * A breakpoint on a line of the kernel, in a worker, as docs/debugging.md describes it.
 *
 * Each browser's own debugging protocol sets it in `kernel.debug.wasm`, at the
 * place that the source map gives for a line of C, and says where the worker
 * stopped; the source map turns that into functions and lines again.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, CDPSession } from 'puppeteer-core';

import { FirefoxDebugger } from './firefox-debugger.ts';
import { Console, DEADLINE_MS, findBrowser, launch, SITE, startServer } from './harness.ts';

const FILE = 'kernel-c/sys/file.c';
const FUNCTION = 'sys_read';
const MODULE = 'kernel.debug.wasm';

interface Scope {
  tag: string;
  name?: string;
  ranges: [number, number][];
  children: Scope[];
}

interface RawMap {
  sources: string[];
  sourcesContent: (string | null)[];
  mappings: string;
  'x-scopes': { code_section_offset: number; debug_info: Scope[] };
}

interface Place {
  offset: number;
  file: string;
  line: number;
}

/** The kernel's source map: one generated line, so one run of segments. */
class KernelMap {
  readonly raw: RawMap;
  readonly places: Place[] = [];

  constructor(path: string) {
    this.raw = JSON.parse(readFileSync(path, 'utf8')) as RawMap;
    let [offset, source, line] = [0, 0, 0];
    for (const segment of this.raw.mappings.split(',')) {
      const [offsetStep = 0, sourceStep, lineStep = 0] = decodeVlq(segment);
      offset += offsetStep;
      if (sourceStep === undefined) {
        this.places.push({ offset, file: '', line: 0 });
        continue;
      }
      source += sourceStep;
      line += lineStep;
      this.places.push({ offset, file: this.raw.sources[source] ?? '', line: line + 1 });
    }
  }

  /** `file:line` of an offset in the module. */
  lineOf(offset: number): string {
    const place = this.places.findLast((p) => p.offset <= offset);
    return place ? `${place.file}:${place.line}` : '';
  }

  /** The function around an offset, as Firefox finds it. */
  functionOf(offset: number): string | undefined {
    const { code_section_offset: start, debug_info: units } = this.raw['x-scopes'];
    const pc = offset - start;
    return units.flatMap((unit) => unit.children).find((f) => f.ranges.some(([low, high]) => low <= pc && pc < high))
      ?.name;
  }

  /** The line where a function's only statement is, and the first offset of it. */
  statementOf(file: string, name: string): Place {
    const text = this.raw.sourcesContent[this.raw.sources.indexOf(file)] ?? '';
    const opening = text.split('\n').findIndex((l) => new RegExp(`^\\w.*\\b${name}\\(`).test(l));
    const found = this.places.find((p) => p.file === file && p.line === opening + 3);
    assert.ok(opening >= 0 && found, `${name} has no statement in the source map`);
    return found;
  }
}

function decodeVlq(segment: string): number[] {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const values: number[] = [];
  let [value, shift] = [0, 0];
  for (const character of segment) {
    const digit = digits.indexOf(character);
    value |= (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    values.push(value & 1 ? -(value >>> 1) : value >>> 1);
    [value, shift] = [0, 0];
  }
  return values;
}

describe('debugging: a breakpoint in the kernel', function () {
  this.timeout(2 * DEADLINE_MS);
  let map: KernelMap;
  let server: Awaited<ReturnType<typeof startServer>>;

  before(async () => {
    map = new KernelMap(join(SITE, `${MODULE}.map`));
    server = await startServer();
  });
  after(() => server?.close());

  it('debugging: Chromium stops a task worker on a line of C and names its function', async function () {
    if (!findBrowser('chromium')) this.skip();
    const browser: Browser = await launch('chromium');
    try {
      const tab = await Console.open(browser, `${server.url}?debug`);
      await tab.prompt();
      const wanted = map.statementOf(FILE, FUNCTION);
      // Every worker that has the kernel gets the breakpoint; the shell's will read the terminal.
      const paused = Promise.withResolvers<Paused>();
      let set = 0;
      for (const { client } of tab.page.workers()) if (await breakAt(client, wanted.offset, paused.resolve)) set++;
      assert.ok(set > 0, 'no worker has the kernel');
      await tab.type('echo hello\n');
      const stop = await paused.promise;
      const [top] = stop.callFrames;
      assert.match(top?.functionName ?? '', new RegExp(`\\b${FUNCTION}$`));
      assert.equal(map.lineOf(top?.location.columnNumber ?? 0), `${FILE}:${wanted.line}`);
      await stop.resume();
      await tab.waitFor(/\nhello\n/);
    } finally {
      await browser.close();
    }
  });

  it('debugging: Firefox stops a task worker on a line of C, and the source map names its function', async function () {
    if (!findBrowser('firefox')) this.skip();
    const firefox = await FirefoxDebugger.launch();
    try {
      const wanted = map.statementOf(FILE, FUNCTION);
      await firefox.breakAt(`${server.url}${MODULE}`, wanted.offset);
      await firefox.navigate(`${server.url}?debug`);
      const stop = await firefox.stopped();
      assert.equal(stop.worker, 'task');
      const kernel = stop.frames.filter(({ url }) => url.endsWith(MODULE)).map(({ offset }) => offset);
      assert.deepEqual(kernel[0], wanted.offset);
      assert.equal(map.lineOf(kernel[0] ?? 0), `${FILE}:${wanted.line}`);
      assert.equal(map.functionOf(kernel[0] ?? 0), FUNCTION);
      assert.match(map.functionOf(kernel[1] ?? 0) ?? '', /file_read/);
      await stop.resume();
    } finally {
      await firefox.close();
    }
  });
});

interface Paused {
  callFrames: { functionName: string; url: string; location: { lineNumber: number; columnNumber?: number } }[];
  resume(): Promise<void>;
}

/** Set a breakpoint in a worker's kernel; false when it has none. */
async function breakAt(client: CDPSession, offset: number, paused: (stop: Paused) => void): Promise<boolean> {
  let kernel: { scriptId: string; sourceMapURL?: string } | undefined;
  client.on('Debugger.scriptParsed', (script) => {
    if (script.url.endsWith(MODULE)) kernel = script;
  });
  await client.send('Debugger.enable');
  if (!kernel) return false;
  assert.equal(kernel.sourceMapURL, `${MODULE}.map`);
  const { scriptId } = kernel;
  client.on('Debugger.paused', ({ callFrames }) => {
    const resume = async (): Promise<void> => {
      await client.send('Debugger.disable'); // forgets the breakpoint, and goes on
    };
    paused({ callFrames, resume });
  });
  const { actualLocation } = await client.send('Debugger.setBreakpoint', {
    location: { scriptId, lineNumber: 0, columnNumber: offset },
  });
  assert.equal(actualLocation.columnNumber, offset);
  return true;
}
