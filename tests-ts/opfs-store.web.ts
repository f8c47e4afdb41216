/*
 * The block store in OPFS, in a worker of each browser.
 */
async function inWorker(test: string): Promise<void> {
  const worker = new Worker(new URL('./opfs-worker.ts', import.meta.url), { type: 'module' });
  try {
    const wrong = await new Promise<string>((resolve) => {
      worker.onmessage = ({ data }: MessageEvent<string>) => resolve(data);
      worker.onerror = (event) => resolve(event.message || 'the worker does not start');
      worker.postMessage(test);
    });
    if (wrong) throw new Error(wrong);
  } finally {
    worker.terminate();
  }
}

it('opfs-store: what is flushed is there when it is opened again, and nothing else', () => inWorker('lasting')).timeout(
  20_000,
); // the first one starts the browser's storage, on a busy disk in seconds
it('opfs-store: a second opening gets EBUSY until the first has closed', () => inWorker('busy'));
it('opfs-store: a store that was removed is empty', () => inWorker('removed'));
it('opfs-store: it tells what it holds and what it takes', () => inWorker('estimate'));
it('opfs-store: what the file grew ahead is given back, and used after a crash', () => inWorker('ahead'));
