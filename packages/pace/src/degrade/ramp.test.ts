import { describe, expect, it } from "vitest";
import { isPaceError } from "../error.ts";
import { createLadder } from "../ladder/ladder.ts";
import type { Step } from "../ladder/step.ts";
import { createPace } from "../pace.ts";
import { seededRandom } from "../testing/draws.ts";
import { createProvider } from "../testing/provider.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createDegrader } from "./degrader.ts";
import { fewerTokens } from "./fewer-tokens.ts";
import { fetchLesser } from "./lesser-fetch.ts";
import { simplify } from "./simplify.ts";
import { stampsOf } from "./stamp.ts";

const URL_OF_IT = "https://api.example.com/v1/chat/completions";
const MINUTE_MS = 60_000;
/** Two a second is all that the service lets in. */
const PER_SECOND = 2;
const RAMP_MS = 8 * MINUTE_MS;
const END_MS = 12 * MINUTE_MS;

interface Fate {
  readonly atMs: number;
  readonly isCritical: boolean;
  readonly end: "full" | Step | "shed" | "late" | "refused" | "crashed";
}

/** Calls that come ever faster, up to twice what the service lets in, a tenth of them critical. */
async function playRamp(withLadder: boolean): Promise<readonly Fate[]> {
  const time = createVirtualTime();
  const random = seededRandom(11);
  const provider = createProvider(time, random, { perSecond: () => PER_SECOND, burst: 60 * PER_SECOND, tells: "levels" });
  const pace = createPace({}, { clock: time, random, fetch: provider.fetch });
  const ladder = createLadder({}, time);
  const shortageOf = () => {
    const highest = withLadder ? ladder.highest() : undefined;
    return highest && { step: highest.step, gauge: highest.gauge.name };
  };
  const strategies = [simplify({ isDispensable: (work) => work.class === "background" }), fewerTokens({ from: "warned" })];
  const degrader = createDegrader({ strategies, critical: ["heartbeat", "interactive"] }, { clock: time, shortageOf });

  const fates: Fate[] = [];
  let nth = 0;
  const ask = (): void => {
    const atMs = time.now();
    const isCritical = nth++ % 10 === 0;
    const name = isCritical ? "interactive" : nth % 10 < 4 ? "normal" : "background";
    const { fetch } = pace.with({ class: name, deadlineMs: 30_000 });
    const init = { method: "POST", body: JSON.stringify({ model: "m", max_tokens: 4000, messages: [] }) };
    fetchLesser(degrader, { class: name, scope: "" }, fetch, URL_OF_IT, init).then(
      ({ status, headers }) => {
        const step = stampsOf(headers.get("pace-degraded"))[0]?.step;
        fates.push({ atMs, isCritical, end: status === 200 ? (step ?? "full") : "refused" });
      },
      (error: unknown) => fates.push({ atMs, isCritical, end: !isPaceError(error) ? "crashed" : error.code === "shed" ? "shed" : "late" }),
    );
  };
  const next = (): void => {
    if (time.now() > END_MS) return;
    ask();
    const share = 0.2 + 1.8 * Math.min(1, time.now() / RAMP_MS);
    time.wake(time.now() + (1000 / (PER_SECOND * share)) * (0.5 + random()), next);
  };
  const look = (): void => {
    ladder.look(pace.gauges());
    if (time.now() < END_MS) time.wake(time.now() + 1000, look);
  };
  next();
  look();
  await time.runSettled(END_MS + MINUTE_MS);
  pace.close();
  expect(fates.length).toBe(nth);
  return fates;
}

describe("a load that rises to twice the quota", () => {
  it("is done with less and less, level by level, and everything critical is done in full", async () => {
    const fates = await playRamp(true);
    const count = (end: Fate["end"]): number => fates.filter((fate) => fate.end === end).length;
    expect([count("crashed"), count("refused")]).toEqual([0, 0]);
    expect(new Set(fates.filter(({ isCritical }) => isCritical).map(({ end }) => end))).toEqual(new Set(["full"]));
    const levels = ["full", "warned", "saving", "emergency"] as const;
    const firsts = levels.map((end) => Math.min(...fates.filter((fate) => fate.end === end).map(({ atMs }) => atMs)));
    expect(firsts).toEqual([...firsts].sort((one, other) => one - other));
    expect(firsts.at(-1)).toBeLessThan(END_MS);
    expect(count("shed")).toBeGreaterThan(0);
    expect(count("late")).toBe(0);
  });

  it("is late in part where nothing is lessened", async () => {
    const fates = await playRamp(false);
    expect(fates.filter(({ end }) => end === "late").length).toBeGreaterThan(fates.length / 10);
  });
});
