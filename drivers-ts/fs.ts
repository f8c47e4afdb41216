/*
 * The `fs` driver: block stores, and file trees of the host behind 9P2000.L.
 */
import type { FsImports } from '../build/gen/kernel.d.ts';
import { BLOCK_BYTES, type BlockStore, type OpenStore } from './block-store.ts';
import { Driver, type DriverHost } from './driver.ts';
import { EBADF, EIO, ENODEV, ErrnoError, errnoOf } from './errno.ts';

/** Serves one tree: answers a 9P message with a 9P message of at most `capacity` bytes. */
export interface MessageServer {
  answer(message: Uint8Array, capacity: number): Promise<Uint8Array>;
  dispose(): Promise<void>;
}

/** The number that stands for the channel of /dev/host (kernel-c/dev/host_channel.c). */
const CHANNEL_TREE = 0xffff_ffff;
/** Flags of fs.open. */
const OPEN_READ_ONLY = 1;

export class FsDriver extends Driver implements FsImports {
  readonly #openStore: OpenStore;
  readonly #trees: readonly MessageServer[];
  readonly #channel: MessageServer | null;
  readonly #stores = new Map<number, { readonly name: string; readonly store: BlockStore }>();
  /** By name: stores whose close was asked for and goes on. It settles, and never fails. */
  readonly #closing = new Map<string, Promise<void>>();
  /** Those that have half of a list: it must not be flushed. */
  readonly #torn = new WeakSet<BlockStore>();
  #lastStore = 0;

  /** A tree's number is its place in `trees`; `channel` answers what is written to /dev/host. */
  constructor(
    host: DriverHost,
    openStore: OpenStore,
    trees: readonly MessageServer[] = [],
    channel: MessageServer | null = null,
  ) {
    super(host);
    this.#openStore = openStore;
    this.#trees = trees;
    this.#channel = channel;
  }

  open(request: number, name: number, nameLength: number, flags: number): number {
    const text = this.host.memory.text(name, nameLength);
    return this.complete(request, async () => {
      // Who unmounts does not wait for the close, and may well mount again at once.
      await this.#closing.get(text);
      const store = await this.#openStore(text, (flags & OPEN_READ_ONLY) !== 0).catch((error: unknown) => {
        // The kernel only gets a number; the words tell what is wrong with a store.
        if (errnoOf(error) === EIO) console.error(`${text}: ${String(error)}`);
        throw error;
      });
      this.#stores.set(++this.#lastStore, { name: text, store });
      return this.#lastStore;
    });
  }

  read(request: number, store: number, block: number, count: number, buffer: number): number {
    return this.complete(request, async () => {
      this.host.memory.write(buffer, await this.#store(store).read(block >>> 0, count));
      return count;
    });
  }

  write(request: number, store: number, block: number, count: number, buffer: number): number {
    return this.complete(request, async () => {
      const target = this.#store(store);
      target.write(block >>> 0, this.host.memory.view(buffer, count * BLOCK_BYTES));
      await target.drain();
      return count;
    });
  }

  'read-list'(request: number, store: number, list: number, count: number): number {
    return this.complete(request, async () => {
      const source = this.#store(store);
      const { blocks, addresses } = this.#list(list, count);
      await Promise.all(
        [...runsOf(blocks)].map(async ([from, to]) => {
          const data = await source.read(blocks[from] ?? 0, to - from);
          for (let i = from; i < to; i++) {
            const at = (i - from) * BLOCK_BYTES;
            this.host.memory.write(addresses[i] ?? 0, data.subarray(at, at + BLOCK_BYTES));
          }
        }),
      );
      return count;
    });
  }

  'write-list'(request: number, store: number, list: number, count: number): number {
    return this.complete(request, async () => {
      // No await before the last page is copied: the caller may change them when we have returned.
      const target = this.#store(store);
      this.#writeList(target, list, count);
      await target.drain();
      return count;
    });
  }

  estimate(request: number, store: number, result: number): number {
    return this.complete(request, async () => {
      const { held, available } = await this.#store(store).estimate();
      this.host.memory.writeInt64(result, BigInt(held));
      this.host.memory.writeInt64(result + 8, BigInt(available));
      return 0;
    });
  }

  flush(request: number, store: number, list: number, count: number): number {
    // Not async, nor is what follows in a store: who called fsync waits for each turn of the microtasks.
    return this.complete(request, () => {
      const target = this.#store(store);
      if (count > 0) this.#writeList(target, list, count);
      this.#torn.delete(target); // after a failure the kernel writes all of it again
      return target.flush();
    });
  }

  seek(request: number, store: number, size: number): number {
    return this.complete(request, async () => {
      this.host.memory.writeInt64(size, BigInt(await this.#store(store).size()));
      return 0;
    });
  }

  close(request: number, store: number): number {
    return this.complete(request, async () => {
      const { name, store: closing } = this.#opened(store);
      this.#stores.delete(store);
      const closed = this.#torn.has(closing) ? closing.close() : closeFlushed(closing);
      const settled = closed.catch(() => undefined);
      this.#closing.set(name, settled);
      void settled.then(() => {
        if (this.#closing.get(name) === settled) this.#closing.delete(name);
      });
      await closed;
      return 0;
    });
  }

  message(request: number, tree: number, buffer: number, length: number, capacity: number): number {
    const server = tree >>> 0 === CHANNEL_TREE ? this.#channel : this.#trees[tree];
    if (!server) return -ENODEV;
    const message = this.host.memory.copy(buffer, length);
    return this.complete(request, async () => {
      const reply = await server.answer(message, capacity);
      this.host.memory.write(buffer, reply);
      return reply.length;
    });
  }

  override async dispose(): Promise<void> {
    const open = [...this.#stores.values()];
    this.#stores.clear();
    await Promise.allSettled([
      ...this.#closing.values(),
      ...open.map(({ store }) => store.close()),
      ...this.#trees.map((tree) => tree.dispose()),
    ]);
  }

  /** The pairs of read-list. */
  #list(list: number, count: number): { blocks: Uint32Array; addresses: Uint32Array } {
    const pairs = new Uint32Array(this.host.memory.copy(list, count * 8).buffer);
    const blocks = new Uint32Array(count);
    const addresses = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      blocks[i] = pairs[2 * i]!;
      addresses[i] = pairs[2 * i + 1]!;
    }
    return { blocks, addresses };
  }

  #writeList(target: BlockStore, list: number, count: number): void {
    try {
      this.#writePages(target, list, count);
    } catch (error) {
      this.#torn.add(target);
      throw error;
    }
  }

  #writePages(target: BlockStore, list: number, count: number): void {
    const { memory } = this.host;
    const { words, index } = memory.words(list, count * 2);
    const block = (i: number): number => words[index + 2 * i]! >>> 0;
    const address = (i: number): number => words[index + 2 * i + 1]! >>> 0;
    for (let i = 0; i < count;) {
      let n = 1; // pages that lie side by side, for blocks that do
      while (i + n < count && block(i + n) === block(i) + n && address(i + n) === address(i) + n * BLOCK_BYTES) n++;
      target.write(block(i), memory.view(address(i), n * BLOCK_BYTES));
      i += n;
    }
  }

  #opened(handle: number): { readonly name: string; readonly store: BlockStore } {
    const opened = this.#stores.get(handle);
    if (!opened) throw new ErrnoError(EBADF);
    return opened;
  }

  #store(handle: number): BlockStore {
    return this.#opened(handle).store;
  }
}

async function closeFlushed(store: BlockStore): Promise<void> {
  try {
    await store.flush();
  } finally {
    await store.close();
  }
}

/** Where blocks that follow each other begin and end in a list. */
function* runsOf(blocks: Uint32Array): Generator<readonly [from: number, to: number]> {
  for (let from = 0; from < blocks.length;) {
    let to = from + 1;
    while (to < blocks.length && blocks[to] === (blocks[to - 1] ?? 0) + 1) to++;
    yield [from, to];
    from = to;
  }
}
