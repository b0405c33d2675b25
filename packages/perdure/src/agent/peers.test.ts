import { expect, test } from "vitest";
import { createNodeHost } from "../host/node/index.ts";
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
