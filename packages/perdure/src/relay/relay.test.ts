import { beforeEach, describe, expect, it } from "vitest";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { verifyNotice } from "../identity/notice.ts";
import { leafCovers, verifyStatementProof } from "../protocol/delivery/statement-proof.ts";
import { equalBytes, hex, utf8 } from "../wire/bytes.ts";
import { decodeDeliver, found, lookup } from "../wire/control.ts";
import { openRelayWith, type Relay } from "./open-relay.ts";
import { createRelayWorld, envelopeOf, LISTEN, type RelayWorld, type TestAgent, type TestLine } from "./test-world.ts";

const HOUR = 3_600_000;
const sha256 = createNodeCrypto().hash.sha256;

let stage: RelayWorld;
let relay: Relay;
let alice: TestAgent;
let bob: TestAgent;
let from: TestLine;
let to: TestLine;

async function begin(options: Parameters<RelayWorld["open"]>[0] = {}): Promise<void> {
  stage = createRelayWorld();
  relay = await stage.open(options);
  alice = await stage.agent("alice");
  bob = await stage.agent("bob", { claims: "desk" });
  from = await alice.connect();
  to = await bob.connect();
}

const mail = (seq: number, options: { readonly expiresInMs?: number; readonly size?: number } = {}) =>
  envelopeOf(alice.own, bob.own, seq, stage.world.host("alice").clock.wallMs() + (options.expiresInMs ?? HOUR), options.size);

/** The relay's process dies at once and a new one opens the same folder. */
async function restart(options: Parameters<RelayWorld["open"]>[0] & { readonly keep?: "all" | "synced" | "random" } = {}): Promise<void> {
  stage.world.crash("relay", { keep: options.keep ?? "synced" });
  relay = await stage.open(options);
}

describe("a relay", () => {
  beforeEach(() => begin({ settings: { defaultExpiryMs: 24 * HOUR } }));

  it("hands mail on, acknowledges it, and lets go of it when it is settled", async () => {
    for (let seq = 1; seq <= 10; seq++) from.mail(seq, mail(seq));
    await stage.until(() => from.acked === 10 && to.delivered.length === 10);
    expect(to.delivered.map((each) => [each.position, each.read.seq])).toEqual(
      Array.from({ length: 10 }, (_, index) => [index + 1, index + 1]),
    );
    to.settle(10);
    await stage.until(() => to.positions.at(-1)?.settledFloor === 10);
    expect(relay.status()).toMatchObject({ healthy: true, waitingMessages: 0, counters: { accepted: 10, settled: 10 } });
  });

  it("keeps mail for an agent that is away", async () => {
    to.session.close({ code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "", hint: "" });
    for (let seq = 1; seq <= 5; seq++) from.mail(seq, mail(seq));
    await stage.until(() => from.acked === 5);
    to = await bob.connect();
    await stage.until(() => to.delivered.length === 5);
  });

  it("has everything it acknowledged after its power was cut", async () => {
    for (let seq = 1; seq <= 50; seq++) from.mail(seq, mail(seq));
    await stage.until(() => from.acked > 0);
    const acked = from.acked;
    await restart();
    to = await bob.connect();
    await stage.until(() => to.delivered.length >= acked);
    from = await alice.connect();
    expect(from.welcome.linkUpTo).toBeGreaterThanOrEqual(acked);
  });

  it("delivers to a consumer that was handed mail before the crash once more, under a new generation", async () => {
    from.mail(1, mail(1));
    await stage.until(() => from.acked === 1 && to.delivered.length === 1);
    const { generation, position } = to.delivered[0] as (typeof to.delivered)[number];
    await restart();
    to = await bob.connect({ have: { generation, position } });
    await stage.until(() => to.delivered.length === 1);
    expect(hex(to.welcome.generation)).not.toBe(hex(generation));
  });

  it("ignores a settle that names the generation before and says so", async () => {
    from.mail(1, mail(1));
    await stage.until(() => from.acked === 1);
    const before = to.welcome.generation;
    await restart();
    to = await bob.connect();
    to.settle(1, { generation: before });
    await stage.until(() => to.positions.length === 1);
    expect([to.positions[0]?.settledFloor, relay.status().waitingMessages]).toEqual([0, 1]);
  });

  it("proves to the sender what is stored", async () => {
    const sent = [1, 2, 3].map((seq) => mail(seq));
    for (const each of sent) from.mail(each.seq, each);
    await stage.until(() => from.proofs.length > 0);
    const { leaf } = await stage.world.complete(
      verifyStatementProof(stage.world.host("alice").crypto, from.relay, from.proofs[0] as Uint8Array),
    );
    expect([
      leaf.firstSeq,
      leafCovers(
        sha256,
        leaf,
        sent.slice(0, leaf.lastSeq).map((each) => each.digest),
      ),
    ]).toEqual([1, true]);
  });

  it("tells the consumer before that it was fenced", async () => {
    const next = await bob.connect({ link: 2 });
    await stage.until(() => to.ended.length > 0);
    from.mail(1, mail(1));
    await stage.until(() => next.delivered.length === 1);
    expect([to.ended[0]?.code, to.delivered.length]).toEqual(["fenced", 0]);
  });

  it("hands nothing to who does not confirm its pass, takes no settle of it, and ends its session in time", async () => {
    to.session.close({ code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "", hint: "" });
    from.mail(1, mail(1));
    await stage.until(() => from.acked === 1);
    const silent = await bob.connect({ link: 2, confirms: false });
    silent.settle(1);
    await stage.pass(9_000);
    expect([silent.delivered.length, silent.ended.length, relay.status().waitingMessages]).toEqual([0, 0, 1]);
    await stage.until(() => silent.ended.length > 0, 2_000);
    expect(silent.ended[0]).toMatchObject({ code: "timed-out", retry: "after" });
    const next = await bob.connect({ link: 3 });
    await stage.until(() => next.delivered.length === 1);
    await stage.pass(20_000);
    expect(next.ended).toEqual([]);
  });

  it("finds agents by id and by name", async () => {
    const ask = (request: number, what: "agent" | "name", key: Uint8Array) =>
      from.session.send([{ name: "lookup", payload: lookup.encode({ request, what, key, at: new Uint8Array(0) }) }]);
    ask(1, "agent", bob.own.idRaw);
    ask(2, "name", utf8("desk"));
    ask(3, "name", utf8("nobody"));
    ask(4, "name", Uint8Array.of(255));
    const answers = () => from.frames.filter((frame) => frame.name === "found").map((frame) => found.decode(frame.payload));
    await stage.until(() => answers().length === 4);
    expect(answers().map((answer) => [answer.request, equalBytes(answer.bundle, bob.own.bundle())])).toEqual([
      [1, true],
      [2, true],
      [3, false],
      [4, false],
    ]);
    expect(answers()[3]?.bundle.length).toBe(0);
  });

  it("gives a name to one agent only", async () => {
    const thief = await stage.agent("thief", { claims: "desk" });
    await expect(thief.connect()).rejects.toMatchObject({ code: "name-taken" });
  });

  it("takes a new bundle of an agent, and no other agent's", async () => {
    const host = stage.world.host("bob");
    await stage.world.complete(
      bob.own.setHome({ relayId: from.relay.idRaw, url: "ws://127.0.0.1:4410/", preference: 0 }, host.clock.wallMs()),
    );
    to.session.send([{ name: "publish", payload: publishBytes(bob.own.bundle()) }]);
    from.session.send([{ name: "publish", payload: publishBytes(bob.own.bundle()) }]);
    await stage.until(() => from.ended.length > 0);
    expect(from.ended[0]?.code).toBe("bad-signature");
    const asks = await alice.connect();
    asks.session.send([
      { name: "lookup", payload: lookup.encode({ request: 1, what: "agent", key: bob.own.idRaw, at: new Uint8Array(0) }) },
    ]);
    await stage.until(() => asks.frames.some((frame) => frame.name === "found"));
    expect(
      equalBytes(found.decode(asks.frames.find((frame) => frame.name === "found")?.payload as Uint8Array).bundle, bob.own.bundle()),
    ).toBe(true);
  });

  it("ends the session of an agent that asks faster than it reads", async () => {
    await begin({ settings: { agentRequestsBurst: 1_000_000 } });
    stage.world.network.link("relay", "alice").bytesPerSecond = 1000;
    const asked = {
      name: "lookup",
      payload: lookup.encode({ request: 1, what: "agent", key: bob.own.idRaw, at: new Uint8Array(0) }),
    } as const;
    from.session.send(Array.from({ length: 20_000 }, () => asked));
    await stage.until(() => relay.status().incidents.some(({ what }) => what.includes("too-busy")));
    expect(relay.status().connections).toBe(1);
  });

  it("ends mail that nobody read and tells its sender, signed", async () => {
    to.session.close({ code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "", hint: "" });
    from.mail(1, mail(1, { expiresInMs: 5_000 }));
    await stage.until(() => from.delivered.length === 1, 200_000);
    const { read } = from.delivered[0] as (typeof from.delivered)[number];
    const notice = await stage.world.complete(
      verifyNotice({ crypto: stage.world.host("alice").crypto, relay: from.relay, body: read.body }),
    );
    expect([read.class, notice.outcome, notice.seq, equalBytes(notice.to, bob.own.idRaw)]).toEqual(["notice", 0, 1, true]);
    expect(relay.status().counters.expired).toBe(1);
  });

  it("says nothing of a notice that nobody read", async () => {
    to.session.close({ code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "", hint: "" });
    from.mail(1, mail(1, { expiresInMs: 5_000 }));
    await stage.until(() => from.delivered.length === 1, 200_000);
    await stage.pass(24 * HOUR + 300_000);
    expect(relay.status()).toMatchObject({ waitingMessages: 0, counters: { expired: 2, accepted: 1 } });
  });

  it("serves a reader that is slow from the log, without loss and in order", async () => {
    stage.world.network.link("relay", "bob").bytesPerSecond = 200_000;
    const seen = () => to.delivered.map((each) => each.position);
    for (let seq = 1; seq <= 60; seq++) {
      from.mail(seq, mail(seq, { size: 100_000 }));
      await stage.pass(10);
    }
    await stage.until(() => from.acked === 60);
    expect(to.count("deliver")).toBeLessThan(60);
    await stage.until(() => to.count("deliver") === 60, 120_000);
    expect(seen()).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  it("says goodbye to all when it stops, and has everything when it starts again", async () => {
    for (let seq = 1; seq <= 20; seq++) from.mail(seq, mail(seq));
    await stage.until(() => from.acked === 20);
    await stage.world.complete(relay.drain());
    await stage.pass(100);
    expect([from.ended[0]?.code, to.ended[0]?.code]).toEqual(["relay-draining", "relay-draining"]);
    relay = await stage.open();
    expect(relay.status().waitingMessages).toBe(20);
  });

  it("keeps its id and its address over restarts", async () => {
    const before = relay.address;
    await restart();
    expect(relay.address).toBe(before);
  });

  it("says which mail it has appended, handed out, acknowledged and let go of", async () => {
    from.mail(1, mail(1));
    await stage.until(() => to.delivered.length === 1 && from.acked === 1);
    to.settle(1);
    await stage.until(() => to.positions.length === 1);
    const events = new Set(stage.facts.filter((fact) => fact.host === "relay").map((fact) => fact.event));
    for (const event of [
      "relay.started",
      "relay.mail-appended",
      "relay.delivered",
      "relay.batch-synced",
      "relay.ack-sent",
      "relay.settle-applied",
      "relay.released",
    ])
      expect(events).toContain(event);
  });

  it("says why it refuses a peer that breaks the rules", async () => {
    from.mail(7, mail(1));
    await stage.until(() => from.ended.length > 0);
    expect([from.ended[0]?.code, relay.status().incidents.at(-1)?.kind]).toEqual(["malformed", "peer"]);
  });
});

function publishBytes(bundle: Uint8Array): Uint8Array {
  // A publish is an array of one byte string.
  const head =
    bundle.length < 256 ? Uint8Array.of(0x81, 0x58, bundle.length) : Uint8Array.of(0x81, 0x59, bundle.length >> 8, bundle.length & 255);
  return Uint8Array.of(...head, ...bundle);
}

describe("a relay whose disk fails", () => {
  beforeEach(() => begin());

  it("delivers and acknowledges after one failed sync, nothing before it is durable, and says so", async () => {
    stage.world.disk("relay").failSyncs = 1;
    from.mail(1, mail(1));
    await stage.until(() => from.acked === 1 && to.delivered.length === 1);
    from.mail(2, mail(2));
    await stage.until(() => to.delivered.length === 2);
    const order = stage.facts
      .filter((fact) => fact.event === "relay.delivered" && fact.fields["position"] === 2)
      .map((fact) => fact.fields["synced"]);
    expect([order, relay.status().incidents.some((incident) => incident.kind === "disk")]).toEqual([[true], true]);
  });

  it("refuses new mail while the disk is full, keeps what it has, and goes on when there is room", async () => {
    from.mail(1, mail(1));
    await stage.until(() => from.acked === 1);
    const disk = stage.world.disk("relay");
    const { capacityBytes } = disk;
    disk.capacityBytes = 0;
    from.mail(2, mail(2));
    await stage.pass(3_000);
    from.mail(3, mail(3));
    await stage.until(() => from.refusals.length > 0);
    expect([from.refusals[0]?.code, from.refusals[0]?.retry, relay.status().healthy]).toEqual(["disk-full", "after", false]);
    disk.capacityBytes = capacityBytes;
    await stage.until(() => from.acked === 3);
    await stage.until(() => to.delivered.length === 2);
    expect(relay.status().healthy).toBe(true);
  });

  it("goes on while the time of mail runs out that it cannot make durable", async () => {
    const disk = stage.world.disk("relay");
    disk.failSyncs = 1_000_000;
    from.mail(1, mail(1, { expiresInMs: 5_000 }));
    await stage.pass(10 * 60_000);
    disk.failSyncs = 0;
    await stage.until(() => relay.status().counters.expired === 1);
  });

  it("turns new sessions away while nothing can be written", async () => {
    stage.world.disk("relay").capacityBytes = 0;
    from.mail(1, mail(1));
    await stage.pass(3_000);
    await expect(alice.connect({ link: 2 })).rejects.toMatchObject({ code: "disk-full", retry: "after" });
  });

  it("refuses at its ceiling and keeps what it accepted", async () => {
    await restart({ settings: { storeBytes: 1024 * 1024 } });
    from = await alice.connect({ link: 2 });
    for (let seq = 1; seq <= 20; seq++) {
      from.mail(seq, mail(seq, { size: 100_000 }));
      await stage.pass(50);
    }
    await stage.until(() => from.acked === 20);
    const refused = from.refusals.length;
    expect(refused).toBeGreaterThan(0);
    expect(relay.status().waitingMessages).toBe(20 - refused);
  });
});

describe("a relay with mail that waits long", () => {
  it("does not run out of space over a few messages", async () => {
    await begin({ settings: { segmentBytes: 65_536, storeBytes: 1024 * 1024 } });
    const carol = await stage.agent("carol");
    const away = await carol.connect();
    away.session.close({ code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "", hint: "" });
    let linkSeq = 0;
    for (let round = 1; round <= 40; round++) {
      from.mail(++linkSeq, envelopeOf(alice.own, carol.own, round, stage.world.host("alice").clock.wallMs() + HOUR));
      from.mail(++linkSeq, mail(round, { size: 65_536 }));
      await stage.until(() => to.delivered.length === round);
      to.settle(round);
      await stage.pass(5_000);
    }
    await stage.until(() => from.acked === linkSeq);
    expect([from.refusals, relay.status().waitingMessages]).toEqual([[], 40]);
    await restart({ settings: { segmentBytes: 65_536, storeBytes: 1024 * 1024 } });
    const back = await carol.connect();
    await stage.until(() => back.delivered.length === 40);
    expect(back.delivered.map((each) => each.read.seq)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  });
});

describe("a relay that holds as many messages as it may", () => {
  it("refuses more, says so, and goes on when some are settled", async () => {
    await begin({ settings: { storeMessages: 3 } });
    for (let seq = 1; seq <= 4; seq++) from.mail(seq, mail(seq));
    await stage.until(() => from.acked === 4);
    expect([from.refusals.map((each) => [each.linkSeq, each.code]), relay.status().healthy]).toEqual([[[4, "too-busy"]], false]);
    await stage.until(() => to.delivered.length === 3);
    to.settle(3);
    await stage.until(() => relay.status().waitingMessages === 0);
    from.mail(5, mail(5));
    await stage.until(() => to.delivered.length === 4);
    expect(relay.status().healthy).toBe(true);
  });
});

describe("a relay whose clock jumps", () => {
  beforeEach(() => begin());

  it("ends nothing for an hour after a jump forward", async () => {
    to.session.close({ code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "", hint: "" });
    from.mail(1, mail(1, { expiresInMs: HOUR }));
    await stage.until(() => from.acked === 1);
    stage.world.jumpWall("relay", 10 * HOUR);
    await stage.pass(30 * 60_000);
    expect([
      relay.status().waitingMessages,
      relay.status().healthy,
      relay.status().incidents.some((incident) => incident.kind === "clock"),
    ]).toEqual([1, false, true]);
    await stage.pass(40 * 60_000);
    expect([relay.status().counters.expired, relay.status().healthy]).toEqual([1, true]);
  });
});

describe("opening a relay", () => {
  beforeEach(() => {
    stage = createRelayWorld();
  });

  const open = (options: Partial<Parameters<typeof openRelayWith>[0]> = {}) =>
    stage.world.complete(openRelayWith({ host: stage.world.host("relay"), folder: "relay-folder", listen: LISTEN, ...options }));

  it("refuses a folder another relay has", async () => {
    await open();
    const second = stage.world.host("second", { disk: "relay" });
    await expect(open({ host: second, listen: "ws://127.0.0.1:4499" })).rejects.toMatchObject({ code: "folder-in-use" });
  });

  it("refuses a busy port and lets go of the folder", async () => {
    await open();
    const other = stage.world.host("other");
    await expect(open({ host: other })).rejects.toMatchObject({ code: "address-in-use" });
    await expect(open({ host: other, listen: "ws://127.0.0.1:4499" })).resolves.toBeDefined();
  });

  for (const listen of ["ws://0.0.0.0:4410", "ws://192.168.1.4:4410", "ws://relay.example:4410", "wss://127.0.0.1:4410", "nonsense"]) {
    it(`refuses to listen on ${listen}`, async () => {
      await expect(open({ listen })).rejects.toMatchObject({ code: "bad-argument", hint: expect.any(String) });
    });
  }

  it("refuses a folder that belongs to an agent", async () => {
    await stage.agent("alice");
    await expect(open({ host: stage.world.host("alice"), folder: "alice" })).rejects.toMatchObject({ code: "bad-argument" });
  });

  it("refuses a folder whose log is damaged, naming where", async () => {
    relay = await open({ settings: { segmentBytes: 65_536 } });
    alice = await stage.agent("alice");
    from = await alice.connect();
    for (let seq = 1; seq <= 5; seq++)
      from.mail(seq, envelopeOf(alice.own, alice.own, seq, stage.world.host("alice").clock.wallMs() + HOUR));
    await stage.until(() => from.acked === 5);
    await stage.world.complete(relay.drain());
    const files = stage.world.host("relay").files;
    const [name] = (await stage.world.complete(files.list("relay-folder/log"))) as readonly string[];
    const file = await stage.world.complete(files.open(`relay-folder/log/${name}`, "write"));
    await stage.world.complete(file.write(200, new Uint8Array(64).fill(7)));
    await stage.world.complete(file.sync());
    await expect(open()).rejects.toMatchObject({ code: "log-damaged", message: expect.stringContaining(String(name)) });
  });

  it("refuses settings it does not know", async () => {
    await expect(open({ settings: { nonsense: 1 } })).rejects.toMatchObject({ code: "unknown-setting" });
  });

  it("says clearly that the disk is full", async () => {
    stage.world.disk("relay").capacityBytes = 0;
    await expect(open()).rejects.toMatchObject({ code: "disk-full" });
  });

  it("tells a message whose record is damaged as lost, and goes on with the next", async () => {
    await begin({ settings: { segmentBytes: 65_536 } });
    to.session.close({ code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "", hint: "" });
    for (let seq = 1; seq <= 3; seq++) from.mail(seq, mail(seq, { size: 3000 }));
    await stage.until(() => from.acked === 3);
    const files = stage.world.host("relay").files;
    const names = await stage.world.complete(files.list("relay-folder/log"));
    const path = `relay-folder/log/${names.at(-1)}`;
    const file = await stage.world.complete(files.open(path, "write"));
    const size = await stage.world.complete(file.size());
    const bytes = await stage.world.complete(file.read(0, size));
    const at = findBody(bytes, 1);
    await stage.world.complete(file.write(at + 1500, new Uint8Array(8).fill(0)));
    to = await bob.connect();
    await stage.until(() => to.delivered.length === 2 && from.delivered.length === 1);
    const lost = await stage.world.complete(
      verifyNotice({ crypto: stage.world.host("alice").crypto, relay: from.relay, body: decodeDeliverBody(from) }),
    );
    expect([to.delivered.map((each) => each.position), lost.outcome, lost.seq]).toEqual([[2, 3], 1, 1]);
  });
});

function decodeDeliverBody(line: TestLine): Uint8Array {
  const frame = line.frames.find((each) => each.name === "deliver");
  return decodeDeliver(frame?.payload as Uint8Array).envelope.subarray(128);
}

/** Where the body of the mail with that sequence number lies: a run of one digit. */
function findBody(bytes: Uint8Array, seq: number): number {
  const digit = 48 + seq;
  for (let at = 0, run = 0; at < bytes.length; at++) {
    run = bytes[at] === digit ? run + 1 : 0;
    if (run === 1000) return at - 999;
  }
  throw new Error("no such mail in this file");
}
