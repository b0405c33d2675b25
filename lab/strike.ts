/** What each kind of fault does to a town, and how all of them end. */
import type { LinkProfile, World } from "../packages/perdure/src/host/simulated/index.ts";
import type { Census, Town } from "./town.ts";
import type { Fault } from "./weather.ts";

/** The most calls of ports a process is let live on for by a `call-crash`, less one. */
export const MAX_CALLS = 1000;

/** Within which call of a port from then on the process dies, by the amount of a `call-crash`. */
function callOf(amount: number): number {
  return 1 + Math.round(amount * MAX_CALLS);
}

/** How often who relapses dies, and how long after the last time. */
function relapsesOf({ durationMs, amount }: Fault): { readonly times: number; readonly pauseMs: number } {
  return { times: 2 + Math.floor(amount * 3), pauseMs: 300 + (durationMs % 2000) };
}

/** How long after its beginning a fault is over by itself, milliseconds. */
export function lastsMs(fault: Fault): number {
  if (fault.kind !== "relapse") return fault.durationMs;
  const { times, pauseMs } = relapsesOf(fault);
  return times * pauseMs;
}

/** What faults need of a town: the simulated one has it, and so has one of real processes. */
export interface StruckTown extends Pick<Town, "crash" | "isUp" | "start" | "lie"> {
  readonly rot: Pick<Town["rot"], "strike" | "mend">;
  readonly world: Pick<World, "after" | "partition" | "heal" | "pause" | "suspend" | "resume" | "atCall" | "jumpWall"> & {
    disk(
      name: string,
    ): Pick<ReturnType<World["disk"]>, "failSyncs" | "failWrites" | "failReads" | "capacityBytes" | "readOnly" | "delayMs">;
    readonly network: Pick<World["network"], "link" | "restore" | "cut" | "stall" | "move" | "restart"> & {
      readonly realms: Pick<World["network"]["realms"], "chainOf">;
    };
  };
}

export interface Struck {
  /** Called before a process ends without a word. */
  crashed(host: string): void;
  /** Called when something on a host's disk is not what was written there. */
  damaged(host: string): void;
}

/** What a fault does; faults that last end by themselves. */
export function strike(town: StruckTown, fault: Fault, { crashed, damaged }: Struck): void {
  const { world } = town;
  const { host, other, durationMs, amount } = fault;
  const ends: readonly [string, string] = [host, other];
  const later = (label: string, then: () => void): void => world.after(durationMs, label, then);
  const disk = world.disk(host);
  const directions = [world.network.link(host, other), world.network.link(other, host)];
  switch (fault.kind) {
    case "relay-kill":
    case "agent-kill":
      crashed(host);
      return town.crash(host, "all", false, durationMs);
    case "relapse": {
      // As whatever starts a program again finds it dead again, and again: what one opening wrote the next one reads.
      const { times, pauseMs } = relapsesOf(fault);
      for (let time = 0; time < times; time++) {
        world.after(time * pauseMs, "relapse", () => {
          crashed(host);
          town.crash(host, durationMs % 2 === 0 ? "all" : "random", false, 50);
        });
      }
      return;
    }
    case "relay-dead":
      crashed(host);
      return town.crash(host, "all", true, durationMs);
    case "relay-power":
    case "agent-power":
      crashed(host);
      return town.crash(host, "random", amount < 0.5, durationMs);
    case "cut":
      return void world.network.cut(...ends);
    case "stall":
      return void world.network.stall(...ends);
    case "partition":
    case "one-way":
      world.partition(...ends, fault.kind === "one-way");
      return later("heal", () => world.heal(...ends));
    case "middlebox": {
      const box = world.network.link(...ends).middlebox;
      const kind = (["drop", "duplicate", "reorder", "corrupt"] as const)[Math.floor(amount * 4)] ?? "drop";
      box[kind] = 0.05;
      return later("honest middlebox", () => {
        box[kind] = 0;
      });
    }
    case "slow-link": {
      const link = world.network.link(...ends);
      link.latencyMs = 20 + amount * 400;
      return later("fast link", () => {
        link.latencyMs = 1;
      });
    }
    case "narrow-line": {
      const bytesPerSecond = 2000 + amount * 60_000;
      for (const link of directions) link.bytesPerSecond = bytesPerSecond;
      return later("wide line", () => world.network.restore(...ends));
    }
    case "lossy-line": {
      for (const link of directions) link.loss = 0.02 + amount * 0.2;
      return later("good line", () => world.network.restore(...ends));
    }
    case "slow-reader": {
      // One of the two, and a buffer that is soon full.
      const link = directions[amount < 0.5 ? 0 : 1] as LinkProfile;
      Object.assign(link, { readBytesPerSecond: 500 + amount * 20_000, bufferBytes: 16 * 1024 });
      return later("fast reader", () => world.network.restore(...ends));
    }
    case "idle-limit": {
      for (const { middlebox } of directions)
        Object.assign(middlebox, { forgetsAfterMs: 500 + amount * 6000, resets: durationMs % 2 === 0 });
      return later("patient middlebox", () => world.network.restore(...ends));
    }
    case "age-limit": {
      for (const { middlebox } of directions) Object.assign(middlebox, { maxAgeMs: 1000 + amount * 15_000, resets: durationMs % 2 === 0 });
      return later("patient middlebox", () => world.network.restore(...ends));
    }
    case "new-address": {
      // Behind a translator it is that which has another one, and everybody behind it.
      const nat = world.network.realms.chainOf(host).at(-1);
      return void (nat === undefined ? world.network.move(host) : world.network.restart(nat));
    }
    case "read-fails":
      disk.failReads += 1 + Math.floor(amount * 3);
      return;
    case "bit-rot": {
      const putRight = town.rot.strike(host, Math.floor(amount * 1000) * 7919 + fault.atMs);
      if (putRight === undefined) return;
      damaged(host);
      return later("disk mended", putRight);
    }
    case "suspend":
      world.suspend(host, amount < 0.5 ? "stands" : "goes-on");
      return later("wake", () => world.resume(host));
    case "call-crash":
      return world.atCall(host, callOf(amount), () => {
        crashed(host);
        town.crash(host, durationMs % 2 === 0 ? "all" : "random", durationMs % 3 === 0, durationMs);
      });
    case "sync-fails":
      disk.failSyncs++;
      return;
    case "write-fails":
      disk.failWrites++;
      return;
    case "disk-full":
      disk.capacityBytes = 0;
      return later("room on the disk", () => {
        disk.capacityBytes = Number.POSITIVE_INFINITY;
      });
    case "slow-disk":
      disk.delayMs.sync = 1 + amount * 300;
      return later("fast disk", () => {
        disk.delayMs.sync = 1;
      });
    case "brownout":
      // A disk that takes long, and then the power goes: the widest gap between what was said and what is kept.
      disk.delayMs.sync = 100 + amount * 900;
      return later("power loss", () => {
        disk.delayMs.sync = 1;
        crashed(host);
        town.crash(host, "random", amount < 0.5, 100 + amount * 2000);
      });
    case "pause":
      world.pause(host);
      return later("resume", () => world.resume(host));
    case "wall-jump":
      // Back to where it was later on: a clock that is wrong for good is the business of expiry, not of this town.
      world.jumpWall(host, (amount - 0.5) * 20_000);
      return later("right time", () => world.jumpWall(host, -(amount - 0.5) * 20_000));
  }
}

/** Ends every fault that lasts, and starts what is down. Connections stay as they are, but for those of the relay that lied. */
export function clearUp(town: StruckTown, { relays, agents, homes }: Census, liar: string | undefined): void {
  const { world } = town;
  for (const name of [...relays, ...agents]) {
    const disk = world.disk(name);
    Object.assign(disk, { failSyncs: 0, failWrites: 0, failReads: 0, capacityBytes: Number.POSITIVE_INFINITY, readOnly: false });
    disk.delayMs.sync = 1;
    town.rot.mend(name);
    world.atCall(name, 0, undefined);
    world.resume(name);
    if (!town.isUp(name)) town.start(name);
  }
  const lines = [...homes, ...relays.flatMap((one) => relays.filter((other) => other !== one).map((other) => [one, other] as const))];
  for (const [one, other] of lines) {
    world.network.restore(one, other);
  }
  // What it still owes it hands over when it is asked anew.
  if (liar === undefined) return;
  town.lie(liar, {});
  world.network.cut(liar);
}
