/** What a relay keeps of an agent that waits, of which it has thousands. */
import { expect, it } from "vitest";
import { createNodeHeap } from "../../host/node/heap.ts";
import { putU32 } from "../../wire/bytes.ts";
import { AGENT_ID_BYTES, LINK_BYTES } from "../../wire/ids.ts";
import { addAgent, createRelayState, linkOf } from "./mailbox-state.ts";
import { recountStrangers } from "./stored-mail.ts";

const AGENTS = 4000;
/** Measured: 1,730, with its share of the table of all agents; 130 more where eight numbers are objects. */
const MOST_BYTES = 1800;

it("an agent with a link and a contact list is few objects, as long as its counters are small integers", async () => {
  const heap = createNodeHeap();
  const state = createRelayState(new Uint8Array(AGENT_ID_BYTES));
  const populate = async (): Promise<number> => {
    await heap.tidy();
    const before = heap.sizes().takenBytes;
    for (let count = 0; count < AGENTS; count++) {
      const [id, link] = [new Uint8Array(AGENT_ID_BYTES), new Uint8Array(LINK_BYTES)];
      putU32(id, 0, state.agents.size);
      putU32(link, 0, state.agents.size);
      const agent = addAgent(state, id);
      linkOf(agent, link);
      recountStrangers(state, agent);
    }
    await heap.tidy();
    return (heap.sizes().takenBytes - before) / AGENTS;
  };
  await populate();
  expect(await populate()).toBeLessThan(MOST_BYTES);
  // What is no small integer in one of them makes objects of the numbers of all that come later.
  state.relayed.messages += 0.5;
  state.relayed.bytes += 0.5;
  expect(await populate()).toBeGreaterThan(MOST_BYTES);
});
