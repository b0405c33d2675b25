/** What a connection lived through, measured as it goes, beside a list of what passed when, which is looked through at the end. */
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { type LineTimes, measureLine } from "../../packages/perdure/src/protocol/link/line-meter.ts";
import { createHandClock } from "./hand-clock.ts";
import { createHandLine } from "./hand-line.ts";
import { parted, type Room } from "./room.ts";

type Step =
  | { readonly do: "open"; readonly sendsEveryMs: number; readonly local: boolean }
  | { readonly do: "send" | "hear" | "drain" | "close" | "break" }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "jump"; readonly ms: number };

interface Passed {
  readonly what: "sent" | "heard";
  readonly atMs: number;
}

const LIVES = 12;
/** Clocks may differ by this, and an answer takes no longer. */
const LEEWAY_MS = 5_000;

export const meter: Room<Step> = {
  name: "meter",
  about: "the times of a connection beside a list of what passed when",
  draw: (draws) => Array.from({ length: LIVES }, () => drawLife(draws)).flat(),
  run: async (steps) => {
    let life = openLife(4000, false);
    for (const step of steps) {
      if (step.do === "open") life = openLife(step.sendsEveryMs, step.local);
      else await life.take(step);
      life.compare(step.do);
    }
  },
};

function drawLife(draws: Draws): readonly Step[] {
  const sendsEveryMs = [1_000, 4_000, 15_000][draws.below(3)] as number;
  const steps: Step[] = [{ do: "open", sendsEveryMs, local: draws.chance(0.5) }];
  const waits = [0, 1, LEEWAY_MS, LEEWAY_MS + 1, 2 * sendsEveryMs + LEEWAY_MS, 2 * sendsEveryMs + LEEWAY_MS + 1, 700, 3_000];
  const count = 3 + draws.below(16);
  const isCalm = draws.chance(0.6);
  for (let nth = 0; nth < count; nth++) {
    const ms = isCalm ? [0, 1, 40, 700, 900][draws.below(5)] : waits[draws.below(waits.length)];
    if (draws.chance(0.7)) steps.push({ do: "wait", ms: ms as number });
    if (draws.chance(0.04))
      steps.push({ do: "jump", ms: [-LEEWAY_MS, LEEWAY_MS, LEEWAY_MS + 1, -LEEWAY_MS - 1][draws.below(4)] as number });
    const roll = draws.below(10);
    steps.push({ do: roll < 5 ? "send" : roll < 9 ? "hear" : "drain" });
  }
  if (draws.chance(0.5)) steps.push({ do: "wait", ms: waits[draws.below(waits.length)] as number });
  const ends = (["close", "break"] as const)[draws.below(2)] as "close" | "break";
  if (draws.chance(0.8)) steps.push({ do: ends }, { do: "wait", ms: draws.below(9000) });
  if (draws.chance(0.3)) steps.push({ do: ends === "close" ? "break" : "close" }, { do: "wait", ms: 1 });
  return steps;
}

function openLife(sendsEveryMs: number, local: boolean) {
  const clock = createHandClock(1_800_000_000_000);
  const line = createHandLine("there", local);
  const passed: Passed[] = [];
  const heard: string[] = [];
  const due: string[] = [];
  let jumpedMs = 0;
  let brokeMs: number | undefined;
  let closedMs: number | undefined;
  const { connection, times } = measureLine(line.connection, clock, () => sendsEveryMs);
  connection.start({
    message: (message) => void heard.push(`message of ${message.length}`),
    drained: () => void heard.push("drained"),
    closed: (why) => void heard.push(`closed: ${why}`),
  });

  const expected = (): LineTimes => {
    const nowMs = clock.monotonicMs();
    const endMs = brokeMs ?? closedMs ?? nowMs;
    const all = [{ what: "heard", atMs: 0 } as Passed, ...passed];
    const last = all.at(-1) as Passed;
    const lastHeard = all.findLastIndex(({ what }) => what === "heard");
    /** What was said since, and nobody answered. */
    const unanswered = all.slice(lastHeard + 1);
    const heardMs = (all[lastHeard] as Passed).atMs;
    const gap = (at: number): number => (all[at]?.atMs ?? 0) - (all[at - 1]?.atMs ?? 0);
    // A pause was lived through when something was heard after it; of what was said last before that, the pause came before.
    const lived = all.flatMap(({ what }, at) => {
      if (at === 0 || at > lastHeard) return [];
      return what === "sent" || all[at - 1]?.what === "heard" ? [gap(at)] : [];
    });
    const sentTimes = [0, ...all.filter(({ what }) => what === "sent").map(({ atMs }) => atMs), endMs];
    const longestUnsentMs = Math.max(...sentTimes.slice(1).map((atMs, at) => atMs - (sentTimes[at] as number)));
    const unasked = brokeMs !== undefined && (unanswered.length === 0 || endMs - (unanswered.at(-1) as Passed).atMs > LEEWAY_MS);
    const pauses = unanswered.map((_, nth) => gap(lastHeard + 1 + nth));
    return {
      ageMs: endMs,
      aliveMs: unasked ? endMs : heardMs,
      deadMs: brokeMs ?? unanswered[0]?.atMs ?? endMs,
      quietMs: unasked || unanswered.length === 0 ? endMs - last.atMs : Math.max(...pauses),
      unasked,
      longestQuietMs: Math.max(0, ...lived),
      broke: brokeMs !== undefined,
      endedHere: closedMs !== undefined,
      slept: Math.abs(jumpedMs) > LEEWAY_MS || longestUnsentMs > 2 * sendsEveryMs + LEEWAY_MS,
    };
  };

  return {
    take: async (step: Exclude<Step, { readonly do: "open" }>): Promise<void> => {
      switch (step.do) {
        case "wait":
          return await clock.pass(step.ms);
        case "jump":
          jumpedMs += step.ms;
          return clock.jump(step.ms);
        case "send": {
          const isOpen = closedMs === undefined && brokeMs === undefined;
          if (!isOpen) return;
          connection.send(new Uint8Array(3));
          passed.push({ what: "sent", atMs: clock.monotonicMs() });
          if (line.sent.pop()?.length !== 3) parted("what is sent does not arrive at the connection");
          return;
        }
        case "hear":
          if (closedMs !== undefined || brokeMs !== undefined) return;
          line.arrive(new Uint8Array(5));
          due.push("message of 5");
          passed.push({ what: "heard", atMs: clock.monotonicMs() });
          return;
        case "drain":
          if (connection.queuedBytes !== line.connection.queuedBytes) parted(`${connection.queuedBytes} bytes wait`);
          if (connection.queuedBytes > 0) due.push("drained");
          line.drain();
          return;
        case "close":
          connection.close();
          closedMs ??= clock.monotonicMs();
          if (!line.closed) parted("the connection is not closed");
          return;
        case "break":
          if (brokeMs !== undefined || heard.length > due.length) return;
          if (!line.isEnded) due.push("closed: gone");
          if (closedMs === undefined && !line.isEnded) brokeMs = clock.monotonicMs();
          line.end("gone");
      }
    },
    compare: (where: string): void => {
      const [found, wanted] = [heard.splice(0).join(), due.splice(0).join()];
      if (found !== wanted) parted(`after ${where} was heard: ${found}, and not: ${wanted}`);
      const [is, ought] = [JSON.stringify(times()), JSON.stringify(expected())];
      if (is !== ought) parted(`after ${where} its times are ${is}, and not ${ought}`);
      if (connection.remote !== "there" || connection.local !== local) parted(`it is a connection to ${connection.remote}`);
    },
  };
}
