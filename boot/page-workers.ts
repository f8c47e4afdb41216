/*
 * Task workers are made by the page, at the supervisor's request, and talk with the
 * supervisor over a MessagePort. A worker could make workers itself, but in Firefox
 * `new Worker` in a worker may never return while a debugger or WebDriver looks on.
 *
 * terminate() says nothing of when it has worked: Chromium lets a worker that doesn't come back to its event
 * loop run on for two seconds. A Web Lock that the worker holds tells, for it is released with the worker.
 */
import type { WorkerHandle } from './platform.ts';
import type { FromTask, ToTask } from './protocol.ts';

/** From the supervisor to the page. */
export type WorkerRequest =
  | { readonly type: 'worker-start'; readonly worker: number; readonly port: MessagePort }
  | { readonly type: 'worker-end'; readonly worker: number };

/** From the page to the supervisor: it runs no longer; it failed. */
export type WorkerReport =
  | { readonly type: 'worker-ended'; readonly worker: number }
  | { readonly type: 'worker-crashed'; readonly worker: number; readonly reason: string };

/** Where Web Locks are refused (an opaque origin): well over Chromium's two seconds. */
const ENDED_MS = 5000;

/** The page's side. */
export class PageWorkers {
  readonly #script: URL;
  readonly #report: (report: WorkerReport) => void;
  readonly #workers = new Map<number, Worker>();
  readonly #lockPrefix = `tabos worker ${crypto.randomUUID()} `;

  /** `script` is boot/task.ts as the browser gets it. */
  constructor(script: URL, report: (report: WorkerReport) => void) {
    this.#script = script;
    this.#report = report;
  }

  receive(request: WorkerRequest): void {
    const { worker: number } = request;
    if (request.type === 'worker-end') {
      this.#end(number);
      return;
    }
    try {
      const worker = new Worker(this.#script, { type: 'module', name: 'task' });
      worker.onerror = (event) => {
        event.preventDefault();
        this.#crashed(number, event.message || 'the browser could not run it');
      };
      worker.postMessage(this.#lockPrefix + number, [request.port]);
      this.#workers.set(number, worker);
    } catch (error) {
      this.#crashed(number, String(error));
    }
  }

  #end(number: number): void {
    const ended = (): void => this.#report({ type: 'worker-ended', worker: number });
    const worker = this.#workers.get(number);
    if (!worker) {
      ended();
      return;
    }
    worker.terminate();
    this.#workers.delete(number);
    navigator.locks.request(this.#lockPrefix + number, ended).catch(() => setTimeout(ended, ENDED_MS));
  }

  /** The supervisor is gone: nobody else would end them. */
  endAll(): void {
    for (const worker of this.#workers.values()) worker.terminate();
    this.#workers.clear();
  }

  #crashed(worker: number, reason: string): void {
    this.#report({ type: 'worker-crashed', worker, reason });
  }
}

interface Requested {
  crashed: (reason: string) => void;
  readonly ended: PromiseWithResolvers<void>;
}

/** The supervisor's side. */
export class RequestedWorkers {
  readonly #request: (request: WorkerRequest, transfer: Transferable[]) => void;
  readonly #workers = new Map<number, Requested>();
  #last = 0;

  constructor(request: (request: WorkerRequest, transfer: Transferable[]) => void) {
    this.#request = request;
  }

  start(): WorkerHandle {
    const number = ++this.#last;
    const { port1: port, port2: theirs } = new MessageChannel();
    const requested: Requested = { crashed: () => undefined, ended: Promise.withResolvers() };
    this.#workers.set(number, requested);
    this.#request({ type: 'worker-start', worker: number, port: theirs }, [theirs]);
    return {
      post: (message: ToTask) => port.postMessage(message),
      listen(receive, crashed) {
        port.onmessage = ({ data }: MessageEvent<FromTask>) => receive(data);
        requested.crashed = crashed;
      },
      terminate: () => {
        this.#request({ type: 'worker-end', worker: number }, []);
        // Until then: what others wait for may be on the way.
        return requested.ended.promise.finally(() => port.close());
      },
    };
  }

  receive(report: WorkerReport): void {
    const requested = this.#workers.get(report.worker);
    if (report.type === 'worker-crashed') {
      requested?.crashed(report.reason);
    } else {
      requested?.ended.resolve();
      this.#workers.delete(report.worker);
    }
  }
}
