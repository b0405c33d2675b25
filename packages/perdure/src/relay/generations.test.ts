import { describe, expect, it } from "vitest";
import type { RelayDefences } from "../protocol/delivery/mailbox-events.ts";
import { createRelayWorld, envelopeOf } from "./test-world.ts";

/**
 * Alice's mail is handed to Bob and lost with the relay's power before it was durable. Carol's mail comes first to the next
 * start and takes the position Bob already has. Says whether Bob gets it.
 */
async function reachesBob(defences: Partial<RelayDefences>): Promise<boolean> {
  const { world, open, agent, until } = createRelayWorld();
  await open({ defences });
  const [alice, bob, carol] = [await agent("alice"), await agent("bob"), await agent("carol")];
  const expiresAtMs = world.host("bob").clock.wallMs() + 3_600_000;
  await carol.connect();
  const from = await alice.connect();
  const first = await bob.connect();
  // Nothing is handed out before the confirmation of its pass is durable.
  await world.run({ untilMs: world.nowMs + 1_000 });
  world.disk("relay").held = true;
  from.mail(1, envelopeOf(alice.own, bob.own, 1, expiresAtMs));
  await until(() => first.count("deliver") === 1);
  const have = first.delivered.map(({ generation, position }) => ({ generation: generation.slice(), position }))[0];
  world.disk("relay").held = false;
  world.crash("relay", { keep: "synced" });
  await open({ defences });
  const second = await carol.connect();
  second.mail(1, envelopeOf(carol.own, bob.own, 2, expiresAtMs));
  await until(() => second.acked === 1);
  const again = await bob.connect({ have: have as NonNullable<typeof have> });
  await world.run({ untilMs: world.nowMs + 5_000 });
  return again.count("deliver") === 1;
}

describe("the generation of a start", () => {
  it("keeps apart two messages that had the same position", async () => {
    expect(await reachesBob({})).toBe(true);
  });

  it("missing, one of them is never seen", async () => {
    expect(await reachesBob({ generation: false })).toBe(false);
  });
});
