/** A machine with a folder and nothing else: files in memory that can fail or lose power, a lock others may hold, a clock moved by hand. */
import type { Hash } from "../../packages/perdure/src/host/crypto.ts";
import type { Host } from "../../packages/perdure/src/host/host.ts";
import { createCheapCrypto } from "../../packages/perdure/src/host/simulated/cheap-crypto.ts";
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { createTestMachine, type TestDisk } from "../../packages/perdure/src/identity/test-machine.ts";
import { PerdureError } from "../../packages/perdure/src/wire/error.ts";
import { createHandClock, type HandClock } from "./hand-clock.ts";

export interface FolderMachine {
  readonly host: Host;
  readonly clock: HandClock;
  readonly disk: TestDisk;
  /** Names of the lines of log, until they are taken. */
  readonly logged: string[];
  /** Somebody has the lock for so many tries to come. */
  busyFor: number;
  readonly isLocked: boolean;
}

export function createFolderMachine(hash: Hash, draws: Draws): FolderMachine {
  const { host, disk } = withDisk(draws);
  const clock = createHandClock(1_800_000_000_000);
  const logged: string[] = [];
  let isLocked = false;
  const machine: FolderMachine = {
    host: {
      ...host,
      clock,
      random: draws,
      crypto: createCheapCrypto(hash, draws),
      log: { write: (_level, event) => void logged.push(event) },
      files: {
        ...host.files,
        lock: async () => {
          if (machine.busyFor > 0 || isLocked) {
            machine.busyFor--;
            throw new PerdureError("folder-in-use", "somebody has it");
          }
          isLocked = true;
          return {
            release: async () => {
              isLocked = false;
            },
          };
        },
      },
    },
    clock,
    disk,
    logged,
    busyFor: 0,
    get isLocked() {
      return isLocked;
    },
  };
  return machine;
}

function withDisk(draws: Draws): { readonly host: Host; readonly disk: TestDisk } {
  const machine = createTestMachine(`folder ${draws.u32()}`);
  return { host: machine, disk: machine.disk };
}
