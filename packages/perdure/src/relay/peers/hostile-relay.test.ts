import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../../host/node/crypto.ts";
import { createMerkleTree } from "../../protocol/delivery/merkle.ts";
import { type Bytes, concat, EMPTY } from "../../wire/bytes.ts";
import { contacts, encodeAck, found, lookup, offer, refuse, resume } from "../../wire/control.ts";
import { decodeEnvelope, encodeEnvelope, SUITE_UNSEALED } from "../../wire/envelope.ts";
import { toBeSigned } from "../../wire/identity.ts";
import { statement, statementProof, storedLeaf } from "../../wire/statement.ts";
import { envelopeOf } from "../test-world.ts";
import { createFederation, type Federation, idOf } from "./test-federation.ts";
import { createRogueRelay, ROGUE_LINK, type RogueLine, type RogueRelay } from "./test-rogue-relay.ts";

const sha256 = createNodeCrypto().hash.sha256;
const ROGUE_AT = "ws://127.0.0.3:4412";
const HOUR = 3_600_000;

interface Attack {
  readonly net: Federation;
  readonly rogue: RogueRelay;
  /** The rogue's sessions with the relay of anna, which dialled it. */
  readonly lines: { readonly line: RogueLine; readonly link: Bytes }[];
  readonly nowMs: () => number;
}

async function begin(settings?: Record<string, number>): Promise<Attack> {
  const net = await createFederation(settings === undefined ? {} : { settings });
  const rogue = await createRogueRelay(net.stage, "rogue");
  const lines: Attack["lines"] = [];
  await rogue.listen(ROGUE_AT, (line, link) => void lines.push({ line, link }));
  net.nameRoute(net.from, rogue.own.idRaw, ROGUE_AT);
  return { net, rogue, lines, nowMs: () => net.stage.world.host("rogue").clock.wallMs() };
}

const peerIncidents = ({ net }: Attack): string[] => net.west.relay.status().incidents.map(({ what }) => what);

describe("a relay that dials and lies", () => {
  it("that says what nobody sent it to say is shown the door", async () => {
    const { net, rogue, nowMs } = await begin();
    const said: readonly [string, (line: RogueLine) => void][] = [
      ["a leap in the numbers", (line) => line.mail(3, envelopeOf(net.anna.own, net.desk.own, 1, nowMs() + HOUR))],
      ["an acknowledgement of what was never sent", (line) => line.send("ack", encodeAck(5))],
      ["an offer, which is for the called side", (line) => line.send("offer", offer.encode({ link: ROGUE_LINK }))],
      [
        "a resume nobody asked for",
        (line) => line.send("resume", resume.encode({ link: ROGUE_LINK, linkUpTo: 0, linkRefused: [], windowFrames: 1, windowBytes: 1 })),
      ],
      ["a settle, which is an agent's", (line) => line.send("settle", EMPTY)],
      [
        "a contact list, which is an agent's",
        (line) => line.send("contacts", contacts.encode({ version: 1, open: true, contacts: EMPTY, blocked: EMPTY })),
      ],
    ];
    for (const [index, [what, act]] of said.entries()) {
      const line = await rogue.dial(net.east.relay, new Uint8Array(8).fill(index + 1));
      act(line);
      await net.until(() => line.ended.length === 1);
      expect([what, line.ended[0]?.code]).toEqual([what, "malformed"]);
    }
    expect(net.east.relay.status().healthy).toBe(true);
  });

  it("gets nothing in twice by saying it again", async () => {
    const { net, rogue, nowMs } = await begin();
    const line = await rogue.dial(net.east.relay);
    const mail = envelopeOf(net.anna.own, net.desk.own, 1, nowMs() + HOUR);
    for (let times = 0; times < 5; times++) line.mail(1, mail);
    await net.until(() => line.acked === 1 && net.to.delivered.length === 1);
    const again = await rogue.dial(net.east.relay);
    for (let times = 0; times < 5; times++) again.mail(1, mail);
    await net.pass(1_000);
    expect([net.to.delivered.length, net.east.relay.status().counters.duplicates]).toEqual([1, 9]);
  });

  it("speaks in notices for itself only, and passes nothing through", async () => {
    const { net, rogue, nowMs } = await begin();
    const line = await rogue.dial(net.east.relay);
    const notice = (from: Bytes) =>
      encodeEnvelope(
        {
          class: "notice",
          from,
          to: net.desk.own.idRaw,
          stream: new Uint8Array(8).fill(1),
          seq: 1,
          expiresAtMs: nowMs() + HOUR,
          inboxKeyId: new Uint8Array(8),
          suite: SUITE_UNSEALED,
        },
        new Uint8Array(50),
        sha256,
      );
    line.mail(1, notice(net.anna.own.idRaw));
    line.mail(2, envelopeOf(net.desk.own, net.anna.own, 1, nowMs() + HOUR));
    line.mail(3, envelopeOf(net.desk.own, net.anna.own, 1, nowMs() + HOUR), net.anna.own.idRaw);
    line.mail(4, notice(rogue.own.idRaw));
    await net.until(() => line.acked === 4);
    expect(line.refusals.map(({ linkSeq, code }) => [linkSeq, code])).toEqual([
      [1, "malformed"],
      [2, "unknown-agent"],
      [3, "refused"],
    ]);
  });

  it("fills its own share and nobody else's, however many senders it invents", async () => {
    const { net, rogue, nowMs } = await begin({ storeMessages: 1000, mailboxMessages: 1000 });
    const line = await rogue.dial(net.east.relay);
    const strangers = Array.from({ length: 300 }, (_, index) => ({ ...net.anna.own, idRaw: new Uint8Array(32).fill(index % 251) }));
    let linkSeq = 0;
    for (const stranger of strangers) {
      line.mail(++linkSeq, envelopeOf(stranger, net.desk.own, linkSeq, nowMs() + HOUR));
      if (linkSeq % 100 === 0) await net.until(() => line.acked === linkSeq);
    }
    expect(net.east.relay.status().waitingMessages).toBe(100);
    for (let seq = 1; seq <= 100; seq++) net.send(seq);
    await net.until(() => net.to.delivered.filter(({ read }) => read.from[0] === net.anna.own.idRaw[0]).length >= 64);
  });

  it("cannot make the relay answer more than it reads", async () => {
    const { net, rogue } = await begin({ peerRequestsBurst: 1_000_000 });
    const line = await rogue.dial(net.east.relay);
    net.stage.world.pause("rogue");
    net.stage.world.partition("east", "rogue", true);
    net.stage.world.resume("rogue");
    for (let request = 1; request <= 20_000 && line.ended.length === 0; request++) {
      line.send("lookup", lookup.encode({ request, what: "agent", key: net.desk.own.idRaw, at: EMPTY }));
      if (request % 500 === 0) await net.pass(20);
    }
    await net.until(() => net.east.relay.status().incidents.some(({ what }) => what.includes("too-busy")));
  });
});

describe("a relay that is dialled and lies", () => {
  const mailTo = ({ net, rogue, nowMs }: Attack, seq: number) => {
    const envelope = envelopeOf(net.anna.own, net.desk.own, seq, nowMs() + HOUR);
    net.from.mail(seq, envelope, rogue.own.idRaw);
    return envelope;
  };

  /** A statement of the rogue about a leaf, signed for true. */
  const state = async (
    { rogue, net }: Attack,
    said: {
      readonly number: number;
      readonly previous?: Bytes;
      readonly link: Bytes;
      readonly last: number;
      readonly digests: readonly Bytes[];
      /** Named in the proof, of a link that nobody remembers. */
      readonly writers?: readonly Bytes[];
    },
  ): Promise<Bytes> => {
    const { crypto, clock } = net.stage.world.host("rogue");
    const leaf = storedLeaf.encode({
      sender: idOf(net.west.relay),
      link: said.link,
      firstSeq: 1,
      lastSeq: said.last,
      contents: sha256(concat(...said.digests)),
    });
    const tree = createMerkleTree(sha256, [leaf]);
    const bytes = statement.encode({
      version: 1,
      relayId: rogue.own.idRaw,
      number: said.number,
      previous: said.previous ?? new Uint8Array(32),
      timeMs: clock.wallMs(),
      leafCount: 1,
      root: tree.root,
      extensions: [],
    });
    const signature = await crypto.signatures.sign(rogue.own.instanceKey, toBeSigned("statement", bytes));
    return statementProof.encode({
      statement: bytes,
      signature,
      leaf,
      leafIndex: 0,
      path: [...tree.path(0)],
      digests: said.writers === undefined ? EMPTY : concat(...said.digests),
      writers: concat(...(said.writers ?? [])),
    });
  };
  const taken = async (attack: Attack, count: number) => {
    for (let seq = 1; seq <= count; seq++) mailTo(attack, seq);
    await attack.net.until(() => attack.lines[0]?.line.mails.length === count);
    return attack.lines[0] as Attack["lines"][number];
  };
  const theirProofs = (attack: Attack): number =>
    attack.net.from.proofs.filter((each) => statementProof.decode(each).digests.length > 0).length;

  it("is believed when it proves what it was sent", async () => {
    const attack = await begin();
    const { line, link } = await taken(attack, 3);
    const digests = line.mails.map(({ envelope }) => decodeEnvelope(envelope).digest);
    line.send("ack", encodeAck(3));
    line.send("statement", await attack.net.stage.world.complete(state(attack, { number: 1, link, last: 3, digests })));
    await attack.net.pass(2_000);
    expect([theirProofs(attack), peerIncidents(attack)]).toEqual([1, []]);
  });

  it("is not believed when it states something else, and the owner learns of it", async () => {
    const attack = await begin();
    const { line, link } = await taken(attack, 3);
    const digests = line.mails.map(({ envelope }) => decodeEnvelope(envelope).digest).reverse();
    line.send("ack", encodeAck(3));
    line.send("statement", await attack.net.stage.world.complete(state(attack, { number: 1, link, last: 3, digests })));
    await attack.net.until(() => peerIncidents(attack).length > 0);
    expect([theirProofs(attack), peerIncidents(attack)[0]]).toEqual([0, expect.stringContaining("stated something else")]);
  });

  it("cannot have agents told more than it may have forgotten", async () => {
    const attack = await begin();
    const { line } = await taken(attack, 1);
    const link = new Uint8Array(8).fill(99);
    const anna = attack.net.anna.own.idRaw;
    const say = async (number: number, writers: readonly Bytes[]): Promise<void> => {
      const digests = writers.map((_, at) => new Uint8Array(16).fill(at));
      const proof = await attack.net.stage.world.complete(state(attack, { number, link, last: writers.length, digests, writers }));
      line.send("statement", proof);
      await attack.net.pass(5);
    };
    const madeUp = Array.from({ length: 64 }, (_, at) => new Uint8Array(32).fill(at + 1));
    await say(1000, [anna]);
    for (let at = 1; at <= 40; at++) await say(10 * at, madeUp);
    await say(2000, [anna, ...madeUp.slice(1)]);
    await attack.net.pass(1_000);
    expect([theirProofs(attack), attack.net.west.relay.status().counters.accepted]).toEqual([1, 1]);
    await attack.net.pass(5_000);
    await say(3000, [anna, ...madeUp.slice(1)]);
    await attack.net.until(() => theirProofs(attack) === 2);
  });

  it("that signs two statements with one number, or outside its chain, is caught with both in hand", async () => {
    for (const second of [
      { number: 1, last: 1 },
      { number: 2, last: 2 },
    ]) {
      const attack = await begin();
      const { line, link } = await taken(attack, 2);
      const digests = line.mails.map(({ envelope }) => decodeEnvelope(envelope).digest);
      const one = await attack.net.stage.world.complete(state(attack, { number: 1, link, last: 2, digests }));
      const other = await attack.net.stage.world.complete(
        state(attack, { number: second.number, link, last: second.last, digests: digests.slice(0, second.last) }),
      );
      line.send("statement", one);
      line.send("statement", other);
      await attack.net.until(() => peerIncidents(attack).length > 0);
      const lie = attack.net.stage.facts.find(({ event }) => event === "relay.peer-lied");
      expect(String(lie?.fields.evidence).split(" ").length).toBe(2);
      await attack.net.until(() => theirProofs(attack) > 0);
      await attack.net.pass(2_000);
      expect(theirProofs(attack)).toBe(1);
    }
  });

  it("that signs with another key is not believed", async () => {
    const attack = await begin();
    const { line, link } = await taken(attack, 1);
    const digests = line.mails.map(({ envelope }) => decodeEnvelope(envelope).digest);
    const proof = statementProof.decode(await attack.net.stage.world.complete(state(attack, { number: 1, link, last: 1, digests })));
    line.send("statement", statementProof.encode({ ...proof, signature: new Uint8Array(64).fill(3) }));
    await attack.net.until(() => peerIncidents(attack).length > 0);
    expect([theirProofs(attack), peerIncidents(attack)[0]]).toEqual([0, expect.stringContaining("bad-signature")]);
  });

  it("that takes mail and never acknowledges it holds a window of it, and nobody else's", async () => {
    const attack = await begin();
    const { net, lines } = attack;
    for (let seq = 1; seq <= 128; seq++) mailTo(attack, seq);
    await net.until(() => net.from.acked === 128);
    for (let seq = 129; seq <= 200; seq++) mailTo(attack, seq);
    await net.until(() => net.from.acked === 200);
    await net.pass(1_000);
    expect(lines[0]?.line.mails.length).toBe(128);
    const startMs = net.stage.world.nowMs;
    net.send(201);
    await net.until(() => net.to.delivered.length === 1);
    expect(net.stage.world.nowMs - startMs).toBeLessThan(1_000);
    expect(net.west.relay.status().peers[0]).toMatchObject({ waitingMessages: 200, passedOn: 0 });
  });

  it("that refuses everything for good costs one try in a while, until the sender is told that it expired", async () => {
    const attack = await begin({ expiryGraceMs: 0, sweepEveryMs: 1000 });
    const { net, lines } = attack;
    for (let seq = 1; seq <= 5; seq++)
      net.from.mail(seq, envelopeOf(net.anna.own, net.desk.own, seq, attack.nowMs() + 600_000), attack.rogue.own.idRaw);
    await net.until(() => lines.length > 0);
    let answered = 0;
    for (let minute = 0; minute < 600; minute++) {
      for (const { line } of lines.slice(-1))
        for (const mail of line.mails.slice(answered)) {
          line.send(
            "refuse",
            refuse.encode({ linkSeq: mail.linkSeq, code: "malformed", retry: "never", afterMs: 0, limit: undefined, hint: "" }),
          );
          line.send("ack", encodeAck(mail.linkSeq));
          answered++;
        }
      await net.pass(1_000);
    }
    await net.pass(10_000);
    expect(answered).toBeLessThan(5 * 12);
    expect(net.from.delivered.filter(({ read }) => read.class === "notice").length).toBe(5);
  });

  it("may acknowledge in the same breath as it welcomes: the link goes on as it was", async () => {
    const net = await createFederation();
    const rogue = await createRogueRelay(net.stage, "rogue");
    const lines: Attack["lines"] = [];
    await rogue.listen(ROGUE_AT, (line, link) => {
      lines.push({ line, link });
      if (lines.length === 2) line.send("ack", encodeAck(3));
    });
    net.nameRoute(net.from, rogue.own.idRaw, ROGUE_AT);
    const attack: Attack = { net, rogue, lines, nowMs: () => net.stage.world.host("rogue").clock.wallMs() };
    const { line, link } = await taken(attack, 3);
    // What is to be sent again is still being read when the acknowledgement comes.
    net.stage.world.disk("west").delayMs.read = 50;
    line.session.close({ code: "connection-closed", retry: "now", afterMs: 0, limit: undefined, why: "", hint: "" });
    await net.until(() => net.west.relay.status().peers.find(({ id }) => id === rogue.own.id)?.passedOn === 3);
    await net.pass(1_000);
    expect([lines.length, lines[1]?.link, lines[1]?.line.ended, lines[1]?.line.mails]).toEqual([2, link, [], []]);
  });

  it("that answers what nobody asked changes nothing", async () => {
    const attack = await begin();
    const { line } = await taken(attack, 1);
    line.send("found", found.encode({ request: 99, bundle: EMPTY, code: "unknown-agent" }));
    await attack.net.pass(1_000);
    expect(line.ended).toEqual([]);
  });
});
