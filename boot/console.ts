/*
 * Node's standard streams as the system's console.
 *
 * A stream that is a terminal shows /dev/tty1; one that isn't is passed through
 * byte by byte. Output is written one piece at a time: while one is under way the kernel
 * keeps the rest, so a slow reader slows the program, not us.
 */
import { spawn } from 'node:child_process';
import type { WriteStream } from 'node:tty';
import { EIO, EPIPE } from '../drivers-ts/errno.ts';
import type { Console } from './platform.ts';
import type { Supervisor } from './supervisor-core.ts';

/** The one terminal of a Node host. */
export const TERMINAL = 1;
const STDIN_BIT = 1;
const STDOUT_BIT = 2;
const STDERR_BIT = 4;
const INPUT = { none: 0, terminal: 1, stream: 2 } as const;

/** Less urgent lines of the kernel's log are only shown on request. */
const LOG_WARNING = 4;
/** Bytes handed to Node at once. */
const WRITE_BYTES_MAX = 64 * 1024;

/** One of our output streams. */
class Sink {
  readonly #stream: NodeJS.WriteStream;
  /** The stream can take more, or never will (with an errno). */
  readonly #drained: (error: number) => void;
  #busy = false;
  #error = 0;
  #idle: (() => void)[] = [];

  constructor(stream: NodeJS.WriteStream, drained: (error: number) => void) {
    this.#stream = stream;
    this.#drained = drained;
    // Without a listener an EPIPE would end us.
    stream.on('error', (error: NodeJS.ErrnoException) => this.#done(error));
  }

  /** How many bytes were taken, or -errno. */
  write(bytes: Uint8Array): number {
    if (this.#error) return -this.#error;
    if (this.#busy) return 0;
    const part = bytes.subarray(0, WRITE_BYTES_MAX);
    this.#busy = true;
    this.#stream.write(part, (error) => this.#done(error));
    return part.length;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#busy) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #done(error: NodeJS.ErrnoException | null | undefined): void {
    if (error && !this.#error) this.#error = error.code === 'EPIPE' ? EPIPE : EIO;
    if (!this.#busy && !error) return;
    this.#busy = false;
    this.#drained(this.#error);
    this.#idle.splice(0).forEach((resolve) => resolve());
  }
}

export class StandardStreams implements Console {
  /** Bits of spawn's `streams`: which descriptors don't belong to the terminal. */
  readonly bits: number;
  readonly #verbose: boolean;
  readonly #terminal: WriteStream | null;
  readonly #sinks = new Map<number, Sink>();
  #supervisor: Supervisor | null = null;
  #input: (typeof INPUT)[keyof typeof INPUT] = INPUT.none;
  #rawMode = false;
  /** Bytes read ahead that no program has taken. */
  #pending: Uint8Array = new Uint8Array();
  #ended = false;

  constructor(verbose: boolean) {
    this.#verbose = verbose;
    this.bits =
      (process.stdin.isTTY ? 0 : STDIN_BIT) |
      (process.stdout.isTTY ? 0 : STDOUT_BIT) |
      (process.stderr.isTTY ? 0 : STDERR_BIT);
    this.#terminal = process.stdout.isTTY ? process.stdout : process.stderr.isTTY ? process.stderr : null;
  }

  /** 0 when none of the three is a terminal. */
  get terminal(): number {
    return this.#terminal || process.stdin.isTTY ? TERMINAL : 0;
  }

  /** From here on input is passed on. */
  attach(supervisor: Supervisor): void {
    this.#supervisor = supervisor;
    this.resize();
    this.#terminal?.on('resize', () => this.resize());
    if (!process.stdin.isTTY) return;
    this.#input = INPUT.terminal;
    this.setRawMode(true);
    process.stdin.on('data', (bytes: Buffer) => supervisor.terminalInput(TERMINAL, bytes));
    process.stdin.on('end', () => supervisor.terminalHangup(TERMINAL));
    process.stdin.on('error', () => supervisor.terminalHangup(TERMINAL)); // EIO: the terminal is gone
  }

  /** Terminals only: the guest's line discipline works, not the host's. */
  setRawMode(raw: boolean): void {
    if (!process.stdin.isTTY || raw === this.#rawMode) return;
    this.#rawMode = raw;
    try {
      process.stdin.setRawMode(raw);
    } catch {
      return; // The terminal is gone; there is nothing to restore.
    }
    // libuv's raw mode still turns \n into \r\n, and its restoring undoes this too.
    if (raw) spawn('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] }).on('error', () => undefined);
  }

  /** After a stop and SIGCONT: whoever had the terminal meanwhile has set it as they like. */
  resume(): void {
    if (!this.#rawMode) return;
    this.#rawMode = false;
    this.setRawMode(true);
    this.resize();
  }

  resize(): void {
    if (this.#terminal) this.#supervisor?.terminalResize(TERMINAL, this.#terminal.columns, this.#terminal.rows);
  }

  /** Resolves when all output that programs have written is with Node's streams. */
  async flush(): Promise<void> {
    for (const sink of this.#sinks.values()) await sink.idle();
  }

  terminalWrite(_terminal: number, bytes: Uint8Array<ArrayBuffer>): number {
    const stream = this.#terminal;
    if (!stream) return bytes.length; // stdin alone is a terminal: its echo has nowhere to go
    const sink = this.#sink(0, stream, () => this.#supervisor?.terminalDrained(TERMINAL));
    // A terminal that is gone swallows what is written to it; SIGHUP tells the guest.
    const taken = sink.write(bytes);
    return taken < 0 ? bytes.length : taken;
  }

  streamWrite(stream: number, bytes: Uint8Array<ArrayBuffer>): number {
    const target = stream === 2 ? process.stderr : process.stdout;
    return this.#sink(stream, target, (error) => this.#supervisor?.streamDrained(stream, error)).write(bytes);
  }

  streamWanted(): void {
    // Called from within the kernel; what we answer with enters it again.
    queueMicrotask(() => this.#feedStream());
  }

  log(level: number, text: string): void {
    if (!this.#verbose && level > LOG_WARNING) return;
    process.stderr.write(`tabos: ${text.trimEnd()}${this.#rawMode ? '\r' : ''}\n`);
  }

  #sink(key: number, stream: NodeJS.WriteStream, drained: (error: number) => void): Sink {
    let sink = this.#sinks.get(key);
    if (!sink) this.#sinks.set(key, (sink = new Sink(stream, drained)));
    return sink;
  }

  /** Read ahead no more than one piece, so that what we don't need is left to others. */
  #feedStream(): void {
    if (this.#input === INPUT.none) {
      this.#input = INPUT.stream;
      process.stdin.on('data', (bytes: Buffer) => {
        process.stdin.pause();
        this.#pending = bytes;
        this.#offer();
      });
      process.stdin.on('end', () => this.#endStream());
      process.stdin.on('error', () => this.#endStream());
      return;
    }
    if (this.#pending.length > 0) this.#offer();
    else if (this.#ended) this.#supervisor?.streamEnd();
    else process.stdin.resume();
  }

  #offer(): void {
    const taken = this.#supervisor?.streamInput(this.#pending) ?? 0;
    this.#pending = this.#pending.subarray(taken);
  }

  #endStream(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#pending.length === 0) this.#supervisor?.streamEnd();
  }
}
