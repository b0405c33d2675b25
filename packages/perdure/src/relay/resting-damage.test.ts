/** Mail that rests, whose record is damaged, and what its index says of it too: it ends as lost, nothing else does, and nobody waits. */
import { beforeEach, describe, expect, it } from "vitest";
import { EVERYTHING } from "../host/simulated/index.ts";
import type { Settings } from "../settings/register.ts";
import { contacts } from "../wire/control.ts";
import type { Relay } from "./open-relay.ts";
import { createRelayWorld, envelopeOf, type RelayWorld, type TestAgent, type TestLine } from "./test-world.ts";

const HOUR = 3_600_000;
const SETTINGS: Partial<Settings> = { segmentBytes: 2 ** 19, senderPercent: 100, strangersPercent: 100, senderStoredPercent: 100 };
/** Of some 1,100 rows in four pieces the last has those from 810 on. */
const [IN_SOUND_PIECE, IN_LAST_PIECE] = [502, 900];
const LAST_PIECE_BYTES = 200;
/** In a record of the log: the kind, the link, the number on it, and then the position. */
const POSITION_AT = 17;
const RECORD_HEADER_BYTES = 12;

let stage: RelayWorld;
let relay: Relay;
let alice: TestAgent;
let bob: TestAgent;
let from: TestLine;

const bytesOf = (file: string): Uint8Array => stage.world.disk("relay").disk.image(EVERYTHING).get(file) as Uint8Array;
const filesOf = (kind: string): readonly string[] =>
  [...stage.world.disk("relay").disk.image(EVERYTHING).keys()].filter((name) => name.endsWith(kind)).sort();
const rotAt = (file: string, offset: number): void => stage.world.disk("relay").disk.rot(file, offset, 1);

const send = (seq: number, size = 300): void =>
  from.mail(seq, envelopeOf(alice.own, bob.own, seq, stage.world.host("alice").clock.wallMs() + HOUR, size));

async function mail(first: number, last: number, size?: number): Promise<void> {
  for (let seq = first; seq <= last; seq++) send(seq, size);
  await stage.until(() => from.acked === last);
}

/** Mail for bob until the first segment of the log is closed and has its index; then the relay stops. */
async function fill(size?: number): Promise<{ readonly sent: number; readonly index: string; readonly log: string }> {
  let sent = 0;
  for (; filesOf(".idx").length === 0 && sent < 3000; sent += 10) {
    await mail(sent + 1, sent + 10, size);
    if (filesOf(".log").length > 1) await stage.pass(500);
  }
  await stage.world.complete(relay.drain());
  const [index = ""] = filesOf(".idx");
  return { sent, index, log: index.replace(/idx$/, "log") };
}

function recordOf(log: string, position: number): number {
  const bytes = bytesOf(log);
  const wanted = new Uint8Array(8);
  new DataView(wanted.buffer).setBigUint64(0, BigInt(position));
  for (let at = 64; at < bytes.length; at++)
    if (bytes[at] === 1 && wanted.every((byte, nth) => bytes[at + POSITION_AT + nth] === byte)) return at;
  throw new Error("no such record");
}

const rotRecord = (log: string, position: number): void => rotAt(log, recordOf(log, position) + 200);
/** What a start reads of it is whole. */
const rotLastPiece = (index: string): void => rotAt(index, bytesOf(index).length - LAST_PIECE_BYTES);

/** What bob gets, and settles, until nothing comes any more. */
async function takeAll(): Promise<readonly number[]> {
  const to = await bob.connect();
  for (let had = -1; had < to.delivered.length; ) {
    had = to.delivered.length;
    await stage.pass(2000);
    to.settle(to.delivered.at(-1)?.position ?? 0);
  }
  return to.delivered.map(({ position }) => position);
}

const allBut = (sent: number, ...gone: readonly number[]): readonly number[] =>
  Array.from({ length: sent }, (_, nth) => nth + 1).filter((position) => !gone.includes(position));

beforeEach(async () => {
  stage = createRelayWorld();
  relay = await stage.open({ settings: SETTINGS });
  alice = await stage.agent("alice");
  bob = await stage.agent("bob", { claims: "desk" });
  await bob.connect({ consume: false });
  from = await alice.connect();
});

describe("a message that rests and whose record is damaged", { timeout: 120_000 }, () => {
  it("ends as lost also where its row in the index is, and the rest is handed out", async () => {
    const { sent, index, log } = await fill();
    rotLastPiece(index);
    rotRecord(log, IN_LAST_PIECE);
    relay = await stage.open({ settings: SETTINGS });
    expect(relay.status()).toMatchObject({ healthy: true, waitingMessages: sent });
    expect(await takeAll()).toEqual(allBut(sent, IN_LAST_PIECE));
    expect(relay.status()).toMatchObject({ waitingMessages: 0, counters: { lost: 1 } });
    expect(
      relay
        .status()
        .incidents.map(({ what }) => what)
        .join(),
    ).toMatch(`message ${IN_LAST_PIECE} of ${bob.own.id} cannot be read back and is lost`);
    await stage.world.complete(relay.drain());
    relay = await stage.open({ settings: SETTINGS });
    expect(relay.status()).toMatchObject({ healthy: true, waitingMessages: 0 });
  });

  it("is told to its sender where its row is whole, whatever else of the index is damaged", async () => {
    const { sent, index, log } = await fill();
    rotLastPiece(index);
    rotRecord(log, IN_SOUND_PIECE);
    relay = await stage.open({ settings: SETTINGS });
    const heard = await alice.connect({ link: 9 });
    expect(await takeAll()).toEqual(allBut(sent, IN_SOUND_PIECE));
    expect([heard.delivered.length, relay.status().counters.lost]).toEqual([1, 1]);
  });

  it("takes nothing with it that lies behind it in its batch and whose row is whole", async () => {
    const { sent, index, log } = await fill();
    rotLastPiece(index);
    // Its length: what lies behind it is not found any more by who reads the segment.
    rotAt(log, recordOf(log, IN_SOUND_PIECE) - RECORD_HEADER_BYTES + 3);
    relay = await stage.open({ settings: SETTINGS });
    expect(await takeAll()).toEqual(allBut(sent, IN_SOUND_PIECE));
    expect(relay.status().counters.lost).toBe(1);
  });

  it("keeps no file of the log from going, nor do several", async () => {
    const { sent, index, log } = await fill();
    const gone = [IN_LAST_PIECE, IN_LAST_PIECE + 5, IN_LAST_PIECE + 10];
    rotLastPiece(index);
    for (const position of gone) rotRecord(log, position);
    relay = await stage.open({ settings: SETTINGS });
    expect(await takeAll()).toEqual(allBut(sent, ...gone));
    const to = await bob.connect();
    from = await alice.connect({ link: 2 });
    for (let seq = 50; seq <= 2000; seq += 50) {
      await mail(seq - 49, seq);
      await stage.until(() => to.delivered.at(-1)?.position === sent + seq);
      to.settle(sent + seq);
    }
    await stage.pass(60_000);
    expect(filesOf(".log").concat(filesOf(".idx"))).not.toContain(log);
  });

  it("leaves strangers as much room as before", async () => {
    const [room, share] = [400, 50];
    const line = await bob.connect({ consume: false });
    const none = { version: 1, open: false, more: false, contacts: new Uint8Array(0), blocked: new Uint8Array(0) };
    line.session.send([{ name: "contacts", payload: contacts.encode(none) }]);
    await stage.pass(500);
    const { sent, index, log } = await fill();
    const gone = [IN_LAST_PIECE, IN_LAST_PIECE + 10, IN_LAST_PIECE + 20];
    rotLastPiece(index);
    for (const position of gone) rotRecord(log, position);
    relay = await stage.open({ settings: { ...SETTINGS, mailboxMessages: room, strangersPercent: share } });
    expect(await takeAll()).toEqual(allBut(sent, ...gone));
    expect(relay.status().waitingMessages).toBe(0);
    from = await alice.connect({ link: 2 });
    for (let seq = 1; from.refusals.length === 0 && seq <= room; seq++) {
      send(seq);
      await stage.until(() => from.acked === seq || from.refusals.length > 0);
    }
    expect(relay.status().waitingMessages).toBe((room * share) / 100);
  });

  it("is asked for again with a pause where nothing at all is known of it, and is lost after the next start", async () => {
    // So few that the index is one piece, which a start reads.
    const { sent, index, log } = await fill(3000);
    const gone = 100;
    relay = await stage.open({ settings: SETTINGS });
    rotAt(index, LAST_PIECE_BYTES);
    rotRecord(log, gone);
    await bob.connect();
    await stage.pass(3000);
    const told = relay.status().incidents.filter(({ what }) => what.includes("Start the relay again") || what.includes("has not what"));
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(5);
    await stage.world.complete(relay.drain());
    relay = await stage.open({ settings: SETTINGS });
    const missing = new Set(await takeAll());
    expect(allBut(sent).filter((position) => !missing.has(position) && position >= gone)).toEqual([gone]);
    expect(relay.status().waitingMessages).toBeLessThanOrEqual(1);
  });
});
