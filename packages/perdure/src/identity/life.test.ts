import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createDraws } from "../host/simulated/draws.ts";
import { equalBytes, hex } from "../wire/bytes.ts";
import type { PerdureError } from "../wire/error.ts";
import { verifyLog } from "./agent-log.ts";
import { LIFE, type LifeEvent, lifeOf, STAGES, type Stage, stageAfter, stageAt } from "./life.ts";
import type { OwnIdentity } from "./own-identity.ts";
import { createIdentity, openIdentity } from "./own-identity.ts";
import { createTestAgent } from "./test-log.ts";
import { growLog } from "./test-log-mutations.ts";
import { createTestMachine, crypto, NOW_MS, settings, type TestMachine } from "./test-machine.ts";

const HOME = { relayId: new Uint8Array(32).fill(7), url: "ws://127.0.0.1:4410/", preference: 0 };
const OTHER_HOME = { relayId: new Uint8Array(32).fill(8), url: "ws://127.0.0.1:4411/", preference: 0 };
const THIRD_HOME = { relayId: new Uint8Array(32).fill(9), url: "ws://127.0.0.1:4412/", preference: 0 };
const FOLDER = "home";

/** The table of the specification: stage or code, by event and stage. */
const TABLE: ReadonlyMap<string, readonly string[]> = new Map(
  specified("### Stages of a life").map((line) => {
    const [event = "", ...cells] = line
      .split("|")
      .slice(1, -1)
      .map((each) => each.trim());
    return [event, cells];
  }),
);
const EVENTS = Object.keys(LIFE.draft) as readonly LifeEvent[];
const cell = (stage: Stage, event: LifeEvent): string => TABLE.get(event)?.[STAGES.indexOf(stage)] ?? "no such cell";
/** The code of a refusal; `undefined` for a stage. */
const codeIn = (said: string): string | undefined => /^`(.*)`$/.exec(said)?.[1];

function specified(heading: string): readonly string[] {
  const page = readFileSync(new URL("../../../../protocol/identity.md", import.meta.url), "utf8");
  return (page.split(heading)[1] ?? "").split("\n## ")[0]?.match(/^\|.*\|$/gm) ?? [];
}

async function make(host: TestMachine, isHoused = true): Promise<OwnIdentity> {
  const own = await createIdentity({ host, folder: FOLDER, role: "mail", custody: "together", settings });
  if (isHoused) await own.setHome(HOME, NOW_MS);
  return own;
}

/** The same folder on a disk of its own. */
async function copyOf(host: TestMachine, seed: string): Promise<OwnIdentity> {
  const copy = createTestMachine(seed);
  for (const name of host.disk.names()) copy.disk.put(name, host.disk.read(name) as Uint8Array);
  return await openIdentity({ host: copy, folder: FOLDER, settings });
}

/** An identity in each stage that its folder alone can tell. */
const MAKERS: Readonly<Record<Exclude<Stage, "compromised">, (host: TestMachine) => Promise<OwnIdentity>>> = {
  draft: (host) => make(host, false),
  operating: make,
  async suspended(host) {
    const own = await make(host);
    const copy = await copyOf(host, "copy");
    await anchor(copy, 1);
    await anchor(own, 2);
    await own.adopt(copy.bundle(), NOW_MS);
    return own;
  },
  async superseded(host) {
    const own = await make(host);
    const copy = await copyOf(host, "copy");
    await copy.rotate({ nowMs: NOW_MS });
    await own.adopt(copy.bundle(), NOW_MS);
    return own;
  },
  async retired(host) {
    const own = await make(host);
    await own.retire({ reason: "", nowMs: NOW_MS });
    return own;
  },
};

const anchor = (own: OwnIdentity, fill: number): Promise<void> =>
  own.anchor({ root: new Uint8Array(32).fill(fill), about: "", nowMs: NOW_MS });

type Act = Exclude<LifeEvent, "theft" | "contradict" | "outrank">;
const ACTS: Readonly<Record<Act, (own: OwnIdentity) => Promise<unknown>>> = {
  join: (own) => own.setHome(THIRD_HOME, NOW_MS),
  move: (own) => own.moveHome(OTHER_HOME, NOW_MS),
  "instance-revoke": (own) => own.revokeInstance({ instanceKey: new Uint8Array(32).fill(3), voidFromMs: 1, reason: "", nowMs: NOW_MS }),
  "home-set": (own) => own.setHomesInLog([], NOW_MS),
  anchor: (own) => anchor(own, 5),
  claim: (own) => own.replaceInstance(NOW_MS),
  rotate: (own) => own.rotate({ nowMs: NOW_MS }),
  retire: (own) => own.retire({ reason: "", nowMs: NOW_MS }),
};

describe("the stages of a life", () => {
  it("every event in every stage leads where the specification says, or is refused with a reason", () => {
    expect([...TABLE.keys()].slice(2).sort()).toEqual([...EVENTS].sort());
    expect(TABLE.get("")).toEqual(STAGES);
    for (const stage of STAGES) {
      for (const event of EVENTS) {
        const said = cell(stage, event);
        const code = codeIn(said);
        if (code === undefined) expect(stageAfter(stage, event), `${event} when ${stage}`).toBe(said);
        else expect(() => stageAfter(stage, event), `${event} when ${stage}`).toThrow(expect.objectContaining({ code }));
      }
    }
  });

  for (const [stage, maker] of Object.entries(MAKERS) as readonly (readonly [
    keyof typeof MAKERS,
    (host: TestMachine) => Promise<OwnIdentity>,
  ])[]) {
    it.each(Object.entries(ACTS) as readonly (readonly [Act, (own: OwnIdentity) => Promise<unknown>])[])(
      `an identity that is ${stage} does as the table says of %s, and what is refused changes nothing`,
      async (event, act) => {
        const host = createTestMachine("own");
        const own = await maker(host);
        expect(own.stage).toBe(stage);
        const before = [...host.disk.names()].map((name) => [name, hex(host.disk.read(name) as Uint8Array)]);
        const said = cell(stage, event);
        const error = await act(own).then(
          () => undefined,
          (thrown: PerdureError) => thrown,
        );
        if (codeIn(said) === undefined) expect([error, own.stage]).toEqual([undefined, said]);
        else {
          expect(error).toMatchObject({ code: codeIn(said) });
          expect([...host.disk.names()].map((name) => [name, hex(host.disk.read(name) as Uint8Array)])).toEqual(before);
        }
        const again = await openIdentity({ host, folder: FOLDER, settings });
        expect(again.stage).toBe(own.stage);
      },
    );
  }

  it("replayed from the log it is what was shown while it was lived", async () => {
    const host = createTestMachine("own");
    const own = await make(host, false);
    const shown: Stage[] = [own.stage];
    await own.setHome(HOME, NOW_MS);
    shown[0] = own.stage;
    for (const event of ["anchor", "home-set", "instance-revoke", "move", "rotate", "anchor", "claim", "rotate", "retire"] as const) {
      await ACTS[event](own);
      shown[own.log.seq] = own.stage;
      for (const [seq, stage] of shown.entries())
        expect(stageAt(own.log, seq, { isHoused: true, standing: own.standing }), `event ${seq}`).toBe(stage);
    }
    expect(shown.at(-1)).toBe("retired");
    const beside = await MAKERS.suspended(createTestMachine("fork"));
    expect(stageAt(beside.log, beside.log.seq, { isHoused: true, standing: beside.standing })).toBe("suspended");
  });

  it("a rotation that says since when the keys were stolen shows the time in other hands", async () => {
    const agent = await createTestAgent(crypto, "desk");
    let log: readonly Uint8Array[] = [agent.inception];
    for (const about of ["mine", "the thief's", "the thief's too"]) log = await agent.append(log, { kind: "anchor", about });
    const stolen = await agent.append(log, { kind: "rotate", to: "a", voidFromSeq: 2 });
    const state = await verifyLog(crypto, await agent.append(stolen, { kind: "anchor", about: "mine again" }));
    const told = [0, 1, 2, 3, 4, 5].map((seq) => stageAt(state, seq, { isHoused: true, standing: "in-force" }));
    expect(told).toEqual(["operating", "operating", "compromised", "compromised", "operating", "operating"]);
    const before = await verifyLog(crypto, log);
    expect(stageAt(before, 3, { isHoused: true, standing: "in-force" })).toBe("operating");
  });

  it("every valid log has a life, which ends as the log does", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { state } = await growLog(crypto, `life ${seed}`, createDraws(`life ${seed}`));
      const standing = state.retired === undefined ? "in-force" : "retired";
      const life = lifeOf(state, { isHoused: true, standing });
      expect(life.at(-1)?.stage === "retired", `seed ${seed}`).toBe(state.retired !== undefined);
      expect(new Set(life.map(({ seq }) => seq)).size).toBe(state.seq + 1);
    }
  });

  it("power lost anywhere while an agent with pinned homes moves leaves its record and its log of one mind", async () => {
    for (let count = 0; ; count++) {
      const host = createTestMachine(`move ${count}`);
      const own = await make(host);
      await own.setHomesInLog([HOME], NOW_MS);
      host.disk.failAfter(count);
      const isMoved = await own.moveHome(OTHER_HOME, NOW_MS).then(
        () => true,
        () => false,
      );
      host.disk.restart();
      const again = await openIdentity({ host, folder: FOLDER, settings });
      expect(again.log.homes?.map(({ url }) => url)).toEqual(again.homes().map(({ url }) => url));
      if (isMoved) {
        expect(equalBytes(again.homes()[0]?.relayId ?? HOME.relayId, OTHER_HOME.relayId)).toBe(true);
        expect(count).toBeGreaterThan(2);
        return;
      }
    }
  });
});
