/*
 * The messages between the page and the supervisor worker, and between the
 * supervisor and its task workers. Messages of one direction arrive in order.
 *
 * The page starts `supervisor.js` as a module worker and posts `boot` once.
 * The answer is `progress`…, then `ready` or `failed`. After `ready` the page may
 * spawn programs and feed terminals. Terminals are numbered from 1 and exist
 * from the start as /dev/tty1…; opening a window means `terminal-resize`, then
 * `spawn` with that number; closing it means `terminal-close`.
 */
import type { GivenFile } from '../drivers-ts/host-channel.ts';
import type { ProgramInfo } from './modules.ts';
import type { WorkerReport, WorkerRequest } from './page-workers.ts';

/** What the supervisor worker loads and how it sets the kernel up. URLs are absolute. */
export interface BootOptions {
  readonly kernel: string;
  readonly uaccess: string;
  /** The boot archive: a tar, gzipped. */
  readonly archive: string;
  /** Forward kernel log lines of every level, not just of errors. */
  readonly verbose?: boolean;
  /** Processors to tell the kernel of; navigator.hardwareConcurrency when absent. */
  readonly cpus?: number;
  /** 'current' when absent. */
  readonly home?: HomeStore;
}

/** Which kind of store holds /home: the one it is in (at first the faster), or one it moves to; or nothing lasts. */
export type HomeStore = 'current' | 'idb' | 'opfs' | 'volatile';

/** What a tab does when another one has /home. */
export type BusyChoice = 'again' | 'read-only' | 'volatile';

/** What /home is. */
export interface HomeState {
  readonly mode: 'lasting' | 'read-only' | 'volatile';
  /** Its device; null when it is volatile. */
  readonly device: string | null;
  /** Why it could not be what was wanted. */
  readonly problem: string | null;
}

/** A program to start as a child of init, in a session of its own. */
export interface SpawnOptions {
  /** Absolute path of the program. */
  readonly path: string;
  readonly argv: readonly string[];
  /** "NAME=value" strings. */
  readonly env: readonly string[];
  /** Working directory; the root when absent. */
  readonly cwd?: string;
  /** N > 0: /dev/ttyN is its controlling terminal and its descriptors 0, 1 and 2. */
  readonly terminal?: number;
  /** Bits 1, 2, 4: the host's standard input, output, error in their place (Node). */
  readonly streams?: number;
}

/** What a failure is about, for the words on the page. */
export type FailureKind =
  | 'download' // a file can't be fetched
  | 'compile' // kernel.wasm or uaccess.wasm isn't what this boot code expects, or the browser can't run it
  | 'memory' // no memory for the kernel
  | 'archive' // the boot archive is corrupt
  | 'worker' // workers can't be started
  | 'panic' // the kernel has found itself broken; everything has stopped
  | 'internal';

export type ToSupervisor =
  | WorkerReport
  | { readonly type: 'boot'; readonly options: BootOptions }
  /** `request` is the page's own number; `spawned` repeats it. */
  | { readonly type: 'spawn'; readonly request: number; readonly program: SpawnOptions }
  | { readonly type: 'kill'; readonly pid: number; readonly signal: number }
  /** Typed bytes. All of them arrive, also when the terminal is slow to take them. */
  | { readonly type: 'terminal-input'; readonly terminal: number; readonly data: Uint8Array }
  /** The page has shown `bytes` of what `terminal-output` brought (flow control). */
  | { readonly type: 'terminal-ack'; readonly terminal: number; readonly bytes: number }
  | { readonly type: 'terminal-resize'; readonly terminal: number; readonly columns: number; readonly rows: number }
  /** The answer to `files-wanted`: null for none. */
  | { readonly type: 'files'; readonly request: number; readonly files: readonly GivenFile[] | null }
  /** Files dropped onto a terminal: they go to its shell's directory. `dropped` repeats `request`. */
  | {
      readonly type: 'drop';
      readonly request: number;
      readonly terminal: number;
      readonly files: readonly GivenFile[];
    }
  /** Hand /home over as an ext2 image (`give`, or `not-given`), or replace it by one and stop (`home-replaced`). */
  | { readonly type: 'export-home' }
  | { readonly type: 'import-home'; readonly image: Blob }
  /** The answer to `home-busy`. */
  | { readonly type: 'home-choice'; readonly choice: BusyChoice }
  /** The window has closed: SIGHUP. Unacknowledged output is forgotten. */
  | { readonly type: 'terminal-close'; readonly terminal: number }
  /** Put a file into the running system, as root; `written` repeats `request`. */
  | {
      readonly type: 'write-file';
      readonly request: number;
      readonly path: string;
      readonly mode: number;
      readonly data: Uint8Array;
    };

export type FromSupervisor =
  | WorkerRequest
  /** Bytes of a download so far; `total` is 0 while nobody knows. */
  | {
      readonly type: 'progress';
      readonly name: 'kernel' | 'uaccess' | 'archive';
      readonly loaded: number;
      readonly total: number;
    }
  /** A step of the start, for the eye. */
  | { readonly type: 'step'; readonly step: 'compile' | 'unpack' }
  /** What the page's watchdog looks at. */
  | { readonly type: 'watch'; readonly memory: WebAssembly.Memory; readonly address: number }
  /** Another tab has /home: the start goes on after `home-choice`. */
  | { readonly type: 'home-busy' }
  | { readonly type: 'ready'; readonly home: HomeState }
  /** The start failed, or (after `ready`) the system has stopped. */
  | { readonly type: 'failed'; readonly kind: FailureKind; readonly message: string }
  /** A file for the person. */
  | { readonly type: 'give'; readonly name: string; readonly data: Blob }
  /** A file that was asked for can't be had. */
  | { readonly type: 'not-given'; readonly name: string; readonly problem: string }
  /** A program asks for files, and no longer does. */
  | { readonly type: 'files-wanted'; readonly request: number }
  | { readonly type: 'files-unwanted'; readonly request: number }
  /** Where the files went, or what was wrong. */
  | { readonly type: 'dropped'; readonly request: number; readonly text: string }
  /** The image is in place, or why not. */
  | { readonly type: 'home-replaced'; readonly problem: string | null }
  /** `pid` is the new process, or -errno. */
  | { readonly type: 'spawned'; readonly request: number; readonly pid: number }
  | { readonly type: 'written'; readonly request: number; readonly result: number }
  /** A process that `spawn` made has ended; exactly one of code and signal is not null. */
  | { readonly type: 'exited'; readonly pid: number; readonly code: number | null; readonly signal: number | null }
  /** Output. At most TERMINAL_WINDOW bytes are on the way unacknowledged. */
  | { readonly type: 'terminal-output'; readonly terminal: number; readonly data: Uint8Array }
  /** A line of the kernel's log; level as syslog, 0 panic … 7 debug. */
  | { readonly type: 'log'; readonly level: number; readonly text: string };

/**
 * Output on its way to the page per terminal. Enough for xterm.js to be busy for
 * a few frames; little enough that Ctrl-C stops a flood at once.
 */
export const TERMINAL_WINDOW = 128 * 1024;

/* ---- supervisor and task workers ---- */

/** A compiled program with what the boot code has to know about it. */
export interface Program {
  readonly id: number;
  readonly module: WebAssembly.Module;
  readonly info: ProgramInfo;
}

/** The first message of a task worker. */
export interface TaskStart {
  readonly type: 'start';
  readonly kernel: WebAssembly.Module;
  readonly uaccess: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly slot: number;
  /** Top of its kernel stack and its TLS area, addresses in kernel memory. */
  readonly stack: number;
  readonly tls: number;
  /** Milliseconds since the epoch that host.now counts from. */
  readonly origin: number;
  /** Words shared by all workers: see CONTROL. */
  readonly control: SharedArrayBuffer;
  /** Two words: not 0 once the supervisor has terminated this worker; how many 'memory' messages it sent. */
  readonly killed: SharedArrayBuffer;
  readonly programs: readonly Program[];
}

/** Indexes into the control words. */
export const CONTROL = { nextModule: 0, words: 1 } as const;

export type ToTask =
  | TaskStart
  /** Wait on a word of kernel memory and report each change (where Atomics.waitAsync is missing). */
  | { readonly type: 'doorbell'; readonly memory: WebAssembly.Memory; readonly address: number }
  /** All programs that this worker doesn't know, in answer to `want-program`. */
  | { readonly type: 'programs'; readonly programs: readonly Program[] }
  /** The program it wants was dropped too long ago. */
  | { readonly type: 'no-program'; readonly id: number }
  /** The memory with the kernel's number `id` in answer to `want-memory`; null when there is none. */
  | { readonly type: 'memory'; readonly id: number; readonly memory: WebAssembly.Memory | null }
  /** A memory in answer to `want-space`; null when there is no room for one. */
  | { readonly type: 'space'; readonly memory: WebAssembly.Memory | null };

export type FromTask =
  /** The worker has attached itself to its slot. */
  | { readonly type: 'attached' }
  | { readonly type: 'program'; readonly program: Program }
  | { readonly type: 'drop-program'; readonly id: number }
  | { readonly type: 'want-program'; readonly id: number }
  /** The memory this worker's program now lives in, where the supervisor may poke. */
  | { readonly type: 'memory'; readonly memory: WebAssembly.Memory | null }
  /** This worker could not make a memory of so many pages for its program. */
  | { readonly type: 'want-space'; readonly pages: number }
  /** A process makes a thread: some worker will want its memory. */
  | { readonly type: 'share-memory'; readonly id: number; readonly memory: WebAssembly.Memory }
  | { readonly type: 'want-memory'; readonly id: number }
  /** This worker's task in that memory has ended. */
  | { readonly type: 'leave-memory'; readonly id: number }
  | { readonly type: 'log'; readonly level: number; readonly text: string }
  /** The worker was told to close: it is out of the kernel for good. */
  | { readonly type: 'closing' }
  /** The worker can't go on; its last words. */
  | { readonly type: 'broken'; readonly message: string }
  | { readonly type: 'rung' };
