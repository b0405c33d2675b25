/** A session that was let in under keys which the agent's owner has taken out of use since, with a grace for what was under way. */
import { expect, it } from "vitest";
import { openIdentity } from "../identity/own-identity.ts";
import { parseRelayAddress } from "../protocol/link/address.ts";
import { connectSession } from "../protocol/link/connect.ts";
import { createSettings } from "../settings/register.ts";
import { publish } from "../wire/control.ts";
import { createRelayWorld } from "./test-world.ts";

const MINUTE_MS = 60_000;

it("ends at the latest when the grace of its keys is over, and the owner's goes on", async () => {
  const { world, open, agent } = createRelayWorld();
  const relay = await open();
  const owner = await agent("alice");
  await owner.connect({ link: 1, consume: false });
  const settings = createSettings();
  const host = world.host("alice");
  // What somebody has in memory who copied the folder before.
  const thief = await world.complete(openIdentity({ host, folder: "alice", settings }));
  const connected = await world.complete(
    connectSession({
      host,
      settings,
      ...parseRelayAddress(relay.address),
      own: thief,
      link: new Uint8Array(8).fill(9),
      consume: false,
      have: { generation: new Uint8Array(8), position: 0 },
    }),
  );
  const ended: string[] = [];
  connected.session.start({ frame: () => {}, drained: () => {}, closed: ({ code }) => void ended.push(code) });

  const { clock } = host;
  await world.complete(owner.own.rotate({ oldKeysUntilMs: clock.wallMs() + 10 * MINUTE_MS, nowMs: clock.wallMs() }));
  const line = await owner.connect({ link: 2, consume: false });
  line.session.send([{ name: "publish", payload: publish.encode({ bundle: owner.own.bundle() }) }]);
  await world.run({ untilMs: world.nowMs + 12 * MINUTE_MS });
  expect([ended, line.ended.map(({ code }) => code)]).toEqual([["instance-revoked"], []]);
});
