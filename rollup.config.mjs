// Bundles TypeScript into build/site (the page) and build/node (the Node host).
// Types are checked before, by tsc; here they are only dropped.
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import typescript from '@rollup/plugin-typescript';

/** One self-contained module: a worker starts with a single request. */
function bundle(input, file, options = {}) {
  return {
    input,
    output: { file, format: 'es', sourcemap: true, inlineDynamicImports: true },
    plugins: [
      nodeResolve({ browser: file.startsWith('build/site/'), preferBuiltins: true }),
      typescript({
        tsconfig: 'tsconfig.json',
        compilerOptions: { noCheck: true, allowJs: false, outDir: dirname(file) },
      }),
    ],
    onwarn(warning, report) {
      // tsc accepts imports of .ts files only where it doesn't emit; the plugin does.
      if (!warning.message.includes('TS5096')) report(warning);
    },
    ...options,
  };
}

export default [
  // The page: terminals, progress, requirements. index.html loads it.
  bundle('boot/boot.ts', 'build/site/boot.js'),

  // The supervisor worker: the kernel's devices, drivers and workers.
  bundle('boot/supervisor.ts', 'build/site/supervisor.js'),

  // A task worker: runs one program's thread.
  bundle('boot/task.ts', 'build/site/task.js'),

  // The service worker, which supplies COOP and COEP on hosts that don't.
  bundle('boot/sw.ts', 'build/site/sw.js'),

  // The Node host: command line and supervisor.
  bundle('boot/cli.ts', 'build/node/cli.js', { external: /^node:/ }),

  // The Node host's task worker.
  bundle('boot/task.ts', 'build/node/task.js', { external: /^node:/ }),

  // A part that isn't there yet is not built.
].filter(({ input }) => existsSync(input));
