/*
 * What answers /dev/host: files going to the person at the host, and coming from
 * there. userland/bin/host.h says the same for C.
 *
 * A message is a letter and its data; before it is the number of the conversation
 * (kernel-c/dev/host_channel.c). A program only ever gets what a person has handed
 * over, and gives what a person then finds among their downloads.
 *
 *   D name    begin a file for the person         W data   more of it       E   that was all
 *   U         ask for files (waits for them)      T n      take what was dropped as number n
 *   N         the next file: its path, or nothing when that was the last
 *   R         more of that file, or nothing at its end
 *   (empty)   the conversation has ended
 */
import { ECANCELED, EINVAL, ENOENT, ErrnoError } from './errno.ts';
import type { MessageServer } from './fs.ts';

/** A file that a person has handed over. */
export interface GivenFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly data: Blob;
}

/** The person at the host. */
export interface Person {
  /** Hand a finished file over. */
  give(name: string, data: Blob): void;
  /** Ask for files; null when there are to be none. `signal`: nobody waits for them any longer. */
  ask(signal: AbortSignal): Promise<readonly GivenFile[] | null>;
}

interface Conversation {
  readonly ended: AbortController;
  /** What is being given. */
  name: string | null;
  parts: Blob[];
  /** Pieces not yet in a Blob: those leave the memory of this process. */
  loose: Uint8Array<ArrayBuffer>[];
  looseBytes: number;
  /** What was taken. */
  files: GivenFile[];
  current: Blob | null;
  at: number;
}

const NUMBER_BYTES = 4;
const LOOSE_BYTES_MAX = 4 * 1024 * 1024;
const NOTHING = new Uint8Array();

export class HostChannel implements MessageServer {
  readonly #person: Person;
  readonly #conversations = new Map<number, Conversation>();
  readonly #dropped = new Map<number, readonly GivenFile[]>();
  #drops = 0;

  constructor(person: Person) {
    this.#person = person;
  }

  /** Files that were dropped: their number, for the message T. */
  drop(files: readonly GivenFile[]): number {
    this.#dropped.set(++this.#drops, files);
    return this.#drops;
  }

  /** Nobody has taken them. */
  undrop(number: number): void {
    this.#dropped.delete(number);
  }

  async answer(message: Uint8Array, capacity: number): Promise<Uint8Array> {
    const number = new DataView(message.buffer, message.byteOffset).getUint32(0, true);
    if (message.length === NUMBER_BYTES) {
      this.#conversations.get(number)?.ended.abort();
      this.#conversations.delete(number);
      return NOTHING;
    }
    let talk = this.#conversations.get(number);
    if (!talk) this.#conversations.set(number, (talk = newConversation()));
    const letter = String.fromCharCode(message[NUMBER_BYTES] ?? 0);
    return this.#answer(talk, letter, message.slice(NUMBER_BYTES + 1), capacity);
  }

  async #answer(
    talk: Conversation,
    letter: string,
    data: Uint8Array<ArrayBuffer>,
    capacity: number,
  ): Promise<Uint8Array> {
    switch (letter) {
      case 'D':
        talk.name = safeName(text(data));
        talk.parts = [];
        return NOTHING;
      case 'W':
        if (talk.name === null) throw new ErrnoError(EINVAL);
        talk.loose.push(data);
        talk.looseBytes += data.length;
        if (talk.looseBytes >= LOOSE_BYTES_MAX) collect(talk);
        return NOTHING;
      case 'E':
        if (talk.name === null) throw new ErrnoError(EINVAL);
        collect(talk);
        this.#person.give(talk.name, new Blob(talk.parts));
        talk.name = null;
        talk.parts = [];
        return NOTHING;
      case 'U': {
        const files = await this.#person.ask(talk.ended.signal);
        if (!files) throw new ErrnoError(ECANCELED);
        talk.files = [...files];
        return NOTHING;
      }
      case 'T': {
        const number = Number(text(data));
        const files = this.#dropped.get(number);
        if (!files) throw new ErrnoError(ENOENT);
        this.#dropped.delete(number);
        talk.files = [...files];
        return NOTHING;
      }
      case 'N': {
        const file = talk.files.shift();
        talk.current = file?.data ?? null;
        talk.at = 0;
        return file ? new TextEncoder().encode(file.path) : NOTHING;
      }
      case 'R': {
        if (!talk.current) throw new ErrnoError(EINVAL);
        const piece = talk.current.slice(talk.at, talk.at + capacity);
        talk.at += piece.size;
        return new Uint8Array(await piece.arrayBuffer());
      }
      default:
        throw new ErrnoError(EINVAL);
    }
  }

  async dispose(): Promise<void> {
    for (const { ended } of this.#conversations.values()) ended.abort();
    this.#conversations.clear();
  }
}

function newConversation(): Conversation {
  return {
    ended: new AbortController(),
    name: null,
    parts: [],
    loose: [],
    looseBytes: 0,
    files: [],
    current: null,
    at: 0,
  };
}

function collect(talk: Conversation): void {
  if (talk.loose.length > 0) talk.parts.push(new Blob(talk.loose));
  talk.loose = [];
  talk.looseBytes = 0;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A name without a way, and without what could hide what it is. */
function safeName(name: string): string {
  const plain = name.replace(/[\u0000-\u001f\u007f/\\\u202a-\u202e\u2066-\u2069]/g, '_').slice(0, 255);
  if (plain === '' || plain === '.' || plain === '..') throw new ErrnoError(EINVAL);
  return plain;
}
