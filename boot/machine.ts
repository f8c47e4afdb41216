/*
 * The `host` imports that any worker may call: clock, randomness, log, modules.
 */
import type { HostImports } from '../build/gen/kernel.d.ts';
import { EINVAL, EIO, ENOEXEC, ENOMEM } from '../drivers-ts/errno.ts';
import type { KernelMemory } from '../drivers-ts/memory.ts';
import { threadCpuTime } from './clock.ts';
import { inspectProgram } from './modules.ts';
import { CONTROL, type Program } from './protocol.ts';

export interface MachineHost {
  readonly memory: KernelMemory;
  /** CONTROL words, shared by all workers. */
  readonly control: Int32Array<ArrayBufferLike>;
  /** Names of the kernel's system calls. */
  readonly calls: ReadonlySet<string>;
  now(): bigint;
  log(level: number, text: string): void;
  programCompiled(program: Program): void;
  programDropped(id: number): void;
}

export type MachineImports = Pick<
  HostImports,
  'now' | 'cpu-time' | 'random' | 'log' | 'module-begin' | 'module-bytes' | 'module-end' | 'module-drop'
>;

/** getRandomValues fills at most this much at once. */
const RANDOM_BYTES_MAX = 65536;

export function machineImports(host: MachineHost): MachineImports {
  const { memory } = host;
  let bytes: Uint8Array<ArrayBuffer> | null = null;
  let filled = 0;

  return {
    now: () => host.now(),
    'cpu-time': threadCpuTime,

    random(buffer, length) {
      try {
        for (let done = 0; done < length;) {
          const part = new Uint8Array(Math.min(length - done, RANDOM_BYTES_MAX));
          crypto.getRandomValues(part);
          memory.write(buffer + done, part);
          done += part.length;
        }
        return 0;
      } catch {
        return -EIO;
      }
    },

    log(level, text, length) {
      host.log(level, memory.text(text, length));
    },

    'module-begin'(length) {
      try {
        bytes = new Uint8Array(length >>> 0);
      } catch {
        return -ENOMEM; // RangeError
      }
      filled = 0;
      return 0;
    },

    'module-bytes'(buffer, length) {
      if (!bytes || filled + length > bytes.length) return -EINVAL;
      bytes.set(memory.view(buffer, length), filled);
      filled += length;
      return 0;
    },

    'module-end'(reason, capacity) {
      const whole = bytes?.subarray(0, filled);
      bytes = null;
      if (!whole) return -EINVAL;
      try {
        const info = inspectProgram(whole, host.calls);
        const module = new WebAssembly.Module(whole);
        const id = Atomics.add(host.control, CONTROL.nextModule, 1) + 1;
        host.programCompiled({ id, module, info });
        return id;
      } catch (error) {
        memory.writeText(reason, capacity, error instanceof Error ? error.message : String(error));
        return error instanceof RangeError ? -ENOMEM : -ENOEXEC;
      }
    },

    'module-drop'(id) {
      host.programDropped(id);
      return 0;
    },
  };
}
