/*
 * C programs for tests: compiled with tabos-cc, and put into a copy of the page's site.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

import { writeTar, type TarFile } from '../boot/tar.ts';
import { SITE } from './harness.ts';

const CC = fileURLToPath(new URL('../userland/cc/tabos-cc', import.meta.url));

/** Collatz sequences for ever; the loops make no calls, and stop only for a moment after three signals. */
export const BUSY_LOOP = `
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static volatile sig_atomic_t count;
static void handler(int signal)
{
  char line[] = "SIGINT 0\\n";
  line[7] += ++count;
  write(1, line, 9);
}
int main(void)
{
  unsigned long long steps = 0;
  signal(SIGINT, handler);
  puts("busy");
  fflush(stdout);
  for (int round = 0;; round++) {
    for (unsigned long long i = 1; count < 3 || round; i++)
      for (unsigned long long x = i; x != 1; steps++)
        x = x & 1 ? 3 * x + 1 : x / 2;
    puts(steps > 1000 ? "went on" : "did not count");
    fflush(stdout);
  }
}`;

/** Loops that have no safepoints (-mno-safepoints): all that stops it is the end of its worker. */
export const DEAF_LOOP = `
#include <unistd.h>
static volatile unsigned steps;
int main(void)
{
  for (;;) {
    for (int i = 0; i < 50000000; i++)
      steps++;
    write(1, "deaf\\n", 5);
  }
}`;

/** The program of a C source, compiled with more `options`; throws with what the compiler says. */
export function compileC(source: string, options: readonly string[] = []): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'tabos-cc-'));
  try {
    const [from, to] = [join(directory, 'program.c'), join(directory, 'program.wasm')];
    writeFileSync(from, source);
    const { status, stderr } = spawnSync(CC, ['-std=gnu17', '-O2', '-pthread', ...options, from, '-o', to, '-lm'], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`tabos-cc: ${stderr}`);
    return readFileSync(to);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A copy of the site with more files in its boot archive; the caller removes it. */
export function siteWith(files: readonly TarFile[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'tabos-site-'));
  cpSync(SITE, directory, { recursive: true });
  const path = join(directory, 'boot.tar.gz');
  const own = writeTar(files).subarray(0, -1024); // without the end mark, as more follows
  writeFileSync(path, gzipSync(Buffer.concat([own, gunzipSync(readFileSync(path))]), { level: 1 }));
  return directory;
}
