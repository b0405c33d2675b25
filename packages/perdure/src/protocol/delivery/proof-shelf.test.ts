import { expect, it } from "vitest";
import { statement, statementProof } from "../../wire/statement.ts";
import type { AgentState } from "./mailbox-state.ts";
import { KEPT_PROOFS, keepProof, keepVouched } from "./proof-shelf.ts";

const owner = (): AgentState => ({ proofs: [], vouched: [], peer: undefined }) as unknown as AgentState;
const proofOf = (number: number): Uint8Array => Uint8Array.of(number);

it("a relay's own proofs are in the order of its statements, whichever was told first", () => {
  const agent = owner();
  for (const number of [3, 1, 4, 2]) expect(keepProof(agent, "proofs", number, proofOf(number))).toBe(true);
  expect(keepProof(agent, "proofs", 4, proofOf(4))).toBe(false);
  expect(agent.proofs.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
});

it("the oldest makes room, also where it is told last", () => {
  const agent = owner();
  for (let number = 2; number <= KEPT_PROOFS + 1; number++) keepProof(agent, "proofs", number, proofOf(number));
  keepProof(agent, "proofs", 1, proofOf(1));
  expect([agent.proofs.length, agent.proofs[0]?.number]).toEqual([KEPT_PROOFS, 2]);
});

const NOTHING = new Uint8Array(0);

function vouchedOf(number: number): Uint8Array {
  const zeros = new Uint8Array(32);
  const said = { version: 1, relayId: zeros, number, previous: zeros, timeMs: 0, leafCount: 1, root: zeros, extensions: [] };
  const about = { leaf: NOTHING, leafIndex: 0, path: [], digests: new Uint8Array(64), writers: NOTHING };
  return statementProof.encode({ statement: statement.encode(said), signature: new Uint8Array(64), ...about });
}

it("several share one copy of a proof, which is not the buffer it came in", () => {
  const [known, one, other] = [owner(), owner(), owner()];
  const proof = vouchedOf(7);
  expect(keepVouched([known], 7, proof)).toEqual([known]);
  expect(keepVouched([known, one, other], 7, proof)).toEqual([one, other]);
  const kept = proof.slice();
  proof.fill(0);
  expect(one.vouched[0]?.proof).toEqual(kept);
  expect(one.vouched[0]?.proof).toBe(other.vouched[0]?.proof);
  expect(one.vouched[0]?.by).toBe("00".repeat(32));
});

it("proofs of one statement that differ in one byte, wherever it stands, are two", () => {
  const agent = owner();
  const long = new Uint8Array(40);
  expect(keepProof(agent, "proofs", 1, long)).toBe(true);
  for (const at of [0, 20, 39]) {
    const other = long.slice();
    other[at] = 1;
    expect(keepProof(agent, "proofs", 1, other), `byte ${at}`).toBe(true);
    expect(keepProof(agent, "proofs", 1, other), `byte ${at}, again`).toBe(false);
  }
  expect(keepProof(agent, "proofs", 1, long.subarray(1)), "a shorter one").toBe(true);
});
