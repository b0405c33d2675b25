/** The log of a relay rots while it is down: it opens, serves what can be read, and says what cannot. */
import { beforeEach, describe, expect, it } from "vitest";
import { statement, statementProof } from "../wire/statement.ts";
import { metricsText } from "./metrics.ts";
import type { Relay } from "./open-relay.ts";
import { createRelayWorld, envelopeOf, type RelayWorld, type TestAgent, type TestLine } from "./test-world.ts";

const HOUR = 3_600_000;
const SIZE = 3000;

let stage: RelayWorld;
let relay: Relay;
let alice: TestAgent;
let bob: TestAgent;
let from: TestLine;

const mail = (seq: number) => envelopeOf(alice.own, bob.own, seq, stage.world.host("alice").clock.wallMs() + HOUR, SIZE);

/** One message, one batch. */
async function send(first: number, last: number): Promise<void> {
  for (let seq = first; seq <= last; seq++) {
    from.mail(seq, mail(seq));
    await stage.until(() => from.acked === seq);
  }
}

/** A file of the log, and where in it the body of the message with that number lies: a run of one digit. */
async function bodyOf(seq: number): Promise<{ readonly path: string; readonly offset: number }> {
  const { files } = stage.world.host("relay");
  for (const name of await stage.world.complete(files.list("relay-folder/log"))) {
    const path = `relay-folder/log/${name}`;
    const file = await stage.world.complete(files.open(path, "read"));
    const bytes = await stage.world.complete(file.read(0, await stage.world.complete(file.size())));
    for (let at = 0, run = 0; at < bytes.length; at++) {
      run = bytes[at] === 48 + seq ? run + 1 : 0;
      if (run === SIZE - 1) return { path, offset: at - run + 1 };
    }
  }
  throw new Error("no such mail");
}

/** Returns what puts it right. */
async function rot(seq: number): Promise<() => void> {
  const { path, offset } = await bodyOf(seq);
  const flip = (): void => void stage.world.disk("relay").disk.rot(path, offset + 100, 1);
  flip();
  return flip;
}

beforeEach(async () => {
  stage = createRelayWorld();
  relay = await stage.open({ settings: { segmentBytes: 65_536 } });
  alice = await stage.agent("alice");
  bob = await stage.agent("bob", { claims: "desk" });
  await bob.connect({ consume: false });
  from = await alice.connect();
});

describe("a relay whose log has rotted", () => {
  it("hands out everything around the messages that are gone, and goes on", async () => {
    await send(1, 6);
    await stage.world.complete(relay.drain());
    await rot(2);
    await rot(5);
    relay = await stage.open();
    const status = relay.status();
    expect(status.damage).toMatchObject({ places: 2, lostMessages: 2 });
    expect([status.healthy, status.counters.lost, status.waitingMessages]).toEqual([false, 2, 4]);
    expect(status.incidents.filter(({ kind }) => kind === "damage").map(({ what }) => what)).toEqual([
      expect.stringMatching(/000001\.log bytes \d+ to \d+: .*; one record cannot be read/),
      expect.stringMatching(/000001\.log bytes \d+ to \d+: .*; one record cannot be read/),
      expect.stringMatching(/^2 messages ag1\w+ are lost, of positions 2 to 5$/),
      expect.stringMatching(/^2 damaged places were found in the log \(\d+ bytes\): at most 2 waiting messages are lost/),
    ]);
    expect(metricsText(status)).toMatch(/^perdure_damaged_places 2$/m);
    const to = await bob.connect();
    await stage.until(() => to.delivered.length === 4);
    expect(to.delivered.map(({ position, read }) => [position, read.seq])).toEqual([
      [1, 1],
      [3, 3],
      [4, 4],
      [6, 6],
    ]);
    from = await alice.connect();
    expect(from.welcome.linkUpTo).toBe(6);
    from.mail(7, mail(7));
    await stage.until(() => to.delivered.length === 5);
    to.settle(7);
    await stage.until(() => to.positions.at(-1)?.settledFloor === 7);
  });

  it("is well again at the next start, whether it was killed right after it had opened or not", async () => {
    await send(1, 3);
    await stage.world.complete(relay.drain());
    await rot(2);
    for (const killed of [true, false]) {
      relay = await stage.open();
      if (killed) {
        expect(relay.status().damage.lostMessages).toBe(1);
        stage.world.crash("relay", { keep: "synced" });
      } else await stage.world.complete(relay.drain());
    }
    relay = await stage.open();
    expect(relay.status()).toMatchObject({ healthy: true, damage: { places: 1, lostMessages: 0, mayTurnBack: false }, waitingMessages: 2 });
    const to = await bob.connect();
    await stage.until(() => to.delivered.length === 2);
  });

  it("knows that nothing but mail is missing where a later start restated the rest", async () => {
    await send(1, 3);
    await stage.world.complete(relay.drain());
    relay = await stage.open();
    await stage.world.complete(relay.drain());
    await rot(2);
    relay = await stage.open();
    expect(relay.status().damage).toMatchObject({ lostMessages: 1, mayTurnBack: false });
  });

  it("says that a ban may be missing where it may", async () => {
    await send(1, 2);
    await stage.world.complete(relay.ban(bob.own.id, true, "floods"));
    await send(3, 3);
    await stage.world.complete(relay.drain());
    await rot(2);
    relay = await stage.open();
    expect(relay.status().damage.mayTurnBack).toBe(true);
    expect(relay.status().reasons.join()).toContain("may be those of before");
    expect(relay.status().bans.length).toBe(1);
  });

  it("gives a position that was settled to nothing else, though its message is gone", async () => {
    const to = await bob.connect();
    await send(1, 2);
    to.settle(2);
    await stage.until(() => to.positions.at(-1)?.settledFloor === 2);
    await stage.until(() => relay.status().counters.statements > 0);
    await stage.world.complete(relay.drain());
    await rot(1);
    await rot(2);
    relay = await stage.open();
    from = await alice.connect({ link: 2 });
    from.mail(1, mail(3));
    await stage.until(() => from.acked === 1);
    const again = await bob.connect();
    await stage.until(() => again.delivered.length === 1);
    expect(again.delivered.map(({ position, read }) => [position, read.seq])).toEqual([[3, 3]]);
  });

  it("signs no statement under a number that it may have used", async () => {
    const numberOf = (proof: Uint8Array) => statement.decode(statementProof.decode(proof).statement).number;
    await send(1, 3);
    await stage.until(() => from.proofs.length > 0);
    await stage.pass(1000);
    const newest = Math.max(...from.proofs.map(numberOf));
    await stage.world.complete(relay.drain());
    const { path, offset } = await bodyOf(3);
    // All that was written behind the last message: its statement is among it.
    for (let at = offset + 200; at < offset + SIZE + 900; at += 64) stage.world.disk("relay").disk.rot(path, at, 1);
    relay = await stage.open();
    from = await alice.connect({ link: 2 });
    from.mail(1, mail(4));
    await stage.until(() => from.proofs.some((proof) => numberOf(proof) > newest));
    await stage.pass(1000);
    const since = from.proofs.map(numberOf).filter((number) => number > newest);
    expect(since.length).toBeGreaterThan(0);
    expect(Math.max(...since)).toBeGreaterThan(newest + 1);
  });

  it("keeps what was written since where damage could be read again later", async () => {
    await send(1, 3);
    await stage.world.complete(relay.drain());
    const putRight = await rot(3);
    relay = await stage.open();
    from = await alice.connect({ link: 2 });
    from.mail(1, mail(4));
    await stage.until(() => from.acked === 1);
    await stage.world.complete(relay.drain());
    putRight();
    relay = await stage.open();
    const to = await bob.connect();
    await stage.until(() => to.delivered.length === 3);
    expect(to.delivered.map(({ read }) => read.seq)).toEqual([1, 2, 4]);
  });

  it("does not open when its owner does not want that", async () => {
    await send(1, 3);
    await stage.world.complete(relay.drain());
    await rot(2);
    await expect(stage.open({ settings: { isolateDamage: 0 } })).rejects.toMatchObject({ code: "log-damaged" });
    relay = await stage.open();
  });
});
