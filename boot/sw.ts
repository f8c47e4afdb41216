/*
 * Service worker: supplies cross-origin isolation where the server does not, and
 * the site where the network does not.
 *
 * Shared memory needs the headers COOP and COEP, which a plain static host
 * doesn't send. isolate.ts registers this worker when they are missing and
 * reloads once; from then on every answer passes through here and gets them.
 *
 * When the page is up, offline.ts asks this worker to keep the site: all of the
 * files that site.json lists (boot/site.mjs), each with the hash it has there, so
 * what is kept is always of one version. It is used only when the network fails.
 * Package images are not its business: drivers-ts/package-http.ts keeps those.
 */

/** What TypeScript's DOM library, made for pages, doesn't know of service workers. */
interface ExtendableEvent extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface ExtendableMessageEvent extends ExtendableEvent {
  readonly data: unknown;
  readonly ports: readonly MessagePort[];
}
interface ServiceWorkerScope {
  readonly registration: { readonly scope: string };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install', listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  addEventListener(type: 'message', listener: (event: ExtendableMessageEvent) => void): void;
}
const scope = globalThis as unknown as ServiceWorkerScope;

// A page that is open goes on without this worker: those loaded from now on have it.

/** A cache for each version of the site. The list of files goes in last: with it, a cache is complete. */
const CACHE_PREFIX = 'tabos-site-';
const LIST = 'site.json';

interface Site {
  readonly version: string;
  /** SHA-256 of each file, in base64url. */
  readonly files: Readonly<Record<string, string>>;
}

scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()));
scope.addEventListener('fetch', (event) => {
  const { request } = event;
  // Chromium's "only-if-cached" is allowed for same-origin requests only; fetch() would throw.
  if (request.cache === 'only-if-cached' && request.mode !== 'same-origin') return;
  event.respondWith(answer(request));
});
scope.addEventListener('message', (event) => {
  if (event.data !== 'keep') return;
  const [port] = event.ports;
  event.waitUntil(
    keep().then(
      (version) => port?.postMessage({ version }),
      (error: unknown) => port?.postMessage({ problem: String(error) }),
    ),
  );
});

async function answer(request: Request): Promise<Response> {
  try {
    return isolated(await fetch(request));
  } catch (error) {
    const kept = request.method === 'GET' && (await findKept(request.url));
    if (kept) return isolated(kept);
    throw error;
  }
}

function isolated(response: Response): Response {
  if (response.type === 'opaque' || response.type === 'opaqueredirect' || response.type === 'error') {
    return response; // its headers can't be read, so they can't be copied either
  }
  // As it is where it can be: the browser's cache of compiled code knows it then.
  if (response.headers.has('Cross-Origin-Embedder-Policy')) return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

/* ---- the kept site ---- */

function addressOf(file: string): string {
  return new URL(file, scope.registration.scope).href;
}

async function siteCaches(): Promise<string[]> {
  return (await caches.keys()).filter((name) => name.startsWith(CACHE_PREFIX));
}

/** From the complete cache, if there is one. The query is the page's own business. */
async function findKept(url: string): Promise<Response | undefined> {
  const { pathname } = new URL(url);
  const file = new URL(pathname.endsWith('/') ? `${pathname}index.html` : pathname, url).href;
  for (const name of await siteCaches()) {
    const cache = await caches.open(name);
    if (await cache.match(addressOf(LIST))) return cache.match(file);
  }
  return undefined;
}

async function hashOf(data: ArrayBuffer): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

async function load(file: string): Promise<Response> {
  const response = await fetch(addressOf(file), { cache: 'no-cache' });
  if (!response.ok) throw new Error(`${file}: HTTP ${response.status}`);
  return response;
}

let keeping: Promise<string> | null = null;

/** Keep the site's present version, and only that. Resolves to the version. */
function keep(): Promise<string> {
  keeping ??= keepNow().finally(() => (keeping = null));
  return keeping;
}

async function keepNow(): Promise<string> {
  const list = await (await load(LIST)).text();
  const site = JSON.parse(list) as Site; // it comes from where this script comes from
  const name = CACHE_PREFIX + site.version;
  const cache = await caches.open(name);
  if (!(await cache.match(addressOf(LIST)))) {
    // One after the other: this is to be noticed by nobody.
    for (const [file, hash] of Object.entries(site.files)) await keepFile(cache, file, hash);
    await cache.put(addressOf(LIST), new Response(list));
  }
  for (const other of await siteCaches()) if (other !== name) await caches.delete(other);
  return site.version;
}

async function keepFile(cache: Cache, file: string, hash: string): Promise<void> {
  if (await cache.match(addressOf(file))) return; // an earlier try got so far
  const response = await load(file);
  const data = await response.arrayBuffer();
  if ((await hashOf(data)) !== hash) throw new Error(`${file} is not the one of this version`);
  const type = response.headers.get('Content-Type');
  await cache.put(
    addressOf(file),
    new Response(data, {
      headers: { 'Content-Length': String(data.byteLength), ...(type && { 'Content-Type': type }) },
    }),
  );
}
