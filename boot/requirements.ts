/*
 * What a browser must have to run TabOS, and in plain words what is missing.
 */
import {
  bigInt,
  bulkMemory,
  exceptionsFinal,
  multiMemory,
  mutableGlobals,
  saturatedFloatToInt,
  signExtensions,
  threads,
} from 'wasm-feature-detect';

/** One thing that is missing, why it is needed, and what a person can do about it. */
export interface Missing {
  readonly what: string;
  readonly why: string;
  /** A newer browser would have it. */
  readonly tooOld: boolean;
}

interface Requirement extends Missing {
  readonly present: () => boolean | Promise<boolean>;
}

// exnref is the newest thing on the list, so its first versions are the answer to most of it.
export const UPDATE =
  'Firefox 131, Chrome 137 and Edge 137 are the first versions that have everything TabOS needs: please update the browser.';

/** In the order in which a person should deal with them. */
const REQUIREMENTS: readonly Requirement[] = [
  {
    what: 'A secure address',
    why:
      'Browsers allow shared memory only on https:// addresses and on localhost. ' +
      'Open this page in one of these two ways.',
    tooOld: false,
    present: () => globalThis.isSecureContext,
  },
  {
    what: 'Cross-origin isolation',
    why:
      'The server must send “Cross-Origin-Opener-Policy: same-origin” and “Cross-Origin-Embedder-Policy: ' +
      'require-corp”. TabOS tried to supply them with a service worker, which this server or browser ' +
      '(a private window, perhaps) does not allow.',
    tooOld: false,
    present: () => globalThis.crossOriginIsolated === true,
  },
  {
    what: 'WebAssembly',
    why: "Programs and the kernel are WebAssembly; it may be switched off in the browser's settings.",
    tooOld: true,
    present: () => typeof WebAssembly === 'object' && typeof WebAssembly.compileStreaming === 'function',
  },
  {
    what: 'Shared memory',
    why: 'The kernel lives in memory that all its workers share (SharedArrayBuffer).',
    tooOld: true,
    present: () => typeof SharedArrayBuffer === 'function' && threads(),
  },
  {
    what: 'WebAssembly with several memories',
    why: "The kernel reaches a program's memory through a module that has both (multi-memory).",
    tooOld: true,
    present: multiMemory,
  },
  {
    what: 'WebAssembly exceptions (exnref)',
    why: 'setjmp and longjmp of C programs are built on them.',
    tooOld: true,
    present: exceptionsFinal,
  },
  {
    what: 'WebAssembly 2.0',
    why: 'Bulk memory operations, 64-bit integers in JavaScript, sign extension and their like.',
    tooOld: true,
    present: async () =>
      (await Promise.all([bulkMemory(), bigInt(), mutableGlobals(), signExtensions(), saturatedFloatToInt()])).every(
        Boolean,
      ),
  },
  {
    what: 'Web workers',
    why: 'Every thread of TabOS is a worker.',
    tooOld: true,
    present: () => typeof Worker === 'function',
  },
  {
    what: 'A current JavaScript',
    why: 'Decompression streams, Promise.withResolvers or structuredClone are not there.',
    tooOld: true,
    present: () =>
      typeof DecompressionStream === 'function' &&
      typeof Promise.withResolvers === 'function' &&
      typeof structuredClone === 'function',
  },
];

/** Everything that is missing; empty when TabOS can run. */
export async function findMissing(): Promise<Missing[]> {
  const present = await Promise.all(
    // A detector that throws has found that the thing isn't there.
    REQUIREMENTS.map(async (r) => r.present()).map((p) => p.catch(() => false)),
  );
  const missing = REQUIREMENTS.filter((_, i) => !present[i]);
  // Without isolation browsers also hide shared memory: naming it would only mislead.
  return globalThis.crossOriginIsolated ? missing : missing.filter((m) => m.what !== 'Shared memory');
}
