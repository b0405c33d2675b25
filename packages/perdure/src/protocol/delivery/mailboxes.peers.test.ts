import { describe, expect, it } from "vitest";
import { hex, utf8 } from "../../wire/bytes.ts";
import type { MailFrame } from "../../wire/control.ts";
import { decodeEnvelope } from "../../wire/envelope.ts";
import { decodeKeptMail } from "../../wire/kept-relay.ts";
import { PEER_LEAF_MESSAGES, statement, statementProof, storedLeaf } from "../../wire/statement.ts";
import type { RelayOutput } from "./mailbox-events.ts";
import {
  acksIn,
  agentId,
  createTestRelay,
  deliveredIn,
  envelope,
  kindsOf,
  NOW_MS,
  refusalsIn,
  settleOf,
  sha256,
  type TestRelay,
  waitingFor,
  waitingIn,
} from "./test-relay.ts";

const URL = "wss://far.example/";

function knowFar(relay: TestRelay): void {
  relay.feed({ kind: "peer", relayId: agentId("far"), url: URL, bundle: undefined });
}

/** Alice (session 1) lives here; somebody said where the relay "far" is. */
function near(...options: Parameters<typeof createTestRelay>): TestRelay {
  const relay = createTestRelay(...options);
  relay.attach(1, "alice");
  knowFar(relay);
  relay.sync();
  relay.take();
  return relay;
}

/** Bob (session 2) lives here; the relay "far" is connected (session 3). */
function home(...options: Parameters<typeof createTestRelay>): TestRelay {
  const relay = createTestRelay(...options);
  relay.attach(2, "bob");
  relay.attach(3, "far", { role: "peer" });
  relay.take();
  return relay;
}

const wanted = (outputs: readonly RelayOutput[]): number => outputs.filter(({ kind }) => kind === "peer-wanted").length;
const goodbyesIn = (outputs: readonly RelayOutput[]): readonly string[] =>
  outputs.flatMap((output) => (output.kind === "goodbye" ? [`${output.session} ${output.reason.code}`] : []));

describe("mail for an agent of another relay", () => {
  it("waits for that relay, is acknowledged when it is durable, and asks for a link", () => {
    const relay = near();
    const came = relay.mail(1, 1, envelope("alice", "bob", 1), "far");
    expect([wanted(came), acksIn(came, 1)]).toEqual([1, []]);
    expect(acksIn(relay.sync(), 1)).toEqual([1]);
    expect(waitingFor(relay, "far")).toEqual(["0101010101010101.1"]);
  });

  it("is handed to the forwarder, from the log and live, and let go of when that settles it", () => {
    const relay = near();
    relay.mail(1, 1, envelope("alice", "bob", 1), "far");
    relay.sync();
    relay.attach(9, "far", { role: "forwarder" });
    const [due] = relay.machine.nextFor(9, 1);
    expect(decodeEnvelope(decodeKeptMail(relay.read(due?.place as never)).envelope).to).toEqual(agentId("bob"));
    relay.feed({ kind: "handed-over", session: 9, positions: [1] });
    expect(deliveredIn(relay.mail(1, 2, envelope("alice", "carol", 1), "far"), 9)).toEqual([2]);
    relay.sync();
    relay.feed(settleOf(relay, "far", 2));
    relay.sync();
    expect([waitingFor(relay, "far"), relay.machine.counters.passedOn, relay.machine.counters.settled]).toEqual([[], 2, 0]);
  });

  it("survives a crash, and the relay is asked for again", () => {
    const relay = near();
    relay.mail(1, 1, envelope("alice", "bob", 1), "far");
    relay.mail(1, 2, envelope("alice", "bob", 2), "far");
    relay.sync();
    relay.attach(9, "far", { role: "forwarder" });
    relay.feed(settleOf(relay, "far", 1));
    relay.sync();
    relay.rotate();
    relay.crash();
    expect(waitingFor(relay, "far")).toEqual(["0101010101010101.2"]);
    expect(relay.machine.peersWithMail().map(hex)).toEqual([hex(agentId("far"))]);
    expect(relay.machine.peer(agentId("far"))?.urls).toEqual([URL]);
  });

  it("asks for a link again when the forwarder is gone", () => {
    const relay = near();
    relay.attach(9, "far", { role: "forwarder" });
    relay.mail(1, 1, envelope("alice", "bob", 1), "far");
    expect(wanted(relay.take())).toBe(0);
    expect(wanted(relay.feed({ kind: "detach", session: 9 }))).toBe(1);
  });

  it("is refused for a relay nobody has said the way to", () => {
    expect(refusalsIn(near().mail(1, 1, envelope("alice", "bob", 1), "nowhere"))).toEqual(["1 unknown-relay after"]);
  });

  it("is refused when it may not travel so far", () => {
    const relay = near();
    const frame = { linkSeq: 1, hopLimit: 1, envelope: envelope("alice", "bob", 1).bytes };
    const feed = (more: Partial<MailFrame>) => relay.feed({ kind: "mails", session: 1, mails: [{ ...frame, ...more }] });
    expect(refusalsIn(feed({ home: agentId("far") }))).toEqual(["1 refused never"]);
    expect(refusalsIn(feed({ linkSeq: 2, home: agentId("relay") }))).toEqual(["2 unknown-agent after"]);
  });

  it("goes into the mailbox here when the home it names is this relay", () => {
    const relay = near();
    relay.attach(2, "bob");
    relay.mail(1, 1, envelope("alice", "bob", 1), "relay");
    expect(waitingIn(relay, "bob").length).toBe(1);
  });

  it("comes to its end with a notice for its author", () => {
    const relay = near();
    relay.mail(1, 1, envelope("alice", "bob", 1, { expiresAtMs: NOW_MS + 1000 }), "far");
    relay.sync();
    const [overdue] = relay.machine.overdue(NOW_MS + 1000, 10);
    expect([overdue?.to, overdue?.wantsNotice]).toEqual([agentId("bob"), true]);
    relay.feed({ kind: "end", agent: overdue?.agent.key ?? "", position: 1, ending: "expired", notice: utf8("signed") });
    relay.sync();
    relay.crash();
    expect([waitingFor(relay, "far").length, waitingIn(relay, "alice").length]).toEqual([0, 1]);
  });

  it("keeps the position of a peer's mailbox apart from an agent's that has the same id", () => {
    const relay = near();
    relay.attach(4, "far");
    relay.mail(1, 1, envelope("alice", "far", 1));
    relay.mail(1, 2, envelope("alice", "bob", 1), "far");
    relay.sync();
    relay.feed({ ...settleOf(relay, "nobody", 1), session: 4, settle: { generation: relay.generation, epoch: 1, floor: 1, ranges: [] } });
    relay.sync();
    relay.rotate();
    relay.crash();
    expect([waitingIn(relay, "far").length, waitingFor(relay, "far").length]).toEqual([0, 1]);
  });
});

describe("a forwarder", () => {
  it("is one at a time, and only for a relay that is known", () => {
    const relay = near();
    relay.attach(9, "far", { role: "forwarder" });
    relay.attach(10, "far", { role: "forwarder" });
    relay.attach(11, "nowhere", { role: "forwarder" });
    expect(goodbyesIn(relay.take())).toEqual(["9 fenced", "11 unknown-relay"]);
  });

  it("stays when the peer connects, and the peer when it comes", () => {
    const relay = near();
    relay.attach(9, "far", { role: "forwarder" });
    relay.attach(3, "far", { role: "peer" });
    relay.attach(10, "far", { role: "forwarder" });
    expect(goodbyesIn(relay.take())).toEqual(["9 fenced"]);
  });

  it("begins with everything that is not settled, each time", () => {
    const relay = near();
    for (let seq = 1; seq <= 3; seq++) relay.mail(1, seq, envelope("alice", "bob", seq), "far");
    relay.sync();
    relay.attach(9, "far", { role: "forwarder" });
    relay.feed({ kind: "handed-over", session: 9, positions: [1, 2, 3] });
    relay.feed(settleOf(relay, "far", 0, { ranges: [[2, 2]] }));
    relay.sync();
    relay.feed({ kind: "detach", session: 9 });
    relay.attach(10, "far", { role: "forwarder" });
    expect(relay.machine.nextFor(10, 10_000).map(({ position }) => position)).toEqual([1, 3]);
  });

  it("sends no mail itself", () => {
    const relay = near();
    relay.attach(9, "far", { role: "forwarder" });
    relay.take();
    expect(kindsOf(relay.mail(9, 1, envelope("far", "alice", 1)))).toEqual([]);
  });
});

describe("mail of a peer", () => {
  it("is for agents here, whoever wrote it", () => {
    const relay = home();
    expect(deliveredIn(relay.mail(3, 1, envelope("alice", "bob", 1)), 2)).toEqual([1]);
    expect(acksIn(relay.sync(), 3)).toEqual([1]);
    expect(relay.machine.counters.relayed).toBe(1);
  });

  it("is not passed on", () => {
    const relay = home();
    knowThird(relay);
    expect(refusalsIn(relay.mail(3, 1, envelope("alice", "carol", 1), "third"))).toEqual(["1 refused never"]);
    expect(waitingFor(relay, "third")).toEqual([]);
  });

  it("would travel on without the check", () => {
    const relay = home({ noTransit: false });
    knowThird(relay);
    relay.mail(3, 1, envelope("alice", "carol", 1), "third");
    expect(waitingFor(relay, "third").length).toBe(1);
  });

  it("is no notice of somebody else's", () => {
    const relay = home();
    const forged = [envelope("relay", "bob", 1, { class: "notice" }), envelope("alice", "bob", 1, { class: "notice" })];
    const came = forged.flatMap((each, index) => relay.mail(3, index + 1, each));
    expect(refusalsIn(came)).toEqual(["1 malformed never", "2 malformed never"]);
    expect(deliveredIn(relay.mail(3, 3, envelope("far", "bob", 1, { class: "notice" })), 2)).toEqual([1]);
  });

  it("could be a forged notice, and an agent's mail from anybody, without the check", () => {
    const relay = home({ fromCheck: false });
    relay.mail(3, 1, envelope("relay", "bob", 1, { class: "notice" }));
    relay.mail(2, 1, envelope("alice", "bob", 1));
    expect(waitingIn(relay, "bob").length).toBe(2);
  });

  it("is taken once over any number of sessions of one link, over a crash too", () => {
    const relay = home();
    relay.mail(3, 1, envelope("alice", "bob", 1));
    relay.mail(3, 2, envelope("alice", "nobody", 2));
    relay.sync();
    relay.rotate();
    relay.crash();
    relay.attach(4, "far", { role: "peer", link: 3 });
    expect(relay.take()).toContainEqual(
      expect.objectContaining({ kind: "welcome", standing: expect.objectContaining({ linkUpTo: 2, linkRefused: [2] }) }),
    );
    expect(acksIn(relay.mail(4, 1, envelope("alice", "bob", 1)), 4)).toEqual([2]);
    expect(waitingIn(relay, "bob").length).toBe(1);
  });

  it("that was refused is said to be so in the welcome of the next session, however soon that comes", () => {
    const relay = home();
    relay.mail(3, 1, envelope("alice", "nobody", 1));
    relay.feed({ kind: "detach", session: 3 });
    relay.take();
    relay.attach(4, "far", { role: "peer", link: 3 });
    expect(relay.take().filter(({ kind }) => kind === "welcome" || kind === "ack")).toEqual([
      expect.objectContaining({ kind: "welcome", standing: expect.objectContaining({ linkUpTo: 1, linkRefused: [1] }) }),
      { kind: "ack", session: 4, upTo: 1 },
    ]);
  });

  it("ends with a notice that goes back the way it came", () => {
    const relay = home();
    relay.attach(5, "alice");
    relay.feed({ kind: "detach", session: 2 });
    relay.mail(3, 1, envelope("alice", "bob", 1, { expiresAtMs: NOW_MS + 1000 }));
    relay.sync();
    const [overdue] = relay.machine.overdue(NOW_MS + 1000, 10);
    relay.feed({ kind: "end", agent: overdue?.agent.key ?? "", position: 1, ending: "expired", notice: utf8("signed") });
    relay.sync();
    relay.crash();
    expect([waitingIn(relay, "alice").length, waitingFor(relay, "far").length]).toEqual([0, 1]);
    relay.attach(9, "far", { role: "forwarder" });
    const [due] = relay.machine.nextFor(9, 1);
    const notice = decodeEnvelope(decodeKeptMail(relay.read(due?.place as never)).envelope);
    expect([notice.class, notice.from, notice.to]).toEqual(["notice", agentId("relay"), agentId("alice")]);
  });

  it("comes only from one that does not read here", () => {
    const relay = createTestRelay();
    relay.attach(3, "far", { role: "peer", consume: true });
    expect(goodbyesIn(relay.take())).toEqual(["3 malformed"]);
  });
});

function knowThird(relay: TestRelay): void {
  relay.feed({ kind: "peer", relayId: agentId("third"), url: URL, bundle: undefined });
  relay.sync();
}

describe("statements for a peer", () => {
  const state = (relay: TestRelay): readonly RelayOutput[] => {
    relay.feed({ kind: "statement-due" });
    relay.feed({ kind: "signed", signature: new Uint8Array(64) });
    return relay.sync();
  };
  const leavesIn = (outputs: readonly RelayOutput[]) =>
    outputs.flatMap((output) => (output.kind === "proof" ? [storedLeaf.decode(statementProof.decode(output.proof).leaf)] : []));

  it("have leaves whose digests fit into a proof, over a crash and a new segment too", () => {
    const relay = home();
    const first = PEER_LEAF_MESSAGES + 3;
    for (let seq = 1; seq <= first; seq++) relay.mail(3, seq, envelope("alice", "bob", seq));
    relay.sync();
    relay.rotate();
    relay.crash();
    relay.attach(3, "far", { role: "peer" });
    for (let seq = first + 1; seq <= first + 10; seq++) relay.mail(3, seq, envelope("alice", "bob", seq));
    const leaves = leavesIn(state(relay));
    expect(leaves.map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq])).toEqual([
      [1, PEER_LEAF_MESSAGES],
      [PEER_LEAF_MESSAGES + 1, first + 10],
    ]);
    expect(leaves.every(({ sender }) => hex(sender) === hex(agentId("far")))).toBe(true);
  });

  it("go to the peer and not to the forwarder, and again when the peer comes back", () => {
    const relay = home();
    relay.attach(9, "far", { role: "forwarder" });
    relay.mail(3, 1, envelope("alice", "bob", 1));
    const sessions = state(relay).flatMap((output) => (output.kind === "proof" ? [output.session] : []));
    expect(sessions).toEqual([3]);
    relay.rotate();
    relay.crash();
    relay.attach(9, "far", { role: "forwarder" });
    relay.attach(4, "far", { role: "peer", link: 3 });
    expect(relay.take().flatMap((output) => (output.kind === "proof" ? [output.session] : []))).toEqual([4]);
  });

  it("of another relay reach the agent they are for, now or when it comes, once", () => {
    const relay = near();
    const leaf = storedLeaf.encode({
      sender: agentId("relay"),
      link: new Uint8Array(8),
      firstSeq: 1,
      lastSeq: 1,
      contents: sha256(utf8("")),
    });
    const said = statement.encode({
      version: 1,
      relayId: agentId("far"),
      number: 7,
      previous: new Uint8Array(32),
      timeMs: NOW_MS,
      leafCount: 1,
      root: new Uint8Array(32),
      extensions: [],
    });
    const proof = statementProof.encode({
      statement: said,
      signature: new Uint8Array(64),
      leaf,
      leafIndex: 0,
      path: [],
      digests: envelope("alice", "bob", 1).digest,
      writers: new Uint8Array(0),
    });
    const vouch = { kind: "vouch", senders: [agentId("alice")], number: 7, proof } as const;
    expect(relay.feed(vouch)).toContainEqual({ kind: "proof", session: 1, proof });
    expect(kindsOf(relay.feed(vouch))).toEqual([]);
    relay.mail(1, 1, envelope("alice", "bob", 1), "far");
    state(relay);
    relay.rotate();
    relay.crash();
    relay.rotate();
    relay.crash();
    relay.attach(5, "alice", { link: 1 });
    const relays = relay
      .take()
      .flatMap((output) => (output.kind === "proof" ? [statement.decode(statementProof.decode(output.proof).statement).number] : []));
    expect(relays).toEqual([1, 7]);
  });
});

describe("other relays a relay remembers", () => {
  const bundle = utf8("bundle of far");

  it("are found where they say they are before where others say they are", () => {
    const relay = near();
    const say = (url: string, met: boolean): void => {
      relay.feed({ kind: "peer", relayId: agentId("far"), url, bundle: met ? bundle : undefined });
    };
    for (const url of ["wss://b/", "wss://c/", "wss://d/", "wss://e/"]) say(url, false);
    expect(relay.machine.peer(agentId("far"))?.urls).toEqual(["wss://e/", "wss://d/", "wss://c/", "wss://b/"]);
    say("wss://own/", true);
    for (const url of ["wss://x/", "wss://y/"]) say(url, false);
    expect(relay.machine.peer(agentId("far"))).toEqual({ urls: ["wss://own/", "wss://y/", "wss://x/", "wss://e/"], bundle });
    relay.sync();
    relay.crash();
    expect(relay.machine.peer(agentId("far"))?.urls[0]).toBe("wss://own/");
  });

  it("cost nothing when nothing is new", () => {
    const relay = near();
    expect(kindsOf(relay.feed({ kind: "peer", relayId: agentId("far"), url: URL, bundle: undefined }))).toEqual([]);
    expect(relay.unsynced).toBe(0);
  });

  it("are shown by id like an agent once they were met", () => {
    const relay = near();
    expect(relay.machine.lookup("agent", agentId("far"))).toBeUndefined();
    relay.attach(3, "far", { role: "peer" });
    expect(relay.machine.lookup("agent", agentId("far"))?.bundle).toEqual(utf8("bundle of far"));
  });

  it("are a bounded number: those never met make room, those with mail do not", () => {
    const relay = createTestRelay({}, { relayPeers: 3 });
    relay.attach(1, "alice");
    relay.attach(3, "met", { role: "peer" });
    relay.feed({ kind: "detach", session: 3 });
    const hear = (name: string): void => void relay.feed({ kind: "peer", relayId: agentId(name), url: URL, bundle: undefined });
    hear("busy");
    relay.mail(1, 1, envelope("alice", "bob", 1), "busy");
    for (const name of ["junk 1", "junk 2", "junk 3"]) hear(name);
    const known = ["met", "busy", "junk 1", "junk 2", "junk 3"].filter((name) => relay.machine.peer(agentId(name)) !== undefined);
    expect(known).toEqual(["met", "busy", "junk 3"]);
  });

  it("are forgotten with the process while nobody met them and no mail waits for them, over a new segment too", () => {
    const relay = near();
    relay.attach(3, "met", { role: "peer" });
    relay.feed({ kind: "peer", relayId: agentId("busy"), url: URL, bundle: undefined });
    relay.mail(1, 1, envelope("alice", "bob", 1), "busy");
    relay.sync();
    relay.rotate();
    relay.crash();
    const known = ["far", "met", "busy"].filter((name) => relay.machine.peer(agentId(name)) !== undefined);
    expect([known, waitingFor(relay, "busy")]).toEqual([["met", "busy"], ["0101010101010101.1"]]);
  });

  it("lose no mail when one is forgotten and known again while the log still knows its old positions", () => {
    const relay = createTestRelay({}, { relayPeers: 1 });
    relay.attach(1, "alice");
    const hear = (name: string): void => {
      relay.feed({ kind: "peer", relayId: agentId(name), url: URL, bundle: undefined });
      relay.sync();
    };
    hear("far");
    relay.mail(1, 1, envelope("alice", "bob", 1), "far");
    relay.sync();
    relay.attach(9, "far", { role: "forwarder" });
    relay.feed(settleOf(relay, "far", 1));
    relay.sync();
    relay.feed({ kind: "detach", session: 9 });
    hear("other");
    expect(relay.machine.peer(agentId("far"))).toBeUndefined();
    hear("far");
    relay.mail(1, 2, envelope("alice", "bob", 2), "far");
    relay.sync();
    relay.crash();
    expect(waitingFor(relay, "far")).toEqual(["0101010101010101.2"]);
    relay.rotate();
    relay.crash();
    expect(waitingFor(relay, "far")).toEqual(["0101010101010101.2"]);
  });

  it("are not added while the disk takes nothing", () => {
    const relay = createTestRelay();
    relay.feed({ kind: "trouble", trouble: { code: "disk-full", why: "the disk is full", afterMs: 5000 } });
    knowFar(relay);
    relay.attach(3, "third", { role: "peer" });
    expect([relay.machine.peers(10).length, goodbyesIn(relay.take())]).toEqual([0, ["3 disk-full"]]);
  });
});

describe("a relay that is turned away", () => {
  const ban = (relay: TestRelay, banned: boolean): readonly RelayOutput[] => [
    ...relay.feed({ kind: "ban", agentId: agentId("far"), banned, why: "x".repeat(1000) }),
    ...relay.sync(),
  ];

  it("is wanted no more while mail waits for it, and again when it may come", () => {
    const relay = near();
    relay.attach(9, "far", { role: "forwarder" });
    relay.mail(1, 1, envelope("alice", "bob", 1), "far");
    relay.sync();
    expect(goodbyesIn(ban(relay, true))).toEqual(["9 blocked"]);
    expect([wanted(relay.feed({ kind: "detach", session: 9 })), relay.machine.peersWithMail().length]).toEqual([0, 0]);
    expect(wanted(ban(relay, false))).toBe(1);
    expect(relay.machine.peersWithMail().length).toBe(1);
  });
});

describe("a relay that says it is this one, or has too much to say", () => {
  it("is not remembered", () => {
    const relay = createTestRelay({}, { bundleBytes: 20 });
    relay.feed({ kind: "peer", relayId: agentId("relay"), url: URL, bundle: undefined });
    relay.attach(3, "a relay with a long name", { role: "peer" });
    expect([goodbyesIn(relay.take()), relay.machine.peers(10).length]).toEqual([["3 too-large"], 0]);
  });

  it("is remembered without a url that is too long", () => {
    const relay = near();
    relay.feed({ kind: "peer", relayId: agentId("far"), url: `wss://${"x".repeat(600)}/`, bundle: undefined });
    expect(relay.machine.peer(agentId("far"))?.urls).toEqual([URL]);
  });
});
