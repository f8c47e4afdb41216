/*
 * The command line of `tabos`.
 */
export const USAGE = `usage: tabos [OPTION]...                      an interactive shell
       tabos [OPTION]... -c COMMAND [ARG]...  a command line, as sh -c
       tabos [OPTION]... FILE.wasm [ARG]...   a program of the host

  --mount HOSTDIR:GUESTDIR[:ro]   show a directory of the host in the system
  --home FILE|DIRECTORY|none      where /home is kept; without it, a shell's lasts
                                  (in ~/.local/share/tabos), a command's does not
  --env NAME=VALUE                set an environment variable
  --cwd DIRECTORY                 start in this directory of the system
  --cpus NUMBER                   as if the machine had so many processors
  --verbose                       show the kernel's log
  --kernel FILE, --archive FILE   boot these instead of the built ones
  --help, --version
`;

export class UsageError extends Error {}

export interface Mount {
  readonly host: string;
  readonly guest: string;
  readonly readOnly: boolean;
}

export type Run =
  | { readonly kind: 'shell' }
  | { readonly kind: 'command'; readonly command: string; readonly args: readonly string[] }
  | { readonly kind: 'file'; readonly path: string; readonly args: readonly string[] }
  | { readonly kind: 'print'; readonly text: string };

export interface Arguments {
  readonly run: Run;
  readonly mounts: readonly Mount[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly cwd: string;
  /** A path of the host, or 'none'; null: not said. */
  readonly home: string | null;
  /** null: as many as the machine has. */
  readonly cpus: number | null;
  readonly verbose: boolean;
  readonly kernel: string | null;
  readonly archive: string | null;
}

/** Of the package; the command has no other. */
const VERSION = '0.1.0';

function parseMount(text: string): Mount {
  const match = /^(.+?):(\/[^:]*)(?::(ro|rw))?$/.exec(text);
  if (!match?.[1] || !match[2]) throw new UsageError(`--mount takes HOSTDIR:GUESTDIR, not ${text}`);
  return { host: match[1], guest: match[2], readOnly: match[3] === 'ro' };
}

function parseVariable(text: string): { name: string; value: string } {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(`--env takes NAME=VALUE, not ${text}`);
  return { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

/** As many as task/sched.h has room for. */
const CPUS_MAX = 128;

function parseCpus(text: string): number {
  const cpus = Number(text);
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > CPUS_MAX)
    throw new UsageError(`--cpus takes a number from 1 to ${CPUS_MAX}, not ${text}`);
  return cpus;
}

/** Options end at the first word that is none, at -c or at --: the rest is the program's. */
export function parseArguments(words: readonly string[]): Arguments {
  const rest = [...words];
  const mounts: Mount[] = [];
  const env: { name: string; value: string }[] = [];
  let cwd = '/root';
  let home: string | null = null;
  let cpus: number | null = null;
  let verbose = false;
  let kernel: string | null = null;
  let archive: string | null = null;
  let run: Run = { kind: 'shell' };

  const value = (option: string): string => {
    const next = rest.shift();
    if (next === undefined) throw new UsageError(`${option} needs a value`);
    return next;
  };

  while (rest.length > 0 && run.kind === 'shell') {
    const word = value('');
    const [option = '', attached] = word.startsWith('--') ? word.split(/=(.*)/s) : [word];
    if (attached !== undefined) rest.unshift(attached);
    switch (option) {
      case '--mount':
        mounts.push(parseMount(value(option)));
        break;
      case '--env':
        env.push(parseVariable(value(option)));
        break;
      case '--cwd':
        cwd = value(option);
        break;
      case '--home':
        home = value(option);
        break;
      case '--cpus':
        cpus = parseCpus(value(option));
        break;
      case '--kernel':
        kernel = value(option);
        break;
      case '--archive':
        archive = value(option);
        break;
      case '--verbose':
        verbose = true;
        break;
      case '--help':
        run = { kind: 'print', text: USAGE };
        break;
      case '--version':
        run = { kind: 'print', text: `tabos ${VERSION}\n` };
        break;
      case '-c': {
        const command = value(option);
        run = { kind: 'command', command, args: rest.splice(0) };
        break;
      }
      case '--':
        if (rest.length > 0) run = { kind: 'file', path: value(option), args: rest.splice(0) };
        break;
      default:
        if (word.startsWith('-')) throw new UsageError(`unknown option ${word}`);
        run = { kind: 'file', path: word, args: rest.splice(0) };
    }
  }
  return { run, mounts, env, cwd, home, cpus, verbose, kernel, archive };
}
