import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { createCheapCrypto } from "../host/simulated/cheap-crypto.ts";
import { utf8 } from "../wire/bytes.ts";
import { signControlEvent, signRotation, verifyLog } from "./agent-log.ts";
import { encodeBundle } from "./bundle.ts";
import { createTestAgent, LOG_BEGINS_MS, type TestAgent, type Wish } from "./test-log.ts";
import type { Log } from "./test-log-mutations.ts";

const crypto = createCheapCrypto(createNodeCrypto().hash, { bytes: (count) => new Uint8Array(count) });
const coded = (code: string) => expect.objectContaining({ name: "PerdureError", code });

/** The log with as many events of that sort as its writer puts there. */
async function fill(agent: TestAgent, log: Log, wish: (seq: number) => Wish): Promise<Log> {
  let full = log;
  try {
    for (;;) full = await agent.append(full, wish(full.length));
  } catch (error) {
    expect(error).toEqual(coded("too-large"));
    return full;
  }
}

describe("writing a log", () => {
  it.each<[string, (seq: number) => Wish]>([
    ["small ones", () => ({ kind: "instance-revoke", instanceKey: new Uint8Array(32) })],
    ["large ones", (seq) => ({ kind: "home-set", homes: Array.from({ length: 4 }, (_, at) => homeOf(seq * 4 + at)) })],
  ])(
    "leaves room to rotate when it is full of events of the control keys, %s, and to retire when it is full of rotations",
    async (_, wish) => {
      const agent = await createTestAgent(crypto, "full");
      const controlled = await fill(agent, [agent.inception], wish);
      const rotated = await fill(agent, controlled, (seq) => ({ kind: "rotate", to: `${seq}` }));
      expect(rotated.length).toBeGreaterThan(controlled.length);
      const retired = await agent.append(rotated, { kind: "retire" });
      expect((await verifyLog(crypto, retired)).retired).toBeDefined();
      const certificate = await agent.certificate(rotated, new Uint8Array(32));
      const bundle = encodeBundle({ log: retired, certificates: Array.from({ length: 8 }, () => certificate), records: [] });
      expect(bundle.length + 8 * certificate.length, "what a message can carry").toBeLessThan(16 * 1024 - 512);
    },
  );

  it("is done by the keys in force, as many as the threshold says, and rotated by the committed ones in order", async () => {
    const agent = await createTestAgent(crypto, "several", 3, 2);
    let log = await agent.append([agent.inception], { kind: "rotate", to: "three" });
    log = await agent.append(log, { kind: "rotate", to: "three more" });
    const state = await verifyLog(crypto, log);
    expect([state.controlKeys.length, state.controlThreshold, state.nextThreshold, state.nextCommitments.length]).toEqual([3, 2, 2, 3]);
    const keys = agent.controlKeys(state);
    const body = { root: new Uint8Array(32), about: "x", extensions: [] };
    const anchor = { kind: "anchor", body, nowMs: LOG_BEGINS_MS } as const;
    for (const two of [keys.slice(0, 2), keys.slice(1), [keys[2], keys[0]].filter((key) => key !== undefined)])
      await expect(verifyLog(crypto, [...log, await signControlEvent(crypto, state, { ...anchor, keys: two })])).resolves.toBeDefined();
    await expect(signControlEvent(crypto, state, { ...anchor, keys: keys.slice(0, 1) })).rejects.toEqual(coded("bad-argument"));

    const following = agent.following(state);
    const rotation = { following, recoverySalt: utf8("salt"), nowMs: LOG_BEGINS_MS };
    const said = { voidFromSeq: 3, oldKeysUntilMs: LOG_BEGINS_MS, extensions: [] };
    const next = agent.nextKeys(state);
    await expect(signRotation(crypto, state, { ...rotation, revealed: next, body: said })).resolves.toBeDefined();
    for (const other of [following.toReversed(), following.slice(1), state.nextCommitments])
      await expect(signRotation(crypto, state, { ...rotation, revealed: next, following: other, body: said })).rejects.toEqual(
        coded("bad-argument"),
      );
    for (const revealed of [next.toReversed(), next.slice(0, 1), keys.slice(0, 2)])
      await expect(signRotation(crypto, state, { ...rotation, revealed, body: said })).rejects.toEqual(coded("bad-argument"));
    for (const voidFromSeq of [0, 4])
      await expect(signRotation(crypto, state, { ...rotation, revealed: next, body: { ...said, voidFromSeq } })).rejects.toEqual(
        coded("bad-argument"),
      );
  });
});

const homeOf = (seed: number) => ({
  relayId: new Uint8Array(32).fill(seed),
  url: `wss://${"long.".repeat(60)}example/${seed}`,
  preference: 0,
});
