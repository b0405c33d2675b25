/**
 * Processes that take up work, and die at any moment, on a disk that loses what a disk may lose and fails at will, beside a service that refuses, breaks off and
 * answers late; against a model that knows only what was accepted, and what the service really did.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPaceError, PaceError } from "../error.ts";
import type { Folder } from "../host/folder.ts";
import { seededRandom } from "../testing/draws.ts";
import { createMemoryDisk } from "../testing/memory-disk.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { openShelf, type Shelf } from "./shelf.ts";
import { task } from "./task.ts";
import { createWork, type Work } from "./work.ts";

type Command =
  | { readonly do: "defer"; readonly kind: string; readonly nth: number; readonly deadlineMs: number | undefined }
  | { readonly do: "cancel"; readonly nth: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "refuse"; readonly ms: number }
  | { readonly do: "crash"; readonly afterOperations: number }
  | { readonly do: "fail"; readonly operations: number; readonly full: boolean }
  | { readonly do: "reopen" }
  | { readonly do: "decide" };

const KINDS = ["plain", "keyed", "keyless"];

const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("defer" as const),
      kind: fc.constantFrom(...KINDS),
      nth: fc.nat(6),
      deadlineMs: fc.option(fc.integer({ min: 1, max: 60_000 }), { nil: undefined, freq: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cancel" as const), nth: fc.nat(6) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 5000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("refuse" as const), ms: fc.integer({ min: 1, max: 20_000 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("crash" as const), afterOperations: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("fail" as const), operations: fc.integer({ min: 1, max: 5 }), full: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("decide" as const) }) },
);

interface Spoiled {
  readonly folder?: (folder: Folder) => Folder;
  readonly shelf?: (shelf: Shelf) => Shelf;
  readonly key?: (key: string, random: () => number) => string;
}

interface Played {
  readonly crashes: number;
  readonly effects: number;
  readonly wrongs: readonly string[];
}

/** A few seconds; `PACE_CRASH_RUNS` and `PACE_CRASH_SEED` for more and others. */
const USUAL_RUNS = 100;
const RUNS = Number(process.env["PACE_CRASH_RUNS"] ?? USUAL_RUNS);

const never = (): Promise<never> => new Promise(() => undefined);

async function play(seed: number, commands: readonly Command[], spoiled: Spoiled = {}): Promise<Played> {
  const time = createVirtualTime();
  const random = seededRandom(seed);
  const disk = createMemoryDisk(random);
  const wrongs: string[] = [];
  /** What `defer` resolved for, and what it may have kept all the same. */
  const accepted = new Map<string, string>();
  const asked = new Set<string>();
  const cancelled = new Set<string>();
  const doneOnce = new Set<string>();
  /** What the service really did, by name; and whom it knows. */
  const effects = new Map<string, number>();
  const served = new Set<string>();
  /** On its way there, or made: a person who decides finds that out. */
  const sent = new Set<string>();
  let refusesUntilMs = 0;
  let crashes = 0;
  let life = 0;
  let work: Work | undefined;

  const latency = (): Promise<void> => new Promise((resolve) => time.wake(time.now() + random() * 800, resolve));
  const serve = async (mine: number, name: string, key: string | undefined): Promise<string> => {
    if (mine !== life) return await never();
    if (time.now() < refusesUntilMs)
      throw new PaceError("quota-spent", "used up", "Later.", random() < 0.5 ? { availableInMs: refusesUntilMs - time.now() } : {});
    if (random() < 0.1) throw new Error("no connection");
    sent.add(name);
    await latency();
    if (key === undefined || !served.has(key)) effects.set(name, (effects.get(name) ?? 0) + 1);
    if (key !== undefined) served.add(key);
    await latency();
    if (mine !== life) return await never();
    if (random() < 0.1) throw new Error("the connection broke");
    return `${name} made`;
  };
  const keyOf = (key: string): string => spoiled.key?.(key, random) ?? key;

  const open = async (): Promise<void> => {
    const mine = ++life;
    const folder = spoiled.folder?.(disk.open()) ?? disk.open();
    const shelf = await openShelf(folder, 2000);
    if (shelf.found.damaged.length > 0) wrongs.push("damaged");
    const options = { tries: 1000, retryMs: 500, parkMs: 1000, mostParkMs: 5000, lastCallMs: 1000, atOnce: 3 };
    const opened = await createWork({ shelf: spoiled.shelf?.(shelf) ?? shelf, clock: time, random }, options);
    opened.handle("plain", ({ key }) => serve(mine, key, keyOf(key)));
    for (const kind of ["keyed", "keyless"] as const)
      opened.handle(
        kind,
        task({
          version: 1,
          steps: [
            { name: "look", run: () => latency() },
            ...["first", "second"].map((name) => ({
              name,
              effect: kind,
              run: ({ key }: { key: string }) => serve(mine, `${key.split("/", 1)}/${name}`, kind === "keyed" ? keyOf(key) : undefined),
            })),
          ],
        }),
      );
    if (mine === life) work = opened;
  };
  const decide = async (): Promise<void> => {
    for (const { key, reason } of work?.list("undecided") ?? []) {
      const name = `${key}/${reason?.includes('"first"') ? "first" : "second"}`;
      await work?.decide(key, sent.has(name) ? { kind: "made", result: "seen" } : { kind: "not-made" });
    }
  };
  /** The disk's errors are told, and are nobody's fault. */
  const tried = async (doing: () => Promise<unknown>): Promise<void> => {
    try {
      await doing();
    } catch (error) {
      if (!isPaceError(error) || !["disk-full", "disk-failed", "bad-argument"].includes(error.code)) throw error;
    }
  };
  const run = async (command: Command): Promise<void> => {
    if (work === undefined) {
      await tried(open);
      if (work === undefined) return disk.crash();
    }
    const current: Work = work;
    for (const { key } of current.list("done")) doneOnce.add(key);
    switch (command.do) {
      case "defer": {
        const key = `${command.kind}-${command.nth}`;
        asked.add(key);
        return await tried(async () => {
          await current.defer(command.kind, command.nth, {
            key,
            ...(command.deadlineMs === undefined ? {} : { deadlineMs: command.deadlineMs }),
          });
          accepted.set(key, command.kind);
        });
      }
      case "cancel":
        cancelled.add(`plain-${command.nth}`);
        return await tried(() => current.cancel(`plain-${command.nth}`));
      case "pass":
        return;
      case "refuse":
        refusesUntilMs = time.now() + command.ms;
        return;
      case "crash": {
        let left = command.afterOperations;
        if (left === 0) return disk.crash();
        disk.fault = () => (--left <= 0 ? "crash" : undefined);
        return;
      }
      case "fail": {
        let left = command.operations;
        disk.fault = ({ kind }) => (kind !== "read" && left-- > 0 ? (command.full ? "disk-full" : "disk-failed") : undefined);
        return;
      }
      case "reopen":
        work = undefined;
        return await current.close();
      case "decide":
        return await tried(decide);
    }
  };
  const mourn = (): void => {
    void disk.died().then(() => {
      crashes++;
      life++;
      work = undefined;
      disk.fault = () => undefined;
      mourn();
    });
  };
  mourn();
  for (const command of commands) {
    let isEnded = false;
    const running = Promise.race([disk.died(), run(command)]).finally(() => {
      isEnded = true;
    });
    await time.runSettled(time.now() + (command.do === "pass" ? command.ms : 1));
    // Handlers are waited for where they are told to stop: ten seconds at most.
    for (let waited = 0; !isEnded && waited < 15; waited++) await time.runSettled(time.now() + 1000);
    if (!isEnded) return { crashes, effects: 0, wrongs: [`${command.do} does not end`] };
    await running;
  }

  // In the end all goes well, and everything comes to its end.
  disk.fault = () => undefined;
  refusesUntilMs = 0;
  if (work === undefined) await open();
  for (let round = 0; round < 40; round++) {
    await time.runSettled(time.now() + 60_000);
    await decide();
    const { classes, undecided } = (work as Work).state();
    if (undecided === 0 && [...classes.values()].every(({ waiting, running: under }) => waiting + under === 0)) break;
  }
  const last = work as unknown as Work;
  for (const [key, kind] of accepted) {
    const status = last.status(key);
    const names = kind === "plain" ? [key] : [`${key}/first`, `${key}/second`];
    if (status === undefined) wrongs.push(`${key} is lost`);
    else if (status.state === "done")
      for (const name of names) if (effects.get(name) !== 1) wrongs.push(`${name} was made ${effects.get(name)} times`);
    if (status?.state === "missed" && status.deadlineAt === undefined) wrongs.push(`${key} is missed without a deadline`);
    if (status !== undefined && !["done", "missed", "cancelled"].includes(status.state)) wrongs.push(`${key} is ${status.state} for ever`);
    if (status?.state === "cancelled" && !cancelled.has(key)) wrongs.push(`${key} is cancelled by nobody`);
  }
  for (const key of doneOnce) if (last.status(key)?.state !== "done") wrongs.push(`${key} was done, and is ${last.status(key)?.state}`);
  for (const [name, times] of effects) if (times > 1) wrongs.push(`${name} was made ${times} times`);
  for (const name of effects.keys()) if (!asked.has(name.split("/", 1)[0] as string)) wrongs.push(`${name} was made for nobody`);
  return { crashes, effects: effects.size, wrongs };
}

const commands = fc.array(anyCommand, { minLength: 20, maxLength: 80, size: "max" });

/** Of so many plays the wrongs. */
async function wrongsOf(plays: number, spoiled: Spoiled): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [nth, one] of fc.sample(commands, { seed: 11, numRuns: plays }).entries())
    found.push(...(await play(nth, one, spoiled)).wrongs);
  return found;
}

describe("work through crashes at any moment", () => {
  it("is neither lost nor doubled, and no effect is", { timeout: 600_000 }, async () => {
    let crashes = 0;
    let effects = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(), commands, async (seed, given) => {
        const played = await play(seed, given);
        crashes += played.crashes;
        effects += played.effects;
        expect(played.wrongs).toEqual([]);
      }),
      { seed: Number(process.env["PACE_CRASH_SEED"] ?? 8), numRuns: RUNS },
    );
    if (RUNS > USUAL_RUNS) process.stdout.write(`${crashes} crashes, ${effects} effects\n`);
    expect(crashes).toBeGreaterThan(300);
    expect(effects).toBeGreaterThan(500);
  });

  it("is lost without syncs", async () => {
    const found = await wrongsOf(20, { folder: (folder) => ({ ...folder, sync: async () => undefined }) });
    expect(found.join()).toContain("is lost");
  });

  it("is doubled without the note that an effect is asked for", async () => {
    const forgetful = (shelf: Shelf): Shelf => ({
      ...shelf,
      change: (changes) => shelf.change(changes.filter(([, text]) => text?.startsWith('{"state":"asked"') !== true)),
    });
    expect((await wrongsOf(40, { shelf: forgetful })).join()).toMatch(/keyless-\d\/\w+ was made 2 times/);
  });

  it("is doubled with keys that are others each time", async () => {
    const found = await wrongsOf(20, { key: (key, random) => `${key} ${random()}` });
    expect(found.join()).toMatch(/keyed-\d\/\w+ was made \d times/);
  });
});
