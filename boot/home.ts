/*
 * /home in a browser: its volume is found and mounted, handed out as an image, and
 * replaced by one.
 */
import type { BlockStore, OpenStore } from '../drivers-ts/block-store.ts';
import { ENODEV, ErrnoError } from '../drivers-ts/errno.ts';
import { ImageStore } from '../drivers-ts/image-store.ts';
import { StillStore } from '../drivers-ts/still-store.ts';
import { blocksOfImage, checkImage, imageOf } from './home-image.ts';
import type { BusyChoice, HomeState, HomeStore } from './protocol.ts';
import type { Supervisor } from './supervisor-core.ts';
import { HomeVolume } from './volumes.ts';

/** The image on its way out, as the kernel knows it. */
const EXPORTED = 'export0';

/** How a program of the system's own ended, and what it complained about. */
export interface OwnEnding {
  readonly status: number;
  readonly errors: string;
}

export interface HomeHost {
  /** Another tab owns /home: what does the person want? */
  askWhatNow(): Promise<BusyChoice>;
  /** What `run` does, after whatever was to be watched before. */
  watch(run: () => Promise<number>): Promise<OwnEnding>;
}

export class Home {
  readonly #host: HomeHost;
  #volume: HomeVolume | null = null;
  #store: StillStore | null = null;
  #exported: ImageStore | null = null;
  /** The last image that was asked for: one is made after the other. */
  #exports: Promise<unknown> = Promise.resolve();

  constructor(host: HomeHost) {
    this.#host = host;
  }

  /** The volume's store is the only one there is, but for an image on its way out. */
  readonly openStore: OpenStore = async (name, readOnly): Promise<BlockStore> => {
    if (this.#exported && name === EXPORTED) return this.#exported;
    if (!this.#volume || name !== this.#volume.store) throw new ErrnoError(ENODEV, `no store ${name}`);
    this.#store = new StillStore(await this.#volume.open(readOnly));
    return this.#store;
  };

  /** Who owns /home: we, or another tab, and then a person decides. Null: it is volatile. */
  async find(wanted: HomeStore): Promise<HomeVolume | null> {
    if (wanted === 'volatile') return null;
    for (;;) {
      const own = await HomeVolume.own(wanted === 'current' ? null : wanted);
      if (own) return own;
      switch (await this.#host.askWhatNow()) {
        case 'read-only':
          return HomeVolume.besideOwner();
        case 'volatile':
          return null;
        case 'again':
          break;
      }
    }
  }

  /** Mount what was found. Without it the system runs all the same; the page says so. */
  async mount(target: Supervisor, found: Promise<HomeVolume | null>): Promise<HomeState> {
    try {
      const volume = (this.#volume = await found);
      if (!volume) return { mode: 'volatile', device: null, problem: null };
      const device = `/dev/${volume.store}`;
      const { status, errors } = await this.#host.watch(() => target.mountHome(device, volume.readOnly ? 'ro' : 'rw'));
      if (status !== 0) throw new Error(errors || `/etc/rc ended with ${status}`);
      if (!volume.readOnly) volume.share(() => this.#still(target));
      await volume.sweep();
      return { mode: volume.readOnly ? 'read-only' : 'lasting', device, problem: null };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return { mode: 'volatile', device: null, problem };
    }
  }

  /** As its last checkpoint left it, with the newest made first. */
  async #still(target: Supervisor): Promise<Blob | null> {
    await target.sync();
    return this.#store ? this.#store.hold(imageOf) : null;
  }

  /** An image of it to give away. */
  image(target: Supervisor): Promise<Blob> {
    const image = this.#exports.then(async () => {
      const still = await this.#still(target);
      if (!still) throw new Error('there is no /home that lasts');
      return this.#tidy(target, still);
    });
    this.#exports = image.catch(() => undefined);
    return image;
  }

  /**
   * The image as an unmount would leave it: a file that has no name any more but is in use
   * takes room in /home, and is nobody's in the image. The kernel frees those, as after a crash.
   */
  async #tidy(target: Supervisor, image: Blob): Promise<Blob> {
    const store = (this.#exported = new ImageStore(image, false));
    try {
      const script = 'mkdir -p "$1" && mount -t ext2 "$2" "$1" && umount "$1"';
      const { status, errors } = await this.#host.watch(() =>
        target.runToEnd(['/bin/sh', '-c', script, 'sh', '/run/export', EXPORTED], []),
      );
      if (status !== 0) throw new Error(errors || `mount ended with ${status}`);
      return store.changed;
    } finally {
      this.#exported = null;
    }
  }

  /** Replace it by an image. The system ends for it. */
  async replace(target: Supervisor, image: Blob): Promise<void> {
    if (!this.#volume || this.#volume.readOnly) throw new Error('this tab does not own /home');
    await checkImage(image);
    await target.sync();
    await target.stop();
    await this.#volume.fill(this.#volume.kind, blocksOfImage(image));
  }
}
