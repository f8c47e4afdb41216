/** boot/watchdog.ts: a store that does not answer is named, and so is its answer. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { bootNode } from '../boot/node.ts';
import { LogStore } from '../drivers-ts/log-store.ts';

const LOOK_MS = 5000;

describe('watchdog', function () {
  this.timeout(60_000); // the system boots, perhaps on a busy machine
  const said: string[] = [];
  const flush = LogStore.prototype.flush;
  let directory: string;
  let system: Awaited<ReturnType<typeof bootNode>>;
  let hang: PromiseWithResolvers<void> | null = null;
  let hung: PromiseWithResolvers<void>;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'tabos-watchdog-'));
    mock.timers.enable({ apis: ['setInterval'] });
    LogStore.prototype.flush = async function () {
      if (hang) {
        hung.resolve();
        await hang.promise;
      }
      return flush.call(this);
    };
    system = await bootNode({
      cpus: 2,
      home: directory,
      console: {
        terminalWrite: (_, bytes) => bytes.length,
        streamWrite: (_, bytes) => bytes.length,
        streamWanted: () => undefined,
        log: (_, text) => said.push(text),
      },
      failed: (_, message) => said.push(message),
    });
    said.length = 0;
  });

  after(async () => {
    LogStore.prototype.flush = flush;
    mock.timers.reset();
    await system?.stop();
    rmSync(directory, { recursive: true });
  });

  it('watchdog: a flush that hangs is told once, and that it has ended', async () => {
    hang = Promise.withResolvers();
    hung = Promise.withResolvers();
    const ended = system.runToEnd(['/bin/sh', '-c', 'echo x >/home/file && sync'], []);
    await hung.promise;
    mock.timers.tick(2 * LOOK_MS);
    assert.deepEqual(said, []);
    mock.timers.tick(4 * LOOK_MS);
    assert.deepEqual(said.splice(0), ['/dev/file0: no answer for 10 s']);
    hang.resolve();
    hang = null;
    assert.equal(await ended, 0);
    mock.timers.tick(LOOK_MS);
    assert.equal(said.length, 1);
    assert.match(said.splice(0)[0] ?? '', /^\/dev\/file0: answers again, after \d+ s$/);
  });

  it('watchdog: stores that answer are not mentioned, however long it looks', async () => {
    for (let i = 0; i < 5; i++) {
      assert.equal(await system.runToEnd(['/bin/sh', '-c', 'echo x >/home/file && sync'], []), 0);
      mock.timers.tick(LOOK_MS);
    }
    assert.deepEqual(said, []);
  });
});
