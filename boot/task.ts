/*
 * Entry of a task worker, in browsers and in Node.
 */
import { TaskWorker, type TaskHost } from './task-worker.ts';
import type { FromTask, ToTask } from './protocol.ts';

/** What a browser's worker scope and Node's parentPort have in common, as we use it. */
interface Scope extends TaskHost {
  listen(receive: (message: ToTask) => void): void;
}

function browserScope(): Scope {
  const scope = globalThis as unknown as {
    onmessage: ((event: MessageEvent<string>) => void) | null;
  };
  let supervisor: MessagePort | undefined; // comes with the page's one message (page-workers.ts)
  const owned = Promise.withResolvers<void>();
  /** To the end of this worker, which the page sees by it. */
  const hold = (): Promise<never> => {
    owned.resolve();
    return new Promise(() => undefined);
  };
  return {
    listen: (receive) =>
      (scope.onmessage = ({ data: lock, ports: [port] }) => {
        if (!port) return;
        supervisor = port;
        navigator.locks.request(lock, hold).catch(() => owned.resolve());
        port.onmessage = ({ data }: MessageEvent<ToTask>) => receive(data);
      }),
    post: (message) => supervisor?.postMessage(message),
    owned: owned.promise,
  };
}

function nodeScope(): Scope | null {
  if (typeof process !== 'object' || !process.getBuiltinModule) return null;
  const port = process.getBuiltinModule('node:worker_threads').parentPort;
  if (!port) return null;
  return {
    listen: (receive) => port.on('message', receive),
    post: (message) => port.postMessage(message),
    owned: Promise.resolve(),
  };
}

/** For engines without Atomics.waitAsync: wait in the supervisor's place. */
function watchDoorbell(scope: Scope, memory: WebAssembly.Memory, address: number): never {
  const words = new Int32Array(memory.buffer);
  const index = address >>> 2;
  for (let seen = Atomics.load(words, index); ; seen = Atomics.load(words, index)) {
    scope.post({ type: 'rung' });
    Atomics.wait(words, index, seen);
  }
}

const scope = nodeScope() ?? browserScope();
let worker: TaskWorker | null = null;

function fail(error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  scope.post({ type: 'broken', message });
}

scope.listen((message) => {
  try {
    if (message.type === 'start') {
      worker = new TaskWorker(message, scope);
      worker.run().catch(fail);
    } else if (message.type === 'doorbell') {
      watchDoorbell(scope, message.memory, message.address);
    } else {
      worker?.receive(message);
    }
  } catch (error) {
    fail(error);
  }
});
