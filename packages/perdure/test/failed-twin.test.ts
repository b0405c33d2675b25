/** A message sent once more under the key of one that failed: its sender hears what became of that. */
import { expect, test } from "vitest";
import { openAgentWith } from "../src/agent/open-agent.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createWorld } from "../src/host/simulated/index.ts";
import { openRelayWith } from "../src/relay/open-relay.ts";
import { isPerdureError } from "../src/wire/error.ts";

test("the twin of a failed message fails too, and is done once its owner tried that again", async () => {
  const world = createWorld({ seed: "twin", hash: createNodeHost().crypto.hash, cryptoOrder: "at-once" });
  const relay = await world.complete(openRelayWith({ host: world.host("relay"), folder: "post", listen: "ws://127.0.0.1:4410" }));
  const settings = { handlerAttempts: 2 };
  const open = (name: string) =>
    world.complete(openAgentWith(world.host(name), "home", { join: relay.address, name, strangers: "welcome", settings }));
  const [anna, desk] = [await open("anna"), await open("desk")];
  let broken = true;
  let handled = 0;
  const serving = desk.serve(() => {
    if (broken) throw new Error("broken");
    handled++;
  });
  void serving.catch(() => undefined);
  const send = () => world.complete(anna.send("@desk", "pay", { idempotencyKey: "invoice 7" }));
  const endOf = async (sent: Awaited<ReturnType<typeof send>>): Promise<string> =>
    await world.complete(
      sent.until("done").then(
        () => "done",
        (error: unknown) => (isPerdureError(error) ? error.code : String(error)),
      ),
    );
  const first = await send();
  expect(await endOf(first)).toBe("failed");
  const second = await send();
  expect(second.id).not.toBe(first.id);
  expect(await endOf(second)).toBe("failed");
  broken = false;
  const tryAgain = async (): Promise<readonly string[]> => {
    const failed: string[] = [];
    for await (const mail of desk.inbox({ box: "failed" })) {
      failed.push(mail.id);
      await mail.retry();
    }
    return failed;
  };
  expect(await world.complete(tryAgain())).toEqual([first.id]);
  await world.run({ untilMs: world.nowMs + 60_000 });
  expect(handled).toBe(1);
  const states = [first, second].map(async ({ id }) => (await world.complete(anna.sent(id))).steps.at(-1)?.state);
  expect(await Promise.all(states)).toEqual(["done", "done"]);
});
