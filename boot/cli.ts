/*
 * The command `tabos`: runs a shell, a command line or a program in TabOS.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism, constants } from 'node:os';
import { basename } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { StandardStreams } from './console.ts';
import { bootNode, defaultHome, type NodeOptions } from './node.ts';
import { parseArguments, USAGE, UsageError, type Arguments } from './arguments.ts';
import type { SpawnOptions } from './protocol.ts';
import { BootFailure, type Supervisor } from './supervisor-core.ts';
import type { TarFile } from './tar.ts';
import { openTrees } from './trees.ts';

/** As shells say it: misuse, found but not runnable, not found. */
const STATUS_USAGE = 2;
const STATUS_NOT_RUNNABLE = 126;
const STATUS_NOT_FOUND = 127;
const STATUS_BROKEN = 70; // EX_SOFTWARE
const ENOENT = 2;

/** Passed on to the guest's processes. SIGINT and SIGQUIT come from outside only: a raw terminal makes none. */
const FORWARDED = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const;
/** For open handles to close by themselves. */
const EXIT_MS = 1000;
/** A guest that ignores the end of its terminal is given this long. */
const HANGUP_MS = 2000;

const HOST_PROGRAMS = '/run/host';

type ProgramRun = Exclude<Arguments['run'], { kind: 'print' }>;

interface Plan {
  readonly program: SpawnOptions;
  readonly files: readonly TarFile[];
}

function environment(args: Arguments): string[] {
  const env = new Map([
    ['PATH', '/usr/local/bin:/usr/bin:/bin'],
    ['HOME', '/root'],
    ['USER', 'root'],
    ['LOGNAME', 'root'],
    ['SHELL', '/bin/ash'],
    ['TERM', process.env['TERM'] ?? 'dumb'],
    ['LANG', 'C.UTF-8'],
    ['PWD', args.cwd],
  ]);
  for (const { name, value } of args.env) env.set(name, value);
  return [...env].map(([name, value]) => `${name}=${value}`);
}

async function plan(args: Arguments, run: ProgramRun, streams: StandardStreams): Promise<Plan> {
  const common = {
    env: environment(args),
    cwd: args.cwd,
    terminal: streams.terminal,
    streams: streams.bits,
  };
  switch (run.kind) {
    case 'shell':
      return { program: { ...common, path: '/bin/ash', argv: ['-ash'] }, files: [] };
    case 'command':
      return {
        program: { ...common, path: '/bin/sh', argv: ['sh', '-c', run.command, ...run.args] },
        files: [],
      };
    case 'file': {
      const path = `${HOST_PROGRAMS}/${basename(run.path)}`;
      const data = await readFile(run.path);
      return {
        // Its name inside, so that a program can start itself again by it.
        program: { ...common, path, argv: [path, ...run.args] },
        files: [{ path, mode: 0o755, data }],
      };
    }
  }
}

function forwardSignals(supervisor: Supervisor, streams: StandardStreams, pid: number): void {
  for (const name of FORWARDED)
    process.on(name, () => {
      // A process with a terminal is ended like a terminal emulator: its window closes.
      if (name === 'SIGTERM' && process.stdin.isTTY) hangUp(supervisor, streams, pid, name);
      else supervisor.kill(-pid, constants.signals[name]);
    });
  process.on('SIGHUP', () => hangUp(supervisor, streams, pid, 'SIGHUP'));
  process.on('SIGCONT', () => streams.resume());
}

function hangUp(supervisor: Supervisor, streams: StandardStreams, pid: number, name: 'SIGHUP' | 'SIGTERM'): void {
  if (streams.terminal) supervisor.terminalHangup(streams.terminal);
  else supervisor.kill(-pid, constants.signals[name]);
  setTimeout(() => process.exit(128 + constants.signals[name]), HANGUP_MS).unref();
}

/** As $? has it. */
function shellStatus(waitStatus: number): number {
  const signal = waitStatus & 0x7f;
  return signal ? 128 + signal : (waitStatus >> 8) & 0xff;
}

/** A shell is where one works, and finds one's files again; a command is run for what it does, many at once. */
function homeOf({ home }: Arguments, run: ProgramRun): Pick<NodeOptions, 'home' | 'homeFailed'> {
  if (home === 'none' || (home === null && run.kind !== 'shell')) return {};
  const path = home ?? defaultHome();
  if (home !== null)
    return {
      home: path,
      homeFailed() {
        throw new BootFailure('internal', `${path} can't be /home`);
      },
    };
  return { home: path, homeFailed: () => process.stderr.write(`tabos: /home won't last: ${path} can't be used\n`) };
}

async function start(args: Arguments, run: ProgramRun, streams: StandardStreams): Promise<number> {
  const { program, files } = await plan(args, run, streams);
  let fail: (error: BootFailure) => void = () => undefined;
  const failure = new Promise<never>((_, reject) => (fail = reject));
  failure.catch(() => undefined); // it is raced below
  const supervisor = await bootNode({
    console: streams,
    cpus: args.cpus ?? availableParallelism(),
    trees: openTrees(args.mounts),
    files,
    failed: (kind, message) => fail(new BootFailure(kind, message)),
    ...homeOf(args, run),
    ...(args.kernel === null ? {} : { kernel: args.kernel }),
    ...(args.archive === null ? {} : { archive: args.archive }),
  });
  try {
    return await runIn(supervisor, args, { program, run }, streams, failure);
  } finally {
    streams.setRawMode(false);
    await supervisor.stop();
  }
}

/** Run the program to its end; the status for our own caller. */
async function runIn(
  supervisor: Supervisor,
  args: Arguments,
  { program, run }: { readonly program: SpawnOptions; readonly run: ProgramRun },
  streams: StandardStreams,
  failure: Promise<never>,
): Promise<number> {
  args.mounts.forEach(({ guest, readOnly }, tree) => {
    const result = supervisor.mount(String(tree), guest, '9p', readOnly ? 'ro' : '');
    if (result < 0) throw new BootFailure('internal', `cannot mount on ${guest}: ${getSystemErrorMessage(result)}`);
  });
  const ended = new Map<number, number>();
  let wake: () => void = () => undefined;
  supervisor.onExit((pid, status) => {
    ended.set(pid, status);
    wake();
  });
  streams.attach(supervisor);
  const pid = supervisor.spawn(program);
  if (pid < 0) {
    process.stderr.write(
      `tabos: cannot run ${run.kind === 'file' ? run.path : program.path}: ${getSystemErrorMessage(pid)}\n`,
    );
    return pid === -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUNNABLE;
  }
  forwardSignals(supervisor, streams, pid);
  while (!ended.has(pid)) await Promise.race([failure, new Promise<void>((resolve) => (wake = resolve))]);
  await streams.flush();
  await supervisor.sync();
  return shellStatus(ended.get(pid) ?? 0);
}

async function main(): Promise<number> {
  const args = parseArguments(process.argv.slice(2));
  const { run } = args;
  if (run.kind === 'print') {
    process.stdout.write(run.text);
    return 0;
  }
  const streams = new StandardStreams(args.verbose);
  // The last thing of every way out, an uncaught error's too.
  process.on('exit', () => streams.setRawMode(false));
  return await start(args, run, streams);
}

function report(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`tabos: ${error.message}\n${USAGE}`);
    return STATUS_USAGE;
  }
  if (error instanceof BootFailure) {
    process.stderr.write(`tabos: ${error.message}\n`);
    return STATUS_BROKEN;
  }
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
    process.stderr.write(`tabos: ${error.message}\n`);
    return STATUS_NOT_FOUND;
  }
  process.stderr.write(`tabos: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return STATUS_BROKEN;
}

process.exitCode = await main().catch(report);
process.stdin.destroy();
// Nothing is left to wait for, and an exit by itself is the safe one: process.exit joins V8's compiler
// threads, which may wait for this thread in turn. Whatever still holds on is given a moment.
setTimeout(() => process.exit(), EXIT_MS).unref();
