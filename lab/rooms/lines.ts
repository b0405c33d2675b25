/**
 * Lines that are kept away from the limits on their way, in a folder that remembers them: what is found, avoided, tried out again and told, at
 * the millisecond, over restarts and with a file that somebody changed.
 */

import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import type { Surroundings } from "../../packages/perdure/src/host/surroundings.ts";
import type { LimitFinding } from "../../packages/perdure/src/protocol/link/lifetimes.ts";
import { limitText } from "../../packages/perdure/src/protocol/link/limit-culprits.ts";
import type { LineTimes } from "../../packages/perdure/src/protocol/link/line-meter.ts";
import { type FolderLineKeeper, openLineKeeper } from "../../packages/perdure/src/protocol/link/open-line-keeper.ts";
import { FIXED } from "../../packages/perdure/src/settings/fixed.ts";
import { createSettings, SETTINGS } from "../../packages/perdure/src/settings/register.ts";
import { utf8, viewOf } from "../../packages/perdure/src/wire/bytes.ts";
import { createFolderMachine } from "./folder-machine.ts";
import { settled } from "./hand-clock.ts";
import { createLinesReference, culpritsAgain, type KeptLine } from "./lines-reference.ts";
import { parted, type Room, type RoomTools } from "./room.ts";

type Ending = "reset" | "silence" | "goodbye" | "named";

type Step =
  | {
      readonly do: "open";
      readonly path: string;
      readonly generation: number;
      readonly quietMs: number;
      readonly share: number;
      readonly isQuiet: boolean;
    }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "end"; readonly how: Ending; readonly slept: boolean; readonly lateMs: number }
  | { readonly do: "restart" }
  | { readonly do: "file"; readonly kind: "garbage" | "other" | "wrong" | "many"; readonly at: number }
  | { readonly do: "setup"; readonly learn: boolean };

const LIVES = 20;
const TRIAL_MS = 3_600_000;
const KEEP_ALIVE_MIN_MS = 5_000;
const EXTERNAL = { name: "tcpUserTimeoutMs", unit: "ms", value: 300_000, origin: "kernel" };

export const lines: Room<Step> = {
  name: "lines",
  about: "lines kept away from limits on their way, at the millisecond and over restarts",
  draw: (draws) => {
    const ways = [drawWay(draws), drawWay(draws)];
    const steps: Step[] = [{ do: "setup", learn: draws.chance(0.93) }];
    for (let nth = 0; nth < LIVES; nth++) steps.push(...drawLife(draws, ways[draws.chance(0.85) ? 0 : 1] as Way));
    return steps;
  },
  run: (steps, tools) => runLines(steps, tools),
};

interface Way {
  readonly path: string;
  readonly kind: "age" | "idle" | "none";
  readonly valueMs: number;
}

function drawWay(draws: Draws): Way {
  const values = [21_000, 60_000, 55_000, 300_000, 350_000, 600_000];
  return {
    path: `ws://${draws.below(1000)}`,
    kind: (["age", "age", "idle", "none"] as const)[draws.below(4)] ?? "none",
    valueMs: values[draws.below(values.length)] as number,
  };
}

function drawLife(draws: Draws, { path, kind, valueMs }: Way): readonly Step[] {
  const quietMs = kind === "idle" ? draws.below(4_000) : draws.below(15_000);
  const open: Step = {
    do: "open",
    path,
    generation: draws.chance(0.93) ? 1 : 2,
    quietMs,
    share: draws.u32(),
    isQuiet: draws.chance(0.7),
  };
  const isLimited = kind !== "none" && draws.chance(0.9);
  const ms = isLimited ? valueMs + draws.below(40) : draws.below(draws.chance(0.2) ? 3 * 3_600_000 : 400_000);
  const how: Ending = isLimited ? "reset" : ((["reset", "silence", "goodbye", "named"] as const)[draws.below(4)] ?? "named");
  const end: Step = { do: "end", how, slept: draws.chance(0.04), lateMs: kind === "idle" && isLimited ? valueMs : draws.below(20_000) };
  const between: Step = { do: "wait", ms: 3_000 + draws.below(2_000) };
  const roll = draws.below(30);
  const odd: readonly Step[] =
    roll === 0
      ? [{ do: "restart" }]
      : roll === 1
        ? [
            { do: "file", kind: (["garbage", "other", "wrong", "many"] as const)[draws.below(4)] ?? "other", at: draws.u32() },
            { do: "restart" },
          ]
        : roll === 2
          ? [{ do: "wait", ms: TRIAL_MS * (1 + draws.below(4)) }]
          : [];
  return [...odd, open, { do: "wait", ms }, end, between];
}

async function runLines(steps: readonly Step[], tools: RoomTools): Promise<void> {
  const machine = createFolderMachine(tools.hash, tools.draws("machine"));
  const { clock, disk, logged } = machine;
  let share = 0;
  const host = {
    ...machine.host,
    random: {
      bytes: (count: number): Uint8Array => {
        const bytes = new Uint8Array(count);
        viewOf(bytes).setUint32(0, share);
        return bytes;
      },
    },
  };
  let settings = createSettings({ limitTrialMs: TRIAL_MS, keepAliveMinMs: KEEP_ALIVE_MIN_MS });
  const ownNow = () => [
    ...Object.entries(SETTINGS).flatMap(([name, { unit, value }]) => {
      const now = (settings as Readonly<Record<string, number>>)[name] as number;
      const origin = name === "ackTimeoutMs" ? "file" : now === value ? "default" : "set";
      return unit === "ms" && now > 0 ? [{ name, valueMs: now, origin }] : [];
    }),
    ...Object.entries(FIXED).flatMap(([name, { unit, value }]) =>
      unit === "ms" && value > 0 ? [{ name, valueMs: value, origin: "fixed" }] : [],
    ),
    { name: EXTERNAL.name, valueMs: EXTERNAL.value, origin: EXTERNAL.origin },
  ];
  let own = ownNow();
  const surroundings = (): Surroundings =>
    ({
      external: [EXTERNAL, { ...EXTERNAL, name: "boxIdleMs", origin: "middlebox" }, { ...EXTERNAL, name: "unknownMs", value: undefined }],
      contradictions: [],
    }) as unknown as Surroundings;
  const changes: string[] = [];
  const openKeeper = (): Promise<FolderLineKeeper> =>
    openLineKeeper({
      host,
      folder: "home",
      settings,
      settingOrigins: { ackTimeoutMs: "file" },
      surroundings,
      owner: "relay",
      changed: ({ change, finding }, limit) =>
        void changes.push(`${change} ${finding.path} ${finding.kind} ${limit === undefined ? "gone" : limit.state}`),
    });
  let keeper = await openKeeper();
  let reference = createLinesReference(settings);
  /** What the file says, as far as it is understood. */
  let kept: readonly LimitFinding[] = [];
  let open:
    | {
        readonly is: KeptLine;
        readonly times: () => LineTimes;
        readonly finish: (code: string) => boolean;
        isQuiet: boolean;
        readonly state: { override: LineTimes | undefined };
      }
    | undefined;
  const renewed: KeptLine[] = [];
  const dueRenewed: KeptLine[] = [];

  const compare = (where: string): void => {
    if (renewed.length !== dueRenewed.length) parted(`after ${where} ${renewed.length} lines begin anew, and not ${dueRenewed.length}`);
    const told = reference.told.splice(0);
    const names = told.map(({ change }) => `relay.limit-${change}`).join();
    const found = logged.splice(0).join();
    if (found !== names) parted(`after ${where} it says: ${found}, and not: ${names}`);
    if (changes.splice(0).length !== told.length) parted(`after ${where} a change is not handed on`);
    const limits = reference.limits.findings;
    const all = keeper.limits;
    const shown = all.map(({ path, kind, state, valueMs, culprits }) =>
      [path, kind, state, valueMs.toFixed(3), ...culprits.map(({ name, origin }) => `${name} (${origin})`)].join(" "),
    );
    const due = limits.map((each) =>
      [
        each.path,
        each.kind,
        each.state,
        each.valueMs.toFixed(3),
        ...culpritsAgain(each, own).map(({ name, origin }) => `${name} (${origin})`),
      ].join(" "),
    );
    if (shown.join("; ") !== due.join("; ")) parted(`after ${where} the limits are: ${shown.join("; ")}, and not: ${due.join("; ")}`);
    for (const each of all) if (limitText(each) !== textAgain(each, culpritsAgain(each, own))) parted(`it is told as: ${limitText(each)}`);
    if (told.length > 0) kept = limits.filter(({ state }) => state === "found").slice(-64);
  };
  /** Time passes, from one thing that is due to the next. */
  const passTime = async (ms: number): Promise<void> => {
    const untilMs = clock.monotonicMs() + ms;
    for (;;) {
      const nextMs = Math.min(open?.is.lookMs ?? Number.POSITIVE_INFINITY, open?.is.renewMs ?? Number.POSITIVE_INFINITY);
      if (open === undefined || nextMs > untilMs) break;
      await clock.pass(nextMs - clock.monotonicMs());
      if (open.is.lookMs <= nextMs) reference.look(open.is, open.times(), nextMs, clock.wallMs());
      if (open.is.renewMs !== undefined && open.is.renewMs <= nextMs && reference.renewal(open.is, open.isQuiet, nextMs))
        dueRenewed.push(open.is);
      if (reference.told.length + logged.length + changes.length > 0 || renewed.length !== dueRenewed.length)
        compare("something that was due");
      if (open.is.planned) end("goodbye");
    }
    await clock.pass(untilMs - clock.monotonicMs());
  };
  const end = (code: string): void => {
    if (open === undefined) return;
    const { is, finish, times } = open;
    if (finish(code) !== is.planned) parted(`an end is ${is.planned ? "not " : ""}planned`);
    reference.end(is, times(), code, clock.wallMs());
    open = undefined;
  };

  for (const step of steps) {
    switch (step.do) {
      case "setup":
        settings = createSettings({ limitTrialMs: TRIAL_MS, keepAliveMinMs: KEEP_ALIVE_MIN_MS, learnLimits: step.learn ? 1 : 0 });
        own = ownNow();
        keeper = await openKeeper();
        reference = createLinesReference(settings);
        break;
      case "open": {
        end("fenced");
        const nowMs = clock.monotonicMs();
        const plan = keeper.plan(step.path);
        const due = reference.plan(step.path, nowMs);
        if (plan.path !== step.path || plan.trial !== due.trial || plan.keepAliveMs?.toFixed(3) !== due.keepAliveMs?.toFixed(3))
          parted(`the plan is ${JSON.stringify(plan)}, and not ${JSON.stringify(due)}`);
        share = step.share;
        const is = reference.begin(step.path, due.trial, step.generation, share / 2 ** 32, nowMs);
        const state: { override: LineTimes | undefined } = { override: undefined };
        const times = (): LineTimes => state.override ?? living(clock.monotonicMs() - nowMs, step.quietMs);
        const finish = keeper.begin(plan, {
          meter: { connection: undefined as never, times },
          generation: new Uint8Array(8).fill(step.generation),
          quiet: () => step.isQuiet,
          renew: () => void renewed.push(is),
        });
        open = {
          is,
          times,
          isQuiet: step.isQuiet,
          state,
          finish: (code) => finish({ code, retry: "now", afterMs: 0, limit: undefined, why: "", hint: "" }),
        };
        break;
      }
      case "wait":
        await passTime(step.ms);
        break;
      case "end": {
        if (open === undefined) break;
        const ageMs = clock.monotonicMs() - open.is.openedMs;
        open.state.override = ended(ageMs, step, open.times().longestQuietMs);
        end(step.how === "silence" ? "timed-out" : step.how === "named" ? "fenced" : "connection-closed");
        break;
      }
      case "file":
        await settled();
        kept = putFile(disk, step, kept);
        break;
      case "restart":
        end("fenced");
        await keeper.close();
        if (clock.timers > 0) parted(`${clock.timers} timers are left of a keeper that was closed`);
        keeper = await openKeeper();
        reference = createLinesReference(settings);
        if (settings.learnLimits > 0) reference.limits.restore(kept);
    }
    await settled();
    compare(step.do);
  }
  await keeper.close();
}

function living(ageMs: number, longestQuietMs: number): LineTimes {
  return { ageMs, aliveMs: ageMs, deadMs: ageMs, quietMs: 0, unasked: false, longestQuietMs, broke: false, endedHere: false, slept: false };
}

function ended(ageMs: number, { how, slept, lateMs }: Extract<Step, { readonly do: "end" }>, longestQuietMs: number): LineTimes {
  const isSilent = how === "silence";
  const aliveMs = isSilent ? Math.max(0, ageMs - 45_000) : ageMs;
  return {
    ageMs,
    aliveMs,
    deadMs: isSilent ? aliveMs + 10 : ageMs,
    quietMs: lateMs,
    unasked: how === "reset",
    longestQuietMs,
    broke: how === "reset",
    endedHere: isSilent || how === "named",
    slept,
  };
}

/** What lies in the folder is changed by somebody; returned is what of it can be understood. */
function putFile(
  disk: { put(path: string, bytes: Uint8Array): void },
  { kind, at }: Extract<Step, { readonly do: "file" }>,
  kept: readonly LimitFinding[],
): readonly LimitFinding[] {
  const good: LimitFinding = {
    path: "elsewhere",
    kind: "age",
    valueMs: 50_000,
    errorMs: 7,
    occurrences: 4,
    confidence: 0.5,
    state: "found",
    foundAtMs: 9,
  };
  const put = (said: unknown): void => disk.put("home/limits.json", utf8(JSON.stringify(said)));
  switch (kind) {
    case "garbage":
      disk.put("home/limits.json", utf8("{"));
      return [];
    case "other":
      put({ format: "perdure-limits/2", limits: [good] });
      return [];
    case "many": {
      const many = Array.from({ length: 63 + (at % 4) }, (_, nth) => ({ ...good, path: `way ${nth}` }));
      put({ format: "perdure-limits/1", limits: many });
      return many.slice(0, 64);
    }
    case "wrong": {
      const names = ["valueMs", "errorMs", "occurrences", "confidence", "foundAtMs", "path", "kind", "state"] as const;
      const name = names[at % names.length] as (typeof names)[number];
      const wrong = (["path", "kind", "state"] as const).some((each) => each === name) ? 5 : (at >>> 8) % 2 === 0 ? -1 : "5 s";
      put({ format: "perdure-limits/1", limits: [{ ...good, [name]: wrong }, good, null, ...kept] });
      return [good, ...kept].slice(0, 64);
    }
  }
}

function textAgain({ path, kind, valueMs, errorMs, state }: LimitFinding, culprits: ReturnType<typeof culpritsAgain>): string {
  const span = (ms: number): string => {
    const [unit, name] = ms >= 7_200_000 ? [3_600_000, "h"] : ms >= 120_000 ? [60_000, "min"] : [1000, "s"];
    return `${Math.round((ms / (unit as number)) * 10) / 10} ${name}`;
  };
  const ends = kind === "age" ? `end when they are ${span(valueMs)} old` : `end after ${span(valueMs)} of quiet`;
  const about = errorMs * 100 < valueMs ? "" : ` (give or take ${span(errorMs)})`;
  const three = culprits.slice(0, 3).map(({ name, origin }) => `${name} (${origin})`);
  const whose = three.length > 0 ? `that is the value of ${three.join(", ")}` : "no setting here has that value";
  return `lines to ${path} ${state === "found" ? "" : "seem to "}${ends}${about}; ${whose}`;
}
