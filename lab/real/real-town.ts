/**
 * A town of real processes on this machine, with a line between any two of them: what {@link StruckTown} is for faults, and what the
 * ledger needs to hear.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createDraws, type LinkProfile } from "../../packages/perdure/src/host/simulated/index.ts";
import { PerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { Image } from "../disk-records.ts";
import type { Planted } from "../planting.ts";
import type { StruckTown } from "../strike.ts";
import { type Census, type DefenceName, hasVault, STARTS_LATER } from "../town.ts";
import { type CitizenConfig, type Question, sharedMs, type Utterance } from "./citizen-words.ts";
import { goodProfile, type Line, openLine } from "./proxy.ts";
import { openRealDisk, type RealDisk } from "./real-disk.ts";
import { onWholeLines } from "./whole-lines.ts";

export interface RealTownOptions {
  readonly seed: number;
  readonly census: Census;
  /** Exists, and is empty. */
  readonly folder: string;
  readonly settings: Readonly<Record<string, number>>;
  readonly without: readonly DefenceName[];
  readonly planted: Planted | undefined;
  /** Everybody keeps inputs and incidents, as the product does. */
  readonly recorded?: boolean;
  /** Whose disks are file systems of their own. */
  readonly apart: ReadonlySet<string>;
  readonly heard: (name: string, word: Utterance) => void;
  /** A process was killed; everything it said was heard. `image` is what is left of its folders. */
  readonly died: (name: string, atMs: number, image: Image) => void;
  /** What should never happen to a process. */
  readonly trouble: (what: string) => void;
}

export interface RealTown extends StruckTown, AsyncDisposable {
  /** Rejects with the code it says, with `timed-out`, or with `connection-closed` when the process ends before. */
  ask(name: string, question: Question): Promise<unknown>;
  /** What stands on the disk of a process that may be writing. */
  image(name: string): Promise<Image>;
  /** Ends what runs later: no fault begins or ends any more. */
  calm(): void;
}

interface Running {
  readonly child: ChildProcess;
  readonly asked: Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>;
  up: boolean;
  /** From outside: not by itself, within a call. */
  killed: boolean;
}

const ANSWERED_WITHIN_MS = 20_000;
const START_AGAIN_MS = 500;
const ENDS_WITHIN_MS = 3000;
const CITIZEN = new URL("citizen.ts", import.meta.url).pathname;

export async function openRealTown(options: RealTownOptions): Promise<RealTown> {
  const { seed, census, folder, settings, without, planted, recorded = false, apart, heard, died, trouble } = options;
  const everybody = [...census.relays, ...census.agents];
  const running = new Map<string, Running>();
  const ports = new Map<string, number>();
  const addresses = new Map<string, string>();
  const disks = new Map<string, RealDisk>();
  const profiles = new Map<string, LinkProfile>();
  const lines = new Map<string, Line>();
  const incarnations = new Map<string, number>();
  /** Who is to end itself within a call, and what follows then. */
  const traps = new Map<string, { readonly calls: number; then(): void }>();
  const timers = new Set<NodeJS.Timeout>();
  const endings = new Set<Promise<void>>();
  let asked = 0;
  let closing = false;

  const profile = (from: string, to: string): LinkProfile => {
    const found = profiles.get(`${from}>${to}`) ?? goodProfile();
    profiles.set(`${from}>${to}`, found);
    return found;
  };
  for (const name of everybody) disks.set(name, await openRealDisk(`${folder}/${name}`, apart.has(name)));
  for (const from of everybody) {
    for (const to of census.relays.filter((relay) => relay !== from)) {
      const draws = createDraws(`${seed}/line from ${from} to ${to}`);
      lines.set(
        `${from}>${to}`,
        await openLine({ profiles: { there: profile(from, to), back: profile(to, from) }, draws, nowMs: sharedMs }),
      );
    }
  }
  /** Lines that lead to, or from, a process; with another one, those between the two. */
  const linesOf = (name: string, other?: string): readonly { readonly line: Line; readonly isFrom: boolean }[] =>
    [...lines].flatMap(([key, line]) => {
      const [from = "", to = ""] = key.split(">");
      const hit = other === undefined ? from === name || to === name : (from === name && to === other) || (from === other && to === name);
      return hit ? [{ line, isFrom: from === name }] : [];
    });

  const after = (delayMs: number, _: string, then: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      then();
    }, delayMs);
    timers.add(timer);
  };

  const configOf = (name: string, incarnation: number): CitizenConfig => {
    const home = census.homes.get(name) ?? "";
    return {
      name,
      disk: (disks.get(name) as RealDisk).path,
      port: ports.get(name) ?? 0,
      join: addresses.get(home) ?? `wss://${home}/`,
      lines: Object.fromEntries(
        census.relays.flatMap((relay) =>
          lines.get(`${name}>${relay}`)?.port === undefined ? [] : [[relay, (lines.get(`${name}>${relay}`) as Line).port]],
        ),
      ),
      settings,
      open: census.open,
      hasVault: hasVault(census, name),
      without,
      planted,
      recorded,
      endAt: traps.get(name)?.calls ?? 0,
      label: `${seed}/real ${name} ${incarnation}`,
    };
  };

  const hear = (name: string, own: Running, word: Utterance): void => {
    if (word.say === "answer") {
      const waiting = own.asked.get(word.number);
      own.asked.delete(word.number);
      if (word.error === undefined) waiting?.resolve(word.value);
      else waiting?.reject(Object.assign(new Error(word.error.why), { code: word.error.code }));
      return;
    }
    if (word.say === "up") {
      own.up = true;
      if (word.address !== "") {
        addresses.set(name, word.address);
        ports.set(name, Number(new URL(word.listens).port));
        for (const { line, isFrom } of linesOf(name)) if (!isFrom) line.lead(ports.get(name));
      }
    }
    if (word.say === "not-started" && !STARTS_LATER.has(word.code)) trouble(`${name} did not start: ${word.why}`);
    heard(name, word);
  };

  const start = (name: string): void => {
    if (closing || running.has(name)) return;
    const incarnation = (incarnations.get(name) ?? 0) + 1;
    incarnations.set(name, incarnation);
    for (const { line, isFrom } of linesOf(name)) {
      if (isFrom) line.doom("far", "reset");
      else line.unsilence();
    }
    const child = spawn(process.execPath, [CITIZEN, JSON.stringify(configOf(name, incarnation))], { stdio: ["pipe", "pipe", "pipe"] });
    const own: Running = { child, asked: new Map(), up: false, killed: false };
    running.set(name, own);
    let errors = "";
    child.stderr?.on("data", (bytes: Buffer) => {
      errors = (errors + bytes.toString()).slice(-2000);
    });
    child.stdin?.on("error", () => {});
    onWholeLines(child.stdout as NodeJS.ReadableStream, (line) => hear(name, own, JSON.parse(line) as Utterance));
    const over = new Promise<void>((resolve) => {
      // After the last byte it said was read.
      child.once("close", (code, signal) => {
        const atMs = sharedMs();
        for (const { reject } of own.asked.values()) reject(new PerdureError("connection-closed", `${name} ended`, { retry: "after" }));
        if (running.get(name) === own) running.delete(name);
        for (const { line, isFrom } of linesOf(name)) if (!isFrom) line.lead(undefined);
        if (!closing && signal !== "SIGKILL" && own.up) trouble(`${name} ended by itself with ${code ?? signal}: ${errors}`);
        const finish = async (): Promise<void> => {
          if (closing) return;
          if (signal === "SIGKILL") {
            const trap = traps.get(name);
            traps.delete(name);
            died(name, atMs, await (disks.get(name) as RealDisk).image());
            return own.killed ? undefined : trap?.then();
          }
          if (own.up) return;
          if (code !== 0) trouble(`${name} did not start: ${errors}`);
          after(START_AGAIN_MS, `start ${name} again`, () => start(name));
        };
        finish().then(resolve, (error: unknown) => {
          trouble(`what is left of ${name} cannot be read: ${String(error)}`);
          resolve();
        });
      });
    });
    endings.add(over);
    over.then(
      () => endings.delete(over),
      () => {},
    );
  };

  const signal = (name: string, word: "SIGSTOP" | "SIGCONT"): void => void running.get(name)?.child.kill(word);
  const nothingSuch = (what: string) => (): never => {
    throw new Error(`real processes have no ${what}`);
  };
  const network: StruckTown["world"]["network"] = {
    link: profile,
    restore: (a, b) => {
      for (const each of [profile(a, b), profile(b, a)]) Object.assign(each, goodProfile());
      for (const { line } of linesOf(a, b)) line.touched();
    },
    cut: (a, b) => linesOf(a, b).reduce((count, { line }) => count + line.cut(), 0),
    stall: (a, b) =>
      linesOf(a, b).reduce((count, { line }) => {
        line.doom("near", "swallowed");
        return count + line.doom("far", "swallowed");
      }, 0),
    move: (host) =>
      linesOf(host).reduce((count, { line, isFrom }) => {
        line.doom(isFrom ? "far" : "near", "swallowed");
        return count + line.doom(isFrom ? "near" : "far", "reset");
      }, 0),
    restart: nothingSuch("translators"),
    realms: { chainOf: () => [] },
  };
  const setDown = (a: string, b: string, down: boolean, oneWay: boolean): void => {
    profile(a, b).down = down;
    if (!oneWay) profile(b, a).down = down;
    for (const { line } of linesOf(a, b)) line.touched();
  };

  return {
    start,
    isUp: (name) => running.get(name)?.up === true,
    crash: (name, _, silent, pauseMs) => {
      if (silent) {
        for (const { line, isFrom } of linesOf(name)) {
          if (!isFrom) line.silence();
          else for (const side of ["near", "far"] as const) line.doom(side, "swallowed");
        }
      }
      const own = running.get(name);
      const incarnation = incarnations.get(name);
      if (own !== undefined) own.killed = true;
      own?.child.kill("SIGKILL");
      after(pauseMs, `start ${name}`, () => {
        const again = (): void => {
          if (running.has(name)) after(20, "the end of it", again);
          else start(name);
        };
        if (incarnations.get(name) === incarnation) again();
      });
    },
    lie: nothingSuch("liars"),
    rot: { strike: nothingSuch("rot"), mend: () => false },
    world: {
      network,
      after,
      partition: (a, b, oneWay = false) => setDown(a, b, true, oneWay),
      heal: (a, b) => setDown(a, b, false, false),
      pause: (name) => signal(name, "SIGSTOP"),
      suspend: (name) => signal(name, "SIGSTOP"),
      resume: (name) => signal(name, "SIGCONT"),
      atCall: (name, calls, then) => {
        if (then === undefined) traps.delete(name);
        else traps.set(name, { calls, then });
        // Of one that does not run it is the next process.
        ask(name, { ask: "end-at", calls: then === undefined ? 0 : calls }).catch(() => undefined);
      },
      jumpWall: (name, byMs) => {
        ask(name, { ask: "jump", byMs }).catch(() => undefined);
      },
      disk: (name) => ({
        failSyncs: 0,
        failWrites: 0,
        failReads: 0,
        readOnly: false,
        delayMs: { read: 0, write: 0, sync: 0, names: 0 },
        get capacityBytes() {
          return Number.POSITIVE_INFINITY;
        },
        set capacityBytes(bytes: number) {
          const disk = disks.get(name);
          if (disk?.isApart === true) disk.fill(bytes === 0);
        },
      }),
    },
    ask,
    image: async (name) => await (disks.get(name) as RealDisk).image(),
    calm: () => {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
    [Symbol.asyncDispose]: async () => {
      closing = true;
      for (const timer of timers) clearTimeout(timer);
      for (const { child } of running.values()) child.kill("SIGKILL");
      await Promise.race([Promise.all(endings), new Promise((resolve) => setTimeout(resolve, ENDS_WITHIN_MS))]);
      for (const line of lines.values()) await line[Symbol.asyncDispose]();
      for (const disk of disks.values()) await disk.release();
    },
  };

  async function ask(name: string, question: Question): Promise<unknown> {
    const own = running.get(name);
    if (own === undefined) throw new PerdureError("connection-closed", `${name} does not run`, { retry: "after" });
    const number = ++asked;
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        own.asked.delete(number);
        reject(
          new PerdureError("timed-out", `${name} did not answer "${question.ask}" within ${ANSWERED_WITHIN_MS} ms`, { retry: "after" }),
        );
      }, ANSWERED_WITHIN_MS);
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        settle();
      };
      own.asked.set(number, { resolve: (value) => end(() => resolve(value)), reject: (error) => end(() => reject(error)) });
      own.child.stdin?.write(`${JSON.stringify({ number, question })}\n`);
    });
  }
}
