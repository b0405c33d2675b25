/** Strangers who mean harm, past a relay that lets everything through. */
import { expect, test } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import type { InternalOptions } from "../src/agent/open-agent.ts";
import { utf8 } from "../src/wire/bytes.ts";
import { parseInvite } from "../src/wire/invite.ts";
import { PART_BYTES } from "../src/wire/limits.ts";
import { GREETING_CONTENT_TYPE, SEALED_EXTENSIONS } from "../src/wire/sealed.ts";
import { createRogueWorld, type Forger, type RogueLine, type RogueWorld } from "./test-rogue.ts";

const SHARE = 10;
const SETTINGS = { mailboxMessages: SHARE };

interface Scene extends RogueWorld {
  readonly desk: Agent;
  deliver(envelope: Parameters<RogueLine["deliver"]>[0]): void;
  count(event: string, code?: string): number;
  handled(): readonly string[];
}

async function scene(seed: number, contacts = true): Promise<Scene> {
  const rogue = await createRogueWorld(seed, SETTINGS);
  const options: InternalOptions = {
    name: "desk",
    strangers: "wait",
    defences: { dedupe: true, floor: true, contacts, loopGuard: true },
  };
  const desk = await rogue.open("desk", options);
  const handled: string[] = [];
  desk.serve(async (mail) => void handled.push(await mail.text())).catch(() => undefined);
  const count = (event: string, code?: string): number =>
    rogue.facts.filter((fact) => fact.host === "desk" && fact.event === event && (code === undefined || fact.fields["code"] === code))
      .length;
  expect(await rogue.until(() => count("agent.attached") > 0)).toBe(true);
  return {
    ...rogue,
    desk,
    deliver: (envelope) => (rogue.relay.line(desk) as RogueLine).deliver(envelope),
    count,
    handled: () => handled,
  };
}

const status = (at: Scene): Promise<Awaited<ReturnType<Agent["status"]>>> => at.world.complete(at.desk.status());
const greeting = (forger: Forger, desk: Agent, secret: Uint8Array, seq = 1): ReturnType<Forger["seal"]> =>
  forger.seal(desk, {
    seq,
    contentType: GREETING_CONTENT_TYPE,
    content: new Uint8Array(0),
    wholeBytes: 0,
    extensions: [{ code: SEALED_EXTENSIONS.invite, bytes: secret }],
  });

test("a flood of many identities fills the strangers' share, reaches no handler, and a contact is not in its way", async () => {
  const at = await scene(1);
  const anna = await at.forger("anna");
  const { text } = await at.world.complete(at.desk.invite());
  at.deliver(await greeting(anna, at.desk, parseInvite(text).secret));
  expect(await at.until(() => at.count("agent.greeted") === 1)).toBe(true);
  for (let crowd = 0; crowd < 6; crowd++) {
    const mallory = await at.forger(`mallory-${crowd}`);
    for (let stream = 1; stream <= 4; stream++) at.deliver(await mallory.seal(at.desk, { stream }));
  }
  expect(await at.until(() => at.count("agent.received") + at.count("agent.not-admitted") === 24)).toBe(true);
  expect([(await status(at)).requests, at.count("agent.not-admitted", "mailbox-full")]).toEqual([SHARE, 24 - SHARE]);
  expect(at.handled()).toEqual([]);
  at.deliver(await anna.seal(at.desk, { seq: 2, content: utf8("from a contact"), wholeBytes: 14 }));
  expect(await at.until(() => at.handled().length === 1)).toBe(true);
});

test("one sender with parts that never become whole holds no more than the share either", async () => {
  const at = await scene(2);
  const mallory = await at.forger("mallory");
  const half = { part: 0, parts: 2, wholeBytes: PART_BYTES + 1, content: new Uint8Array(PART_BYTES) };
  for (let stream = 1; stream <= SHARE + 5; stream++) at.deliver(await mallory.seal(at.desk, { stream, ...half }));
  expect(await at.until(() => at.count("agent.received") + at.count("agent.not-admitted") === SHARE + 5)).toBe(true);
  expect(at.count("agent.not-admitted", "mailbox-full")).toBe(5);
  expect((await status(at)).requests).toBe(0);
});

test("who is blocked costs nothing, however many streams they open, and nothing of theirs is kept", async () => {
  const at = await scene(3);
  const mallory = await at.forger("mallory");
  await at.world.complete(at.desk.contacts.block(mallory.own.id));
  const envelopes = await Promise.all(Array.from({ length: 50 }, (_, index) => mallory.seal(at.desk, { stream: index + 1 })));
  for (const envelope of envelopes) at.deliver(envelope);
  expect(await at.until(() => at.count("agent.not-admitted", "blocked") === 50)).toBe(true);
  expect([at.count("agent.received"), (await status(at)).requests, (await status(at)).waiting]).toEqual([0, 0, 0]);
  // Nothing was remembered of them: after a change of mind the same envelope is new.
  await at.world.complete(at.desk.contacts.add(mallory.own.id));
  at.deliver(envelopes[0] as Uint8Array & (typeof envelopes)[0]);
  expect(await at.until(() => at.handled().length === 1)).toBe(true);
});

test("an invite is worth one contact however it is replayed: same envelope, new envelope, another sender", async () => {
  const at = await scene(4);
  const { text } = await at.world.complete(at.desk.invite());
  const { secret } = parseInvite(text);
  const [anna, eve] = [await at.forger("anna"), await at.forger("eve")];
  const first = await greeting(anna, at.desk, secret);
  at.deliver(first);
  at.deliver(first);
  at.deliver(await greeting(eve, at.desk, secret));
  at.deliver(await greeting(anna, at.desk, secret, 2));
  expect(await at.until(() => at.count("agent.not-admitted", "invite-used") === 1)).toBe(true);
  at.deliver(first);
  await at.pass(2000);
  expect((await at.world.complete(at.desk.contacts.list())).map(({ id, how }) => [id, how])).toEqual([[anna.own.id, "invite"]]);
  expect([at.handled(), (await status(at)).requests]).toEqual([[], 0]);
});

test("a greeting without a good secret is an ordinary request, and no handler sees it even where strangers are welcome", async () => {
  const at = await scene(5);
  const [eve, bert] = [await at.forger("eve", "eve"), await at.forger("bert")];
  at.deliver(await greeting(eve, at.desk, new Uint8Array(16).fill(3)));
  at.deliver(await greeting(bert, at.desk, new Uint8Array(5)));
  expect(await at.until(() => at.count("agent.received") === 2)).toBe(true);
  const requests = await at.world.complete(at.desk.contacts.requests());
  expect(requests.map(({ id, name, messages }) => [id, name, messages])).toEqual(
    expect.arrayContaining([
      [eve.own.id, "eve", 1],
      [bert.own.id, undefined, 1],
    ]),
  );
  await at.world.complete(at.desk.contacts.policy("welcome"));
  at.deliver(await greeting(eve, at.desk, new Uint8Array(16).fill(4), 2));
  await at.pass(2000);
  expect([at.handled(), await at.world.complete(at.desk.contacts.list())]).toEqual([[], []]);
  expect((await status(at)).requests).toBe(3);
});

test("a stranger who says that he answers gets no further than who was asked", async () => {
  const at = await scene(6);
  const [bert, mallory] = [await at.forger("bert"), await at.forger("mallory")];
  const question = await at.world.complete(at.desk.send(bert.own.id, "how much?"));
  await at.world.complete(at.desk.contacts.remove(bert.own.id));
  const [stream, seq] = question.id.split(".");
  const inReplyTo = { stream: Uint8Array.from(Buffer.from(String(stream), "hex")), seq: Number(seq) };
  at.deliver(await mallory.seal(at.desk, { inReplyTo, content: utf8("pay me"), wholeBytes: 6 }));
  at.deliver(await bert.seal(at.desk, { inReplyTo, content: utf8("seven"), wholeBytes: 5 }));
  expect(await at.until(() => at.handled().length === 1 && at.count("agent.received") === 2)).toBe(true);
  expect([at.handled(), (await status(at)).requests]).toEqual([["seven"], 1]);
});

test("negative control: without the mechanism the same stranger, and the same blocked one, reach the handler", async () => {
  const at = await scene(7, false);
  const [mallory, eve] = [await at.forger("mallory"), await at.forger("eve")];
  await at.world.complete(at.desk.contacts.block(eve.own.id));
  at.deliver(await mallory.seal(at.desk));
  at.deliver(await eve.seal(at.desk));
  expect(await at.until(() => at.handled().length === 2)).toBe(true);
});
