#!/usr/bin/env node
/*
 * A static server for build/site on this machine: node boot/serve.mjs [--port N] [DIRECTORY]
 *
 * Sends the headers that shared memory needs (COOP, COEP), compresses what is
 * worth it once per version of a file, and answers 304 to who has it already.
 * With --plain it sends none of the isolation headers, as a simple host would.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.c': 'text/plain; charset=utf-8',
  '.h': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm', // compileStreaming insists on it
  '.gz': 'application/gzip',
};
const COMPRESSED_ALREADY = new Set(['.gz', '.png', '.sqfs']);
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};
const HASHED_NAME = /[.-][0-9a-f]{8,}\.\w+$/;
const FIRST_PORT = 8080;
const PORTS_TO_TRY = 50;

const compress = {
  // Level 5: within a few percent of the best size, at a tenth of the time.
  br: (data) => promisify(brotliCompress)(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: (data) => promisify(gzip)(data),
};

/** Path of an existing file below `root` for a request's path, or undefined. */
async function locate(root, pathname) {
  let path;
  try {
    path = join(root, decodeURIComponent(pathname));
  } catch {
    return undefined; // a bad escape
  }
  if (pathname.endsWith('/')) path = join(path, 'index.html');
  try {
    path = await realpath(path);
    const info = await stat(path);
    if (!path.startsWith(root + sep) || !info.isFile()) return undefined;
    return { path, version: `${info.size}-${info.mtimeMs}` };
  } catch {
    return undefined;
  }
}

/** The files last served, by path: their bytes, ETag and compressed forms. */
class FileCache {
  #files = new Map();

  async get({ path, version }) {
    let file = this.#files.get(path);
    if (file?.version !== version) {
      const data = await readFile(path);
      const hash = createHash('sha256').update(data).digest('hex').slice(0, 16);
      file = { version, data, hash, encoded: new Map() };
      this.#files.set(path, file);
    }
    return file;
  }

  /** The bytes of `file` in an encoding, made at the first request for it. */
  encoded(file, encoding) {
    if (!encoding) return file.data;
    let data = file.encoded.get(encoding);
    if (!data) file.encoded.set(encoding, (data = compress[encoding](file.data)));
    return data;
  }
}

function chooseEncoding(request, extension, length) {
  if (COMPRESSED_ALREADY.has(extension) || length < 1024) return undefined;
  const accepted = (request.headers['accept-encoding'] ?? '').split(',').map((s) => s.trim().split(';')[0]);
  return ['br', 'gzip'].find((e) => accepted.includes(e));
}

/** The one range of a Range header as [first, last], null if it can't be satisfied, undefined if none is asked. */
function parseRange(header, length) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  if (match[1] !== '' && match[2] !== '' && Number(match[1]) > Number(match[2])) return undefined; // no range at all
  const first = match[1] === '' ? Math.max(0, length - Number(match[2])) : Number(match[1]);
  const last = match[1] === '' || match[2] === '' ? length - 1 : Math.min(Number(match[2]), length - 1);
  return first <= last ? [first, last] : null;
}

async function answer(request, response, root, cache, isolation) {
  const end = (status, headers, body) => {
    response.writeHead(status, { ...isolation, ...headers });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(405, { Allow: 'GET, HEAD' });
  const { pathname } = new URL(request.url, 'http://localhost');
  const found = await locate(root, pathname);
  if (!found) return end(404, { 'Content-Type': 'text/plain' }, 'not found\n');

  const file = await cache.get(found);
  const extension = extname(found.path);
  // A range of an older version is of no use: with If-Range it is asked for of one version only.
  const ifRange = request.headers['if-range'];
  const asked = ifRange === undefined || ifRange === `"${file.hash}"` ? request.headers.range : undefined;
  const range = parseRange(asked, file.data.length);
  const encoding = asked ? undefined : chooseEncoding(request, extension, file.data.length);
  const etag = `"${file.hash}${encoding ? `-${encoding}` : ''}"`;
  const headers = {
    'Content-Type': TYPES[extension] ?? 'application/octet-stream',
    'Cache-Control': HASHED_NAME.test(pathname) ? 'public, max-age=31536000, immutable' : 'no-cache',
    'Accept-Ranges': 'bytes',
    // How much will come out in the end, for the progress bar: Content-Length counts compressed bytes.
    'X-Uncompressed-Length': file.data.length,
    ETag: etag,
    Vary: 'Accept-Encoding',
    ...(encoding && { 'Content-Encoding': encoding }),
  };
  if ((request.headers['if-none-match'] ?? '').split(/,\s*/).includes(etag)) return end(304, headers);
  if (range === null) return end(416, { 'Content-Range': `bytes */${file.data.length}` });
  if (range) {
    const [first, last] = range;
    headers['Content-Range'] = `bytes ${first}-${last}/${file.data.length}`;
    headers['Content-Length'] = last - first + 1;
    return end(206, headers, file.data.subarray(first, last + 1));
  }
  const body = await cache.encoded(file, encoding);
  headers['Content-Length'] = body.length;
  return end(200, headers, body);
}

/**
 * Serve `directory` on localhost, on the first free port from `port` on (0: any
 * port). Returns the http.Server, listening.
 */
export async function serve(directory, { port = FIRST_PORT, isolate = true } = {}) {
  const root = await realpath(resolve(directory));
  const cache = new FileCache();
  const server = createServer((request, response) => {
    answer(request, response, root, cache, isolate ? ISOLATION : {}).catch((e) => {
      console.error(`${request.method} ${request.url}:`, e);
      response.destroy();
    });
  });
  for (let p = port; ; p++) {
    try {
      server.listen(p, 'localhost');
      await once(server, 'listening');
      return server;
    } catch (e) {
      if (e.code !== 'EADDRINUSE' || p >= port + PORTS_TO_TRY) throw e;
      console.log(`Port ${p} is taken.`);
    }
  }
}

async function main(args) {
  let directory = fileURLToPath(new URL('../build/site', import.meta.url));
  const options = {};
  for (let i = 0; i < args.length; i++) {
    const [name, value] = args[i].split('=', 2);
    if (name === '--port') options.port = Number(value ?? args[++i]);
    else if (name === '--plain') options.isolate = false;
    else if (!name.startsWith('-')) directory = name;
    else throw new Error(`unknown option ${name}; usage: serve.mjs [--port N] [--plain] [DIRECTORY]`);
  }
  if (options.port !== undefined && !(options.port >= 0 && options.port < 65536)) {
    throw new Error('--port wants a number from 0 to 65535');
  }
  const server = await serve(directory, options);
  console.log(`\n  TabOS is at  http://localhost:${server.address().port}/\n\n  Ctrl-C stops the server.\n`);
}

if (process.argv[1] && (await realpath(process.argv[1])) === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2)).catch((e) => {
    console.error(`serve: ${e.code === 'ENOENT' ? `there is no ${e.path}: run ./build.sh first` : e.message}`);
    process.exitCode = 1;
  });
}
