/** An honest agent between its own relay, which lies, and the relay of the recipient, which lies too. */
import { expect, test } from "vitest";
import type { Agent, Mail } from "../src/agent/api.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createIdentity, type OwnIdentity, signNotice } from "../src/identity/index.ts";
import { createMerkleTree } from "../src/protocol/delivery/merkle.ts";
import { createSettings } from "../src/settings/register.ts";
import { type Bytes, concat, EMPTY, equalBytes, hex } from "../src/wire/bytes.ts";
import { decodeMail, encodeAck, found, type Lookup, lookup, refuse, route } from "../src/wire/control.ts";
import { type Envelope, encodeEnvelope, SUITE_UNSEALED } from "../src/wire/envelope.ts";
import { toBeSigned } from "../src/wire/identity.ts";
import { agentIdText } from "../src/wire/ids.ts";
import { MAX_TRANSPORT_BYTES } from "../src/wire/limits.ts";
import { statement, statementProof, storedLeaf } from "../src/wire/statement.ts";
import { createRogueWorld, type RogueLine, type RogueWorld } from "./test-rogue.ts";
import { codeOf } from "./test-stage.ts";

const { sha256 } = createNodeHost().crypto.hash;
const FAR = "127.0.0.1:4500";
const FAR_URL = `ws://${FAR}/`;

const events = ({ facts }: RogueWorld, event: string): RogueWorld["facts"] => facts.filter((fact) => fact.event === event);

async function scene(seed: number, settings: Record<string, number> = {}) {
  const rogue = await createRogueWorld(seed, settings);
  const { world, relay } = rogue;
  const relayIdentity = async (name: string): Promise<OwnIdentity> => {
    const host = world.host(name);
    const own = await world.complete(
      createIdentity({ host, folder: "post", role: "relay", custody: "together", settings: createSettings() }),
    );
    relay.known.set(hex(own.idRaw), own.bundle());
    return own;
  };
  const far = await relayIdentity("far");
  const document = { current: JSON.stringify({ perdure: 1, relayId: far.id, url: FAR_URL }), status: 200 };
  await world.complete(
    world.host("far").net.listen(FAR_URL, {
      maxMessageBytes: MAX_TRANSPORT_BYTES,
      onConnection: (connection) => connection.close(),
      onRequest: () => new Response(document.current, { status: document.status }),
    }),
  );
  const desk = await rogue.forger("desk", "desk");
  const settle = async (own: OwnIdentity, at: OwnIdentity): Promise<void> => {
    const live = own.homes().length === 0 ? own.setHome : own.moveHome;
    await world.complete(live({ relayId: at.idRaw, url: FAR_URL, preference: 0 }, world.host("desk").clock.wallMs()));
    relay.known.set(hex(own.idRaw), own.bundle());
    relay.known.set("desk", own.bundle());
  };
  await settle(desk.own, far);
  const anna = await rogue.open("anna", { strangers: "welcome" });
  expect(await rogue.until(() => events(rogue, "agent.attached").length > 0)).toBe(true);
  const line = (): RogueLine => relay.line(anna) as RogueLine;
  const stepsOf = async (id: string): Promise<readonly string[]> =>
    (await world.complete(anna.sent(id))).steps.map(
      ({ state, by, proof }) =>
        `${state} ${by === far.id ? "far" : by === relay.own.id ? "own" : by === "self" ? "self" : "other"} ${proof}`,
    );
  const send = (to = `@desk@${FAR}`): ReturnType<Agent["send"]> => world.complete(anna.send(to, "hello"));
  return { ...rogue, relayIdentity, far, document, desk, settle, anna, line, stepsOf, send };
}
type Scene = Awaited<ReturnType<typeof scene>>;

/** What another relay states about a leaf of the own one's link, passed on by the own relay. */
async function passOn(
  at: Scene,
  digests: readonly Bytes[],
  {
    by = at.far,
    signer = by,
    listed = digests,
    number = 1,
    previous = new Uint8Array(32),
  }: { by?: OwnIdentity; signer?: OwnIdentity; listed?: readonly Bytes[]; number?: number; previous?: Bytes } = {},
): Promise<void> {
  const leaf = storedLeaf.encode({
    sender: at.relay.own.idRaw,
    link: new Uint8Array(8),
    firstSeq: 1,
    lastSeq: digests.length,
    contents: sha256(concat(...digests)),
  });
  const host = at.world.host("far");
  const said = statement.encode({
    version: 1,
    relayId: by.idRaw,
    number,
    previous,
    timeMs: host.clock.wallMs(),
    leafCount: 1,
    root: createMerkleTree(sha256, [leaf]).root,
    extensions: [],
  });
  const signature = await at.world.complete(host.crypto.signatures.sign(signer.instanceKey, toBeSigned("statement", said)));
  const payload = statementProof.encode({
    statement: said,
    signature,
    leaf,
    leafIndex: 0,
    path: [],
    digests: concat(...listed),
    writers: EMPTY,
  });
  at.line().session.send([{ name: "statement", payload }]);
  await at.pass(1000);
}

async function notice(at: Scene, by: OwnIdentity, envelope: Envelope): Promise<Envelope> {
  const host = at.world.host("far");
  const said = {
    version: 1,
    relayId: by.idRaw,
    outcome: 1,
    to: envelope.to,
    stream: envelope.stream,
    seq: envelope.seq,
    digest: envelope.digest,
    timeMs: host.clock.wallMs(),
    extensions: [],
  };
  const body = await at.world.complete(signNotice({ crypto: host.crypto, own: by, notice: said }));
  return encodeEnvelope(
    {
      class: "notice",
      from: by.idRaw,
      to: envelope.from,
      stream: new Uint8Array(8).fill(3),
      seq: 1,
      expiresAtMs: host.clock.wallMs() + 60_000,
      inboxKeyId: new Uint8Array(8),
      suite: SUITE_UNSEALED,
    },
    body,
    sha256,
  );
}

const mails = (at: Scene): readonly ReturnType<typeof decodeMail>[] =>
  at
    .line()
    .frames.filter(({ name }) => name === "mail")
    .map(({ payload }) => decodeMail(payload));
const lookups = (at: Scene): readonly Lookup[] =>
  at
    .line()
    .frames.filter(({ name }) => name === "lookup")
    .map(({ payload }) => lookup.decode(payload));

test("the own relay is told the way before it is asked or given mail for elsewhere, once a session", async () => {
  const at = await scene(1);
  await at.send();
  await at.send();
  expect(await at.until(() => at.relay.taken.length === 2)).toBe(true);
  const frames = at.line().frames.filter(({ name }) => ["route", "lookup", "mail"].includes(name));
  expect(frames.map(({ name }) => name)).toEqual(["route", "lookup", "mail", "mail"]);
  expect(route.decode((frames[0] as { payload: Bytes }).payload)).toEqual({ relayId: at.far.idRaw, url: FAR_URL });
  expect(lookups(at)[0]?.at).toEqual(at.far.idRaw);
  expect(mails(at).map(({ home }) => home)).toEqual([at.far.idRaw, at.far.idRaw]);
});

test("a relay that does not know the way is told it again, with the mail and with the question", async () => {
  const at = await scene(2);
  let refusals = 0;
  at.relay.frame = (frame, line) => {
    if (frame.name === "lookup" && lookups(at).length === 1) {
      const { request } = lookup.decode(frame.payload);
      return line.session.send([{ name: "found", payload: found.encode({ request, bundle: EMPTY, code: "unknown-relay" }) }]);
    }
    if (frame.name !== "mail" || refusals > 0) return at.relay.honest(frame, line);
    refusals++;
    const { linkSeq } = decodeMail(frame.payload);
    line.taken = linkSeq;
    line.session.send([
      {
        name: "refuse",
        payload: refuse.encode({ linkSeq, code: "unknown-relay", retry: "after", afterMs: 10, limit: undefined, hint: "" }),
      },
      { name: "ack", payload: encodeAck(linkSeq) },
    ]);
  };
  await at.send();
  expect(await at.until(() => at.relay.taken.length === 1)).toBe(true);
  const names = at
    .line()
    .frames.map(({ name }) => name)
    .filter((name) => ["route", "lookup", "mail"].includes(name));
  expect(names).toEqual(["route", "lookup", "route", "lookup", "mail", "route", "mail"]);
});

test("only the recipient's relay raises a message to stored, and only about what was sent", async () => {
  const at = await scene(3);
  const other = await at.relayIdentity("other");
  const sent = await at.send();
  expect(await at.until(() => at.relay.taken.length === 1)).toBe(true);
  const { digest } = at.relay.taken[0] as Envelope;
  const foreign = new Uint8Array(16).fill(1);
  await passOn(at, [digest], { by: other, number: 1 });
  await passOn(at, [digest], { signer: at.relay.own, number: 2 });
  await passOn(at, [foreign], { listed: [digest], number: 3 });
  await passOn(at, [foreign, digest], { listed: [digest], number: 5 });
  expect(await at.stepsOf(sent.id)).toEqual(["queued self none", "accepted own none"]);
  await passOn(at, [foreign, digest], { number: 7 });
  expect(await at.stepsOf(sent.id)).toEqual(["queued self none", "accepted own none", "stored far statement"]);
});

test("what the own relay says of the recipient's relay is not taken for that relay", async () => {
  const at = await scene(4);
  const sent = await at.send();
  expect(await at.until(() => at.relay.taken.length === 1)).toBe(true);
  const { digest } = at.relay.taken[0] as Envelope;
  at.relay.known.set(hex(at.far.idRaw), at.relay.own.bundle());
  await passOn(at, [digest], { signer: at.relay.own });
  at.relay.known.delete(hex(at.far.idRaw));
  await passOn(at, [digest]);
  expect(await at.stepsOf(sent.id)).toEqual(["queued self none", "accepted own none"]);
  at.relay.known.set(hex(at.far.idRaw), at.far.bundle());
  await passOn(at, [digest]);
  expect((await at.stepsOf(sent.id)).at(-1)).toBe("stored far statement");
});

test("two histories of the recipient's relay are kept, and prove nothing about mail", async () => {
  const at = await scene(5);
  const sents = [await at.send(), await at.send()];
  expect(await at.until(() => at.relay.taken.length === 2)).toBe(true);
  const [one, two] = at.relay.taken as [Envelope, Envelope];
  await passOn(at, [one.digest], { number: 4 });
  await passOn(at, [two.digest], { number: 4 });
  await passOn(at, [two.digest], { number: 5 });
  expect((await at.stepsOf((sents[1] as { id: string }).id)).at(-1)).toBe("accepted own none");
  expect((await at.world.complete(at.anna.status())).conflicts).toBe(2);
});

test("a notice counts from the recipient's relay, and from no third one", async () => {
  const at = await scene(6);
  const other = await at.relayIdentity("other");
  const sent = await at.send();
  expect(await at.until(() => at.relay.taken.length === 1)).toBe(true);
  const envelope = at.relay.taken[0] as Envelope;
  at.line().deliver(await notice(at, other, envelope));
  at.line().deliver(
    encodeEnvelope({ ...(await notice(at, other, envelope)), from: at.far.idRaw }, (await notice(at, other, envelope)).body, sha256),
  );
  await at.pass(2000);
  expect((await at.stepsOf(sent.id)).at(-1)).toBe("accepted own none");
  at.line().deliver(await notice(at, at.far, envelope));
  await at.pass(2000);
  expect((await at.stepsOf(sent.id)).at(-1)).toBe("lost far notice");
});

test("a name counts only when the agent's own record claims it at that relay", async () => {
  const at = await scene(7);
  const failure = (): Promise<string> => at.send().then(() => "sent", codeOf);
  await at.settle(at.desk.own, at.relay.own);
  expect(await failure()).toBe("name-unproven");
  const eve = await at.forger("eve", "eve");
  await at.settle(eve.own, at.far);
  expect(await failure()).toBe("name-unproven");
  at.relay.known.delete("desk");
  expect(await failure()).toBe("unknown-agent");
});

test("another relay at the host of a name is refused until its owner accepts it", async () => {
  const at = await scene(8, { recordFreshMs: 60_000 });
  await at.send();
  const other = await at.relayIdentity("other");
  at.document.current = JSON.stringify({ perdure: 1, relayId: other.id, url: FAR_URL });
  await at.settle(at.desk.own, other);
  await at.pass(70_000);
  expect(codeOf(await at.send().catch((error: unknown) => error))).toBe("relay-changed");
  expect(await at.world.complete(at.anna.contacts.acceptChange(`@desk@${FAR}`))).toBe(at.desk.own.id);
  await at.send();
  expect(await at.until(() => mails(at).some(({ home }) => home !== undefined && equalBytes(home, other.idRaw)))).toBe(true);
});

test.each([
  ["a page of something else", "<html>", 200, "unknown-relay"],
  ["nothing", "", 404, "unknown-relay"],
  ["an id that is none", JSON.stringify({ perdure: 1, relayId: "ag1x", url: FAR_URL }), 200, "unknown-relay"],
  [
    "an address that is none",
    JSON.stringify({ perdure: 1, relayId: agentIdText(new Uint8Array(32)), url: "https://x/" }),
    200,
    "unknown-relay",
  ],
  ["a document without end", "x".repeat(100_000), 200, "unknown-relay"],
  ["a relay in trouble", "", 503, "queued"],
])("a host that answers with %s", async (_, current, status, outcome) => {
  const at = await scene(9);
  Object.assign(at.document, { current, status });
  expect(await at.send().then((sent) => sent.steps.at(-1)?.state, codeOf)).toBe(outcome);
});

test("mail goes to where the newest record of its recipient says", async () => {
  const at = await scene(10);
  await at.send();
  expect(await at.until(() => at.relay.taken.length === 1)).toBe(true);
  const other = await at.relayIdentity("other");
  await at.settle(at.desk.own, other);
  at.line().deliver(await at.desk.seal(at.anna));
  await at.pass(1000);
  await at.send(at.desk.own.id);
  expect(await at.until(() => at.relay.taken.length === 2)).toBe(true);
  expect(mails(at).map(({ home }) => home)).toEqual([at.far.idRaw, other.idRaw]);
});

test("an address is shown once host, relay and record agree, and never for who only claims it", async () => {
  const at = await scene(11);
  const addresses = async (): Promise<readonly (string | undefined)[]> =>
    await at.world.complete(
      (async () => {
        const all: Mail[] = [];
        for await (const mail of at.anna.inbox()) all.push(mail);
        return all.map((mail) => mail.fromAddress);
      })(),
    );
  let asked = 0;
  const { current } = at.document;
  Object.defineProperty(at.document, "current", {
    get: () => {
      asked++;
      return current;
    },
  });
  at.line().deliver(await at.desk.seal(at.anna));
  await at.pass(5000);
  // A stranger's host is not shown where this agent is.
  expect([await addresses(), asked]).toEqual([[undefined], 0]);
  await at.world.complete(at.anna.contacts.add(at.desk.own.id));
  await at.pass(5000);
  expect(await addresses()).toEqual([`@desk@${FAR}`]);
  const mallory = await at.forger("mallory", "desk");
  await at.world.complete(
    mallory.own.setHome({ relayId: at.far.idRaw, url: FAR_URL, preference: 0 }, at.world.host("mallory").clock.wallMs()),
  );
  at.line().deliver(await mallory.seal(at.anna, { bundle: mallory.own.bundle() }));
  const eve = await at.forger("eve", "eve");
  await at.world.complete(
    eve.own.setHome({ relayId: at.relay.own.idRaw, url: FAR_URL, preference: 0 }, at.world.host("eve").clock.wallMs()),
  );
  at.line().deliver(await eve.seal(at.anna, { bundle: eve.own.bundle() }));
  await at.pass(5000);
  expect(await addresses()).toEqual([`@desk@${FAR}`, undefined, undefined]);
});

test("a relay that does not answer holds up no mail to anybody else", async () => {
  const at = await scene(12, { lookupTimeoutMs: 20_000 });
  const near = await at.forger("near", "near");
  at.relay.known.set("near", near.own.bundle());
  await at.send("@near");
  const silent = await at.forger("silent", "silent");
  at.relay.frame = (frame, line) => {
    if (frame.name === "lookup" && lookup.decode(frame.payload).at.length > 0) return;
    at.relay.honest(frame, line);
  };
  const stuck = at.anna.send(`@silent@${FAR}`, "hello");
  stuck.catch(() => undefined);
  await at.pass(100);
  at.line().deliver(await silent.seal(at.anna, { bundle: EMPTY, seq: 1 }));
  const before = at.world.nowMs;
  await at.send("@near");
  expect(await at.until(() => at.relay.taken.length === 2)).toBe(true);
  expect(at.world.nowMs - before).toBeLessThan(2000);
  // Queued although nobody can be asked, and looked for by the sealer: others go on while it waits.
  await at.pass(25_000);
  const again = at.world.nowMs;
  await at.send("@near");
  expect(await at.until(() => at.relay.taken.length === 3)).toBe(true);
  expect(at.world.nowMs - again).toBeLessThan(2000);
});

test("mail whose sender has to be asked for holds up no other mail, and comes once the answer is there", async () => {
  const at = await scene(13, { lookupTimeoutMs: 20_000 });
  at.line().deliver(await at.desk.seal(at.anna, { seq: 1, stream: 1 }));
  await at.pass(1000);
  // A newer log head of the sender is only at a relay that answers late.
  const strange = await at.forger("strange", "strange");
  const pending: (() => void)[] = [];
  at.relay.frame = (frame, line) => {
    if (frame.name === "lookup" && equalBytes(lookup.decode(frame.payload).key, strange.own.idRaw))
      pending.push(() => at.relay.honest(frame, line));
    else at.relay.honest(frame, line);
  };
  const inbox = async (): Promise<number> => {
    let count = 0;
    for await (const _ of at.anna.inbox()) count++;
    return count;
  };
  at.line().deliver(await strange.seal(at.anna, { bundle: EMPTY }));
  at.line().deliver(await at.desk.seal(at.anna, { seq: 2, stream: 1 }));
  await at.pass(1000);
  expect(await at.world.complete(inbox())).toBe(2);
  expect(pending.length).toBe(1);
  for (const answer of pending) answer();
  await at.pass(1000);
  expect(await at.world.complete(inbox())).toBe(3);
});
