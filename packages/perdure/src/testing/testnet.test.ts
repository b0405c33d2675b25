import { expect, test } from "vitest";
import type { Step } from "../agent/api.ts";
import { isPerdureError } from "../wire/error.ts";
import { createTestnet, type Lies, type Testnet } from "./index.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

const codeOf = (error: unknown): string => (isPerdureError(error) ? error.code : String(error));
const rejection = (work: Promise<unknown>): Promise<string> => work.then(() => "no error", codeOf);

async function twoOwners(seed: number) {
  const net = await createTestnet({ relays: 2, seed });
  const anna = await net.agent("anna", { relay: 0, strangers: "welcome" });
  const desk = await net.agent("desk", { relay: 1, strangers: "welcome" });
  const heard: string[] = [];
  void desk.serve(async (mail) => void heard.push(await mail.text()));
  return { net, anna, desk, heard, [Symbol.asyncDispose]: () => net.close() };
}

test("mail waits for an agent that sleeps three days, and its handler has virtual time", async () => {
  await using net = await createTestnet({ relays: 2, seed: 1 });
  const anna = await net.agent("anna");
  const desk = await net.agent("desk", { relay: 1, strangers: "welcome" });
  const heard: string[] = [];
  void desk.serve(async (mail) => {
    await net.clock.sleep(5000);
    heard.push(await mail.text());
  });
  await net.sleep("desk");
  expect(desk.awake).toBe(false);
  const sent = await anna.send(desk.address, "hello");
  await sent.until("stored");
  await net.advance(3 * DAY_MS);
  expect(heard).toEqual([]);
  await net.wake("desk");
  const wokenMs = net.clock.nowMs;
  const { proof, by } = await sent.until("done");
  expect(heard).toEqual(["hello"]);
  expect({ proof, by }).toEqual({ proof: "receipt", by: desk.id });
  expect(net.clock.nowMs - wokenMs).toBeGreaterThan(5000);
  expect(net.clock.nowMs - wokenMs).toBeLessThan(10_000);
});

test("a name at another relay is found, and both relays and the recipient sign", async () => {
  await using town = await twoOwners(2);
  const { net, anna, desk } = town;
  await net.sleep("desk");
  const steps: Step[] = [];
  for await (const step of await anna.send("@desk@relay-1", "hello")) {
    steps.push(step);
    if (step.state === "stored") await net.wake("desk");
  }
  const proven = steps.filter(({ proof }) => proof !== "none").map(({ by, proof }) => ({ by, proof }));
  expect(proven).toContainEqual({ by: net.relays[1]?.id, proof: "statement" });
  expect(proven.at(-1)).toEqual({ by: desk.id, proof: "receipt" });
});

test("a question, its answer, and the evidence of it", async () => {
  await using net = await createTestnet({ seed: 15 });
  const anna = await net.agent("anna");
  const desk = await net.agent("desk", { strangers: "welcome" });
  void desk.serve(async (mail, turn) => turn.reply(`${await mail.text()}, indeed`));
  let id = "";
  const answer = await anna.ask("@desk", "fine weather", {
    onSent: (sent) => {
      id = sent.id;
    },
  });
  expect(await answer.text()).toBe("fine weather, indeed");
  expect(await new Response(answer.stream()).text()).toBe("fine weather, indeed");
  await net.settled();
  expect((await (await anna.sent(id)).export()).length).toBeGreaterThan(100);
});

async function story(seed: number): Promise<{ readonly hash: string; readonly ids: readonly string[] }> {
  await using town = await twoOwners(seed);
  const { net, anna, desk } = town;
  const sent = await anna.send(desk.address, "hello");
  net.kill("relay-1");
  await net.advance(1000);
  await net.restart("relay-1");
  await sent.until("done");
  return { hash: net.hash, ids: [anna.id, desk.id, sent.id, net.relays[1]?.id ?? ""] };
}

test("one seed has one history and the same ids, another seed others", async () => {
  const [first, again, other] = [await story(3), await story(3), await story(4)];
  expect(again).toEqual(first);
  expect(other.hash).not.toBe(first.hash);
  expect(first.ids.some((id) => other.ids.includes(id))).toBe(false);
});

test("what was accepted survives that every process is killed, with the power of every machine", async () => {
  await using town = await twoOwners(5);
  const { net, anna, desk, heard } = town;
  await net.sleep("desk");
  const sent = await anna.send(desk.address, "hello");
  await sent.until("stored");
  for (const name of ["relay-0", "relay-1", "anna"]) net.kill(name, { power: true });
  expect(await rejection(sent.until("done"))).toBe("aborted");
  for (const name of ["relay-0", "relay-1", "anna", "desk"]) await net.wake(name);
  await (await anna.sent(sent.id)).until("done");
  expect(heard).toEqual(["hello"]);
});

test("nothing passes a partition, and everything after it", async () => {
  await using town = await twoOwners(6);
  const { net, anna, desk, heard } = town;
  await (await anna.send(desk.address, "before")).until("done");
  net.partition(["relay-0"], ["relay-1"]);
  const sent = await anna.send(desk.address, "within");
  expect(await rejection(net.settled({ withinMs: 30_000 }))).toBe("timed-out");
  expect(heard).toEqual(["before"]);
  net.heal();
  await net.settled({ withinMs: 120_000 });
  expect((await anna.sent(sent.id)).steps.at(-1)?.state).toBe("done");
});

test("strangers wait outside until they are introduced", async () => {
  await using net = await createTestnet({ relays: 2, seed: 7 });
  const anna = await net.agent("anna");
  const desk = await net.agent("desk", { relay: 1 });
  const heard: string[] = [];
  void desk.serve(async (mail) => void heard.push(await mail.text()));
  const early = await anna.send(desk.address, "early");
  await net.until(async () => (await desk.contacts.requests()).length === 1);
  await net.introduce("anna", "desk");
  await (await anna.send(desk.address, "after")).until("done");
  await early.until("done");
  expect(heard.sort()).toEqual(["after", "early"]);
});

const lied = async (lies: Lies, seed: number): Promise<{ readonly heard: readonly string[]; readonly net: Testnet }> => {
  const town = await twoOwners(seed);
  const { net, anna, desk, heard } = town;
  await (await anna.send(desk.address, "before")).until("done");
  net.lie("relay-1", lies);
  for (const word of ["one", "two", "three"]) await anna.send(desk.address, word);
  await net.advance(30_000);
  net.lie("relay-1", {});
  return { heard, net };
};

test("a relay that withholds mail shows by what it signed", async () => {
  await using town = await twoOwners(8);
  const { net, anna, desk, heard } = town;
  net.lie("relay-1", { withhold: true });
  const sent = await anna.send(desk.address, "hello", { expiresInMs: 60_000 });
  expect(await rejection(sent.until("done"))).toBe("unconfirmed");
  expect(heard).toEqual([]);
  expect(sent.steps).toContainEqual(expect.objectContaining({ state: "stored", proof: "statement", by: net.relays[1]?.id }));
});

test("what is handed over again or in another order is handled once", async () => {
  for (const lies of [{ replay: true }, { reorder: true }]) {
    const { heard, net } = await lied(lies, 9);
    await net.settled();
    expect([...heard].sort()).toEqual(["before", "one", "three", "two"]);
    await net.close();
  }
});

test("mail in another's name reaches no handler", async () => {
  const { heard, net } = await lied({ rewriteFrom: "desk" }, 10);
  expect(heard).toEqual(["before"]);
  expect(net.trail().some(({ who, event }) => who === "desk" && event === "agent.rejected")).toBe(true);
  await net.close();
});

test("two statements with one number are noticed", async () => {
  const { heard, net } = await lied({ equivocate: true }, 11);
  expect([...heard].sort()).toEqual(["before", "one", "three", "two"]);
  const noticed = ["agent.relay-equivocates", "relay.peer-lied"];
  expect(net.trail().some(({ event }) => noticed.includes(event))).toBe(true);
  await net.close();
});

test("a relay may lie to one agent alone", async () => {
  await using town = await twoOwners(13);
  const { net, anna, desk, heard } = town;
  const carl = await net.agent("carl", { relay: 0 });
  net.lie("relay-1", { withhold: true, only: "anna" });
  await anna.send(desk.address, "of anna");
  await (await carl.send(desk.address, "of carl")).until("done");
  await net.advance(10_000);
  expect(heard).toEqual(["of carl"]);
});

test("a relay that shows keys of before keeps nobody from writing, nor from being heard", async () => {
  await using town = await twoOwners(14);
  const { net, anna, desk, heard } = town;
  net.lie("relay-1", { rollBack: true });
  await (await anna.send(desk.address, "under the first keys")).until("done");
  await desk.identity.rotate();
  await (await anna.send(desk.address, "under the second")).until("done");
  const carl = await net.agent("carl", { relay: 0 });
  await (await carl.send(desk.address, "of who knows only the first")).until("done");
  expect(heard).toEqual(["under the first keys", "under the second", "of who knows only the first"]);
});

test("time stands still while something real is waited for", async () => {
  await using town = await twoOwners(12);
  const { net, anna, desk } = town;
  let atMs = 0;
  void desk.serve(async (mail, turn) => {
    const beganMs = net.clock.nowMs;
    await net.hold(new Promise((resolve) => setTimeout(resolve, 20)));
    atMs = net.clock.nowMs - beganMs;
    await turn.reply(`${await mail.text()} back`);
  });
  await net.sleep("desk");
  await net.wake("desk");
  const before = net.clock.nowMs;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(net.clock.nowMs).toBe(before);
  await anna.ask(desk.address, "there").catch(() => undefined);
  expect(atMs).toBe(0);
});

test("a closed net leaves nobody waiting", async () => {
  const town = await twoOwners(13);
  const { net, anna, desk } = town;
  await net.sleep("desk");
  const sent = await anna.send(desk.address, "hello");
  const waits = [rejection(sent.until("done")), rejection(net.advance(DAY_MS)), rejection(anna.status())];
  await net.close();
  expect(await Promise.all(waits)).toEqual(["aborted", "aborted", "aborted"]);
  expect(await rejection(anna.send(desk.address, "too late"))).toBe("aborted");
  await net.close();
});

test("who is killed while it starts or stops has not started, and starts again", async () => {
  await using town = await twoOwners(16);
  const { net, anna, desk } = town;
  const sleeping = rejection(net.sleep("desk"));
  net.kill("desk");
  expect(await sleeping).toBe("aborted");
  const waking = rejection(net.wake("desk"));
  net.kill("desk");
  expect(await waking).toBe("aborted");
  expect(desk.awake).toBe(false);
  await net.wake("desk");
  await (await anna.send(desk.address, "hello")).until("done");
});

test("names and numbers that do not fit say so", async () => {
  expect(await rejection(createTestnet({ relays: 0, seed: 1 }))).toBe("bad-argument");
  expect(await rejection(createTestnet({ seed: 1, settings: { noSuch: 1 } }))).toBe("unknown-setting");
  await using net = await createTestnet({ seed: 14 });
  expect(await rejection(net.agent("anna", { relay: 1 }))).toBe("bad-argument");
  expect(await rejection(net.agent("Not a name"))).toBe("bad-argument");
  expect(await rejection(net.wake("nobody"))).toBe("bad-argument");
  expect(() => net.lie("nobody", {})).toThrow("no relay");
});
