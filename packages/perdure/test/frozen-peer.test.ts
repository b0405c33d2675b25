/** Mail for an agent of whose log two histories are known: how often its relay is asked, and when the mail goes on. */
import { expect, test } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import type { Host } from "../src/host/host.ts";
import { signControlEvent, verifyLog } from "../src/identity/agent-log.ts";
import { encodeBundle } from "../src/identity/bundle.ts";
import { readKept } from "../src/identity/custody.ts";
import { joinLogs } from "../src/identity/log-ranking.ts";
import { FIXED } from "../src/settings/fixed.ts";
import { createSettings } from "../src/settings/register.ts";
import { type Bytes, hex } from "../src/wire/bytes.ts";
import { lookup } from "../src/wire/control.ts";
import type { Envelope } from "../src/wire/envelope.ts";
import { createRogueWorld, type Forger, type RogueWorld } from "./test-rogue.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** What shows that the control key of the forger's folder signed two events of one number. */
async function forked(host: Host): Promise<Bytes> {
  const kept = await readKept(host.files, host.crypto.hash, "forger");
  if (kept === undefined) throw new Error("no forger");
  const state = await verifyLog(host.crypto, kept.log);
  const [log, other] = await Promise.all(
    ["one", "another"].map(async (about) => {
      const body = { root: host.crypto.hash.sha256(new Uint8Array(1)), about, extensions: [] };
      const keys = [await host.crypto.signatures.load(kept.controlSeed)];
      return [...kept.log, await signControlEvent(host.crypto, state, { kind: "anchor", body, keys, nowMs: host.clock.wallMs() })];
    }),
  );
  const branches = joinLogs({ log: log ?? [], rival: [] }, { log: other ?? [], rival: [] });
  return encodeBundle({ ...branches, certificates: kept.certificates, records: [kept.record] });
}

interface Scene extends RogueWorld {
  readonly desk: Forger;
  /** The desk's owner decides; what it says of that to anna. */
  decided(anna: Agent): Promise<Envelope>;
}

/** The relay knows the desk as an agent of two histories. */
async function scene(seed: number): Promise<Scene> {
  const rogue = await createRogueWorld(seed, { redialMaxMs: MINUTE_MS });
  const { world, relay } = rogue;
  const desk = await rogue.forger("desk", "desk");
  relay.known.set(hex(desk.own.idRaw), await world.complete(forked(world.host("desk"))));
  return {
    ...rogue,
    desk,
    decided: async (anna) => {
      await world.complete(desk.own.rotate({ nowMs: world.host("desk").clock.wallMs() }));
      return await desk.seal(anna, { content: new TextEncoder().encode("I have decided") });
    },
  };
}

test("the relay of a frozen agent is asked less and less often, and mail goes on as soon as one history counts", async () => {
  const rogue = await scene(61);
  const { world, relay, pass, desk } = rogue;
  const asked: number[] = [];
  relay.frame = (frame, line) => {
    if (frame.name === "lookup" && lookup.decode(frame.payload).what === "agent") asked.push(world.nowMs);
    relay.honest(frame, line);
  };
  const anna = await rogue.open("anna");
  await world.complete(anna.contacts.add(desk.own.id));
  await pass(MINUTE_MS);
  asked.length = 0;
  const sent = await world.complete(anna.send(desk.own.id, "to whom it may concern"));
  await pass(12 * HOUR_MS);
  // The first was asked when the message was taken.
  asked.shift();
  const pauses = asked.slice(1).map((atMs, index) => atMs - (asked[index] as number));
  expect(asked.length).toBeGreaterThan(12);
  expect(asked.length, `pauses of ${pauses.map((ms) => Math.round(ms / 1000)).join(", ")} s`).toBeLessThan(20);
  for (const [index, pause] of pauses.entries())
    expect(pause, `pauses of ${pauses.map((ms) => Math.round(ms / 1000)).join(", ")} s`).toBeGreaterThanOrEqual(
      Math.min(MINUTE_MS * 2 ** index, FIXED.frozenAskMaxMs.value),
    );
  expect((await world.complete(anna.sent(sent.id))).trouble).toContain("identity-forked");
  expect(await world.complete(anna.contacts.list())).toMatchObject([{ id: desk.own.id, trouble: "frozen" }]);

  const taken = relay.taken.length;
  relay.line(anna)?.deliver(await rogue.decided(anna));
  expect(await rogue.until(() => relay.taken.length > taken, 30_000), "it is not asked about: what came says it").toBe(true);
  expect(await world.complete(anna.contacts.list())).toMatchObject([{ id: desk.own.id, trouble: undefined }]);
});

test("what mail says while the relay is asked and does not answer counts before what was known when it was asked", async () => {
  const rogue = await scene(62);
  const { world, relay, pass, desk } = rogue;
  const anna = await rogue.open("anna");
  await world.complete(anna.contacts.add(desk.own.id));
  await world.complete(anna.send(desk.own.id, "to whom it may concern"));
  let unanswered = 0;
  relay.frame = (frame, line) => {
    if (frame.name === "lookup") unanswered++;
    else relay.honest(frame, line);
  };
  await pass(10 * MINUTE_MS);
  const before = unanswered;
  expect(await rogue.until(() => unanswered > before, 20 * MINUTE_MS)).toBe(true);
  const taken = relay.taken.length;
  relay.line(anna)?.deliver(await rogue.decided(anna));
  const { lookupTimeoutMs } = createSettings();
  expect(await rogue.until(() => relay.taken.length > taken, lookupTimeoutMs + 1000)).toBe(true);
});
