/*
 * Package images from a web server, and the cache of their chunks in the browser.
 */
import type { ChunkCache, Log, PackageSource } from './package-store.ts';

type Data = Uint8Array<ArrayBuffer>;

/** The pauses before the second and third try. */
const RETRY_MS = [200, 1000];
/** A server that says nothing for so long says nothing. */
const TIMEOUT_MS = 30_000;
const CACHE = 'tabos-packages';

/** What may go away by itself. */
class Passing extends Error {}

export class HttpSource implements PackageSource {
  readonly #base: URL;

  /** Files lie below `base`, which ends with a slash. */
  constructor(base: URL) {
    this.#base = base;
  }

  async whole(file: string): Promise<Data> {
    return this.#retry(async () => bodyOf(await request(new URL(file, this.#base), { cache: 'no-cache' })));
  }

  async part(file: string, from: number, to: number, _size: number, fresh: boolean): Promise<Data> {
    return this.#retry(async () => {
      const response = await request(new URL(file, this.#base), {
        headers: { Range: `bytes=${from}-${to - 1}` },
        // We have a cache of our own; the browser's would keep everything twice.
        cache: fresh ? 'reload' : 'no-store',
      });
      const range = response.headers.get('content-range');
      // 200 is the whole file, from a server without ranges.
      if (response.status === 206 && range && !range.startsWith(`bytes ${from}-${to - 1}/`))
        throw new Error(`the server sent ${range}, not ${from}-${to - 1}`);
      return bodyOf(response);
    });
  }

  async #retry<T>(work: () => Promise<T>): Promise<T> {
    for (const pauseMs of RETRY_MS) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Passing) || (typeof navigator === 'object' && navigator.onLine === false)) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    return work();
  }
}

async function request(url: URL, options: RequestInit): Promise<Response> {
  let response: Response;
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), TIMEOUT_MS);
  try {
    response = await fetch(url, { ...options, signal: timeout.signal });
  } catch {
    throw new Passing('the network can’t be reached, and it was not used before'); // fetch says no more than that
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return response;
  const problem = `the server says ${response.status} ${response.statusText}`.trim();
  throw response.status >= 500 || response.status === 429 ? new Passing(problem) : new Error(problem);
}

async function bodyOf(response: Response): Promise<Data> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch {
    throw new Passing('the connection broke');
  }
}

/** Chunks in the Cache API, each under an address that its hash makes up. */
export class BrowserCache implements ChunkCache {
  readonly #cache: Cache;
  readonly #base: URL;
  readonly #log: Log;
  readonly #known: Set<string>;
  #complained = false;

  private constructor(cache: Cache, base: URL, log: Log, known: Set<string>) {
    this.#cache = cache;
    this.#base = base;
    this.#log = log;
    this.#known = known;
  }

  /** Null where the browser has none, as in some private windows. */
  static async open(base: URL, log: Log): Promise<BrowserCache | null> {
    try {
      const cache = await caches.open(CACHE);
      const known = (await cache.keys()).map(({ url }) => url.slice(url.lastIndexOf('/') + 1));
      return new BrowserCache(cache, base, log, new Set(known));
    } catch (error) {
      log(4, `packages: the browser keeps nothing: ${String(error)}`);
      return null;
    }
  }

  has(hash: string): boolean {
    return this.#known.has(hash);
  }

  async get(hash: string): Promise<Data | undefined> {
    try {
      const response = await this.#cache.match(this.#address(hash));
      return response && new Uint8Array(await response.arrayBuffer());
    } catch {
      return undefined; // it goes to the network instead
    }
  }

  put(hash: string, data: Data): void {
    this.#known.add(hash);
    this.#cache.put(this.#address(hash), new Response(data)).catch((error: unknown) => {
      this.#known.delete(hash);
      if (!this.#complained) this.#log(4, `packages: the browser does not keep what was fetched: ${String(error)}`);
      this.#complained = true;
    });
  }

  keepOnly(hashes: ReadonlySet<string>): void {
    for (const hash of [...this.#known]) {
      if (hashes.has(hash)) continue;
      this.#known.delete(hash);
      this.#cache.delete(this.#address(hash)).catch(() => false); // next time, then
    }
  }

  #address(hash: string): string {
    return new URL(`chunk/${hash}`, this.#base).href;
  }
}
