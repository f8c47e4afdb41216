/*
 * Directories of the host that --mount shows in the system.
 */
import { HostTree } from '../drivers-ts/host-tree.ts';
import { NinepServer } from '../drivers-ts/p9.ts';
import type { MessageServer } from '../drivers-ts/fs.ts';
import type { Mount } from './arguments.ts';

/** In the order of `mounts`: a tree's number is its place. */
export function openTrees(mounts: readonly Mount[]): MessageServer[] {
  return mounts.map(({ host, readOnly }) => new NinepServer(new HostTree(host, readOnly)));
}
