/*
 * What differs between a browser and Node for the supervisor.
 */
import type { FsImports } from '../build/gen/kernel.d.ts';
import type { Driver, DriverHost } from '../drivers-ts/driver.ts';
import type { FailureKind, FromTask, ToTask } from './protocol.ts';

/** A worker that runs boot/task.ts. */
export interface WorkerHandle {
  post(message: ToTask): void;
  /** Both are set once, before the first message can arrive. `crashed`: an error nobody caught, or an exit. */
  listen(receive: (message: FromTask) => void, crashed: (reason: string) => void): void;
  /** Resolves when it no longer runs. */
  terminate(): Promise<void>;
}

/** Where the system's output goes. The counts say how many bytes were taken. */
export interface Console {
  terminalWrite(terminal: number, bytes: Uint8Array<ArrayBuffer>): number;
  /** Standard output (1) or error (2) of the host; or -errno. */
  streamWrite(stream: number, bytes: Uint8Array<ArrayBuffer>): number;
  /** Someone reads the host's standard input: feed it with streamInput. */
  streamWanted(): void;
  log(level: number, text: string): void;
}

export interface Platform extends Console {
  /** Throws when the host has no room for another. */
  startWorker(): WorkerHandle;
  /** Let other events be handled. */
  yield(): Promise<void>;
  /** Block stores and file trees are not the same everywhere. */
  fsDriver(host: DriverHost): Driver & FsImports;
  /** The start failed, or the system has stopped. Called at most once. */
  failed(kind: FailureKind, message: string): void;
}
