/*
 * One instance of kernel.wasm: its imports checked, its exports typed.
 */
import type { KernelExports, KernelImports } from '../build/gen/kernel.d.ts';

/** The kernel's memory: its import's minimum, and Chromium's limit for one memory is far above the maximum. */
export const KERNEL_PAGES_INITIAL = 256;
export const KERNEL_PAGES_MAX = 16384;

export type { KernelExports, KernelImports };

/** Import modules and their functions, keyed as the kernel names them. */
type ImportTable = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Methods of the drivers are called by wasm without `this`; bind them under the
 * names the kernel imports.
 */
function bindImports(module: WebAssembly.Module, given: KernelImports): WebAssembly.Imports {
  const table = given as unknown as ImportTable;
  const bound: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const owner = table[from];
    const value = owner?.[name];
    if (value === undefined) throw new Error(`kernel.wasm imports ${from}.${name}, which the boot code lacks`);
    const group = (bound[from] ??= {});
    group[name] =
      kind === 'function'
        ? ((value as () => unknown).bind(owner) as WebAssembly.ImportValue)
        : (value as WebAssembly.ImportValue);
  }
  return bound;
}

export function instantiateKernel(module: WebAssembly.Module, imports: KernelImports): KernelExports {
  const instance = new WebAssembly.Instance(module, bindImports(module, imports));
  return instance.exports as unknown as KernelExports;
}

/** The system calls of the kernel module, as "tabos:posix/file#read". */
export function systemCalls(module: WebAssembly.Module): ReadonlySet<string> {
  const areas = /^tabos:posix\/(file|process|memory|thread|signal|time|net|ipc)#/;
  return new Set(
    WebAssembly.Module.exports(module)
      .filter(({ name, kind }) => kind === 'function' && areas.test(name))
      .map(({ name }) => name),
  );
}
