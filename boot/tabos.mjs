#!/usr/bin/env node
/*
 * `npx tabos`: runs the Node host. The system needs a Node with multi-memory
 * and the new exception handling; on an older one this starts again with the
 * Node that npm installed beside it.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR = 26;

const cli = new URL('../build/node/cli.js', import.meta.url);
if (!existsSync(cli)) {
  console.error('tabos: not built yet; run ./build.sh build first');
  process.exit(1);
}
if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) {
  if (process.channel) {
    // Started by an older Node, below: without it, even when it was killed, nobody wants this.
    process.on('disconnect', () => process.exit(128 + constants.signals.SIGHUP));
    process.channel.unref();
  }
  await import(cli);
} else {
  const newer = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (!existsSync(newer)) {
    console.error(`tabos: needs Node ${NODE_MAJOR}; npm install brings it`);
    process.exit(1);
  }
  const child = spawn(newer, process.argv.slice(1), {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  // The terminal sends these to both of us: the child decides what they mean.
  for (const signal of ['SIGINT', 'SIGQUIT']) process.on(signal, () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (status, signal) => process.exit(signal ? 128 + constants.signals[signal] : status));
}
