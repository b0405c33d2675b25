/**
 * The trial without a person: the given content goes to the sleeping `@desk` of another owner. Relay A is killed in mid-stream
 * and started again, `@desk` wakes, and relay B is killed while `@desk` works. The moment of the first kill is taken from
 * `@me`'s own notes of what relay A acknowledged, and the signal leaves before anything else happens in this process.
 */
import { readFile } from "node:fs/promises";
import type { Sent, Step } from "../../agent/api.ts";
import { withDeadline } from "../../host/deadline.ts";
import type { LogFields } from "../../host/log.ts";
import { isTerminal, rank } from "../../protocol/delivery/delivery-lattice.ts";
import { hex } from "../../wire/bytes.ts";
import { PART_BYTES } from "../../wire/limits.ts";
import type { Content } from "../content.ts";
import { describeFailure } from "../failure.ts";
import type { Invocation } from "../invocation.ts";
import { countText } from "../quantity.ts";
import { stepText } from "../trail.ts";
import { createGapMeter, type GapMeter } from "./gap.ts";
import { sayHappening, type Tell } from "./happening.ts";
import { createKiller } from "./killer.ts";
import { type RelayDeath, reportHolds, reportLines, reportObject, type TrialReport } from "./report.ts";
import { whoSays } from "./who-says.ts";
import { createWorld, type World } from "./world.ts";

/** One step of the story may take this long before the trial is given up and says so. */
const STEP_MS = 60_000;
/** With one part in flight at a time "in mid-stream" is a place and not a race. */
const WINDOW = { windowFrames: 1 };

const HOLDS = 0;
const DOES_NOT_HOLD = 1;

export async function tryUnattended(invocation: Invocation, content: Content, keep: boolean): Promise<number> {
  const { terminal, host } = invocation;
  const { clock } = host;
  const gaps = createGapMeter(clock);
  const tell: Tell = (who, text, more = {}) => {
    gaps.moved(`${who} ${text.split(/[,;:]/)[0]}`);
    sayHappening(terminal, { atMs: clock.wallMs(), who, text, ...more });
  };
  const startMs = clock.monotonicMs();
  const parts = Math.max(1, Math.ceil(content.bytes.length / PART_BYTES));
  const killer = createKiller(parts);
  const onFact = (event: string, fields: LogFields): void => {
    killer.fact(event, fields);
    if (event === "agent.attached" && killer.killed() !== undefined)
      tell("@me", `is back; relay A has ${killer.acknowledged} of ${countText(parts, "part")} on disk`);
  };
  let begun = (): void => {};
  const handling = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const deaths: Omit<RelayDeath, "nextPid">[] = [];
  await using world = await createWorld({
    invocation,
    tell,
    keep,
    settings: WINDOW,
    onFact,
    onHandling: () => begun(),
    onChange: () => {},
  });
  tell("world", "one part travels at a time, to have a mid-stream to kill in");
  const sha256In = hex(host.crypto.hash.sha256(content.bytes));
  let trouble: string | undefined;
  try {
    await tellStory(invocation, { world, content, parts, tell, killer, gaps, handling, deaths });
  } catch (error) {
    const { why, code } = describeFailure(error, "");
    trouble = `${why} (${code})`;
    if (invocation.signal.aborted) throw error;
  }
  const out = world.handled.at(-1);
  const report: TrialReport = {
    name: content.label,
    bytes: content.bytes.length,
    parts,
    sha256In,
    sha256Out: out === undefined ? undefined : hex(host.crypto.hash.sha256(await readFile(out.file))),
    handled: world.handled.length,
    lost: killer.isDone() ? 0 : 1,
    killed: deaths.map((death) => ({ ...death, nextPid: nextPidOf(world, death) })),
    deskPids: world.deskPids,
    longestGapMs: Math.round(gaps.longest().ms),
    longestGapAfter: gaps.longest().after,
    totalMs: Math.round(clock.monotonicMs() - startMs),
    trouble,
  };
  const holds = reportHolds(report);
  terminal.note("");
  for (const line of reportLines(report, terminal.stdout.paint)) terminal.line(line);
  if (keep) terminal.line(`kept in      ${world.folder}`);
  terminal.object({ ...reportObject(report), ...(keep ? { folder: world.folder } : {}) });
  return holds ? HOLDS : DOES_NOT_HOLD;
}

interface Story {
  readonly world: World;
  readonly content: Content;
  readonly parts: number;
  readonly tell: Tell;
  readonly killer: ReturnType<typeof createKiller>;
  readonly gaps: GapMeter;
  /** Resolves when `@desk`'s handler has begun. */
  readonly handling: Promise<void>;
  /** Filled as relays die. */
  readonly deaths: Omit<RelayDeath, "nextPid">[];
}

function nextPidOf({ relays }: World, { relay, pid }: Omit<RelayDeath, "nextPid">): number | undefined {
  const { pids } = relay === relays.a.who ? relays.a : relays.b;
  return pids[pids.indexOf(pid) + 1];
}

async function tellStory(invocation: Invocation, { world, content, parts, tell, killer, gaps, handling, deaths }: Story): Promise<void> {
  const { clock } = invocation.host;
  const within = <Value>(what: string, work: Promise<Value>): Promise<Value> =>
    withDeadline(clock, { timeoutMs: STEP_MS, what, signal: invocation.signal }, () => work);

  await within("@desk to fall asleep", world.sleepDesk());
  const killed = killer.arm({
    kill: () => world.relays.a.kill(),
    soon: (then) => void clock.after(0, then),
    nowMs: () => clock.wallMs(),
    moved: gaps.moved,
  });
  gaps.begin("the sending");
  const sent = await world.me.send(world.desk, content.bytes, {
    contentType: content.contentType,
    signal: invocation.signal,
    ...(content.fileName === undefined ? {} : { fileName: content.fileName }),
  });
  const steps = follow(world, sent, tell, killer.step);
  steps.end.catch(() => {});
  try {
    const death = await within("relay A to be killed in mid-stream", Promise.race([killed, steps.end.then(() => undefined)]));
    if (death !== undefined) {
      const acknowledged = `${death.partsAcknowledged} of ${countText(parts, "part")} acknowledged`;
      deaths.push({ relay: world.relays.a.who, pid: death.pid, atMs: death.atMs, moment: `${acknowledged}, ${death.moment}` });
      tell("world", `kill -9 ${death.pid}: relay A is gone, with ${acknowledged}`, { tone: "bad", atMs: death.atMs });
      await within("relay A to start again", world.relays.a.start());
    }
    await within("relay B to store all of it", Promise.race([steps.reached("stored"), steps.end]));
    const woken = within("@desk to wake", world.wakeDesk());
    await Promise.race([handling, steps.end, woken.then(() => handling)]);
    const pid = world.relays.b.kill();
    if (pid !== undefined) {
      deaths.push({
        relay: world.relays.b.who,
        pid,
        atMs: clock.wallMs(),
        moment: "@desk had begun with it, its signed receipt had yet to go back",
      });
      tell("world", `kill -9 ${pid}: relay B is gone, while @desk works`, { tone: "bad" });
    }
    await woken;
    await within("relay B to start again", world.relays.b.start());
    await within("@desk to say it is done", steps.end);
  } finally {
    steps.stop();
  }
}

/** Says each step of the message as it becomes known here; when it was signed for is in its trace. */
function follow(
  world: World,
  sent: Sent,
  tell: Tell,
  onStep: (step: Step) => void,
): {
  readonly end: Promise<void>;
  readonly reached: (state: "stored") => Promise<void>;
  readonly stop: () => void;
} {
  const waiting: { readonly state: "stored"; readonly resolve: () => void }[] = [];
  let highest = -1;
  const iterator = sent[Symbol.asyncIterator]();
  const run = async (): Promise<void> => {
    for (;;) {
      const next = await iterator.next();
      if (next.done === true) return;
      const step = next.value;
      highest = Math.max(highest, rank(step.state));
      onStep(step);
      tell(whoSays(world, step), `${step.state}: ${stepText(step)}`, {
        ...(step.state === "done" ? { tone: "good" } : isTerminal(step.state) ? { tone: "bad" } : {}),
      });
      for (const each of waiting) if (highest >= rank(each.state)) each.resolve();
    }
  };
  return {
    end: run(),
    reached: (state) =>
      new Promise((resolve) => {
        if (highest >= rank(state)) return resolve();
        waiting.push({ state, resolve });
      }),
    stop: () => void iterator.return?.()?.catch(() => {}),
  };
}
