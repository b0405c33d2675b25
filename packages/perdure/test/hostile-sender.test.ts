import { expect, test } from "vitest";
import type { Agent, Mail } from "../src/agent/api.ts";
import { utf8 } from "../src/wire/bytes.ts";
import { decodeEnvelope, type Envelope } from "../src/wire/envelope.ts";
import { PART_BYTES } from "../src/wire/limits.ts";
import { createRogueWorld, type Forger, type RogueLine, type RogueWorld } from "./test-rogue.ts";

interface Scene extends RogueWorld {
  readonly desk: Agent;
  readonly mallory: Forger;
  line(): RogueLine;
  deliver(envelope: Envelope): void;
  listed(): Promise<readonly Mail[]>;
  /** Envelopes the desk sent. */
  sent(kind: Envelope["class"]): readonly Envelope[];
}

async function scene(seed: number, settings: Record<string, number> = {}): Promise<Scene> {
  const rogue = await createRogueWorld(seed, settings);
  const mallory = await rogue.forger("mallory");
  const desk = await rogue.open("desk", { name: "desk" });
  expect(await rogue.until(() => events(rogue, "agent.attached").length > 0)).toBe(true);
  const line = (): RogueLine => rogue.relay.line(desk) as RogueLine;
  return {
    ...rogue,
    desk,
    mallory,
    line,
    deliver: (envelope) => line().deliver(envelope),
    listed: () =>
      rogue.world.complete(
        (async () => {
          const mails: Mail[] = [];
          for await (const mail of desk.inbox()) mails.push(mail);
          return mails;
        })(),
      ),
    sent: (kind) => rogue.relay.taken.filter((envelope) => envelope.class === kind),
  };
}

const events = ({ facts }: RogueWorld, event: string) => facts.filter((fact) => fact.event === event);

test("parts that say different things of one message never make a whole, in whatever batch they come", async () => {
  const at = await scene(1);
  const { mallory, desk } = at;
  const wholeHash = new Uint8Array(32);
  const full = new Uint8Array(PART_BYTES);
  const first = await mallory.seal(desk, { seq: 5, part: 0, parts: 2, wholeBytes: PART_BYTES + 3, wholeHash, content: full });
  const other = await mallory.seal(desk, { seq: 10, part: 5, parts: 6, wholeBytes: 5 * PART_BYTES + 3, wholeHash, content: utf8("abc") });
  // Whatever comes while a batch is being verified is the next batch.
  at.deliver(await mallory.seal(desk, { stream: 2 }));
  at.deliver(first);
  at.deliver(other);
  await at.pass(2000);
  expect((await at.listed()).map((mail) => mail.id)).toEqual(["0202020202020202.1"]);
});

test("content that is not what its head names is not handed over, however many parts it has", async () => {
  const at = await scene(2);
  const wholeBytes = PART_BYTES + 3;
  const wholeHash = new Uint8Array(32).fill(1);
  at.deliver(await at.mallory.seal(at.desk, { seq: 1, part: 0, parts: 2, wholeBytes, wholeHash, content: new Uint8Array(PART_BYTES) }));
  at.deliver(await at.mallory.seal(at.desk, { seq: 2, part: 1, parts: 2, wholeBytes, wholeHash, content: utf8("abc") }));
  await at.pass(2000);
  expect(await at.listed()).toEqual([]);
});

test("a key that was refused is not answered with done the next time", async () => {
  const at = await scene(3);
  at.deliver(await at.mallory.seal(at.desk, { seq: 1, idempotencyKey: "order-1" }));
  expect(await at.until(() => events(at, "agent.received").length === 1)).toBe(true);
  const [mail] = await at.listed();
  await at.world.complete((mail as Mail).reject("no"));
  at.deliver(await at.mallory.seal(at.desk, { seq: 2, idempotencyKey: "order-1" }));
  await at.pass(30_000);
  const outcomes = events(at, "agent.completed").map((fact) => fact.fields["outcome"]);
  expect(outcomes).not.toContain("done");
});

test("a receipt is read although its sender has too many streams open", async () => {
  const at = await scene(4, { liveStreams: 2 });
  for (const stream of [1, 2]) at.deliver(await at.mallory.seal(at.desk, { stream }));
  expect(await at.until(() => events(at, "agent.received").length === 2)).toBe(true);
  const sent = await at.world.complete(at.desk.send(at.mallory.own.id, "hello"));
  expect(await at.until(() => at.sent("mail").length === 1)).toBe(true);
  const { digest, stream, seq } = at.sent("mail")[0] as Envelope;
  at.deliver(await at.mallory.receipt(at.desk, [{ stream, seq, outcome: "done", digest, code: "", why: "", attempts: 1, atMs: 1 }]));
  expect((await at.world.complete(sent.until("done"))).proof).toBe("receipt");
});

test("a receipt by somebody else, or with another digest, ends nothing", async () => {
  const at = await scene(5);
  const eve = await at.forger("eve");
  const sent = await at.world.complete(at.desk.send(at.mallory.own.id, "hello"));
  expect(await at.until(() => at.sent("mail").length === 1)).toBe(true);
  const { digest, stream, seq } = at.sent("mail")[0] as Envelope;
  const entry = { stream, seq, outcome: "done" as const, digest, code: "", why: "", attempts: 1, atMs: 1 };
  at.deliver(await eve.receipt(at.desk, [entry]));
  at.deliver(
    await at.mallory.receipt(at.desk, [
      { ...entry, digest: new Uint8Array(16) },
      { ...entry, seq: 77 },
    ]),
  );
  await at.pass(2000);
  const steps = (await at.world.complete(at.desk.sent(sent.id))).steps.map((step) => step.state);
  expect(steps).toEqual(["queued", "accepted"]);
});

test("one id with two contents is handed over once, and the second is told", async () => {
  const at = await scene(6);
  at.deliver(await at.mallory.seal(at.desk, { content: utf8("one") }));
  at.deliver(await at.mallory.seal(at.desk, { content: utf8("two") }));
  expect(await at.until(() => at.sent("receipt").length === 1)).toBe(true);
  expect((await at.listed()).length).toBe(1);
  expect(events(at, "agent.not-taken").map((fact) => fact.fields["code"])).toEqual(["id-conflict"]);
});

test("a replay of what was settled is not handed over again, whatever its position", async () => {
  const at = await scene(7);
  const envelope = await at.mallory.seal(at.desk);
  at.deliver(envelope);
  expect(await at.until(() => events(at, "agent.received").length === 1)).toBe(true);
  await at.world.complete(((await at.listed())[0] as Mail).done());
  for (let times = 0; times < 3; times++) at.deliver(decodeEnvelope(envelope.bytes));
  await at.pass(2000);
  expect(await at.listed()).toEqual([]);
  expect(events(at, "agent.received").length).toBe(1);
});

test("a replay is recognised although the clock was ahead for a while", async () => {
  const at = await scene(8);
  const envelope = await at.mallory.seal(at.desk);
  at.deliver(envelope);
  expect(await at.until(() => events(at, "agent.received").length === 1)).toBe(true);
  await at.world.complete(((await at.listed())[0] as Mail).done());
  at.world.jumpWall("desk", 40 * 86_400_000);
  await at.pass(30_000);
  at.world.jumpWall("desk", -40 * 86_400_000);
  await at.pass(1000);
  at.deliver(envelope);
  await at.pass(2000);
  expect(await at.listed()).toEqual([]);
});

test("mail stored while its relay's clock was wrong stays with the relay", async () => {
  const at = await scene(9);
  const envelope = await at.mallory.seal(at.desk);
  at.line().deliver(envelope, { position: 1, storedAtMs: 1000 });
  await at.pass(2000);
  expect(at.line().frames.filter((frame) => frame.name === "settle").length).toBe(0);
  at.line().deliver(envelope, { position: 1 });
  await at.pass(2000);
  expect((await at.listed()).length).toBe(1);
});
