/*
 * One terminal on the page: xterm.js, and what connects it to /dev/ttyN.
 *
 * The line discipline is the kernel's; this is only glass and keyboard. Bytes
 * go both ways; what has been drawn is acknowledged, so that a program that
 * writes faster than the page draws is made to wait.
 */
import { ClipboardAddon, type ClipboardSelectionType, type IClipboardProvider } from '@xterm/addon-clipboard';
import { FitAddon } from '@xterm/addon-fit';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebglAddon } from '@xterm/addon-webgl';
import { Terminal as Xterm, type ITheme } from '@xterm/xterm';

/** Where a terminal's input goes; the supervisor, in the end. */
export interface TerminalLine {
  input(bytes: Uint8Array): void;
  resize(columns: number, rows: number): void;
  /** `count` bytes of output have been drawn. */
  drawn(count: number): void;
  title(text: string): void;
  bell(): void;
}

const FONT =
  'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace';

const DARK: ITheme = {
  background: '#14161d',
  foreground: '#e6e9f0',
  cursor: '#6ee7a8',
  cursorAccent: '#14161d',
  selectionBackground: '#39507a',
  black: '#2a2e3b',
  red: '#ff7a85',
  green: '#6ee7a8',
  yellow: '#f5cf76',
  blue: '#7fb2ff',
  magenta: '#d7a1ff',
  cyan: '#6fdceb',
  white: '#ccd1de',
  brightBlack: '#6c7489',
  brightRed: '#ffa3aa',
  brightGreen: '#9df2c5',
  brightYellow: '#ffe2a0',
  brightBlue: '#a8caff',
  brightMagenta: '#e6c3ff',
  brightCyan: '#a0ebf5',
  brightWhite: '#ffffff',
};

const LIGHT: ITheme = {
  background: '#fbfbfd',
  foreground: '#1d2130',
  cursor: '#0d7a48',
  cursorAccent: '#fbfbfd',
  selectionBackground: '#b9d3ff',
  black: '#1d2130',
  red: '#b3261e',
  green: '#0d7a48',
  yellow: '#8a5a00',
  blue: '#1d56c2',
  magenta: '#8a2fb5',
  cyan: '#00707f',
  white: '#6b7286',
  brightBlack: '#5b6275',
  brightRed: '#d1433b',
  brightGreen: '#11955a',
  brightYellow: '#a56d00',
  brightBlue: '#3572e3',
  brightMagenta: '#a548d1',
  brightCyan: '#008b9c',
  brightWhite: '#3a4054',
};

const lightScheme = matchMedia('(prefers-color-scheme: light)');

/** OSC 52: a program may put text on the clipboard, but not look at what is there. */
const writeOnlyClipboard: IClipboardProvider = {
  readText: () => '',
  writeText: (_: ClipboardSelectionType, text: string) => navigator.clipboard.writeText(text).catch(() => {}),
};

export class TerminalView {
  readonly #xterm: Xterm;
  readonly #fit = new FitAddon();
  readonly #line: TerminalLine;
  readonly #host: HTMLElement;
  readonly #resizes: ResizeObserver;
  readonly #encoder = new TextEncoder();
  readonly #onScheme = () => {
    this.#xterm.options.theme = lightScheme.matches ? LIGHT : DARK;
  };
  #fitting = 0;
  #writes = 0;
  #waiting: (() => void)[] = [];

  /** A terminal that will fill `host`, an element of the page that has a size. */
  constructor(host: HTMLElement, line: TerminalLine) {
    this.#host = host;
    this.#line = line;
    this.#xterm = new Xterm({
      allowProposedApi: true, // for the width tables of Unicode 11
      cursorBlink: true,
      fontFamily: FONT,
      fontSize: 14,
      lineHeight: 1.15, // less cuts underscores off with DejaVu Sans Mono
      minimumContrastRatio: 4.5, // programs choose colours without knowing the background
      scrollback: 10_000,
      theme: lightScheme.matches ? LIGHT : DARK,
    });
    this.#xterm.loadAddon(this.#fit);
    // Widths by character, as wcwidth() has them in programs: whole clusters (addon-unicode-graphemes)
    // would draw better, but put the cursor elsewhere than the program believes.
    this.#xterm.loadAddon(new Unicode11Addon());
    this.#xterm.unicode.activeVersion = '11';
    this.#xterm.loadAddon(new ClipboardAddon(undefined, writeOnlyClipboard));

    this.#xterm.onData((text) => line.input(this.#encoder.encode(text)));
    this.#xterm.onBinary((text) => line.input(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    this.#xterm.onTitleChange((text) => line.title(text));
    this.#xterm.onBell(() => line.bell());
    this.#xterm.attachCustomKeyEventHandler((event) => this.#key(event));

    this.#xterm.open(host);
    this.#useWebgl();
    this.#fit.fit();
    // From now on: the first size is asked for by who starts the session.
    this.#xterm.onResize(({ cols, rows }) => line.resize(cols, rows));
    this.#resizes = new ResizeObserver(() => this.#fitSoon());
    this.#resizes.observe(host);
    lightScheme.addEventListener('change', this.#onScheme);
  }

  get columns(): number {
    return this.#xterm.cols;
  }

  get rows(): number {
    return this.#xterm.rows;
  }

  /** Output of the terminal; acknowledged through line.drawn. */
  write(bytes: Uint8Array): void {
    this.#xterm.write(bytes, () => {
      this.#line.drawn(bytes.length);
      this.#writes++;
      for (const tell of this.#waiting.splice(0)) tell();
    });
  }

  /** Resolves with how often something was written, as soon as that is not `seen`. */
  async changed(seen: number): Promise<number> {
    while (this.#writes === seen) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#writes;
  }

  /** The session is over: forget the modes it may have left behind, and say `remark`. */
  endSession(remark: string): void {
    this.#xterm.write('', () => {
      // Only an alternate screen has saved a cursor that leaving it would restore.
      const leave = this.#xterm.buffer.active.type === 'alternate' ? '\x1b[?1049l' : '';
      // DECSTR, cursor shown, no mouse reports, no bracketed paste.
      const reset = '\x1b[!p\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l';
      this.#xterm.write(`${leave}${reset}`, () => {
        const lineStart = this.#xterm.buffer.active.cursorX > 0 ? '\r\n' : '';
        this.#xterm.write(`${lineStart}\x1b[0;2m${remark}\x1b[0m\r\n`);
      });
    });
  }

  focus(): void {
    this.#xterm.focus();
  }

  /** As if `text` had been typed. */
  type(text: string): void {
    this.#xterm.input(text);
  }

  /** As if `text` had been pasted: bracketed when the program asked for it. */
  paste(text: string): void {
    this.#xterm.paste(text);
  }

  /** Everything written down to the cursor, scrollback included, one line per line however it is wrapped. */
  text(): string {
    const buffer = this.#xterm.buffer.active;
    let text = '';
    for (let i = 0; i <= buffer.baseY + buffer.cursorY; i++) {
      const line = buffer.getLine(i);
      if (!line) break;
      if (i > 0 && !line.isWrapped) text += '\n';
      // The blanks at the end of a row belong to the text if the line goes on in the next one.
      text += line.translateToString(!buffer.getLine(i + 1)?.isWrapped);
    }
    return text;
  }

  dispose(): void {
    cancelAnimationFrame(this.#fitting);
    this.#resizes.disconnect();
    lightScheme.removeEventListener('change', this.#onScheme);
    this.#xterm.dispose();
  }

  /** At most one new size per frame: each costs every program a SIGWINCH. */
  #fitSoon(): void {
    if (this.#fitting) return;
    this.#fitting = requestAnimationFrame(() => {
      this.#fitting = 0;
      if (this.#host.clientWidth > 0) this.#fit.fit();
    });
  }

  /** False for keys that the terminal must leave to the browser. */
  #key(event: KeyboardEvent): boolean {
    if (event.type !== 'keydown' || !event.ctrlKey || event.altKey || event.metaKey) return true;
    if (event.shiftKey && event.code === 'KeyC') {
      event.preventDefault(); // would open the developer tools
      void this.#copy();
      return false;
    }
    // The browser's own paste into xterm's text area, which needs no permission.
    return !(event.shiftKey && event.code === 'KeyV');
  }

  async #copy(): Promise<void> {
    const text = this.#xterm.getSelection();
    if (!text) return;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      document.execCommand('copy'); // xterm.js answers the event with its selection
    }
  }

  /** WebGL where graphics hardware does it; xterm.js's DOM renderer is faster than software WebGL. */
  #useWebgl(): void {
    if (!hasHardwareWebgl()) return;
    try {
      const webgl = new WebglAddon();
      // Browsers take contexts back when there are many, or the driver resets.
      webgl.onContextLoss(() => webgl.dispose());
      this.#xterm.loadAddon(webgl);
    } catch (e) {
      console.warn('terminal: no WebGL renderer:', e);
    }
  }
}

function hasHardwareWebgl(): boolean {
  const probe = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  if (!probe) return false;
  // Chromium's fallback passes for hardware, but says its name.
  const names = probe.getExtension('WEBGL_debug_renderer_info');
  const renderer = String(probe.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : probe.RENDERER));
  probe.getExtension('WEBGL_lose_context')?.loseContext();
  return !/swiftshader|llvmpipe|software/i.test(renderer);
}
