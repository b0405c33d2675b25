import { expect, test } from "vitest";
import type { Agent, Mail } from "../src/agent/api.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { signNotice } from "../src/identity/index.ts";
import { createMerkleTree } from "../src/protocol/delivery/merkle.ts";
import { verifyEvidence } from "../src/protocol/evidence/verify-evidence.ts";
import { goodbyeFor } from "../src/protocol/link/index.ts";
import { type Bytes, concat, hex, utf8 } from "../src/wire/bytes.ts";
import { decodeMail, encodeAck, refuse } from "../src/wire/control.ts";
import { decodeEnvelope, type Envelope, encodeEnvelope } from "../src/wire/envelope.ts";
import { ERROR_CODES, type ErrorCode } from "../src/wire/error.ts";
import { toBeSigned } from "../src/wire/identity.ts";
import { statement, statementProof, storedLeaf } from "../src/wire/statement.ts";
import { createRogueWorld, GENERATION, type RogueLine, type RogueWorld } from "./test-rogue.ts";
import { codeOf } from "./test-stage.ts";

const { sha256 } = createNodeHost().crypto.hash;
const events = ({ facts }: RogueWorld, event: string) => facts.filter((fact) => fact.event === event);

async function scene(seed: number, settings: Record<string, number> = {}) {
  const rogue = await createRogueWorld(seed, settings);
  const peer = await rogue.forger("peer");
  const anna = await rogue.open("anna");
  expect(await rogue.until(() => events(rogue, "agent.attached").length > 0)).toBe(true);
  const line = (): RogueLine => rogue.relay.line(anna) as RogueLine;
  const statesOf = async (id: string): Promise<readonly string[]> =>
    (await rogue.world.complete(anna.sent(id))).steps.map((step) => step.state);
  return { ...rogue, peer, anna, line, statesOf, send: (text = "hello") => rogue.world.complete(anna.send(peer.own.id, text)) };
}
type Scene = Awaited<ReturnType<typeof scene>>;

/** A statement with one leaf, signed as the relay signs. */
async function say(
  at: Scene,
  {
    number = 1,
    first,
    last,
    digests,
    previous = new Uint8Array(32),
  }: { number?: number; first: number; last: number; digests: readonly Bytes[]; previous?: Bytes },
) {
  const leaf = storedLeaf.encode({
    sender: at.line().agent.idRaw,
    link: at.line().link,
    firstSeq: first,
    lastSeq: last,
    contents: sha256(concat(...digests)),
  });
  const said = statement.encode({
    version: 1,
    relayId: at.relay.own.idRaw,
    number,
    previous,
    timeMs: at.world.host("relay").clock.wallMs(),
    leafCount: 1,
    root: createMerkleTree(sha256, [leaf]).root,
    extensions: [],
  });
  const signature = await at.world.complete(
    at.world.host("relay").crypto.signatures.sign(at.relay.own.instanceKey, toBeSigned("statement", said)),
  );
  at.line().session.send([
    {
      name: "statement",
      payload: statementProof.encode({
        statement: said,
        signature,
        leaf,
        leafIndex: 0,
        path: [],
        digests: new Uint8Array(0),
        writers: new Uint8Array(0),
      }),
    },
  ]);
  await at.pass(500);
  return sha256(said);
}

test("only a statement about exactly what was sent raises a message to stored", async () => {
  const at = await scene(1);
  const sent = await at.send();
  expect(await at.until(() => at.relay.taken.length === 1)).toBe(true);
  const { digest } = at.relay.taken[0] as Envelope;
  await say(at, { first: 1, last: 1, digests: [new Uint8Array(16)] });
  await say(at, { number: 2, first: 1, last: 2 ** 50, digests: [digest] });
  await say(at, { number: 3, first: 2, last: 1, digests: [] });
  await say(at, { number: 4, first: 0, last: 1, digests: [digest] });
  expect(await at.statesOf(sent.id)).toEqual(["queued", "accepted"]);
  await say(at, { number: 5, first: 1, last: 1, digests: [digest] });
  expect(await at.statesOf(sent.id)).toEqual(["queued", "accepted", "stored"]);
});

test("two statements with one number prove nothing and are reported", async () => {
  const at = await scene(2);
  const sents = [await at.send("one"), await at.send("two")];
  expect(await at.until(() => at.relay.taken.length === 2)).toBe(true);
  const [one, two] = at.relay.taken as [Envelope, Envelope];
  await say(at, { number: 7, first: 1, last: 1, digests: [one.digest] });
  await say(at, { number: 7, first: 2, last: 2, digests: [two.digest] });
  expect((await at.statesOf((sents[1] as { id: string }).id)).at(-1)).toBe("accepted");
  expect(events(at, "agent.relay-equivocates").length).toBe(1);
});

test("a statement that does not follow the one before it is a fork, and reported", async () => {
  const at = await scene(3);
  const sents = [await at.send("one"), await at.send("two")];
  expect(await at.until(() => at.relay.taken.length === 2)).toBe(true);
  const [one, two] = at.relay.taken as [Envelope, Envelope];
  await say(at, { number: 7, first: 1, last: 1, digests: [one.digest] });
  await say(at, { number: 8, first: 2, last: 2, digests: [two.digest], previous: new Uint8Array(32).fill(1) });
  expect((await at.statesOf((sents[1] as { id: string }).id)).at(-1)).toBe("accepted");
  expect(events(at, "agent.relay-equivocates").length).toBe(1);
});

test("an acknowledgement of mail that was never sent ends the session, and mail goes on in the next", async () => {
  const at = await scene(4);
  at.line().session.send([{ name: "ack", payload: encodeAck(2 ** 53 - 1) }]);
  await at.pass(3000);
  const sent = await at.send();
  expect(await at.until(() => at.relay.taken.length === 1)).toBe(true);
  expect(codeOf(await at.world.complete(sent.until("stored", { timeoutMs: 3000 }).catch((error: unknown) => error)))).toBe("timed-out");
});

test("refusals without end neither spin nor end a message", async () => {
  const at = await scene(5);
  let refusals = 0;
  at.relay.frame = (frame, line) => {
    if (frame.name !== "mail") return at.relay.honest(frame, line);
    const { linkSeq } = decodeMail(frame.payload);
    refusals++;
    line.taken = linkSeq;
    line.session.send([
      {
        name: "refuse",
        payload: refuse.encode({
          linkSeq,
          code: "who-knows",
          retry: "now",
          afterMs: refusals === 3 ? 2 ** 53 - 1 : 0,
          limit: undefined,
          hint: "\u001b[31m",
        }),
      },
      { name: "ack", payload: encodeAck(linkSeq) },
    ]);
  };
  const sent = await at.send();
  await at.pass(60_000);
  expect(refusals).toBeLessThan(50);
  at.relay.frame = (frame, line) => at.relay.honest(frame, line);
  expect(await at.until(() => at.relay.taken.length === 1, 2 * 3_600_000)).toBe(true);
  expect((await at.statesOf(sent.id))[0]).toBe("queued");
});

for (const [what, welcome] of [
  ["a window of nothing", { windowFrames: 0, windowBytes: 0 }],
  ["no pause between pings", { pingEveryMs: 0 }],
  ["a tail and a floor at the end of all numbers", { tail: 2 ** 53 - 1, settledFloor: 2 ** 53 - 1 }],
  ["refusals of numbers never given", { linkRefused: [1, 2, 3, 2 ** 53 - 1] }],
] as const) {
  test(`a welcome with ${what} leaves an agent that sends`, async () => {
    const rogue = await createRogueWorld(6);
    const peer = await rogue.forger("peer");
    rogue.relay.welcome = () => welcome;
    const anna = await rogue.open("anna");
    await rogue.world.complete(anna.send(peer.own.id, "hello"));
    await rogue.world.complete(anna.send(peer.own.id, "again"));
    expect(await rogue.until(() => rogue.relay.taken.length === 2)).toBe(true);
    const before = rogue.world.events;
    await rogue.pass(20_000);
    expect(rogue.world.events - before).toBeLessThan(1000);
  });
}

test("a welcome that knows mail never sent makes the link begin anew, without spinning", async () => {
  const rogue = await createRogueWorld(7);
  rogue.relay.welcome = () => ({ linkUpTo: 2 ** 40 });
  await rogue.open("anna");
  await rogue.pass(20_000);
  expect(rogue.relay.lines.length).toBeLessThan(400);
  rogue.relay.welcome = () => ({});
  expect(await rogue.until(() => events(rogue, "agent.attached").length > 0)).toBe(true);
});

test("no goodbye code stops an agent from coming back and sending", async () => {
  const at = await scene(8);
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    at.line().session.close(goodbyeFor(code, "no", { retry: "never", afterMs: 2 ** 53 - 1 }));
    expect(await at.until(() => at.relay.line(at.anna) === undefined)).toBe(true);
    expect(await at.until(() => at.relay.line(at.anna) !== undefined, 120_000)).toBe(true);
  }
  await at.send();
  expect(await at.until(() => at.relay.taken.length === 1)).toBe(true);
});

test("an agent that was fenced says so for as long as it does not consume", async () => {
  const at = await scene(9);
  // After the first it shows its attach pass once more: a copy of the folder would be found out by that.
  for (let fences = 0; fences < 2; fences++) {
    at.line().session.close(goodbyeFor("fenced", "another one"));
    await at.pass(5000);
  }
  expect((await at.world.complete(at.anna.status())).relay).toMatchObject({
    connected: true,
    lastError: expect.stringContaining("fenced"),
  });
});

test("deliveries in other generations, at absurd positions, changed or of others are never handed over wrongly", async () => {
  const at = await scene(10);
  const desk = await at.open("desk");
  expect(await at.until(() => events(at, "agent.attached").length > 1)).toBe(true);
  const other = await at.peer.seal(desk);
  const honest = await at.peer.seal(at.anna);
  const changed = honest.bytes.slice();
  changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1;
  const redated = encodeEnvelope({ ...decodeEnvelope(honest.bytes), expiresAtMs: honest.expiresAtMs + 1000 }, honest.body, sha256);
  for (const envelope of [other.bytes, changed, redated.bytes, new Uint8Array(3)]) at.line().deliver(envelope);
  at.line().deliver(honest, { position: 2 ** 53 - 1, generation: new Uint8Array(8).fill(1) });
  at.line().deliver(honest, { position: 2 ** 53 - 1 });
  at.line().deliver(honest, { position: 2 ** 53 - 2, generation: GENERATION });
  await at.pass(2000);
  const mails = await inboxOf(at.world, at.anna);
  expect(mails.map((mail) => mail.id)).toEqual(["0101010101010101.1"]);
  await at.world.complete((mails[0] as Mail).done());
  await at.pass(2000);
  expect(await inboxOf(at.world, at.anna)).toEqual([]);
});

test("a notice counts for the message it names and only when this relay signed it", async () => {
  const at = await scene(11);
  const sent = await at.send();
  expect(await at.until(() => at.relay.taken.length === 1)).toBe(true);
  const envelope = at.relay.taken[0] as Envelope;
  const relayHost = at.world.host("relay");
  const noticeOf = async (more: Record<string, unknown>, own = at.relay.own): Promise<Envelope> => {
    const said = {
      version: 1,
      relayId: own.idRaw,
      outcome: 0,
      to: envelope.to,
      stream: envelope.stream,
      seq: envelope.seq,
      digest: envelope.digest,
      timeMs: relayHost.clock.wallMs(),
      extensions: [],
      ...more,
    };
    const body = await at.world.complete(signNotice({ crypto: relayHost.crypto, own, notice: said }));
    return encodeEnvelope(
      {
        class: "notice",
        from: own.idRaw,
        to: at.line().agent.idRaw,
        stream: new Uint8Array(8),
        seq: 1,
        expiresAtMs: relayHost.clock.wallMs() + 60_000,
        inboxKeyId: new Uint8Array(8),
        suite: 0,
      },
      body,
      sha256,
    );
  };
  for (const wrong of [
    await noticeOf({}, at.peer.own),
    await noticeOf({ digest: new Uint8Array(16) }),
    await noticeOf({ to: new Uint8Array(32) }),
    await noticeOf({ seq: 9 }),
    await noticeOf({ outcome: 7 }),
  ]) {
    at.line().deliver(wrong);
  }
  await at.pass(2000);
  expect(await at.statesOf(sent.id)).toEqual(["queued", "accepted"]);
  at.line().deliver(await noticeOf({}));
  await at.pass(2000);
  expect((await at.statesOf(sent.id)).at(-1)).toBe("expired");
});

test("a name that means somebody else than before is refused until its owner accepts the change", async () => {
  const at = await scene(12, { recordFreshMs: 60_000 });
  const desk = await at.forger("desk", "desk");
  at.relay.known.set("desk", desk.own.bundle());
  await at.world.complete(at.anna.send("@desk", "one"));
  const eve = await at.forger("eve", "desk");
  at.relay.known.set("desk", eve.own.bundle());
  await at.pass(70_000);
  expect(codeOf(await at.world.complete(at.anna.send("@desk", "two").catch((error: unknown) => error)))).toBe("name-changed");
  expect(await at.world.complete(at.anna.contacts.acceptChange("@desk"))).toBe(eve.own.id);
  const sent = await at.world.complete(at.anna.send("@desk", "three"));
  expect(sent.to).toBe(eve.own.id);
});

test("a name that its agent does not claim is not taken", async () => {
  const at = await scene(16);
  const eve = await at.forger("eve", "eve");
  for (const bundle of [eve.own.bundle(), at.peer.own.bundle()]) {
    at.relay.known.set("desk", bundle);
    expect(codeOf(await at.world.complete(at.anna.send("@desk", "one").catch((error: unknown) => error)))).toBe("name-unproven");
  }
});

test("two histories of a relay are kept over a restart, and shown to anybody", async () => {
  const at = await scene(17);
  const sent = await at.send("one");
  expect(await at.until(() => at.relay.taken.length === 1)).toBe(true);
  const { digest } = at.relay.taken[0] as Envelope;
  await say(at, { number: 7, first: 1, last: 1, digests: [digest] });
  await say(at, { number: 7, first: 1, last: 1, digests: [new Uint8Array(16)] });
  await say(at, { number: 7, first: 1, last: 1, digests: [new Uint8Array(16).fill(1)] });
  expect((await at.world.complete(at.anna.status())).conflicts).toBe(1);
  await at.world.complete(at.anna.close());
  const anna = await at.open("anna");
  expect((await at.world.complete(anna.status())).conflicts).toBe(1);
  const file = await at.world.complete((await at.world.complete(anna.sent(sent.id))).export());
  const report = await at.world.complete(verifyEvidence(at.world.host("judge").crypto, file));
  expect(report.conflicts).toMatchObject([{ relay: at.relay.own.id, numbers: [7, 7], verdict: "proven" }]);
  expect(report.proven).toBe(true);
});

test("an answer that cannot be trusted does not keep mail from a recipient whose keys are pinned", async () => {
  const at = await scene(13, { recordFreshMs: 60_000 });
  await at.send("one");
  const eve = await at.forger("eve");
  await at.pass(70_000);
  for (const lie of [eve.own.bundle(), utf8("nonsense")]) {
    at.relay.known.set(hex(at.peer.own.idRaw), lie);
    await at.send("two");
  }
  expect(await at.until(() => at.relay.taken.length === 3)).toBe(true);
});

test("nonsense delivered by the megabyte does not keep an agent from its mail", async () => {
  const at = await scene(14);
  const junk = new Uint8Array(300 * 1024);
  for (let count = 0; count < 100; count++) at.line().deliver(junk);
  await at.pass(20_000);
  expect(await at.until(() => at.relay.line(at.anna) !== undefined)).toBe(true);
  await at.send();
  expect(await at.until(() => at.relay.taken.length === 1)).toBe(true);
});

async function inboxOf(world: RogueWorld["world"], agent: Agent): Promise<readonly Mail[]> {
  return await world.complete(
    (async () => {
      const mails: Mail[] = [];
      for await (const mail of agent.inbox()) mails.push(mail);
      return mails;
    })(),
  );
}
