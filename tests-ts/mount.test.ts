/** `tabos --mount`: a directory of the host inside, from the command line to the driver and back. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TABOS = fileURLToPath(new URL('../boot/tabos.mjs', import.meta.url));
/** Another kernel to test, e.g. the debug twin with its assertions. */
const KERNEL = process.env['TABOS_KERNEL'] ? ['--kernel', process.env['TABOS_KERNEL']] : [];
/** More than many messages, and no multiple of anything. */
const LARGE_BYTES = 3_000_017;

interface Result {
  readonly out: string;
  readonly errors: string;
  readonly status: number;
}

describe('mount', function () {
  this.timeout(60_000); // the system boots in each test, perhaps on a busy machine
  let outside: string;
  let directory: string;

  beforeEach(() => {
    outside = mkdtempSync(join(tmpdir(), 'tabos-mount-'));
    directory = join(outside, 'shared');
    mkdirSync(directory);
    writeFileSync(join(outside, 'secret'), 'nobody inside may read this');
    writeFileSync(join(directory, 'file'), 'content\n');
  });

  afterEach(() => rmSync(outside, { recursive: true }));

  const host = (name: string): string => join(directory, name);

  function run(command: string, ...mounts: string[]): Promise<Result> {
    const options = mounts.flatMap((mount) => ['--mount', mount]);
    return new Promise((resolve) => {
      execFile(process.execPath, [TABOS, ...KERNEL, ...options, '-c', command], (error, out, errors) => {
        const code: unknown = error?.code;
        resolve({ out, errors, status: error ? (typeof code === 'number' ? code : -1) : 0 });
      });
    });
  }

  /** In the mount, which must succeed without a word on standard error. */
  async function inside(command: string): Promise<string> {
    const { out, errors, status } = await run(`cd /mnt/host && ${command}`, `${directory}:/mnt/host`);
    assert.deepEqual([errors, status], ['', 0]);
    return out;
  }

  it('mount: files are read, made, appended to, cut and removed', async () => {
    const out = await inside(
      'cat file; echo one > new; echo two >> new; cat new; echo gone > old; rm old; truncate -s 3 file',
    );
    assert.equal(out, 'content\none\ntwo\n');
    assert.equal(readFileSync(host('new'), 'utf8'), 'one\ntwo\n');
    assert.equal(readFileSync(host('file'), 'utf8'), 'con');
    assert.deepEqual(readdirSync(directory).sort(), ['file', 'new']);
  });

  it('mount: directories and names are made, listed, moved and removed', async () => {
    const out = await inside('mkdir -p a/b && mv file a/b/moved && mv a z && ls z/b && mkdir e && rmdir e && ls -a');
    assert.equal(out, 'moved\n.\n..\nz\n');
    assert.equal(readFileSync(host('z/b/moved'), 'utf8'), 'content\n');
  });

  it('mount: a moved directory is known by its new name to who is in it', async () => {
    assert.equal(
      await inside('mkdir d && cd d && mv ../d ../e && /bin/pwd && echo x > f && cat ../e/f'),
      '/mnt/host/e\nx\n',
    );
  });

  it('mount: symbolic and hard links', async () => {
    linkSync(host('file'), host('hard'));
    symlinkSync('file', host('by-host'));
    const out = await inside(
      'cat by-host && ln -s file by-guest && readlink by-host && ln file third && stat -c %h hard',
    );
    assert.equal(out, 'content\nfile\n3\n');
    assert.equal(readlinkSync(host('by-guest')), 'file');
    assert.equal(statSync(host('file')).ino, statSync(host('third')).ino);
  });

  it('mount: mode and times go both ways, an owner does not', async () => {
    chmodSync(host('file'), 0o640);
    utimesSync(host('file'), 1_000_000_000, 1_000_000_000);
    const out = await inside('stat -c "%a %Y" file && chmod 751 file && touch -d "2001-02-03 04:05:06" file');
    assert.equal(out, '640 1000000000\n');
    const after = statSync(host('file'));
    assert.equal(after.mode & 0o7777, 0o751);
    assert.equal(after.mtimeMs, Date.UTC(2001, 1, 3, 4, 5, 6));
    const { errors, status } = await run('chown 1234 /mnt/host/file', `${directory}:/mnt/host`);
    assert.match(errors, /not permitted/);
    assert.equal(status, 1);
    assert.equal(statSync(host('file')).uid, after.uid);
  });

  it('mount: a large file arrives whole, in both directions', async () => {
    const data = randomBytes(LARGE_BYTES);
    writeFileSync(host('large'), data);
    const sum = createHash('sha256').update(data).digest('hex');
    const out = await inside(
      'sha256sum < large && cp large back && dd if=large of=odd bs=777777 2>&- && cmp large odd',
    );
    assert.equal(out.split(' ')[0], sum);
    assert.ok(readFileSync(host('back')).equals(data));
    assert.ok(readFileSync(host('odd')).equals(data));
  });

  it('mount: a directory of a thousand entries is listed whole', async () => {
    for (let i = 0; i < 1000; i++) writeFileSync(host(`entry-with-a-long-name-${i}`), '');
    assert.equal((await inside('ls | wc -l')).trim(), '1001');
    await inside('rm entry*');
    assert.deepEqual(readdirSync(directory), ['file']);
  });

  it('mount: what the host changes is seen at once', async () => {
    writeFileSync(host('gone'), '');
    const running = inside(
      'ls gone; touch ready; until [ -e go ]; do sleep 0.01; done; cat file; cat renamed; ls; touch done',
    );
    while (!existsSync(host('ready'))) await new Promise((resolve) => setTimeout(resolve, 5));
    writeFileSync(host('file'), 'changed\n');
    writeFileSync(host('other'), 'other\n');
    renameSync(host('other'), host('renamed'));
    rmSync(host('gone'));
    writeFileSync(host('go'), '');
    assert.equal(await running, 'gone\nchanged\nother\nfile\ngo\nready\nrenamed\n');
    assert.ok(existsSync(host('done')));
  });

  it('mount: a file that is removed while open can still be used', async () => {
    const out = await inside('exec 3<> file && rm file && cat <&3 && echo more >&3 && stat -L -c "%s %h" /dev/fd/3');
    assert.equal(out, 'content\n13 0\n');
  });

  it('mount: programs run from it, and again when they have changed', async () => {
    writeFileSync(host('script'), '#!/bin/sh\necho script $1\n', { mode: 0o755 });
    const out = await inside(
      './script 1; cp /bin/busybox ./echo && ./echo 2; cp ./echo ./cat && ./cat script | head -n 1',
    );
    assert.equal(out, 'script 1\n2\n#!/bin/sh\n');
    const program = '#!/bin/sh\necho now a script\n';
    writeFileSync(host('new'), program, { mode: 0o755 });
    assert.equal(
      await inside('./echo same; cat new > echo; ./echo; cp -p /bin/busybox echo; ./echo again'),
      'same\nnow a script\nagain\n',
    );
  });

  it('mount: read-only refuses every change', async () => {
    const { out, errors } = await run(
      `cd /mnt/host; cat file; echo x > file; echo x > new; rm file; mkdir d; mv file f; ln -s a b; chmod 777 file; touch file`,
      `${directory}:/mnt/host:ro`,
    );
    assert.equal(out, 'content\n');
    assert.equal(errors.match(/Read-only file system/g)?.length, 8, errors);
    assert.deepEqual(readdirSync(directory), ['file']);
    assert.equal(readFileSync(host('file'), 'utf8'), 'content\n');
  });

  it('mount: nothing leads out, neither .. nor links', async () => {
    symlinkSync(join(outside, 'secret'), host('absolute'));
    symlinkSync('../secret', host('relative'));
    symlinkSync('..', host('up'));
    symlinkSync(outside, host('away'));
    const { out, errors } = await run(
      `cd /mnt/host; cat absolute; cat relative; cat up/secret; cat away/secret; cat ../secret; cat ../../secret
       echo x > absolute; echo x > away/planted; ls -di .. /mnt`,
      `${directory}:/mnt/host`,
    );
    assert.doesNotMatch(out + errors, /nobody inside/);
    assert.equal(errors.match(/No such file|nonexistent/g)?.length, 8, errors);
    const [above, mnt] = out.trim().split('\n');
    assert.equal(above?.trim().split(/\s+/)[0], mnt?.trim().split(/\s+/)[0]);
    assert.deepEqual(readdirSync(outside).sort(), ['secret', 'shared']);
    assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'nobody inside may read this');
  });

  it('mount: a directory swapped for a link under way leads nowhere', async () => {
    mkdirSync(host('sub'));
    writeFileSync(host('sub/secret'), 'inside');
    const running = run(
      'cd /mnt/host/sub; cat secret; touch ../ready; until [ -e ../go ]; do sleep 0.01; done; cat secret; echo x > planted',
      `${directory}:/mnt/host`,
    );
    while (!existsSync(host('ready'))) await new Promise((resolve) => setTimeout(resolve, 5));
    renameSync(host('sub'), host('was'));
    symlinkSync(outside, host('sub'));
    writeFileSync(host('go'), '');
    const { out } = await running;
    assert.equal(out, 'inside');
    assert.ok(!existsSync(join(outside, 'planted')));
  });

  it('mount: several trees at once, and one that is not there', async () => {
    mkdirSync(join(outside, 'two'));
    const { out, errors, status } = await run(
      'cat /one/file; cp /one/file /deep/down/two/; mount | grep -c 9p; ls /none',
      `${directory}:/one`,
      `${join(outside, 'two')}:/deep/down/two`,
      `${join(outside, 'none')}:/none`,
    );
    assert.equal(out, 'content\n3\n');
    assert.match(errors, /No such device/);
    assert.equal(status, 1);
    assert.ok(lstatSync(join(outside, 'two/file')).isFile());
  });
});
