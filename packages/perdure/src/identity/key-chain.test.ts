import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { createCheapCrypto } from "../host/simulated/cheap-crypto.ts";
import { hex } from "../wire/bytes.ts";
import { MAX_LOG_EVENTS } from "../wire/limits.ts";
import { nextKeyCommitment, verifyLog } from "./agent-log.ts";
import { CHAIN_END, chainSeed, createKeyChain, KEY_CHAIN, nextPosition } from "./key-chain.ts";
import { createTestAgent } from "./test-log.ts";

const real = createNodeCrypto();
const crypto = createCheapCrypto(real.hash, { bytes: (count) => new Uint8Array(count) });
const SECRET = new Uint8Array(32).fill(5);
const POSITIONS = Array.from({ length: KEY_CHAIN }, (_, index) => index + 1);

describe("a chain of keys", () => {
  it("commits with each key to the one after it, up to the last", async () => {
    const chain = await createKeyChain(crypto, SECRET);
    for (const position of POSITIONS) {
      const { publicKey } = chain.keyAt(position);
      expect(publicKey).toEqual((await crypto.signatures.load(chainSeed(crypto.hash, SECRET, position))).publicKey);
      const following = position === KEY_CHAIN ? CHAIN_END : chain.commitmentAt(position + 1);
      expect(chain.commitmentAt(position)).toEqual(nextKeyCommitment(crypto.hash, publicKey, following));
    }
    for (const position of [0, KEY_CHAIN + 1])
      expect(() => chain.commitmentAt(position)).toThrow(expect.objectContaining({ code: "internal" }));
  });

  it("is the same whether it is computed as a whole or from a key on, and another for every other secret", async () => {
    const [whole, rest] = [await createKeyChain(real, SECRET), await createKeyChain(real, SECRET, KEY_CHAIN - 3)];
    for (const position of POSITIONS.slice(-4)) expect(rest.commitmentAt(position)).toEqual(whole.commitmentAt(position));
    expect(() => rest.keyAt(KEY_CHAIN - 4)).toThrow(expect.objectContaining({ code: "internal" }));
    const other = await createKeyChain(real, new Uint8Array(32).fill(6));
    const seen = new Set([
      ...POSITIONS.map((at) => hex(whole.keyAt(at).publicKey)),
      ...POSITIONS.map((at) => hex(other.keyAt(at).publicKey)),
    ]);
    expect(seen.size).toBe(2 * KEY_CHAIN);
  });

  it("has more keys than a log has events to reveal them", async () => {
    expect(KEY_CHAIN).toBeGreaterThan(MAX_LOG_EVENTS - 1);
    const agent = await createTestAgent(crypto, "many");
    let log: readonly Uint8Array[] = [agent.inception];
    for (let rotations = 0; rotations < 5; rotations++) {
      expect(nextPosition(await verifyLog(crypto, log))).toBe(rotations + 1);
      log = await agent.append(await agent.append(log, { kind: "anchor", about: `${rotations}` }), { kind: "rotate", to: `${rotations}` });
    }
    expect(nextPosition(await verifyLog(crypto, await agent.append(log, { kind: "retire" })))).toBe(7);
  });
});
