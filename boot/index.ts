/*
 * For programs that embed the system. A host implements Platform (boot/node.ts and
 * boot/supervisor.ts are the two there are) and makes a Supervisor:
 *
 *     const system = new Supervisor(platform, { kernel, uaccess }, cpus);
 *     await system.unpack(tarChunks);
 *     system.onExit((pid, waitStatus) => …);
 *     const pid = system.spawn({ path: '/bin/sh', argv: ['sh'], env: [], terminal: 1 });
 */
export type { Console, Platform, WorkerHandle } from './platform.ts';
export type { FailureKind, SpawnOptions } from './protocol.ts';
export { BootFailure, Supervisor, type ExitListener, type SupervisorModules } from './supervisor-core.ts';
export { writeTar, type TarFile } from './tar.ts';
