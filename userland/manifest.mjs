#!/usr/bin/env node
/*
 * manifest.mjs FROM TO NAME...: the images FROM/NAME.sqfs go to TO under names
 * with their hashes, beside TO/manifest.json with the hash of every chunk. Prints
 * the hash of the manifest, in base64url.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// Small enough that the first look into an image (its superblock, then its root directory)
// costs little, large enough that the manifest stays short.
const CHUNK_BYTES = 64 * 1024;

const [from, to, ...names] = process.argv.slice(2);
const sha256 = (data, encoding) => createHash('sha256').update(data).digest(encoding);
const images = {};
const kept = new Set(['manifest.json']);
for (const name of names) {
  const data = readFileSync(join(from, `${name}.sqfs`));
  const file = `${name}-${sha256(data, 'hex').slice(0, 16)}.sqfs`;
  const chunks = [];
  for (let at = 0; at < data.length; at += CHUNK_BYTES)
    chunks.push(sha256(data.subarray(at, at + CHUNK_BYTES), 'base64url'));
  images[name] = { file, bytes: data.length, chunks };
  copyFileSync(join(from, `${name}.sqfs`), join(to, file));
  kept.add(file);
}
for (const file of readdirSync(to)) if (!kept.has(file)) rmSync(join(to, file));
const manifest = `${JSON.stringify({ version: 1, chunkBytes: CHUNK_BYTES, images })}\n`;
writeFileSync(join(to, 'manifest.json'), manifest);
console.log(sha256(manifest, 'base64url'));
