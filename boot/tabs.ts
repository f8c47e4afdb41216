/*
 * Several terminals on one kernel: a bar of tabs, each a session of its own.
 *
 * A tab is born with /dev/ttyN and a login shell on it. When the shell ends
 * well the tab closes; when it ends badly, or was the last one, the tab stays
 * and offers a new shell. Closing a tab hangs its terminal up (SIGHUP).
 */
import { TerminalView } from './terminal.ts';

/** What tabs want from the machine behind the page. */
export interface Sessions {
  /** Start a login shell on /dev/tty`terminal`; rejects when there can't be one. */
  open(terminal: number, columns: number, rows: number): Promise<void>;
  input(terminal: number, bytes: Uint8Array): void;
  resize(terminal: number, columns: number, rows: number): void;
  drawn(terminal: number, count: number): void;
  hangUp(terminal: number): void;
}

/** The session on a terminal has ended; exactly one of code and signal is not null. */
export type Ended = (terminal: number, code: number | null, signal: number | null) => void;

interface Tab {
  readonly terminal: number;
  readonly view: TerminalView;
  readonly panel: HTMLElement;
  readonly item: HTMLElement;
  readonly button: HTMLButtonElement;
  notice: HTMLElement | undefined;
  alive: boolean;
}

const FLASH_MS = 160; // as long as the animation in style.css

export class Tabs {
  readonly #sessions: Sessions;
  readonly #bar: HTMLElement;
  readonly #panels: HTMLElement;
  readonly #tabs: Tab[] = [];
  /** Terminals in use: a closed tab's stays here until its session has ended. */
  readonly #busy = new Set<number>();
  #selected: Tab | undefined;
  #typed = false;

  constructor(bar: HTMLElement, panels: HTMLElement, newButton: HTMLElement, sessions: Sessions) {
    this.#bar = bar;
    this.#panels = panels;
    this.#sessions = sessions;
    newButton.addEventListener('click', () => this.open());
    // Before the terminal sees them.
    window.addEventListener('keydown', (event) => this.#shortcut(event), { capture: true });
    window.addEventListener('focus', () => this.#selected?.view.focus());
    // Ctrl-W is "erase word" to a hand that is used to a shell, and the browser can't be stopped
    // from closing the page for it; it can ask, once something was typed.
    window.addEventListener('beforeunload', (event) => {
      if (this.#typed && this.#tabs.some((t) => t.alive)) event.preventDefault();
    });
  }

  /** The view of the tab in front (or of the one on `terminal`). */
  view(terminal?: number): TerminalView | undefined {
    return terminal === undefined ? this.#selected?.view : this.#find(terminal)?.view;
  }

  /** The terminals with a tab, in the order of the bar. */
  get terminals(): number[] {
    return this.#tabs.map((t) => t.terminal);
  }

  /** The terminal in front. */
  get front(): number {
    return this.#selected?.terminal ?? 0;
  }

  /** A new tab, in front, with a new session; its terminal's number. */
  open(): number {
    let terminal = 1;
    while (this.#busy.has(terminal)) terminal++;
    const tab = this.#make(terminal);
    this.#busy.add(terminal);
    this.#tabs.push(tab);
    this.#select(tab);
    void this.#start(tab);
    return terminal;
  }

  /** Output of /dev/tty`terminal`. */
  output(terminal: number, bytes: Uint8Array): void {
    const tab = this.#find(terminal);
    if (tab) tab.view.write(bytes);
    else this.#sessions.drawn(terminal, bytes.length); // nobody looks, but nobody should wait either
  }

  /** The session on `terminal` has ended. */
  ended: Ended = (terminal, code, signal) => {
    const tab = this.#find(terminal);
    if (!tab?.alive) {
      this.#busy.delete(terminal); // closed before
      return;
    }
    tab.alive = false;
    if (code === 0 && this.#tabs.length > 1) return this.#remove(tab);
    this.#offerRestart(
      tab,
      signal ? `The shell was ended by signal ${signal}.` : `The shell ended with status ${code}.`,
    );
  };

  async #start(tab: Tab): Promise<void> {
    tab.alive = true;
    try {
      await this.#sessions.open(tab.terminal, tab.view.columns, tab.view.rows);
    } catch (e) {
      tab.alive = false;
      this.#offerRestart(tab, `No shell could be started: ${e instanceof Error ? e.message : String(e)}.`);
    }
  }

  #offerRestart(tab: Tab, text: string): void {
    tab.view.endSession(`[${text} Press Enter for a new one.]`);
    tab.item.classList.add('ended');
    const notice = document.createElement('div');
    notice.className = 'notice';
    notice.setAttribute('role', 'status');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'New shell';
    button.addEventListener('click', () => this.#restart(tab));
    notice.append(text, button);
    tab.panel.append(notice);
    tab.notice = notice;
  }

  #restart(tab: Tab): void {
    tab.notice?.remove();
    tab.notice = undefined;
    tab.item.classList.remove('ended');
    this.#title(tab, '');
    tab.view.focus();
    void this.#start(tab);
  }

  #make(terminal: number): Tab {
    const panel = document.createElement('div');
    panel.className = 'panel selected'; // measured while it is made
    panel.id = `panel-${terminal}`;
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', `tab-${terminal}`);
    const screen = document.createElement('div');
    screen.className = 'screen';
    panel.append(screen);
    this.#panels.append(panel);

    const item = document.createElement('div');
    item.className = 'tab';
    item.setAttribute('role', 'presentation');
    const button = document.createElement('button');
    button.type = 'button';
    button.id = `tab-${terminal}`;
    button.setAttribute('role', 'tab');
    button.setAttribute('aria-controls', panel.id);
    const close = document.createElement('button');
    close.type = 'button';
    close.className = 'close';
    close.textContent = '×';
    close.tabIndex = -1;
    item.append(button, close);
    this.#bar.append(item);

    const view = new TerminalView(screen, {
      input: (bytes) => this.#input(tab, bytes),
      resize: (columns, rows) => tab.alive && this.#sessions.resize(terminal, columns, rows),
      drawn: (count) => this.#sessions.drawn(terminal, count),
      title: (text) => this.#title(tab, text),
      bell: () => this.#bell(tab),
    });
    const tab: Tab = { terminal, view, panel, item, button, notice: undefined, alive: false };
    this.#title(tab, '');
    button.addEventListener('click', () => this.#select(tab));
    button.addEventListener('keydown', (event) => this.#walk(event));
    item.addEventListener('auxclick', (event) => event.button === 1 && this.#close(tab));
    close.addEventListener('click', () => this.#close(tab));
    return tab;
  }

  #input(tab: Tab, bytes: Uint8Array): void {
    this.#typed = true;
    if (tab.alive) this.#sessions.input(tab.terminal, bytes);
    else if (tab.notice && bytes[0] === 0x0d) this.#restart(tab);
  }

  #select(tab: Tab): void {
    this.#selected = tab;
    for (const t of this.#tabs) {
      const selected = t === tab;
      t.item.classList.toggle('selected', selected);
      t.panel.classList.toggle('selected', selected);
      t.button.setAttribute('aria-selected', String(selected));
      t.button.tabIndex = selected ? 0 : -1;
    }
    tab.item.classList.remove('belled');
    tab.item.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    document.title = `${tab.button.textContent} – TabOS`;
    tab.view.focus();
  }

  #close(tab: Tab): void {
    if (tab.alive) this.#sessions.hangUp(tab.terminal);
    this.#remove(tab);
    if (this.#tabs.length === 0) this.open();
  }

  #remove(tab: Tab): void {
    const index = this.#tabs.indexOf(tab);
    if (index < 0) return;
    this.#tabs.splice(index, 1);
    tab.view.dispose();
    tab.item.remove();
    tab.panel.remove();
    if (!tab.alive) this.#busy.delete(tab.terminal);
    const next = this.#tabs[Math.min(index, this.#tabs.length - 1)];
    if (this.#selected === tab && next) this.#select(next);
  }

  #title(tab: Tab, text: string): void {
    const title = text || `tty${tab.terminal}`;
    tab.button.textContent = title;
    tab.button.title = title;
    tab.item.querySelector('.close')?.setAttribute('aria-label', `Close ${title}`);
    if (tab === this.#selected) document.title = `${title} – TabOS`;
  }

  #bell(tab: Tab): void {
    if (tab !== this.#selected) {
      tab.item.classList.add('belled');
      return;
    }
    tab.panel.classList.add('flash');
    setTimeout(() => tab.panel.classList.remove('flash'), FLASH_MS);
  }

  /** Alt+Shift with N, W, arrows, digits: combinations that neither browsers nor shells use. */
  #shortcut(event: KeyboardEvent): void {
    if (!event.altKey || !event.shiftKey || event.ctrlKey || event.metaKey) return;
    const digit = /^Digit([1-9])$/.exec(event.code);
    if (digit) {
      const tab = this.#tabs[Number(digit[1]) - 1];
      if (tab) this.#select(tab);
    } else if (event.code === 'KeyN') this.open();
    else if (event.code === 'KeyW' && this.#selected) this.#close(this.#selected);
    else if (event.code === 'ArrowLeft' || event.code === 'ArrowRight') this.#step(event.code === 'ArrowLeft' ? -1 : 1);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  /** Arrow keys while a tab has the focus, as the ARIA pattern for tabs has it. */
  #walk(event: KeyboardEvent): void {
    if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
      this.#step(event.key === 'ArrowLeft' ? -1 : 1);
      this.#selected?.button.focus();
      event.preventDefault();
    } else if (event.key === 'Delete' && this.#selected) {
      this.#close(this.#selected);
    }
  }

  #step(by: number): void {
    if (!this.#selected) return;
    const { length } = this.#tabs;
    const next = this.#tabs[(this.#tabs.indexOf(this.#selected) + by + length) % length];
    if (next) this.#select(next);
  }

  #find(terminal: number): Tab | undefined {
    return this.#tabs.find((t) => t.terminal === terminal);
  }
}
