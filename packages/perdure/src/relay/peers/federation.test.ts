import { describe, expect, it } from "vitest";
import { verifyBundle } from "../../identity/verify.ts";
import { leafCovers, verifyStatementProof } from "../../protocol/delivery/statement-proof.ts";
import { concat, EMPTY, equalBytes, utf8 } from "../../wire/bytes.ts";
import { contacts, type Lookup } from "../../wire/control.ts";
import { statementProof } from "../../wire/statement.ts";
import { answersOf, ask, createFederation, type Federation, idOf, lowerOf, seqsOf, tellRoute, welcomeAll } from "./test-federation.ts";

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
const waiting = (net: Federation): number => net.west.relay.status().waitingMessages + net.east.relay.status().waitingMessages;

describe("two relays", () => {
  it("pass a message on, and each lets go of it once the next has it", async () => {
    const net = await createFederation();
    for (let seq = 1; seq <= 10; seq++) net.send(seq);
    await net.until(() => net.from.acked === 10 && net.to.delivered.length === 10);
    expect(seqsOf(net.to)).toEqual(upTo(10));
    net.to.settle(10);
    await net.until(() => waiting(net) === 0);
    expect(net.west.relay.status().peers).toMatchObject([
      { id: net.east.relay.id, connected: true, dialledBy: "us", waitingMessages: 0, passedOn: 10, lastError: undefined },
    ]);
    expect(net.east.relay.status().peers).toMatchObject([{ id: net.west.relay.id, connected: true, dialledBy: "them", relayedIn: 10 }]);
  });

  it("use one session both ways", async () => {
    const net = await createFederation();
    net.send(1);
    await net.until(() => net.to.delivered.length === 1);
    welcomeAll(net.from);
    net.to.mail(1, net.answer(1), idOf(net.west.relay));
    await net.until(() => net.from.delivered.length === 1 && waiting(net) === 2);
    expect([net.west, net.east].map(({ relay }) => relay.status().peers[0]?.dialledBy)).toEqual(["us", "them"]);
    expect([net.west, net.east].map(({ relay }) => relay.status().connections)).toEqual([2, 2]);
  });

  it("refuse mail for a relay nobody has said the way to, and say that it may be tried again", async () => {
    const net = await createFederation();
    net.from.mail(1, net.mail(1), new Uint8Array(32).fill(9));
    await net.until(() => net.from.refusals.length === 1);
    expect(net.from.refusals[0]).toMatchObject({ code: "unknown-relay", retry: "after" });
  });

  it("keep what cannot be passed on yet, and pass it on when the other relay is there", async () => {
    const net = await createFederation();
    net.kill(net.east);
    for (let seq = 1; seq <= 5; seq++) net.send(seq);
    await net.until(() => net.from.acked === 5);
    await net.pass(10_000);
    expect(net.west.relay.status().peers).toMatchObject([{ connected: false, waitingMessages: 5 }]);
    expect(net.west.relay.status().peers[0]?.lastError).toMatch(/relay-unreachable/);
    await net.reopen(net.east);
    const to = await net.desk.connect();
    await net.until(() => to.delivered.length === 5, 120_000);
    expect(seqsOf(to)).toEqual(upTo(5));
  });

  it("lose nothing when either is killed in the middle of a stream", async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const net = await createFederation({ world: { seed } });
      const got = new Set<number>();
      const collect = (): void => {
        for (const seq of seqsOf(net.to)) got.add(seq);
      };
      let sent = 0;
      for (let round = 0; round < 3; round++) {
        for (let each = 0; each < 40; each++) net.send(++sent);
        await net.pass(1 + ((seed * 7 + round * 5) % 23));
        collect();
        const victim = (round + seed) % 2 === 0 ? net.west : net.east;
        net.kill(victim);
        await net.pass(50);
        await net.reopen(victim);
        await net.join();
        // As its outbox would: everything the relay does not say it has.
        for (let seq = net.from.welcome.linkUpTo + 1; seq <= sent; seq++) net.send(seq);
        await net.until(() => net.from.acked === sent || net.from.welcome.linkUpTo === sent);
      }
      await net.until(() => {
        collect();
        return got.size === sent;
      }, 180_000);
      for (let tries = 0; tries < 60 && waiting(net) > 0; tries++) {
        await net.pass(2_000);
        net.to.settle(Math.max(0, ...net.to.delivered.map(({ position }) => position)));
      }
      expect(waiting(net)).toBe(0);
    }
  });

  it("go on after a cut of the line between them, without sending again what had arrived", async () => {
    const net = await createFederation();
    net.send(1);
    await net.until(() => net.to.delivered.length === 1);
    net.stage.world.partition("west", "east");
    for (let seq = 2; seq <= 20; seq++) net.send(seq);
    await net.until(() => net.from.acked === 20);
    await net.until(() => net.west.relay.status().peers[0]?.connected === false);
    net.stage.world.heal("west", "east");
    await net.until(() => net.to.delivered.length === 20, 120_000);
    expect([seqsOf(net.to), net.east.relay.status().counters.accepted]).toEqual([upTo(20), 20]);
  });

  it("notice within seconds that the other is gone though the line looks open", async () => {
    const net = await createFederation();
    net.send(1);
    await net.until(() => net.to.delivered.length === 1);
    net.stage.world.partition("west", "east");
    const cutAtMs = net.stage.world.nowMs;
    net.send(2);
    await net.until(() => net.west.relay.status().peers[0]?.connected === false);
    expect(net.stage.world.nowMs - cutAtMs).toBeLessThan(10_000);
  });

  it("dial where a relay is said to be, and tell nothing to whoever else answers there", async () => {
    const net = await createFederation();
    const impostor = await net.stage.open({ host: "impostor", listen: "ws://127.0.0.3:4412" });
    tellRoute(net.from, { id: net.east.relay.id, address: impostor.address });
    net.kill(net.east);
    net.send(1);
    await net.until(() => net.west.relay.status().incidents.some(({ what }) => what.includes("wrong-relay")), 120_000);
    expect(impostor.status()).toMatchObject({ peers: [], counters: { accepted: 0 } });
    await net.reopen(net.east);
    const to = await net.desk.connect();
    await net.until(() => to.delivered.length === 1, 180_000);
  });

  it("close a session that is of no use to either, and open it again when it is", async () => {
    const net = await createFederation({ settings: { peerIdleMs: 10_000 } });
    net.send(1);
    await net.until(() => net.to.delivered.length === 1);
    await net.until(() => net.west.relay.status().peers[0]?.connected === false, 30_000);
    expect(net.west.relay.status().incidents).toEqual([]);
    net.send(2);
    await net.until(() => net.to.delivered.length === 2);
  });

  it("say so when another relay cannot be reached for a minute, once", async () => {
    const net = await createFederation();
    net.kill(net.east);
    net.send(1);
    await net.pass(10 * 60_000);
    expect(net.west.relay.status().incidents.map(({ what }) => what)).toEqual([expect.stringContaining(net.east.relay.id)]);
  });
});

describe("two sessions between one pair", () => {
  const bothDial = async (): Promise<Federation> => {
    const net = await createFederation();
    welcomeAll(net.from);
    tellRoute(net.to, net.west.relay);
    await net.pass(100);
    net.send(1);
    net.to.mail(1, net.answer(1), idOf(net.west.relay));
    await net.until(() => net.to.delivered.length === 1 && net.from.delivered.length === 1);
    return net;
  };

  it("become one: the one dialled by the lower id", async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const net = await bothDial();
      await net.pass(5_000);
      const lower = lowerOf(net.west, net.east);
      expect(lower.relay.status().peers[0]?.dialledBy).toBe("us");
      expect([net.west, net.east].map(({ relay }) => [relay.status().connections, relay.status().incidents])).toEqual([
        [2, []],
        [2, []],
      ]);
      net.to.settle(1);
      net.from.settle(1);
      await net.until(() => waiting(net) === 0);
    }
  });

  it("do not keep a relay out that lost its session without a word", async () => {
    const net = await bothDial();
    await net.pass(5_000);
    const lower = lowerOf(net.west, net.east);
    const higher = lower === net.west ? net.east : net.west;
    net.stage.world.crash(higher.host, { keep: "synced", silent: true });
    await net.reopen(higher);
    await net.join();
    const line = higher === net.west ? net.from : net.to;
    const goal = higher === net.west ? net.to : net.from;
    tellRoute(line, lower.relay);
    line.mail(2, higher === net.west ? net.mail(2) : net.answer(2), idOf(lower.relay));
    await net.until(() => goal.delivered.some(({ read }) => read.seq === 2), 20_000);
  });
});

describe("what a recipient's relay proves", () => {
  it("reaches the sender, who finds its own message in it and checks it alone", async () => {
    const net = await createFederation();
    for (let seq = 1; seq <= 3; seq++) net.send(seq);
    const theirs = () => net.from.proofs.length >= 2;
    await net.until(theirs);
    ask(net.from, { request: 1, what: "agent", key: idOf(net.east.relay), at: EMPTY });
    await net.until(() => answersOf(net.from).length === 1);
    const { crypto, clock } = net.stage.world.host("anna");
    const work = async () => {
      const relay = await verifyBundle(crypto, answersOf(net.from)[0]?.bundle ?? EMPTY, clock.wallMs(), idOf(net.east.relay));
      const verified = await Promise.all(net.from.proofs.map((proof) => verifyStatementProof(crypto, relay, proof).catch(() => undefined)));
      return verified.filter((each) => each !== undefined);
    };
    const verified = await net.stage.world.complete(work());
    const digests = verified.flatMap(({ proof }) => [proof.digests]);
    expect(concat(...digests)).toEqual(concat(...upTo(3).map((seq) => net.mailed(seq).digest)));
    for (const { leaf, proof } of verified) {
      expect(leaf.sender).toEqual(idOf(net.west.relay));
      const each = Array.from({ length: proof.digests.length / 16 }, (_, at) => proof.digests.slice(at * 16, at * 16 + 16));
      expect(leafCovers(crypto.hash.sha256, leaf, each)).toBe(true);
    }
  });

  it("waits for a sender who is away", async () => {
    const net = await createFederation();
    net.send(1);
    await net.until(() => net.from.acked === 1);
    net.from.session.close({ code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "", hint: "" });
    await net.until(() => net.to.delivered.length === 1);
    await net.pass(5_000);
    const again = await net.anna.connect();
    await net.until(() => again.proofs.length === 2);
  });
});

describe("a relay that was started again", () => {
  it("still finds out what the other has stored of what it passed on before", async () => {
    const net = await createFederation({ settings: { statementEveryMs: 5_000 } });
    net.send(1);
    await net.until(() => net.west.relay.status().peers[0]?.passedOn === 1);
    net.kill(net.west);
    await net.reopen(net.west);
    await net.join();
    net.send(2);
    await net.until(() => net.from.proofs.some((proof) => statementProof.decode(proof).digests.length > 0), 30_000);
    const known = net.from.proofs.map((proof) => statementProof.decode(proof).digests).filter((each) => each.length > 0);
    expect(known.some((digests) => equalBytes(digests.slice(0, 16), net.mailed(1).digest))).toBe(true);
  });
});

describe("a relay that its neighbour's owner turns away", () => {
  it("gets no session and is not dialled; what waited goes on when it may come again", async () => {
    const net = await createFederation();
    net.send(1);
    await net.until(() => net.to.delivered.length === 1);
    await net.stage.world.complete(net.west.relay.ban(net.east.relay.id, true, "noise"));
    await net.until(() => net.west.relay.status().peers[0]?.connected === false);
    net.send(2);
    await net.until(() => net.from.refusals.length === 1);
    expect(net.from.refusals[0]?.code).toBe("blocked");
    await net.pass(60_000);
    expect(net.west.relay.status().peers[0]?.connected).toBe(false);
    await net.stage.world.complete(net.west.relay.ban(net.east.relay.id, false));
    net.send(3);
    await net.until(() => net.to.delivered.length === 2);
  });
});

describe("a recipient that takes no more", () => {
  it("holds up nobody else, and gets what waited when there is room", async () => {
    const net = await createFederation({ settings: { mailboxMessages: 10 } });
    const other = await net.stage.agent("other", { relay: net.east.relay });
    const open = await other.connect();
    welcomeAll(open);
    for (let seq = 1; seq <= 20; seq++) net.send(seq);
    await net.until(() => net.to.delivered.length === 10 && net.from.acked === 20);
    await net.until(() => net.west.relay.status().peers[0]?.parkedLanes === 1);
    const startMs = net.stage.world.nowMs;
    for (let seq = 21; seq <= 25; seq++) net.from.mail(seq, net.mail(seq, { to: other.own }), idOf(net.east.relay));
    await net.until(() => open.delivered.length === 5);
    expect(net.stage.world.nowMs - startMs).toBeLessThan(1_000);
    expect(net.to.delivered.length).toBe(10);
    net.to.settle(10);
    await net.until(() => net.to.delivered.length === 20, 180_000);
    expect(seqsOf(net.to)).toEqual(upTo(20));
    await net.until(() => net.west.relay.status().peers[0]?.waitingMessages === 0);
    expect(net.west.relay.status().peers[0]?.parkedLanes).toBe(0);
  });

  it("by blocking one sender does not turn away the others of its relay", async () => {
    const net = await createFederation();
    const friend = await net.stage.agent("friend", { relay: net.west.relay });
    const theirs = await friend.connect();
    net.to.session.send([
      { name: "contacts", payload: contacts.encode({ version: 2, open: true, contacts: EMPTY, blocked: net.anna.own.idRaw.slice(0, 8) }) },
    ]);
    await net.pass(100);
    net.send(1);
    await net.until(() => net.west.relay.status().peers[0]?.parkedLanes === 1);
    theirs.mail(1, net.mail(1, { from: friend.own }), idOf(net.east.relay));
    await net.until(() => net.to.delivered.length === 1);
    await net.pass(60_000);
    expect(net.east.relay.status().counters.refused).toEqual({ blocked: 1 });
  });

  it("leaves to the sender's relay to say that its message expired", async () => {
    const net = await createFederation({ settings: { mailboxMessages: 1, expiryGraceMs: 0, sweepEveryMs: 1000 } });
    net.send(1);
    net.from.mail(2, net.mail(2, { expiresInMs: 30_000 }), idOf(net.east.relay));
    await net.until(() => net.from.delivered.length === 1, 120_000);
    expect(net.from.delivered[0]?.read).toMatchObject({ class: "notice" });
    await net.until(() => net.west.relay.status().peers[0]?.parkedLanes === 0, 300_000);
  });
});

describe("what a recipient's relay ends", () => {
  it("is told to the sender in that relay's own words", async () => {
    const net = await createFederation({ settings: { expiryGraceMs: 0, sweepEveryMs: 1000 } });
    net.from.mail(1, net.mail(1, { expiresInMs: 30_000 }), idOf(net.east.relay));
    await net.until(() => net.to.delivered.length === 1);
    await net.until(() => net.from.delivered.length === 1, 120_000);
    expect(net.from.delivered[0]?.read).toMatchObject({ class: "notice", from: idOf(net.east.relay) });
  });
});

describe("lookups", () => {
  const byName: Pick<Lookup, "what" | "key"> = { what: "name", key: utf8("desk") };

  it("are answered by the relay they are for", async () => {
    const net = await createFederation();
    ask(net.from, { request: 7, ...byName, at: idOf(net.east.relay) });
    ask(net.from, { request: 8, what: "agent", key: net.desk.own.idRaw, at: idOf(net.east.relay) });
    ask(net.from, { request: 9, what: "name", key: utf8("nobody"), at: idOf(net.east.relay) });
    await net.until(() => answersOf(net.from).length === 3);
    const answers = new Map(answersOf(net.from).map((each) => [each.request, each]));
    expect([7, 8].map((request) => answers.get(request)?.bundle)).toEqual([net.desk.own.bundle(), net.desk.own.bundle()]);
    expect(answers.get(9)).toMatchObject({ bundle: EMPTY, code: "unknown-agent" });
  });

  it("of a writer that nobody here knows go to the relay that brought its mail, as long as that waits", async () => {
    const net = await createFederation();
    ask(net.to, { request: 1, what: "agent", key: net.anna.own.idRaw, at: EMPTY });
    net.send(1);
    await net.until(() => net.to.delivered.length === 1 && answersOf(net.to).length === 1);
    ask(net.to, { request: 2, what: "agent", key: net.anna.own.idRaw, at: EMPTY });
    await net.until(() => answersOf(net.to).length === 2);
    net.to.settle(1);
    await net.until(() => waiting(net) === 0);
    ask(net.to, { request: 3, what: "agent", key: net.anna.own.idRaw, at: EMPTY });
    await net.until(() => answersOf(net.to).length === 3);
    expect(answersOf(net.to).map(({ request, code, bundle }) => [request, code, bundle])).toEqual([
      [1, "unknown-agent", EMPTY],
      [2, "", net.anna.own.bundle()],
      [3, "unknown-agent", EMPTY],
    ]);
  });

  it("say why there is no answer", async () => {
    const net = await createFederation();
    net.kill(net.east);
    ask(net.from, { request: 1, ...byName, at: idOf(net.east.relay) });
    ask(net.from, { request: 2, ...byName, at: new Uint8Array(32).fill(5) });
    await net.until(() => answersOf(net.from).length === 2);
    expect(answersOf(net.from).map(({ request, code }) => [request, code])).toEqual([
      [2, "unknown-relay"],
      [1, "timed-out"],
    ]);
  });

  it("of one agent that asks too much are turned away, and those of others are not", async () => {
    const net = await createFederation();
    const other = await net.stage.agent("other", { relay: net.west.relay });
    const line = await other.connect();
    net.stage.world.partition("west", "east");
    for (let request = 1; request <= 100; request++) ask(net.from, { request, ...byName, at: idOf(net.east.relay) });
    ask(line, { request: 1, ...byName, at: idOf(net.east.relay) });
    const second = await net.anna.connect({ consume: false, link: 77 });
    ask(second, { request: 1, ...byName, at: idOf(net.east.relay) });
    await net.until(() => answersOf(net.from).length === 100 && answersOf(line).length === 1 && answersOf(second).length === 1);
    expect(answersOf(net.from).filter(({ code }) => code === "too-busy").length).toBe(68);
    expect(answersOf(second)[0]?.code).toBe("too-busy");
    expect(answersOf(line)[0]?.code).toBe("timed-out");
  });

  it("work again as soon as the other relay does, however long it was away", async () => {
    const net = await createFederation();
    net.kill(net.east);
    net.send(1);
    let dialledAtMs = 0;
    net.stage.world.onLog((_host, _level, event) => {
      if (event === "relay.peer-unreachable") dialledAtMs = net.stage.world.nowMs;
    });
    await net.pass(20 * 60_000);
    // Only a pause that has lasted a while is cut short.
    await net.until(() => net.stage.world.nowMs - dialledAtMs > 3_000);
    await net.reopen(net.east);
    ask(net.from, { request: 1, ...byName, at: idOf(net.east.relay) });
    await net.until(() => answersOf(net.from).length === 1, 9_000);
    expect(answersOf(net.from)[0]?.code).toBe("");
  });
});

describe("a relay that is dead", () => {
  it("costs those that live nothing", async () => {
    const net = await createFederation();
    const dead = Array.from({ length: 90 }, (_, index) => new Uint8Array(32).fill(index + 1));
    let linkSeq = 0;
    const { address } = await net.stage.open({ host: "mute", listen: "ws://127.0.0.3:4412" });
    net.stage.world.partition("west", "mute");
    for (const idRaw of dead) {
      net.nameRoute(net.from, idRaw, address);
      net.from.mail(++linkSeq, net.mail(linkSeq), idRaw);
    }
    await net.until(() => net.from.acked === linkSeq);
    // All were tried once, and those that are tried again use half of the places at most.
    await net.pass(40_000);
    const startMs = net.stage.world.nowMs;
    net.from.mail(++linkSeq, net.mail(linkSeq), idOf(net.east.relay));
    await net.until(() => net.to.delivered.length === 1);
    expect(net.stage.world.nowMs - startMs).toBeLessThan(1_000);
  });

  it("that nobody ever met takes no place from those that were, however many are named anew", async () => {
    const net = await createFederation({ settings: { peerDials: 8, relayPeers: 50 } });
    net.send(1);
    await net.until(() => net.to.delivered.length === 1);
    const { address } = await net.stage.open({ host: "mute", listen: "ws://127.0.0.3:4412" });
    net.stage.world.partition("west", "mute");
    const mallory = await net.stage.agent("mallory", { relay: net.west.relay });
    const flood = async (): Promise<void> => {
      const line = await mallory.connect();
      for (let index = 1; index <= 32; index++) {
        const at = crypto32(`${net.stage.world.nowMs} ${index}`);
        net.nameRoute(line, at, address);
        ask(line, { request: index, what: "name", key: utf8("desk"), at });
      }
    };
    await flood();
    net.kill(net.east);
    await net.pass(1_000);
    await flood();
    net.send(2);
    await net.reopen(net.east);
    const to = await net.desk.connect();
    const startMs = net.stage.world.nowMs;
    await net.until(() => seqsOf(to).includes(2), 60_000);
    expect(net.stage.world.nowMs - startMs).toBeLessThan(6_000);
  });
});

/** An id that nobody has. */
function crypto32(text: string): Uint8Array {
  const bytes = new Uint8Array(32);
  for (let index = 0; index < text.length * 2; index++)
    bytes[index % 32] = ((bytes[index % 32] ?? 0) * 31 + text.charCodeAt(index % text.length)) & 0xff;
  return bytes;
}
