/**
 * Limits that nobody told, on the way between an agent and its relay: found from how connections end, named, and avoided from then on,
 * with nothing lost and nothing twice. Real agents and relays on virtual time; the same with learning switched off goes on losing lines.
 */
import { expect, test } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import type { LogFields } from "../src/host/log.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createWorld, type World } from "../src/host/simulated/index.ts";
import { openRelayWith, type Relay } from "../src/relay/open-relay.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SLOW_MS = 300_000;
const hash = createNodeHost().crypto.hash;

interface Middlebox {
  readonly maxAgeMs?: number;
  readonly forgetsAfterMs?: number;
  readonly resets: boolean;
}

interface Day {
  readonly world: World;
  readonly anna: Agent;
  /** When anna's sessions ended, in hours, and for what. */
  readonly apart: { readonly atHours: number; readonly code: string }[];
  /** When her sessions began. */
  readonly attached: number[];
  readonly sent: string[];
  readonly arrived: string[];
  readonly found: { readonly event: string; readonly atHours: number; readonly fields: LogFields }[];
  /** Hours go by, with mail both ways this often. */
  pass(hours: number, mailEveryMs: number): Promise<void>;
}

/** Anna behind a middlebox, bela not; both at one relay. */
async function dayBehind(middlebox: Middlebox, settings: Record<string, number> = {}): Promise<Day> {
  const world = createWorld({ seed: "hidden limits", hash, cryptoOrder: "at-once" });
  Object.assign(world.network.link("anna", "west").middlebox, middlebox);
  const apart: Day["apart"] = [];
  const attached: number[] = [];
  const found: Day["found"] = [];
  const hours = (): number => world.nowMs / HOUR;
  world.onLog((host, _level, event, fields) => {
    if (host !== "anna") return;
    if (event === "agent.apart") apart.push({ atHours: hours(), code: String(fields["code"]) });
    if (event === "agent.attached") attached.push(hours());
    if (event.startsWith("agent.limit-")) found.push({ event, atHours: hours(), fields });
  });
  const relay = await world.complete(openRelayWith({ host: world.host("west"), folder: "post", listen: "ws://127.0.0.1:4410", settings }));
  const agent = async (name: string): Promise<Agent> =>
    await world.complete(
      openAgentWith(world.host(name), "home", {
        join: relay.address,
        name,
        strangers: "welcome",
        settings: name === "anna" ? settings : {},
      }),
    );
  const [anna, bela] = [await agent("anna"), await agent("bela")];
  const sent: string[] = [];
  const arrived: string[] = [];
  for (const one of [anna, bela]) void one.serve(async (mail) => void arrived.push(await mail.text()));
  return {
    world,
    anna,
    apart,
    attached,
    sent,
    arrived,
    found,
    async pass(more, mailEveryMs) {
      const untilMs = world.nowMs + more * HOUR;
      while (world.nowMs < untilMs) {
        await world.run({ untilMs: Math.min(untilMs, world.nowMs + mailEveryMs) });
        if (!Number.isFinite(mailEveryMs)) continue;
        for (const [from, to] of [
          [anna, "@bela"],
          [bela, "@anna"],
        ] as const) {
          const text = `${to} ${sent.length}`;
          sent.push(text);
          await world.complete(from.send(to, text));
        }
      }
      await world.run({ untilMs: world.nowMs + MINUTE });
    },
  };
}

const lost = ({ apart }: Day, fromHours = 0): number => apart.filter(({ atHours }) => atHours > fromHours).length;

test.each([
  ["resets", true, 3, 8],
  ["says nothing", false, 5, 8],
] as const)(
  "a maximum age of 47 min that %s is found, named, and planned around",
  async (_how, resets, lines, hours) => {
    const day = await dayBehind({ maxAgeMs: 47 * MINUTE, resets });
    await day.pass(hours, 20 * MINUTE);
    const [first] = day.found.filter(({ event }) => event === "agent.limit-found");
    expect(first?.fields).toMatchObject({ kind: "age" });
    expect(Math.abs(Number(first?.fields["valueMs"]) - 47 * MINUTE)).toBeLessThan(resets ? 2_000 : 15_000);
    expect(first?.atHours).toBeLessThan((lines * 48) / 60 + 0.1);
    // Until then each line was lost; afterwards none is, and each begins anew in time.
    expect([lost(day), lost(day, first?.atHours)]).toEqual([lines, 0]);
    expect(day.attached.length).toBeGreaterThan(hours);
    expect([new Set(day.arrived).size, day.arrived.length]).toEqual([day.sent.length, day.sent.length]);
    expect(await day.world.complete(day.anna.status())).toMatchObject({ limits: [{ kind: "age", state: "found" }] });
  },
  SLOW_MS,
);

test(
  "with learning switched off the same line is lost every 47 min",
  async () => {
    const day = await dayBehind({ maxAgeMs: 47 * MINUTE, resets: true }, { learnLimits: 0 });
    await day.pass(6, 20 * MINUTE);
    expect([lost(day), day.found.length]).toEqual([7, 0]);
  },
  SLOW_MS,
);

test(
  "an idle limit of 350 s is avoided after four lines where pings come every 10 min",
  async () => {
    const day = await dayBehind({ forgetsAfterMs: 350_000, resets: true }, { pingEveryMs: 10 * MINUTE, silenceTimeoutMs: 30 * MINUTE });
    await day.pass(8, Number.POSITIVE_INFINITY);
    expect(lost(day)).toBe(4);
    expect(day.apart.every(({ atHours }) => atHours < 0.8)).toBe(true);
    expect(await day.world.complete(day.anna.status())).toMatchObject({ limits: [{ kind: "idle" }] });
  },
  SLOW_MS,
);

test(
  "what was found is known at the next start, and forgotten when a line outlives it",
  async () => {
    const day = await dayBehind({ maxAgeMs: 47 * MINUTE, resets: true }, { limitTrialMs: 60 * MINUTE });
    await day.pass(2.5, 30 * MINUTE);
    await day.world.complete(day.anna.close());
    Object.assign(day.world.network.link("anna", "west").middlebox, { maxAgeMs: Number.POSITIVE_INFINITY, resets: false });
    const again = await day.world.complete(openAgentWith(day.world.host("anna"), "home", { settings: { limitTrialMs: 60 * MINUTE } }));
    expect(await day.world.complete(again.status())).toMatchObject({ limits: [{ kind: "age", state: "found" }] });
    await day.world.run({ untilMs: day.world.nowMs + 3 * HOUR });
    expect(await day.world.complete(again.status())).toMatchObject({ limits: [] });
    expect(day.found.at(-1)?.event).toBe("agent.limit-withdrawn");
  },
  SLOW_MS,
);

test(
  "a relay learns the maximum age of its lines to another relay, and tells its owner",
  async () => {
    const world = createWorld({ seed: "hidden limits of relays", hash, cryptoOrder: "at-once" });
    Object.assign(world.network.link("west", "east").middlebox, { maxAgeMs: 47 * MINUTE, resets: true });
    const closed: number[] = [];
    world.onLog((host, _level, event) => {
      if (host === "west" && event === "relay.peer-closed") closed.push(world.nowMs);
    });
    const [west, east] = await Promise.all(
      (["west", "east"] as const).map((name, index) =>
        world.complete(
          openRelayWith({
            host: world.host(name),
            folder: "post",
            listen: `ws://127.0.0.${index + 1}:4410`,
            settings: { peerIdleMs: 20 * MINUTE },
          }),
        ),
      ),
    );
    if (west === undefined || east === undefined) throw new Error("two relays were opened");
    const agent = async (name: string, at: Relay): Promise<Agent> =>
      await world.complete(openAgentWith(world.host(name), "home", { join: at.address, name, strangers: "welcome" }));
    const [anna, desk] = [await agent("anna", west), await agent("desk", east)];
    const arrived: string[] = [];
    void desk.serve(async (mail) => void arrived.push(await mail.text()));
    for (let count = 0; count < 50; count++) {
      await world.complete(anna.send("@desk@127.0.0.2:4410", `${count}`));
      await world.run({ untilMs: world.nowMs + 8 * MINUTE });
    }
    expect(arrived).toHaveLength(50);
    const { limits, incidents } = west.status();
    expect(limits).toMatchObject([{ kind: "age", state: "found", path: "ws://127.0.0.2:4410/" }]);
    expect(incidents.filter(({ what }) => what.includes("end when they are 47 min old"))).toHaveLength(1);
    expect(closed.length).toBeGreaterThan(6);
  },
  SLOW_MS,
);
