/*
 * The `fs` driver: block stores, and file trees of the host behind 9P2000.L.
 */
import type { FsImports } from '../build/gen/kernel.d.ts';
import { BLOCK_BYTES, type BlockStore, type OpenStore } from './block-store.ts';
import { Driver, type DriverHost } from './driver.ts';
import { EBADF, ENODEV, ErrnoError } from './errno.ts';

/** Serves one tree: answers a 9P message with a 9P message of at most `capacity` bytes. */
export interface MessageServer {
  answer(message: Uint8Array, capacity: number): Promise<Uint8Array>;
  dispose(): Promise<void>;
}

/** Flags of fs.open. */
const OPEN_READ_ONLY = 1;

export class FsDriver extends Driver implements FsImports {
  readonly #openStore: OpenStore;
  readonly #trees: readonly MessageServer[];
  readonly #stores = new Map<number, BlockStore>();
  #lastStore = 0;

  /** A tree's number is its place in `trees`. */
  constructor(host: DriverHost, openStore: OpenStore, trees: readonly MessageServer[] = []) {
    super(host);
    this.#openStore = openStore;
    this.#trees = trees;
  }

  open(request: number, name: number, nameLength: number, flags: number): number {
    const text = this.host.memory.text(name, nameLength);
    return this.complete(request, async () => {
      const store = await this.#openStore(text, (flags & OPEN_READ_ONLY) !== 0);
      this.#stores.set(++this.#lastStore, store);
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
      await this.#store(store).write(block >>> 0, this.host.memory.copy(buffer, count * BLOCK_BYTES));
      return count;
    });
  }

  flush(request: number, store: number): number {
    return this.complete(request, async () => {
      await this.#store(store).flush();
      return 0;
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
      const closing = this.#store(store);
      this.#stores.delete(store);
      await closing.close();
      return 0;
    });
  }

  message(request: number, tree: number, buffer: number, length: number, capacity: number): number {
    const server = this.#trees[tree];
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
    await Promise.allSettled([...open.map((store) => store.close()), ...this.#trees.map((tree) => tree.dispose())]);
  }

  #store(handle: number): BlockStore {
    const store = this.#stores.get(handle);
    if (!store) throw new ErrnoError(EBADF);
    return store;
  }
}
