import { describe, expect, it } from "vitest";
import { createFederation, idOf, seqsOf } from "./test-federation.ts";

describe("two relays", () => {
  it("pass a message on, and each lets go of it once the next has it", async () => {
    const net = await createFederation();
    for (let seq = 1; seq <= 10; seq++) net.send(seq);
    await net.until(() => net.from.acked === 10 && net.to.delivered.length === 10);
    expect(seqsOf(net.to)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    net.to.settle(10);
    await net.until(() => net.east.relay.status().waitingMessages === 0 && net.west.relay.status().waitingMessages === 0);
    expect(net.west.relay.status().peers).toMatchObject([
      { id: net.east.relay.id, connected: true, dialledBy: "us", waitingMessages: 0, passedOn: 10, lastError: undefined },
    ]);
    expect(net.east.relay.status().peers).toMatchObject([{ id: net.west.relay.id, connected: true, dialledBy: "them", relayedIn: 10 }]);
  });

  it("refuse mail for a relay nobody has said the way to, and say that it may be tried again", async () => {
    const net = await createFederation();
    net.from.mail(1, net.mail(1), new Uint8Array(32).fill(9));
    await net.until(() => net.from.refusals.length === 1);
    expect(net.from.refusals[0]).toMatchObject({ code: "unknown-relay", retry: "after" });
    expect(idOf(net.east.relay).length).toBe(32);
  });
});
