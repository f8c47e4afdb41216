/** The command tabos in Node: streams, statuses, signals, the terminal. Needs the built system. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { BUSY_LOOP, compileC } from './c-programs.ts';

const CLI = fileURLToPath(new URL('../build/node/cli.js', import.meta.url));
const DEADLINE_MS = 60_000;

/** A job that says when it has the terminal; before that, keys go to the shell. */
const JOB = "sh -c 'echo up$((1)); sleep 1000'";
const JOB_RUNS = 'up1\r\n';

interface Outcome {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const running = new Set<ChildProcessWithoutNullStreams>();

function start(program: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  const child = spawn(program, args);
  running.add(child);
  child.on('exit', () => running.delete(child));
  child.stdin.on('error', () => undefined); // it may end without reading all
  return child;
}

const tabos = (...args: string[]): ChildProcessWithoutNullStreams => start(process.execPath, [CLI, ...args]);

async function finish(child: ChildProcessWithoutNullStreams, input: string | Buffer = ''): Promise<Outcome> {
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: code as number | null, stdout, stderr };
}

async function sh(command: string, ...args: string[]): Promise<[string, number | null]> {
  const { stdout, code } = await finish(tabos('-c', command, ...args));
  return [stdout.toString(), code];
}

/** All that a stream says, to wait for. */
class Transcript {
  #all = '';
  #ended = false;
  #changed: () => void = () => undefined;

  constructor(stream: NodeJS.ReadableStream) {
    stream.on('data', (bytes: Buffer) => {
      this.#all += bytes.toString();
      this.#changed();
    });
    stream.on('end', () => {
      this.#ended = true;
      this.#changed();
    });
  }

  /** Wait for `wanted` after what was waited for before; what came before it. */
  async until(wanted: string): Promise<string> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#changed();
    }, DEADLINE_MS - 5000);
    while (!this.#all.includes(wanted)) {
      if (this.#ended) assert.fail(`ended without ${wanted}: ${this.#all}`);
      if (late) assert.fail(`no ${wanted}: ${this.#all}`);
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
    clearTimeout(timer);
    const at = this.#all.indexOf(wanted);
    const before = this.#all.slice(0, at);
    this.#all = this.#all.slice(at + wanted.length);
    return before;
  }
}

describe('node', function () {
  this.timeout(DEADLINE_MS);
  let directory: string;

  before(() => (directory = mkdtempSync(join(tmpdir(), 'tabos-node-'))));
  after(() => rmSync(directory, { recursive: true }));
  afterEach(() => running.forEach((child) => child.kill('SIGKILL')));

  it('node: -c runs a command line, with its arguments', async () => {
    assert.deepEqual(await sh('echo "$0 $2"', 'zero', 'one', 'two words'), ['zero two words\n', 0]);
  });

  it('node: the exit status is the one a shell gives', async () => {
    assert.equal((await sh('exit 42'))[1], 42);
    assert.equal((await sh('kill -9 $$'))[1], 137);
    assert.equal((await sh('nonesuch 2>/dev/null'))[1], 127);
    assert.equal((await sh('cat /dev/null | (exit 3)'))[1], 3);
  });

  it('node: standard input and output pass every byte', async () => {
    const data = randomBytes(1_500_000);
    const { stdout, code } = await finish(tabos('-c', 'cat | cat'), data);
    assert.equal(code, 0);
    assert.ok(stdout.equals(data));
  });

  it('node: standard error is apart from standard output', async () => {
    const { stdout, stderr } = await finish(tabos('-c', 'echo out; echo err >&2'));
    assert.deepEqual([stdout.toString(), stderr], ['out\n', 'err\n']);
  });

  it('node: --env and --cwd reach the program', async () => {
    const { stdout } = await finish(tabos('--env', 'FRUIT=a=b', '--cwd', '/tmp', '-c', 'echo $FRUIT; pwd'));
    assert.equal(stdout.toString(), 'a=b\n/tmp\n');
  });

  it('node: when the reader of the output has gone, the writer gets EPIPE and all ends', async () => {
    const child = tabos('-c', 'yes');
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = await once(child, 'exit');
    assert.equal(code, 128 + 13);
  });

  for (const [signal, number] of [
    ['SIGTERM', 15],
    ['SIGINT', 2],
    ['SIGHUP', 1],
  ] as const)
    it(`node: ${signal} goes to the programs`, async () => {
      const child = tabos('-c', 'echo ready; sleep 1000');
      await new Transcript(child.stdout).until('ready');
      child.kill(signal);
      const [code] = await once(child, 'exit');
      assert.equal(code, 128 + number);
    });

  it('node: what is no program is refused, with the reason', async () => {
    const path = join(directory, 'foreign.wasm');
    writeFileSync(path, Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    const { code, stderr } = await finish(tabos(path));
    assert.equal(code, 126);
    assert.match(stderr, /not built for TabOS/);
  });

  it('node: a file that is not there and an option that is none', async () => {
    assert.equal((await finish(tabos(join(directory, 'nonesuch.wasm')))).code, 127);
    const { code, stderr } = await finish(tabos('--nonesuch'));
    assert.equal(code, 2);
    assert.match(stderr, /usage: tabos/);
  });

  it('node: a corrupt boot archive is a readable message', async () => {
    const path = join(directory, 'boot.tar.gz');
    writeFileSync(path, readFileSync(new URL('../build/site/boot.tar.gz', import.meta.url)).subarray(0, 100_000));
    const { code, stderr } = await finish(tabos('--archive', path, '-c', 'true'));
    assert.equal(code, 70);
    assert.match(stderr, /boot archive is corrupt/);
  });

  it('node: Ctrl-C interrupts a loop without calls, which goes on afterwards', async () => {
    const program = join(directory, 'busy.wasm');
    writeFileSync(program, compileC(BUSY_LOOP));
    const child = start('script', ['-qec', `'${process.execPath}' '${CLI}' '${program}'`, '/dev/null']);
    const screen = new Transcript(child.stdout);
    await screen.until('busy\r\n');
    for (let times = 1; times <= 3; times++) {
      child.stdin.write('\x03');
      await screen.until(`SIGINT ${times}\r\n`);
    }
    await screen.until('went on\r\n');
    child.stdin.write('\x1c'); // SIGQUIT, which has its default action
    await once(child, 'exit');
  });

  describe('in a terminal', () => {
    let child: ChildProcessWithoutNullStreams;
    let screen: Transcript;

    beforeEach(async () => {
      const command = `stty rows 30 columns 90; '${process.execPath}' '${CLI}'; echo "status $?"; stty -a`;
      child = start('script', ['-qec', command, '/dev/null']);
      screen = new Transcript(child.stdout);
      await screen.until('# ');
    });

    it('node: a shell runs, knows the size, and its end gives the terminal back', async () => {
      child.stdin.write('stty size; exit 7\r');
      await screen.until('30 90\r\n');
      await screen.until('status 7');
      assert.match(await screen.until('echoke'), /[^-]icanon/);
    });

    it('node: Ctrl-C reaches the program, and the shell goes on', async () => {
      // Not JOB: a dash that is just starting its sleep takes a SIGINT for the sleep's, on Linux too.
      child.stdin.write('yes\r');
      await screen.until('y\r\ny\r\n');
      child.stdin.write('\x03');
      await screen.until('# ');
      child.stdin.write('echo $((6 * 7))\r');
      await screen.until('42');
    });

    it('node: Ctrl-Z stops a job, and kill ends it', async () => {
      child.stdin.write(`${JOB}\r`);
      await screen.until(JOB_RUNS);
      child.stdin.write('\x1a');
      await screen.until('Stopped');
      child.stdin.write('kill %1; wait; echo all gone\r');
      await screen.until('all gone\r\n');
      await screen.until('all gone\r\n');
    });

    it('node: bash is a login shell with job control', async () => {
      const enter = async (line: string, answer: string): Promise<void> => {
        child.stdin.write(`${line}\r`);
        await screen.until(answer);
        await screen.until('# ');
      };
      await enter('exec bash -l', 'TabOS');
      await enter('shopt login_shell', 'on\r\n');
      child.stdin.write(`${JOB}\r`);
      await screen.until(JOB_RUNS);
      child.stdin.write('\x1a');
      // Not '[1]+': a bash that has not yet noted the job when it stops doesn't make it the current one.
      await screen.until('Stopped');
      await screen.until('# ');
      await enter('bg %1', 'sh -c');
      await enter('jobs', 'Running');
      // A job in the background that reads the terminal stops, and reads when it comes back.
      await enter('cat &', '[2] ');
      await enter('until jobs %2 | grep Stopped; do :; done', 'Stopped                 cat\r\n');
      child.stdin.write('fg %2\r');
      await screen.until('cat\r\n');
      child.stdin.write('a line\r');
      await screen.until('a line\r\na line\r\n');
      child.stdin.write('\x04');
      await screen.until('# ');
      child.stdin.write('fg %1\r');
      await screen.until('sleep 1000');
      // As a person would, more than once: bash names the job before it gives it the terminal.
      const interrupt = (): boolean => child.stdin.write('\x03');
      const timer = setInterval(interrupt, 1000);
      interrupt();
      await screen.until('# ').finally(() => clearInterval(timer));
      await enter('echo status $?', 'status 130\r\n');
      await enter('sleep 1000 & kill %1; wait %1; echo status $?', 'status 143\r\n');
    });
  });

  describe('--home', () => {
    let directory: string;
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'tabos-home-'));
    });
    afterEach(() => rmSync(directory, { recursive: true }));

    const atHome = (command: string): Promise<Outcome> => finish(tabos('--home', directory, '-c', command));

    it('node: files are there the next time, and one system has them at a time', async () => {
      const first = tabos('--home', directory, '-c', 'echo kept > /home/f; sync; echo made; cat');
      await new Transcript(first.stdout).until('made');
      const second = await atHome('cat /home/f');
      assert.match(second.stderr, /can't be \/home/);
      assert.notEqual(second.code, 0);
      first.stdin.end();
      await once(first, 'exit');
      const { stdout, code } = await atHome('cat /home/f');
      assert.deepEqual([stdout.toString(), code], ['kept\n', 0]);
    });

    it('node: what is unmounted can be mounted at once, and so can what is below it', async () => {
      const { stdout, stderr, code } = await atHome(
        'cd /; umount /root; mkdir /mnt/i; truncate -s 4M /home/img; for i in 1 2 3 4 5; do ' +
          'mount -t ext2 -o loop,format /home/img /mnt/i && echo $i > /mnt/i/f && umount /mnt/i && ' +
          'umount /home && mount /home || exit 1; done; mount -o loop /home/img /mnt/i && cat /mnt/i/f',
      );
      assert.deepEqual([stdout.toString(), stderr, code], ['5\n', '', 0]);
    });
  });
});
