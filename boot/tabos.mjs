#!/usr/bin/env node
/*
 * `npx tabos`: runs the Node host. The system needs a Node with multi-memory
 * and the new exception handling; on an older one this starts again with the
 * Node that npm installed beside it.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const NODE_MAJOR = 26;

const cli = new URL("../build/node/cli.js", import.meta.url);
if (!existsSync(cli)) {
  console.error("tabos: not built yet; run ./build.sh build first");
  process.exit(1);
}
if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR) {
  await import(cli);
} else {
  const newer = fileURLToPath(
    new URL("../node_modules/node/bin/node", import.meta.url),
  );
  if (!existsSync(newer)) {
    console.error(`tabos: needs Node ${NODE_MAJOR}; npm install brings it`);
    process.exit(1);
  }
  // The terminal's signals go to the whole process group: the child decides.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
    process.on(signal, () => {});
  const { status, signal } = spawnSync(
    newer,
    [fileURLToPath(cli), ...process.argv.slice(2)],
    { stdio: "inherit" },
  );
  process.exit(signal ? 128 + constants.signals[signal] : status);
}
