/** When the sender of a message has the relay's word for it. */
import { expect, it } from "vitest";
import { createRelayWorld, envelopeOf } from "./test-world.ts";

const HOUR = 3_600_000;
const STATEMENT_EVERY_MS = 100;
/** To sign it, to write it down and to bring it there. */
const WORK_MS = 50;

it("follows what was stored within one interval, also where nothing else is said", async () => {
  const stage = createRelayWorld();
  await stage.open({ settings: { statementEveryMs: STATEMENT_EVERY_MS } });
  const alice = await stage.agent("alice");
  const bob = await stage.agent("bob");
  await bob.connect({ consume: false });
  const from = await alice.connect();
  const sentMs = stage.world.nowMs;
  from.mail(1, envelopeOf(alice.own, bob.own, 1, stage.world.host("alice").clock.wallMs() + HOUR));
  await stage.world.run({ until: () => from.proofs.length > 0, untilMs: sentMs + HOUR });
  expect(from.proofs.length).toBe(1);
  expect(stage.world.nowMs - sentMs).toBeLessThan(STATEMENT_EVERY_MS + WORK_MS);
});
