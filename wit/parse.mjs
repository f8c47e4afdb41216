/*
 * Reads the subset of WIT that TabOS uses: packages, interfaces and worlds of
 * functions over plain numbers. Anything else is an error, so the core
 * signature of every function follows from its text alone.
 *
 *     const wit = parseWit(directory);
 *     wit.interfaces.get("file")   // [{ name, parameters, result, docs }]
 *     wit.world("kernel")          // { imports, exports }: Map of module name to functions
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const CORE_TYPES = { s32: 'i32', u32: 'i32', s64: 'i64', u64: 'i64' };

/** The WebAssembly type a WIT number crosses as. */
export function coreType(type) {
  return CORE_TYPES[type];
}

/** `pread` -> `pread`, `exit-group` -> `exit_group`. */
export function snakeCase(name) {
  return name.replaceAll('-', '_');
}

/** `exit-group` -> `exitGroup`. */
export function camelCase(name) {
  return name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
}

/** The core signature as text, to compare and to show: `(i32, i64) -> i32`. */
export function signature(f) {
  const parameters = f.parameters.map((p) => coreType(p.type)).join(', ');
  return `(${parameters}) -> ${f.result ? coreType(f.result) : 'nothing'}`;
}

/** Every file of a directory, as one package. */
export function parseWit(directory) {
  const wit = new Wit();
  for (const file of readdirSync(directory).sort())
    if (file.endsWith('.wit')) new Parser(wit, file, readFileSync(join(directory, file), 'utf8')).file();
  return wit;
}

class Wit {
  package = '';
  interfaces = new Map();
  worlds = new Map();

  /**
   * A world with its includes resolved. An interface declared outside a world
   * has the package in its module name, one declared inside has not.
   */
  world(name) {
    const imports = new Map();
    const exports = new Map();
    const world = this.worlds.get(name);
    if (!world) throw new Error(`wit: there is no world ${name}`);
    for (const item of world) {
      if (item.kind === 'include') {
        const other = this.world(item.name);
        for (const [module, functions] of other.imports) imports.set(module, functions);
        for (const [module, functions] of other.exports) exports.set(module, functions);
        continue;
      }
      const functions = item.functions ?? this.interfaces.get(item.name);
      if (!functions) throw new Error(`wit: world ${name}: there is no interface ${item.name}`);
      const module = item.functions ? item.name : `${this.package}/${item.name}`;
      (item.kind === 'import' ? imports : exports).set(module, functions);
    }
    return { imports, exports };
  }
}

class Parser {
  #wit;
  #file;
  #text;
  #at = 0;
  #token = '';
  #docs = [];

  constructor(wit, file, text) {
    this.#wit = wit;
    this.#file = file;
    this.#text = text;
    this.#next();
  }

  file() {
    while (this.#token !== '') {
      const docs = this.#takeDocs();
      if (this.#accept('package')) {
        this.#wit.package = this.#name();
        this.#expect(':');
        this.#wit.package += `:${this.#name()}`;
        this.#expect(';');
      } else if (this.#accept('interface')) {
        const name = this.#name();
        this.#wit.interfaces.set(name, this.#functions(name, docs));
      } else if (this.#accept('world')) {
        this.#wit.worlds.set(this.#name(), this.#world());
      } else this.#fail('a package, interface or world');
    }
  }

  #world() {
    const items = [];
    this.#expect('{');
    while (!this.#accept('}')) {
      const docs = this.#takeDocs();
      const kind = this.#name();
      if (!['import', 'export', 'include'].includes(kind)) this.#fail('import, export or include');
      const name = this.#name();
      if (this.#accept(':')) {
        this.#expect('interface');
        items.push({ kind, name, functions: this.#functions(name, docs) });
      } else {
        this.#expect(';');
        items.push({ kind, name });
      }
    }
    return items;
  }

  #functions(owner, ownerDocs) {
    const functions = [];
    functions.docs = ownerDocs;
    this.#expect('{');
    while (!this.#accept('}')) {
      const docs = this.#takeDocs();
      const name = this.#name();
      if (functions.some((f) => f.name === name)) this.#fail(`another name than ${owner}.${name}, which is taken`);
      this.#expect(':');
      this.#expect('func');
      this.#expect('(');
      const parameters = [];
      while (!this.#accept(')')) {
        const parameter = this.#name();
        this.#expect(':');
        parameters.push({ name: parameter, type: this.#type() });
        if (this.#token !== ')') this.#expect(',');
      }
      const result = this.#accept('->') ? this.#type() : null;
      this.#expect(';');
      functions.push({ name, parameters, result, docs });
    }
    return functions;
  }

  #type() {
    const type = this.#token;
    if (!(type in CORE_TYPES)) this.#fail('one of s32, u32, s64, u64');
    this.#next();
    return type;
  }

  #name() {
    const name = this.#token.replace(/^%/, '');
    if (!/^[a-z][a-z0-9-]*$/.test(name)) this.#fail('a name');
    this.#next();
    return name;
  }

  #takeDocs() {
    const docs = this.#docs;
    this.#docs = [];
    return docs;
  }

  #accept(token) {
    if (this.#token !== token) return false;
    this.#next();
    return true;
  }

  #expect(token) {
    if (!this.#accept(token)) this.#fail(`"${token}"`);
  }

  #fail(wanted) {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    const found = this.#token === '' ? 'the end' : `"${this.#token}"`;
    throw new Error(`wit/${this.#file}:${line}: expected ${wanted}, found ${found}`);
  }

  #next() {
    const token = /\s*(?:(\/\/\/[^\n]*)|(\/\/[^\n]*)|(->|%?[a-z][a-z0-9-]*|[^\s]))/y;
    for (;;) {
      token.lastIndex = this.#at;
      const match = token.exec(this.#text);
      if (!match) {
        this.#token = '';
        return;
      }
      this.#at = token.lastIndex;
      if (match[1] !== undefined) this.#docs.push(match[1].slice(3).trim());
      else if (match[3] !== undefined) {
        this.#token = match[3];
        return;
      }
    }
  }
}
