import { expect, it } from "vitest";
import type { AgentState } from "./mailbox-state.ts";
import { KEPT_PROOFS, keepProof } from "./proof-shelf.ts";

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
