#!/usr/bin/env node
/*
 * site.mjs DIRECTORY: writes DIRECTORY/site.json, the files that the page needs to
 * start, each with its hash, and the hash of all that as their version. The service
 * worker (sw.ts) keeps them for when there is no network.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES = [
  'index.html',
  'style.css',
  'xterm.css',
  'boot.js',
  'supervisor.js',
  'task.js',
  'kernel.wasm',
  'uaccess.wasm',
  'boot.tar.gz',
];

const [directory] = process.argv.slice(2);
const hash = (data) => createHash('sha256').update(data).digest('base64url');
// A part that isn't built yet is not there to be kept.
const present = FILES.filter((file) => existsSync(join(directory, file)));
const files = Object.fromEntries(present.map((file) => [file, hash(readFileSync(join(directory, file)))]));
const site = { version: hash(JSON.stringify(files)).slice(0, 16), files };
writeFileSync(join(directory, 'site.json'), `${JSON.stringify(site)}\n`);
