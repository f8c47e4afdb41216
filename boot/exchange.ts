/*
 * Files in and out on the page: what is dropped or chosen, what is downloaded,
 * and the menu for /home.
 */
import type { GivenFile } from '../drivers-ts/host-channel.ts';

/** What the menu and a drop do. */
export interface Exchange {
  /** Files onto the terminal in front; resolves to words about it. */
  drop(files: readonly GivenFile[]): Promise<string>;
  exportImage(): void;
  exportTar(): void;
  importImage(image: Blob): void;
  /** Back to the terminal. */
  focus(): void;
}

const REMARK_MS = 6000;

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

function button(text: string, act: () => void): HTMLButtonElement {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.addEventListener('click', act);
  return made;
}

/** Hand a file to the browser's downloads. */
export function saveFile(name: string, data: Blob): void {
  const url = URL.createObjectURL(data);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser takes it from there; it needs the address until it has begun.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

let remarkTimer: ReturnType<typeof setTimeout> | undefined;

/** A line above the terminal for a while. */
export function remark(text: string, forMs = REMARK_MS): void {
  const line = element('remark');
  line.textContent = text;
  line.hidden = false;
  clearTimeout(remarkTimer);
  if (forMs < Infinity) remarkTimer = setTimeout(() => (line.hidden = true), forMs);
}

/* ---- asking for files ---- */

/** Pickers need a person's gesture, so a dialog asks for that first. */
export function askForFiles(signal: AbortSignal): Promise<readonly GivenFile[] | null> {
  return new Promise((resolve) => {
    const dialog = document.createElement('dialog');
    dialog.className = 'exchange';
    dialog.dataset['purpose'] = 'upload';
    const finish = (files: readonly GivenFile[] | null): void => {
      dialog.close(); // gives the focus back
      dialog.remove();
      resolve(files);
    };
    const picker = (folder: boolean): HTMLInputElement => {
      const input = document.createElement('input');
      input.type = 'file';
      input.multiple = true;
      input.webkitdirectory = folder;
      input.hidden = true;
      input.addEventListener('change', () => finish(givenFiles(input.files)));
      return input;
    };
    const files = picker(false);
    const folder = picker(true);
    const text = document.createElement('p');
    text.textContent = 'A program asks for files of yours. It gets a copy of those that you choose.';
    dialog.append(
      text,
      files,
      folder,
      button('Choose files…', () => files.click()),
      button('Choose a folder…', () => folder.click()),
      button('None', () => finish(null)),
    );
    dialog.addEventListener('cancel', () => finish(null));
    signal.addEventListener('abort', () => finish(null));
    document.body.append(dialog);
    dialog.showModal();
  });
}

function givenFiles(list: FileList | null): GivenFile[] {
  return [...(list ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, data: file }));
}

/* ---- dropping ---- */

async function filesBelow(entry: FileSystemEntry, parent = ''): Promise<GivenFile[]> {
  const path = `${parent}${entry.name}`;
  if (entry.isFile) {
    const data = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path, data }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: GivenFile[] = [];
  for (;;) {
    // Some browsers give a hundred at a time.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return found;
    for (const child of entries) found.push(...(await filesBelow(child, `${path}/`)));
  }
}

async function filesIn(transfer: DataTransfer): Promise<GivenFile[]> {
  // All that is needed of the event before the first await: it is empty afterwards.
  const items = [...transfer.items].filter(({ kind }) => kind === 'file');
  const entries = items.map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const found: GivenFile[] = [];
  for (const entry of entries) {
    if (entry instanceof File) found.push({ path: entry.name, data: entry });
    else if (entry) found.push(...(await filesBelow(entry)));
  }
  return found;
}

/** The menu, and dropping onto the page. */
export function setUpExchange(exchange: Exchange): void {
  const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
  window.addEventListener('dragover', (event) => {
    if (hasFiles(event)) event.preventDefault(); // without this, the browser would show the file instead
  });
  window.addEventListener('drop', (event) => {
    if (!event.dataTransfer || !hasFiles(event)) return;
    event.preventDefault();
    void filesIn(event.dataTransfer)
      .then((files) => exchange.drop(files))
      .then(
        (text) => remark(text),
        (error: unknown) => remark(String(error)),
      );
  });

  const menu = element('menu');
  const close = (act: () => void) => () => {
    menu.hidePopover();
    exchange.focus();
    act();
  };
  const image = document.createElement('input');
  image.type = 'file';
  image.id = 'import-image';
  image.hidden = true;
  image.addEventListener('change', () => {
    const file = image.files?.[0];
    image.value = '';
    if (file && confirm('Replace all of /home by this image? What is there now will be gone.'))
      exchange.importImage(file);
  });
  menu.append(
    button(
      'Download /home as a tar archive',
      close(() => exchange.exportTar()),
    ),
    button(
      'Download /home as a disk image (ext2)',
      close(() => exchange.exportImage()),
    ),
    button(
      'Replace /home by a disk image…',
      close(() => image.click()),
    ),
    image,
  );
}
