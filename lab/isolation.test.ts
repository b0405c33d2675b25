/** Whoever is dead, slow or flooded costs nobody else more than one virtual second (invariant 9). */
import { expect, test } from "vitest";
import { createTestnet, type TestAgent, type Testnet } from "../packages/perdure/src/testing/index.ts";

const PATIENCE_MS = 5 * 60_000;
const SECOND_MS = 1000;
const WAITING = 300;

interface Scene extends AsyncDisposable {
  readonly net: Testnet;
  readonly anna: TestAgent;
  readonly desk: TestAgent;
  readonly carl: TestAgent;
}

/** Anna at the first relay, desk at the second, carl at the third; everybody has heard of everybody. */
async function scene(seed: number): Promise<Scene> {
  const net = await createTestnet({ relays: 3, seed });
  const [anna, desk, carl] = [
    await net.agent("anna", { relay: 0, strangers: "welcome" }),
    await net.agent("desk", { relay: 1, strangers: "welcome" }),
    await net.agent("carl", { relay: 2, strangers: "welcome" }),
  ];
  for (const each of [anna, desk, carl]) void each.serve(() => {});
  for (const each of [desk, carl]) await (await anna.send(each.address, "hello")).until("done");
  return { net, anna, desk, carl, [Symbol.asyncDispose]: () => net.close() };
}

/** Virtual time from `send` to the recipient's signed receipt. */
async function tripMs({ net, anna, desk }: Scene): Promise<number> {
  const beganMs = net.clock.nowMs;
  await (await anna.send(desk.address, "how long")).until("done");
  return net.clock.nowMs - beganMs;
}

const TROUBLES: readonly (readonly [string, (scene: Scene) => Promise<void>])[] = [
  ["a relay that is dead", async ({ net }) => net.kill("relay-2")],
  ["a relay that nothing reaches any more", async ({ net }) => net.partition(["relay-0", "relay-1"], ["relay-2"])],
  ["a relay that withholds", async ({ net }) => net.lie("relay-2", { withhold: true })],
  ["an agent that sleeps", async ({ net }) => net.sleep("carl")],
];

test.each(TROUBLES)("%s delays mail for others by less than a second", { timeout: PATIENCE_MS }, async (_, begin) => {
  await using at = await scene(1);
  await begin(at);
  for (let number = 0; number < WAITING; number++) await at.anna.send(at.carl.address, `waits ${number}`);
  for (let round = 0; round < 5; round++) {
    expect(await tripMs(at)).toBeLessThan(SECOND_MS);
    await at.net.advance(10 * SECOND_MS);
  }
});

test("a relay that never comes back ends its mail by the sender's relay, signed", { timeout: PATIENCE_MS }, async () => {
  await using at = await scene(2);
  at.net.kill("relay-2");
  const sent = await at.anna.send(at.carl.address, "for nobody", { expiresInMs: 60 * SECOND_MS });
  await expect(sent.until("done")).rejects.toMatchObject({ code: "expired" });
  expect(sent.steps.at(-1)).toMatchObject({ state: "expired", proof: "notice", by: at.net.relays[0]?.id });
});

test("what waited for a relay that was gone for days arrives once it is back, each message once", { timeout: PATIENCE_MS }, async () => {
  await using at = await scene(3);
  await at.net.sleep("carl");
  await at.net.sleep("relay-2");
  for (let number = 0; number < WAITING; number++) await at.anna.send(at.carl.address, `waits ${number}`);
  await at.net.advance(3 * 24 * 3600 * SECOND_MS);
  await at.net.wake("relay-2");
  await at.net.wake("carl");
  await at.net.settled({ withinMs: 10 * 60 * SECOND_MS });
  const states = (await at.anna.outbox()).map(({ steps }) => steps.at(-1)?.state);
  expect(new Set(states)).toEqual(new Set(["done"]));
  const completed = at.net.trail().filter(({ who, event }) => who === "carl" && event === "agent.completed");
  expect(completed.length).toBeGreaterThanOrEqual(WAITING);
  expect(new Set(completed.map(({ fields }) => fields["id"])).size).toBe(completed.length);
});
