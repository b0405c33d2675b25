/** A machine for the tests of this folder: real cryptography, files in memory that can fail or lose power, a clock that is set. */
import type { Crypto } from "../host/crypto.ts";
import type { Files, OpenFile } from "../host/files.ts";
import type { Host } from "../host/host.ts";
import { silentLog } from "../host/log.ts";
import { createNodeCrypto } from "../host/node/crypto.ts";
import type { Random } from "../host/random.ts";
import { createSettings } from "../settings/register.ts";
import { concat, utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { type CreateIdentity, createIdentity, type OwnIdentity } from "./own-identity.ts";

export const NOW_MS = 1_800_000_000_000;
export const crypto: Crypto = createNodeCrypto();
export const settings = createSettings();

export interface TestMachine extends Host {
  readonly disk: TestDisk;
  setWallMs(nowMs: number): void;
}

export interface TestDisk {
  readonly names: () => readonly string[];
  read(path: string): Uint8Array | undefined;
  put(path: string, bytes: Uint8Array): void;
  /** The operation after `count` more fails, and all that follow, until {@link restart}. */
  failAfter(count: number): void;
  readonly operations: number;
  /** Power is lost: what was not synced is gone; the disk works again. */
  restart(): void;
}

export function createTestMachine(seed: string, sharedDisk?: TestMachine): TestMachine {
  let wallMs = NOW_MS;
  const { files, disk } = sharedDisk === undefined ? createTestFiles() : { files: sharedDisk.files, disk: sharedDisk.disk };
  return {
    clock: { wallMs: () => wallMs, monotonicMs: () => wallMs, after: () => () => undefined },
    random: createTestRandom(seed),
    net: {
      dial: () => Promise.reject(new Error("no network here")),
      listen: () => Promise.reject(new Error("no network here")),
      get: () => Promise.reject(new Error("no network here")),
    },
    files,
    crypto,
    log: silentLog,
    disk,
    setWallMs: (nowMs) => {
      wallMs = nowMs;
    },
  };
}

export function createTestRandom(seed: string): Random {
  let drawn = 0;
  return {
    bytes: (count) => {
      const blocks = Array.from({ length: Math.ceil(count / 32) }, () => crypto.hash.sha256(utf8(`${seed} ${drawn++}`)));
      return concat(...blocks).slice(0, count);
    },
  };
}

/** A new identity on a machine of its own. */
export async function newIdentity(seed: string, options: Partial<CreateIdentity> = {}): Promise<OwnIdentity> {
  return await createIdentity({ host: createTestMachine(seed), folder: "home", role: "mail", custody: "together", settings, ...options });
}

function createTestFiles(): { readonly files: Files; readonly disk: TestDisk } {
  const durable = new Map<string, Uint8Array>();
  const current = new Map<string, Uint8Array>();
  let operations = 0;
  let failAt = Number.POSITIVE_INFINITY;
  const step = (): void => {
    if (operations++ >= failAt) throw new PerdureError("disk-failed", "the disk of this test failed");
  };
  const openFile = (path: string): OpenFile => ({
    size: async () => current.get(path)?.length ?? 0,
    read: async (offset, length) => (current.get(path) ?? new Uint8Array()).slice(offset, offset + length),
    write: async (offset, bytes) => {
      step();
      const old = current.get(path) ?? new Uint8Array();
      const next = new Uint8Array(Math.max(old.length, offset + bytes.length));
      next.set(old);
      next.set(bytes, offset);
      current.set(path, next);
    },
    sync: async () => {
      step();
      durable.set(path, current.get(path) ?? new Uint8Array());
    },
    close: async () => undefined,
  });
  const files: Files = {
    open: async (path, mode) => {
      if (mode === "read" && !current.has(path)) throw new PerdureError("not-found", `no ${path}`);
      if (mode !== "read") {
        step();
        if (!current.has(path)) current.set(path, new Uint8Array());
      }
      return openFile(path);
    },
    list: async (folder) => [...current.keys()].filter((path) => path.startsWith(`${folder}/`)).sort(),
    rename: async (from, to) => {
      step();
      const bytes = current.get(from);
      if (bytes === undefined) throw new PerdureError("not-found", `no ${from}`);
      // What was never synced may be empty after a loss of power even though its name is there.
      const kept = durable.get(from) ?? new Uint8Array();
      current.delete(from);
      durable.delete(from);
      current.set(to, bytes);
      durable.set(to, kept);
    },
    remove: async (path) => {
      step();
      current.delete(path);
      durable.delete(path);
    },
    lock: async () => ({ release: async () => undefined }),
  };
  const disk: TestDisk = {
    names: () => [...current.keys()].sort(),
    read: (path) => current.get(path),
    put: (path, bytes) => {
      current.set(path, bytes);
      durable.set(path, bytes);
    },
    failAfter: (count) => {
      failAt = operations + count;
    },
    get operations() {
      return operations;
    },
    restart: () => {
      failAt = Number.POSITIVE_INFINITY;
      current.clear();
      for (const [path, bytes] of durable) current.set(path, bytes);
    },
  };
  return { files, disk };
}
