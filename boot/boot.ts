/*
 * The page: see that the browser can run the system, start it, show it.
 *
 *   ?debug     the kernel with names, DWARF and assertions (docs/debugging.md)
 *   ?verbose   all of the kernel's log on the console
 *   ?home=idb, ?home=opfs   keep /home in IndexedDB or in OPFS: it is moved there
 *   ?home=volatile          a /home that ends with the page
 */
import { askForFiles, remark, saveFile, setUpExchange } from './exchange.ts';
import { isolate } from './isolate.ts';
import { keepOffline } from './offline.ts';
import { System, SystemFailure, type SystemEvents } from './system.ts';
import { ask, Progress, showError, showMissing, StartError } from './progress.ts';
import type { BusyChoice, FailureKind, HomeState, HomeStore } from './protocol.ts';
import { findMissing } from './requirements.ts';
import { Tabs, type Ended, type Sessions } from './tabs.ts';

/** Busybox's ash edits its lines, which dash does not. The hyphen makes it a login shell. */
const LOGIN_SHELL = { path: '/bin/ash', argv: ['-ash'] };
const ENVIRONMENT = [
  'TERM=xterm-256color',
  'COLORTERM=truecolor',
  'LANG=C.UTF-8',
  'PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  'HOME=/root',
  'USER=root',
  'LOGNAME=root',
  'SHELL=/bin/ash',
];

/** The words on the page for each way to fail. */
const FAILURES: Record<FailureKind, [heading: string, explanation: string]> = {
  download: [
    'A part of TabOS couldn’t be loaded',
    'The server is not reachable, or the file is missing there. Check the connection and try again.',
  ],
  compile: [
    'The kernel can’t be used',
    'The browser refused kernel.wasm: it is damaged, belongs to another version of this page, or needs a newer browser.',
  ],
  memory: ['Not enough memory', 'The browser has no room for the system’s memory. Closing other tabs may help.'],
  archive: [
    'The boot archive is damaged',
    'The file with the system’s programs (boot.tar.gz) is corrupt or was cut short. Loading it again may help; if it does not, the copy on the server is broken.',
  ],
  worker: [
    'No workers can be started',
    'Every thread of TabOS is a web worker, and the browser refuses to start more. Other tabs of this site may be using them up.',
  ],
  panic: [
    'The kernel has stopped',
    'It found itself in a state that must not be, and stopped before it did harm. This is a bug in TabOS.',
  ],
  internal: ['TabOS has stopped', 'Something went wrong inside. This is a bug in TabOS.'],
};

/** What tests and the curious get as `tabos` on the console. */
interface PageHandle {
  state: 'starting' | 'running' | 'failed';
  /** Everything written on the terminal in front, or on /dev/tty`terminal`. */
  screen(terminal?: number): string;
  /** Resolves with how often something was written there, as soon as that is not `seen`. */
  changed(seen: number, terminal?: number): Promise<number>;
  /** As if typed there. */
  type(text: string, terminal?: number): void;
  terminals(): number[];
  /** What /home is; null while the system starts. */
  home: HomeState | null;
  /** Columns and rows of the terminal in front. */
  size(): [columns: number, rows: number];
  /** The version of the site that would start without the network; null: none, or not yet. */
  kept: string | null;
}
declare global {
  interface Window {
    tabos?: PageHandle;
  }
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

function toStartError(e: unknown): unknown {
  if (!(e instanceof SystemFailure)) return e;
  const [heading, explanation] = FAILURES[e.kind];
  return new StartError(heading, explanation, { cause: e.message });
}

/** Terminals as sessions of the system. */
function sessionsOf(system: System, ended: Ended): Sessions {
  return {
    async open(terminal, columns, rows) {
      system.resize(terminal, columns, rows); // before the shell asks
      const shell = await system.spawn({ ...LOGIN_SHELL, env: ENVIRONMENT, cwd: '/root', terminal });
      void shell.ended.then(({ code, signal }) => ended(terminal, code, signal));
    },
    input: (terminal, bytes) => system.input(terminal, bytes),
    resize: (terminal, columns, rows) => system.resize(terminal, columns, rows),
    drawn: (terminal, count) => system.acknowledge(terminal, count),
    hangUp: (terminal) => system.hangUp(terminal),
  };
}

const HOME_STORES: readonly HomeStore[] = ['current', 'idb', 'opfs', 'volatile'];

function homeStore(text: string | null): HomeStore {
  return HOME_STORES.find((store) => store === text) ?? 'current';
}

function askAboutHome(): Promise<BusyChoice> {
  return ask(
    'TabOS runs in another tab',
    'Your files (/home) belong to one tab at a time, so that none can spoil the other’s. What should this one do?',
    [
      { answer: 'again', label: 'Try again', why: 'after you have closed the other tab' },
      { answer: 'read-only', label: 'Look only', why: 'your files as they are now; nothing can be changed' },
      { answer: 'volatile', label: 'Start without them', why: 'an empty /home that is gone when you close this tab' },
    ],
  );
}

/** Say it when files won't last. */
function remarkOnHome({ mode, problem }: HomeState): void {
  if (mode === 'lasting') return;
  const text = problem
    ? `Your files can’t be reached (${problem}). What you do here now won’t last.`
    : mode === 'read-only'
      ? 'Your files can be looked at only: another tab has them.'
      : 'Files you make in this tab won’t last.';
  remark(text, Infinity);
}

/** `?cpus=N`: as if the machine had so many. */
function cpusOf(text: string | null): { cpus?: number } {
  const cpus = Number(text);
  return Number.isInteger(cpus) && cpus >= 1 ? { cpus } : {};
}

async function start(page: PageHandle): Promise<void> {
  if (await isolate()) return; // the page is about to be loaded again
  const missing = await findMissing();
  if (missing.length > 0) {
    page.state = 'failed';
    return showMissing(missing);
  }

  const parameters = new URLSearchParams(location.search);
  const here = (name: string) => new URL(name, import.meta.url);
  const progress = new Progress();
  const events: SystemEvents = {
    progress: (name, loaded, total) => progress.download(name, loaded, total),
    step: (step) =>
      progress.step(step === 'compile' ? 'Preparing the kernel…' : 'Unpacking…', step === 'compile' ? 90 : 95),
    output: (terminal, data) => {
      // For the measurements in bench/: the first output is the first prompt.
      if (performance.getEntriesByName('tabos:prompt').length === 0) performance.mark('tabos:prompt');
      tabs.output(terminal, data);
    },
    log: (level, text) => (level <= 3 ? console.error(text) : console.info(text)),
    silent(text, isOver) {
      console.warn(text);
      remark(text, isOver ? undefined : Infinity);
    },
    homeBusy: askAboutHome,
    give: saveFile,
    notGiven: (name, problem) => remark(`${name} was not made: ${problem}.`),
    askForFiles,
    homeReplaced(problem) {
      if (problem) return remark(`/home was not replaced: ${problem}.`);
      location.reload();
    },
    stopped: (failure) => {
      page.state = 'failed';
      showError(toStartError(failure));
    },
  };
  const system = new System(
    here('supervisor.js'),
    {
      kernel: here(parameters.has('debug') ? 'kernel.debug.wasm' : 'kernel.wasm').href,
      uaccess: here('uaccess.wasm').href,
      archive: here('boot.tar.gz').href,
      verbose: parameters.has('verbose'),
      home: homeStore(parameters.get('home')),
      ...cpusOf(parameters.get('cpus')),
    },
    events,
  );
  const tabs = new Tabs(
    element('tabs'),
    element('panels'),
    element('new-tab'),
    sessionsOf(system, (...how) => tabs.ended(...how)),
  );
  setUpExchange({
    drop: (files) => system.drop(tabs.terminals.length ? tabs.front : 0, files),
    exportImage: () => system.exportHome(),
    exportTar: () =>
      void system.spawn({
        path: '/bin/sh',
        argv: ['sh', '-c', 'tar cf - home | download -n home.tar -'],
        env: ENVIRONMENT,
        cwd: '/',
        streams: 7,
      }),
    focus: () => tabs.view()?.focus(),
    importImage: (image) => system.importHome(image),
  });
  page.screen = (terminal) => tabs.view(terminal)?.text() ?? '';
  page.changed = async (seen, terminal) => (await tabs.view(terminal)?.changed(seen)) ?? seen;
  page.type = (text, terminal) => tabs.view(terminal)?.type(text);
  page.terminals = () => tabs.terminals;
  page.size = () => [tabs.view()?.columns ?? 0, tabs.view()?.rows ?? 0];

  page.home = await system.started;
  progress.finish();
  remarkOnHome(page.home);
  tabs.open();
  page.state = 'running';
  // Files at home should not be swept away when the disk fills up. Asked late, since some browsers ask the person.
  void navigator.storage?.persist?.().catch(() => false);
  page.kept = await keepOffline();
}

const page: PageHandle = {
  state: 'starting',
  screen: () => '',
  changed: (seen) => Promise.resolve(seen),
  type: () => {},
  terminals: () => [],
  home: null,
  size: () => [0, 0],
  kept: null,
};
window.tabos = page;
document.documentElement.classList.add('started'); // hides the note for browsers that can't come this far
start(page).catch((e: unknown) => {
  page.state = 'failed';
  showError(toStartError(e));
});
