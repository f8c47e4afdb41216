/*
 * Do modules keep to wit/?
 *
 *     node wit/check.mjs --as kernel|program MODULE.wasm|DIRECTORY…
 *
 * A kernel must export every function of world kernel, with its type, and no
 * other beside the linker's; it may import only what the world imports. A
 * program may import only calls of world posix. Both import `env.memory`.
 * Of a directory every module below it is checked, whatever its name.
 * Prints one line for each disagreement and exits with 1 when there is any.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readModule } from './module.mjs';
import { parseWit, signature } from './parse.mjs';

/** The linker's own functions that the boot code calls. */
const LINKER_FUNCTIONS = ['__wasm_init_tls'];

function checkImports(imports, worldImports, fail) {
  let memory = false;
  for (const { module, name, kind, type } of imports) {
    const what = `import "${module}" "${name}"`;
    if (module === 'env' && name === 'memory' && kind === 'memory') {
      memory = true;
      continue;
    }
    const f = worldImports.get(module)?.find((f) => f.name === name);
    if (!f || kind !== 'function') fail(`${what} (${kind}) is not in wit/`);
    else if (type !== signature(f)) fail(`${what} has the type ${type}, wit/ says ${signature(f)}`);
  }
  if (!memory) fail(`its memory must be the import "env" "memory"`);
}

function checkExports(exports, worldExports, fail) {
  const found = new Map(exports.filter((e) => e.kind === 'function').map((e) => [e.name, e.type]));
  for (const [module, functions] of worldExports)
    for (const f of functions) {
      const name = `${module}#${f.name}`;
      if (!found.has(name)) fail(`export "${name}" is missing`);
      else if (found.get(name) !== signature(f))
        fail(`export "${name}" has the type ${found.get(name)}, wit/ says ${signature(f)}`);
      found.delete(name);
    }
  for (const name of found.keys()) if (!LINKER_FUNCTIONS.includes(name)) fail(`export "${name}" is not in wit/`);
}

/** The disagreements of a module with the world it should keep to, as lines. */
export function checkModule(bytes, kind, wit) {
  const problems = [];
  const fail = (line) => problems.push(line);
  let module;
  try {
    module = readModule(bytes);
  } catch (e) {
    return [e.message];
  }
  if (kind === 'kernel') {
    const world = wit.world('kernel');
    checkImports(module.imports, world.imports, fail);
    checkExports(module.exports, world.exports, fail);
  } else checkImports(module.imports, wit.world('posix').imports, fail);
  return problems;
}

/** The file, or every module below the directory. */
function* modules(path) {
  if (!statSync(path).isDirectory()) {
    yield { file: path, bytes: readFileSync(path) };
    return;
  }
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const bytes = readFileSync(file);
    if (bytes.subarray(0, 4).toString('latin1') === '\0asm') yield { file, bytes };
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    options: { as: { type: 'string' } },
    allowPositionals: true,
  });
  if (!['kernel', 'program'].includes(values.as) || !positionals.length) {
    console.error('usage: node wit/check.mjs --as kernel|program MODULE.wasm|DIRECTORY…');
    process.exit(2);
  }
  const wit = parseWit(dirname(fileURLToPath(import.meta.url)));
  for (const path of positionals) {
    for (const { file, bytes } of modules(path)) {
      for (const problem of checkModule(bytes, values.as, wit)) {
        console.error(`${file}: ${problem}`);
        process.exitCode = 1;
      }
    }
  }
}
