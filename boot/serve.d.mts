import type { Server } from 'node:http';

export interface ServeOptions {
  /** The first port to try; 0 for any free one. */
  readonly port?: number;
  /** Send the headers for cross-origin isolation (the default). */
  readonly isolate?: boolean;
}

/** Serve `directory` on localhost; the server listens when this resolves. */
export function serve(directory: string, options?: ServeOptions): Promise<Server>;
