/*
 * What this browser's stores can do by themselves, without anything of TabOS: a
 * worker that writes 64 MiB and makes it durable, and makes 1,000 small
 * transactions, in IndexedDB and in OPFS. bench/run.mjs loads it in the page.
 *
 * It answers { large, small }: milliseconds, for 64 MiB by the size of records or
 * calls in KiB, which are given.
 */
const LARGE = 64 << 20;
const SMALL = 4096;
const SMALLS = 1000;

/** Bytes that don't compress: IndexedDB does that in both browsers. */
const noise = new Uint8Array(LARGE);
for (let at = 0; at < LARGE; at += 65536) crypto.getRandomValues(noise.subarray(at, at + 65536));

function succeeded(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const IDB = 'bench-raw';

/** A fresh database; without what the last run left. */
async function openIdb() {
  await succeeded(indexedDB.deleteDatabase(IDB));
  const opening = indexedDB.open(IDB, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('blocks', { keyPath: 'id' });
  return succeeded(opening);
}

function transaction(db, put) {
  return new Promise((resolve, reject) => {
    const strict = db.transaction('blocks', 'readwrite', { durability: 'strict' });
    strict.oncomplete = () => resolve();
    strict.onabort = () => reject(strict.error);
    put(strict.objectStore('blocks'));
    strict.commit();
  });
}

/** How long it takes to write it all in one transaction, in records of `size` bytes. */
async function idbLarge(size) {
  const db = await openIdb();
  const start = performance.now();
  await transaction(db, (store) => {
    // slice: a view would be cloned with all that it is a view of
    for (let at = 0; at < LARGE; at += size) store.put({ id: at / size, data: noise.slice(at, at + size) });
  });
  const took = performance.now() - start;
  db.close();
  return took;
}

async function idbSmall() {
  const db = await openIdb();
  const start = performance.now();
  for (let id = 0; id < SMALLS; id++)
    await transaction(db, (store) => store.put({ id, data: noise.slice(id * SMALL, (id + 1) * SMALL) }));
  const took = performance.now() - start;
  db.close();
  return took;
}

async function openOpfs() {
  const root = await navigator.storage.getDirectory();
  await root.removeEntry('bench-raw').catch(() => undefined);
  const file = await root.getFileHandle('bench-raw', { create: true });
  return file.createSyncAccessHandle();
}

async function opfsLarge(size) {
  const file = await openOpfs();
  const start = performance.now();
  for (let at = 0; at < LARGE; at += size) file.write(noise.subarray(at, at + size), { at });
  file.flush();
  const took = performance.now() - start;
  file.close();
  return took;
}

async function opfsSmall() {
  const file = await openOpfs();
  const start = performance.now();
  for (let i = 0; i < SMALLS; i++) {
    file.write(noise.subarray(i * SMALL, (i + 1) * SMALL), { at: i * SMALL });
    file.flush();
  }
  const took = performance.now() - start;
  file.close();
  return took;
}

async function measure({ kind, sizes }) {
  const [write64m, flush1000] = kind === 'opfs' ? [opfsLarge, opfsSmall] : [idbLarge, idbSmall];
  const large = {};
  for (const kib of sizes) large[kib] = await write64m(kib << 10);
  const small = await flush1000();
  if (kind === 'opfs') await (await navigator.storage.getDirectory()).removeEntry('bench-raw');
  else await succeeded(indexedDB.deleteDatabase(IDB));
  return { large, small };
}

onmessage = ({ data }) =>
  measure(data).then(
    (results) => postMessage({ results }),
    (error) => postMessage({ error: String(error) }),
  );
