/**
 * A few lines of one process, in a world of their own, with a limit on their way that nobody told. It must be found, for what it is, and
 * be avoided from then on, also by the next process; where lines are lost by chance nothing may be found; and what is gone must be forgotten.
 *
 *   limits   what is found is there, and what is there is found; no line is lost to a limit that is known, but for a trial
 */
import type { Hash } from "../packages/perdure/src/host/crypto.ts";
import type { Connection, Receiver } from "../packages/perdure/src/host/net.ts";
import { createWorld, type Draws } from "../packages/perdure/src/host/simulated/index.ts";
import { limitText } from "../packages/perdure/src/protocol/link/limit-culprits.ts";
import { measureLine } from "../packages/perdure/src/protocol/link/line-meter.ts";
import { type FolderLineKeeper, openLineKeeper } from "../packages/perdure/src/protocol/link/open-line-keeper.ts";
import { createSettings, listSettings } from "../packages/perdure/src/settings/register.ts";
import type { Goodbye } from "../packages/perdure/src/wire/control.ts";
import { InvariantBroken } from "./ledger.ts";

const LINES = 3;
const PATH = "wss://elsewhere/";
const ROUND_TRIP_MS = 40;
const FOLDER = "home";
const SECOND = 1000;
const MINUTE = 60 * SECOND;

interface Way {
  readonly kind: "age" | "idle" | "chance";
  valueMs: number;
  /** Whether who is forgotten is told. */
  readonly resets: boolean;
  /** Mean time between two messages of one line. */
  readonly mailEveryMs: number;
  readonly pingEveryMs: number;
}

interface Tally {
  lost: number;
  renewed: number;
  /** Ends each open line, as an owner does. */
  readonly open: Set<() => void>;
}

export async function findHiddenLimit(seed: number, hash: Hash): Promise<void> {
  const world = createWorld({ seed: `hidden limit ${seed}`, hash, cryptoOrder: "at-once" });
  const draws = world.draws("way");
  const kind = (["age", "idle", "age", "chance"] as const)[draws.below(4)] ?? "age";
  const valueMs = kind === "idle" ? (30 + draws.below(90)) * SECOND : (61 + draws.below(200)) * SECOND + draws.below(999);
  const resets = kind === "idle" || draws.chance(0.6);
  const way: Way = {
    kind,
    valueMs,
    resets,
    mailEveryMs: valueMs * (kind === "idle" ? 3 : 0.2),
    // Where nobody is told, how well an age is known depends on how soon somebody asks.
    pingEveryMs: kind === "idle" ? 20 * MINUTE : resets ? 15 * SECOND : Math.ceil(valueMs / 150),
  };
  const settings = createSettings({ limitTrialMs: 30 * valueMs, keepAliveMinMs: SECOND });
  const fail = (what: string): never => {
    throw new InvariantBroken("limits", `${what} (${way.kind}, ${Math.round(way.valueMs)} ms, ${way.resets ? "told" : "untold"})`);
  };
  const open = async (name: string): Promise<{ readonly keeper: FolderLineKeeper; readonly tally: Tally; readonly stop: () => void }> => {
    const host = world.host("traveller", {});
    const keeper = await world.complete(
      openLineKeeper({ host, folder: FOLDER, settings, owner: "agent", surroundings: () => ({ external: [], contradictions: [] }) }),
    );
    const tally: Tally = { lost: 0, renewed: 0, open: new Set() };
    let stopped = false;
    for (let line = 0; line < LINES; line++)
      world.after(draws.below(5 * SECOND), "line", () => travel(keeper, world, way, draws.fork(`${name} ${line}`), tally, () => stopped));
    return {
      keeper,
      tally,
      stop: () => {
        stopped = true;
      },
    };
  };
  const run = (times: number): Promise<unknown> => world.run({ untilMs: world.nowMs + times * way.valueMs });

  const first = await open("first");
  await run(kind === "age" ? 6 : kind === "idle" ? 20 : 12);
  const known = first.keeper.limits.filter(({ state }) => state === "found");
  if (kind === "chance") {
    if (first.keeper.limits.length > 0) fail(`there is no limit, and ${first.keeper.limits.map(limitText).join()}`);
    return;
  }
  const [limit, ...others] = known;
  if (limit === undefined || others.length > 0) return fail(`${known.length} limits were found, ${first.tally.lost} lines lost`);
  const toleranceMs = way.resets ? 2 * SECOND : 2 * way.pingEveryMs;
  if (limit.kind !== kind || limit.path !== PATH || Math.abs(limit.valueMs - valueMs) > toleranceMs)
    fail(`found was ${limit.kind} ${limit.valueMs}`);
  if (limit.occurrences < 3 || limit.occurrences > first.tally.lost || limit.confidence < 0.99 || limit.confidence > 1)
    fail(`${limit.occurrences} of ${first.tally.lost} losses, confidence ${limit.confidence}`);
  if (Math.abs(limit.valueMs - valueMs) > limit.errorMs + 100 + (way.resets ? 0 : way.pingEveryMs))
    fail(`it is off by more than ${limit.errorMs}`);
  const fitting = listSettings(settings).filter(
    ({ unit, value }) => unit === "ms" && Math.abs(value - limit.valueMs) <= Math.max(limit.errorMs, limit.valueMs * 0.005),
  );
  const named = limit.culprits.map(({ name }) => name);
  for (const { name } of fitting) if (!named.includes(name)) fail(`${name} has that value and is not named`);
  const off = limit.culprits.map(({ valueMs: value }) => Math.abs(value - limit.valueMs));
  if (off.some((each, index) => index > 0 && each < (off[index - 1] as number))) fail("the closest is not named first");

  // It is known: nobody runs into it any more, and the next process knows it too.
  await run(1.2);
  const lostBefore = first.tally.lost;
  await run(6);
  if (first.tally.lost > lostBefore) fail(`${first.tally.lost - lostBefore} lines were lost to a limit that is known`);
  if (kind === "age" && first.tally.renewed < LINES) fail(`${first.tally.renewed} lines were renewed`);
  first.stop();
  await world.complete(first.keeper.close());
  world.crash("traveller", { keep: "synced" });
  const second = await open("second");
  await run(6);
  if (second.keeper.limits.length !== 1) fail(`the next process knows ${second.keeper.limits.length} limits`);
  if (second.tally.lost > 0) fail(`the next process lost ${second.tally.lost} lines`);
  // It goes away: a trial shows that, and nothing is avoided any more.
  way.valueMs = Number.POSITIVE_INFINITY;
  await world.run({ untilMs: world.nowMs + 35 * valueMs });
  // A line that is kept alive lives on: only one that begins is a trial.
  for (const end of [...second.tally.open]) end();
  await world.run({ untilMs: world.nowMs + 20 * valueMs + 25 * MINUTE });
  if (second.keeper.limits.length > 0) fail("it is gone and still avoided");
  const { renewed } = second.tally;
  await world.run({ untilMs: world.nowMs + 3 * valueMs });
  if (second.tally.renewed > renewed) fail("lines are renewed without a limit");
  if (second.tally.lost > 0) fail("lines were lost without a limit");
}

type LineWorld = ReturnType<typeof createWorld>;

/** One line after the other, until it is told to stop. */
function travel(keeper: FolderLineKeeper, world: LineWorld, way: Way, draws: Draws, tally: Tally, isOver: () => boolean): void {
  if (isOver()) return;
  const { clock } = world.host("traveller");
  const plan = keeper.plan(PATH);
  let receiver: Receiver | undefined;
  let isOpen = true;
  const openedMs = world.nowMs;
  let passedMs = openedMs;
  const raw: Connection = {
    remote: "elsewhere",
    local: false,
    queuedBytes: 0,
    send: () => {
      const sentMs = world.nowMs;
      if (isDead(sentMs)) return;
      passedMs = sentMs;
      world.after(ROUND_TRIP_MS, "answer", () => {
        if (!isOpen || isDead(world.nowMs)) return;
        passedMs = world.nowMs;
        receiver?.message(new Uint8Array(1));
      });
    },
    close: () => {},
    start: (given) => {
      receiver = given;
    },
  };
  const lossMs = way.kind === "chance" ? openedMs + draws.wait(way.valueMs) : Number.POSITIVE_INFINITY;
  const diesAtMs = (): number =>
    Math.min(
      lossMs,
      way.kind === "age" ? openedMs + way.valueMs : Number.POSITIVE_INFINITY,
      way.kind === "idle" ? passedMs + way.valueMs : Number.POSITIVE_INFINITY,
    );
  const isDead = (nowMs: number): boolean => nowMs >= diesAtMs();
  const pingEveryMs = Math.min(way.pingEveryMs, plan.keepAliveMs ?? Number.POSITIVE_INFINITY);
  const meter = measureLine(raw, clock, () => pingEveryMs);
  meter.connection.start({
    message: () => {},
    drained: () => {},
    closed: () => {},
  });
  const over = (reason: Pick<Goodbye, "code">, wanted = false): void => {
    if (!isOpen) return;
    isOpen = false;
    tally.open.delete(leave);
    const planned = end(reason as Goodbye);
    if (planned) tally.renewed++;
    else if (!wanted) tally.lost++;
    world.after(500 + draws.below(1000), "line", () => travel(keeper, world, way, draws, tally, isOver));
  };
  const leave = (): void => {
    meter.connection.close();
    over({ code: "connection-closed" }, true);
  };
  tally.open.add(leave);
  const end = keeper.begin(plan, {
    meter,
    generation: new Uint8Array(8).fill(7),
    quiet: () => draws.chance(0.7),
    renew: () => {
      meter.connection.close();
      over({ code: "connection-closed" });
    },
  });
  const die = (): void => {
    if (!isOpen || isOver()) return;
    const leftMs = diesAtMs() - world.nowMs;
    if (leftMs > 0) return void (Number.isFinite(leftMs) && world.after(leftMs, "limit", die));
    receiver?.closed("connection reset");
    over({ code: "connection-closed" });
  };
  if (way.resets || way.kind === "chance") die();
  const say = (): void => {
    if (!isOpen || isOver()) return;
    meter.connection.send(new Uint8Array(1));
    if (isDead(world.nowMs)) {
      // Nothing comes back: after a while this side gives the line up.
      world.after(3 * pingEveryMs, "silence", () => {
        if (!isOpen) return;
        meter.connection.close();
        over({ code: "timed-out" });
      });
      return;
    }
    world.after(Math.min(pingEveryMs, draws.wait(way.mailEveryMs)), "say", say);
  };
  world.after(Math.min(pingEveryMs, draws.wait(way.mailEveryMs)), "say", say);
}
