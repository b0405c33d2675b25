import { expect, test } from "vitest";
import { createNodeHost } from "../host/node/index.ts";
import { encodeBundle } from "../identity/bundle.ts";
import { readIdentity } from "../identity/index.ts";
import { createTestAgent, LOG_BEGINS_MS } from "../identity/test-log.ts";
import { NOW_MS, newIdentity } from "../identity/test-machine.ts";
import { equalBytes } from "../wire/bytes.ts";
import type { Kept } from "../wire/kept-agent.ts";
import { createPeers, MAX_PEERS, type Peers } from "./peers.ts";

const host = createNodeHost();
const KNOWN = new Uint8Array(32).fill(7);

/** Somebody made up: never verified, only remembered. */
function madeUp(number: number): Kept {
  const id = new Uint8Array(32).fill(200);
  new DataView(id.buffer).setUint32(0, number);
  return { kind: "peer", head: { id, logSeq: 0, logHead: id, recordVersion: 1, seenAtMs: number } };
}
const remembers = (peers: Peers, kept: Kept): boolean =>
  kept.kind === "peer" && peers.restate().some((each) => each.kept.kind === "peer" && equalBytes(each.kept.head.id, kept.head.id));

test("a flood of identities pushes out strangers, never whom the owner has decided about", () => {
  const known: Kept = { kind: "peer", head: { id: KNOWN, logSeq: 0, logHead: KNOWN, recordVersion: 1, seenAtMs: 0 } };
  const kept = createPeers({ host, keeps: (idRaw) => equalBytes(idRaw, KNOWN) });
  const careless = createPeers({ host });
  for (const peers of [kept, careless]) {
    peers.apply(known, new Uint8Array(1));
    for (let number = 0; number < MAX_PEERS + 10; number++) peers.apply(madeUp(number), new Uint8Array(1));
    expect(peers.restate().length).toBeLessThanOrEqual(MAX_PEERS);
    expect(remembers(peers, madeUp(MAX_PEERS + 9))).toBe(true);
    expect(remembers(peers, madeUp(0))).toBe(false);
  }
  expect([remembers(kept, known), remembers(careless, known)]).toEqual([true, false]);
});

test("whoever is kept, there is a bound", () => {
  const peers = createPeers({ host, keeps: () => true });
  for (let number = 0; number < MAX_PEERS + 10; number++) peers.apply(madeUp(number), new Uint8Array(1));
  expect(peers.restate()).toHaveLength(MAX_PEERS);
});

test("an older log is refused also when nobody speaks for the agent any more", async () => {
  let nowMs = LOG_BEGINS_MS;
  const at = { ...host, clock: { ...host.clock, wallMs: () => nowMs } };
  const peers = createPeers({ host: at });
  const agent = await createTestAgent(host.crypto, "pinned");
  const instanceKey = new Uint8Array(32).fill(1);
  const show = async (log: readonly Uint8Array[], lifeMs: number) => {
    const certificates = [await agent.certificate(log, instanceKey, lifeMs)];
    return await readIdentity(host.crypto, encodeBundle({ log, certificates, records: [] }), nowMs);
  };
  const learn = async (offered: Awaited<ReturnType<typeof show>>): Promise<void> => {
    for (const { kept, payload } of await peers.learn(offered)) if (payload instanceof Uint8Array) peers.apply(kept, payload);
  };
  const rotated = await agent.append([agent.inception], { kind: "rotate", to: "owner", untilMs: LOG_BEGINS_MS });
  await learn(await show(rotated, 1000));
  expect((await peers.load((await show(rotated, 1000)).idRaw))?.logSeq).toBe(1);

  nowMs += 3_600_000;
  const { idRaw } = await show(rotated, 1000);
  expect(await peers.load(idRaw)).toBeUndefined();
  expect(peers.pinned(idRaw)?.logSeq).toBe(1);
  const thief = await agent.append([agent.inception], { kind: "anchor", about: "by the key that was rotated away" });
  await expect(learn(await show(thief, 1e12))).rejects.toMatchObject({ code: "record-rolled-back" });
  await learn(await show(rotated, 1e12));
  expect((await peers.load(idRaw))?.logSeq).toBe(1);
});

test("a clock that was ahead for a while leaves nobody without the key to write to", async () => {
  let nowMs = NOW_MS;
  const peers = createPeers({ host: { ...host, clock: { ...host.clock, wallMs: () => nowMs } } });
  const own = await newIdentity("seen under two clocks");
  const seen = await readIdentity(host.crypto, own.bundle(), nowMs);
  for (const { kept, payload } of await peers.learn(seen)) if (payload instanceof Uint8Array) peers.apply(kept, payload);
  expect((await peers.load(seen.idRaw))?.inboxKey).toEqual(own.inboxKey);
  nowMs += 10 * 365 * 86_400_000;
  expect(await peers.load(seen.idRaw)).toBeUndefined();
  nowMs = NOW_MS;
  expect((await peers.load(seen.idRaw))?.inboxKey).toEqual(own.inboxKey);
});

test("of a third log that contradicts two others is learnt how little all three share", async () => {
  const peers = createPeers({ host: { ...host, clock: { ...host.clock, wallMs: () => LOG_BEGINS_MS } } });
  const agent = await createTestAgent(host.crypto, "contradicted twice");
  const learn = async (log: readonly Uint8Array[]): Promise<void> => {
    const certificates = [await agent.certificate([agent.inception], new Uint8Array(32).fill(1))];
    const offered = await readIdentity(host.crypto, encodeBundle({ log, certificates, records: [] }), LOG_BEGINS_MS);
    for (const { kept, payload } of await peers.learn(offered)) if (payload instanceof Uint8Array) peers.apply(kept, payload);
  };
  const anchored = async (log: readonly Uint8Array[], about: string) => await agent.append(log, { kind: "anchor", about });
  const rotated = async (log: readonly Uint8Array[], to: string) => await agent.append(log, { kind: "rotate", to });
  const first = await anchored([agent.inception], "first");
  await learn(await rotated(first, "one"));
  await learn(await rotated(await anchored(await anchored(first, "second"), "third"), "two"));
  const { idRaw } = await readIdentity(host.crypto, encodeBundle({ log: first, certificates: [], records: [] }), LOG_BEGINS_MS);
  expect((await peers.load(idRaw))?.logSeq).toBe(1);
  await learn(await rotated([agent.inception], "three"));
  expect((await peers.load(idRaw))?.logSeq).toBe(0);
});

test("of two states of an agent that were learnt at once, the one that counts is pinned, in whatever order they are kept", async () => {
  const nowMs = LOG_BEGINS_MS;
  const at = { ...host, clock: { ...host.clock, wallMs: () => nowMs } };
  const agent = await createTestAgent(host.crypto, "learnt at once");
  const [owners, thiefs] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const show = async (log: readonly Uint8Array[], instanceKey: Uint8Array) => {
    const certificates = [await agent.certificate(log, instanceKey, 1e12)];
    return await readIdentity(host.crypto, encodeBundle({ log, certificates, records: [] }), nowMs);
  };
  const first = [agent.inception];
  const known = await show(first, owners);
  const rotated = await show(await agent.append(first, { kind: "rotate", to: "owner", untilMs: nowMs }), owners);
  const thief = await show(await agent.append(first, { kind: "anchor", about: "by the key that was rotated away" }), thiefs);
  for (const order of [
    [rotated, thief],
    [thief, rotated],
    [rotated, known],
  ]) {
    const peers = createPeers({ host: at });
    const keep = (planned: Awaited<ReturnType<Peers["learn"]>>): void => {
      for (const { kept, payload } of planned) if (payload instanceof Uint8Array) peers.apply(kept, payload);
    };
    keep(await peers.learn(known));
    const learnt = await Promise.all(order.map((each) => peers.learn(each)));
    for (const planned of learnt) keep(planned);
    expect((await peers.load(known.idRaw))?.logHead).toEqual(rotated.logHead);
  }
});

test("of two states that contradict each other and were learnt at once neither is taken: the agent is frozen at once", async () => {
  const nowMs = LOG_BEGINS_MS;
  const at = { ...host, clock: { ...host.clock, wallMs: () => nowMs } };
  const agent = await createTestAgent(host.crypto, "forked at once");
  const first = [agent.inception];
  const show = async (log: readonly Uint8Array[]) => {
    const certificates = [await agent.certificate(first, new Uint8Array(32).fill(1), 1e12)];
    return await readIdentity(host.crypto, encodeBundle({ log, certificates, records: [] }), nowMs);
  };
  const known = await show(first);
  const one = await show(await agent.append(first, { kind: "anchor", about: "the owner's" }));
  const other = await show(await agent.append(first, { kind: "anchor", about: "a thief's" }));
  for (const order of [
    [one, other],
    [other, one],
    [one, other, known],
    [other, one, one],
  ]) {
    for (const backwards of [false, true]) {
      const peers = createPeers({ host: at });
      const learnt = await Promise.all(order.map((each) => peers.learn(each).catch(() => [])));
      for (const planned of backwards ? learnt.toReversed() : learnt)
        for (const { kept, payload } of planned) if (payload instanceof Uint8Array) peers.apply(kept, payload);
      await peers.load(known.idRaw);
      expect([peers.pinned(known.idRaw)?.frozen, one.frozen, other.frozen]).toEqual([true, false, false]);
    }
  }
});
