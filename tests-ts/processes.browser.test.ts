/*
 * Processes, signals and job control in the page, in every browser there is.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { BUSY_LOOP, compileC, DEAF_LOOP, siteWith } from './c-programs.ts';
import { BROWSERS, DEADLINE_MS, findBrowser } from './harness.ts';
import { RemotePage } from './remote-page.ts';
import { SharedPage } from './shared-page.ts';

const PROCESS_TESTS = fileURLToPath(new URL('../tests-c/posix/process', import.meta.url));
/** More processes than this are a crowd. */
const CROWD = 60;

let site: string;

before(function () {
  this.timeout(5 * DEADLINE_MS); // the compiler runs four times
  const program = (name: string, source: string, options?: string[]) => ({
    path: `/bin/${name}`,
    mode: 0o755,
    data: compileC(source, options),
  });
  const posix = (name: string) => program(name, `#include "${PROCESS_TESTS}/${name}.c"`);
  site = siteWith([
    program('busy', BUSY_LOOP),
    program('deaf', DEAF_LOOP, ['-mno-safepoints']),
    posix('storm'),
    posix('growth'),
    posix('crowd'),
  ]);
});
after(() => rmSync(site, { recursive: true }));

for (const name of BROWSERS) {
  describe(`processes in ${name}`, function () {
    const shared = new SharedPage(name, this, () => site);

    it('page: Ctrl-C runs the handler of a loop without calls, which goes on afterwards', async () => {
      await shared.tab.type('busy; echo "status" $?\n');
      await shared.tab.waitFor(/\nbusy\n/);
      for (let times = 1; times <= 3; times++) {
        await shared.tab.press('c', 'Control');
        await shared.tab.waitFor(new RegExp(`SIGINT ${times}\n`));
      }
      await shared.tab.waitFor(/\nwent on\n/);
      await shared.tab.press('\\', 'Control'); // SIGQUIT, which has its default action
      await shared.tab.waitFor(/\nstatus 131\n/);
    });

    it('page: bash is a login shell with job control', async () => {
      const enter = async (line: string, answer: RegExp): Promise<void> => {
        const before = (await shared.tab.screen()).length;
        await shared.tab.type(`${line}\n`);
        await shared.tab.page.waitForFunction(
          (from, source) => new RegExp(source).test((window.tabos?.screen() ?? '').slice(from)),
          { timeout: DEADLINE_MS, polling: 50 },
          before,
          `${answer.source}[^]*# ?$`,
        );
      };
      await shared.tab.type('exec bash -l\n');
      await shared.tab.waitFor(/exec bash -l\n[^]*# ?$/);
      await enter('shopt login_shell', /login_shell\s+on\n/);
      await shared.tab.type("sh -c 'echo up$((1)); sleep 1000'\n");
      await shared.tab.waitFor(/\nup1\n/);
      await shared.tab.press('z', 'Control');
      // Not '[1]+': a bash that has not yet noted the job when it stops doesn't make it the current one.
      await shared.tab.waitFor(/\[1\].? +Stopped[^]*# ?$/);
      await enter('bg %1', /\[1\].? sh -c/);
      await enter('jobs', /\[1\].? +Running/);
      await enter('cat &', /\[2\] \d+/);
      // A job in the background that reads the terminal stops, and reads when it comes back.
      await enter('until jobs %2 | grep Stopped; do :; done', /Stopped +cat\n/);
      await shared.tab.type('fg %2\n');
      await shared.tab.waitFor(/fg %2\ncat\n/);
      await shared.tab.type('a line\n');
      await shared.tab.waitFor(/a line\na line\n/);
      await shared.tab.press('d', 'Control');
      await shared.tab.waitFor(/a line\na line\n[^]*# ?$/);
      await shared.tab.type('fg %1\n');
      await shared.tab.waitFor(/fg %1\nsh -c [^\n]*sleep 1000/);
      // As a person would, more than once: bash names the job before it gives it the terminal.
      const interrupted = async (): Promise<boolean> => {
        await shared.tab.press('c', 'Control');
        return shared.tab.waitFor(/\^C[^]*# ?$/, undefined, 2000).then(
          () => true,
          () => false,
        );
      };
      for (let times = 0; times < 20 && !(await interrupted()); times++);
      await enter('echo status $?', /status 130\n/);
      await enter('sleep 1000 & kill %1; wait %1; echo status $?', /status 143\n/);
      await enter('jobs | wc -l', /\n *0\n/);
    });
  });

  describe(`crowds in ${name}`, function () {
    this.timeout(6 * DEADLINE_MS);
    let directory: string;
    let page: RemotePage;

    beforeEach(async function () {
      if (!findBrowser(name)) this.skip();
      directory = mkdtempSync(join(tmpdir(), 'tabos-crowd-'));
      cpSync(site, directory, { recursive: true });
      page = await RemotePage.open(name, directory);
      await page.waitFor(/# ?$/, 1);
    });

    afterEach(async () => {
      await page?.close();
      rmSync(directory, { recursive: true });
    });

    /** Until the kernel says that so many processes are there. */
    async function waitForCrowd(terminal: number): Promise<void> {
      // Only what the shell does by itself: there is no room for another process.
      const count = 'set -- /proc/[0-9]*; while [ $# -lt ' + CROWD + ' ]; do set -- /proc/[0-9]*; done';
      await page.type(`${count}; echo "a crowd"", of $#"\n`, terminal);
      await page.waitFor(/a crowd, of \d+/, terminal);
    }

    it('page: a fork bomb in the background is ended from another terminal', async () => {
      await page.openTab();
      await page.waitFor(/# ?$/, 2);
      await page.type('bomb() { bomb | bomb & }; bomb\n', 1);
      await waitForCrowd(2);
      await page.waitFor(/Resource temporarily unavailable/, 1);
      await page.type('kill -9 -1; while set -- /proc/[0-9]*; [ $# -gt 6 ]; do :; done; echo "few"" left"\n', 2);
      await page.waitFor(/few left/, 2);
      await page.type('ls / | wc -l; echo "room"" again"\n', 2);
      await page.waitFor(/\n *\d\d\nroom again/, 2);
    });

    it('page: a fork bomb in the foreground ends by Ctrl-C', async () => {
      // The job stays in the foreground for sleep: of the bomb alone the first two may end while the rest goes on.
      await page.type('bomb() { bomb | bomb; }; bomb | sleep 1000\n', 1);
      await page.waitFor(/Resource temporarily unavailable/, 1);
      await page.type('\x03', 1);
      await page.waitFor(/\^C[^]*# ?$/, 1);
      await page.type('while set -- /proc/[0-9]*; [ $# -gt 3 ]; do :; done; echo "few"" left"\n', 1);
      await page.waitFor(/few left/, 1);
      await page.type('ls / | wc -l; echo "room"" again"\n', 1);
      await page.waitFor(/\n *\d\d\nroom again/, 1);
    });

    it('page: a terminal opened while a fork bomb fills the system gets its shell', async () => {
      await page.type('bomb() { bomb | bomb & }; bomb\n', 1);
      await page.waitFor(/Resource temporarily unavailable/, 1);
      await page.openTab();
      await page.waitFor(/# ?$/, 2);
      await waitForCrowd(2);
      await page.type('kill -9 -1; echo "kil""led"\n', 2);
      await page.waitFor(/killed/, 2);
      await page.type('ls / | wc -l; echo "room"" again"\n', 2);
      await page.waitFor(/\n *\d\d\nroom again/, 2);
    });

    it('page: no room for another process is EAGAIN, and the system goes on', async () => {
      await page.type('/bin/crowd; echo "crowd"": $?"\n', 1);
      await page.waitFor(/\n0 wrong\ncrowd: 0\n/, 1);
    });

    it('page: a storm of signals over busy processes leaves nothing behind', async () => {
      await page.type('/bin/storm 400 12; echo "storm"": $?"\n', 1);
      await page.waitFor(/\n0 wrong\nstorm: 0\n/, 1);
    });

    it('page: who never looks is terminated, and what comes after is left alone', async () => {
      await page.type('for i in 1 2 3; do deaf >/tmp/$i & done; until [ -s /tmp/3 ]; do sleep 0.1; done\n', 1);
      await page.type('kill -9 $(jobs -p); for j in $(jobs -p); do wait $j; e="$e $?"; done; echo "ended"":$e"\n', 1);
      await page.waitFor(/ended: 137 137 137\n/, 1);
      await page.type('wc -c /tmp/[123] >/tmp/before; /bin/growth 200; echo "growth"": $?"\n', 1);
      await page.waitFor(/\n0 wrong, 0 grown\ngrowth: 0\n/, 1);
      await page.type('sleep 3; wc -c /tmp/[123] | cmp - /tmp/before && echo "the"" same"\n', 1);
      await page.waitFor(/\nthe same\n/, 1);
    });

    it('page: processes one after the other leave nothing behind', async () => {
      await page.type('/bin/growth 1000; echo "growth"": $?"\n', 1);
      await page.waitFor(/\n0 wrong, 0 grown\ngrowth: 0\n/, 1);
    });
  });
}
