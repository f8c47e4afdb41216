/*
 * The card shown while the system starts: progress, or what went wrong.
 */
import { UPDATE, type Missing } from './requirements.ts';

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

function make(tag: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

/** A start that can't go on, with a heading a person understands and details for the curious. */
export class StartError extends Error {
  readonly heading: string;
  readonly explanation: string;

  constructor(heading: string, explanation: string, options?: ErrorOptions) {
    super(heading, options);
    this.heading = heading;
    this.explanation = explanation;
  }
}

/** Bytes that arrive from several downloads, and the step the machine is at. */
export class Progress {
  readonly #downloads = new Map<string, { loaded: number; total: number }>();
  readonly #fill = element('progress-fill');
  readonly #bar = element('progress-bar');
  readonly #text = element('progress-text');

  /** A download has `loaded` bytes of about `total` (0 while nobody knows). */
  download(name: string, loaded: number, total: number): void {
    this.#downloads.set(name, { loaded, total: Math.max(total, loaded) });
    let allLoaded = 0;
    let allTotal = 0;
    for (const d of this.#downloads.values()) {
      allLoaded += d.loaded;
      allTotal += d.total;
    }
    // The last tenth of the bar is for what follows the downloads.
    this.#show(allTotal ? (90 * allLoaded) / allTotal : 0);
    this.#text.textContent = `Loading: ${megabytes(allLoaded)} of ${megabytes(allTotal)} MB`;
  }

  step(text: string, percent: number): void {
    this.#show(percent);
    this.#text.textContent = text;
  }

  /** The system runs: the card goes away. */
  finish(): void {
    element('boot').hidden = true;
    element('bar').hidden = false;
  }

  #show(percent: number): void {
    this.#fill.style.width = `${percent}%`;
    this.#bar.setAttribute('aria-valuenow', String(Math.round(percent)));
  }
}

/** Interrupt the progress with a question; the progress goes on when it is answered. */
export function ask<T extends string>(
  heading: string,
  text: string,
  answers: readonly { readonly answer: T; readonly label: string; readonly why: string }[],
): Promise<T> {
  return new Promise((resolve) => {
    const list = document.createElement('ul');
    list.className = 'answers';
    for (const { answer, label, why } of answers) {
      const button = make('button', label);
      button.dataset['answer'] = answer;
      button.addEventListener('click', () => {
        element('trouble').hidden = true;
        element('progress').hidden = false;
        resolve(answer);
      });
      const item = document.createElement('li');
      item.append(button, make('span', why));
      list.append(item);
    }
    showTrouble([make('h2', heading), make('p', text), list]);
  });
}

/** Replace the progress (or a running system) by what is missing. */
export function showMissing(missing: readonly Missing[]): void {
  const list = document.createElement('ul');
  for (const { what, why } of missing) {
    const item = document.createElement('li');
    item.append(make('b', what), make('span', why));
    list.append(item);
  }
  const nodes = [make('h2', 'TabOS can’t run here'), make('p', 'This browser, on this page, lacks:'), list];
  if (missing.some((m) => m.tooOld)) nodes.push(make('p', UPDATE));
  showTrouble(nodes);
}

/** Replace the progress (or a running system) by an error. */
export function showError(error: unknown): void {
  const nodes: HTMLElement[] = [];
  if (error instanceof StartError) {
    nodes.push(make('h2', error.heading), make('p', error.explanation));
    if (error.cause !== undefined) nodes.push(make('pre', describe(error.cause)));
  } else {
    nodes.push(make('h2', 'TabOS has stopped'), make('pre', describe(error)));
  }
  const again = make('button', 'Try again');
  again.addEventListener('click', () => location.reload());
  showTrouble([...nodes, again]);
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function showTrouble(nodes: HTMLElement[]): void {
  const trouble = element('trouble');
  trouble.replaceChildren(...nodes);
  trouble.hidden = false;
  element('progress').hidden = true;
  element('boot').hidden = false;
}
