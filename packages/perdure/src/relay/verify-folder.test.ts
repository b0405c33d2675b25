import { beforeEach, expect, it } from "vitest";
import { EVERYTHING } from "../host/simulated/index.ts";
import { createMailboxes } from "../protocol/delivery/mailboxes.ts";
import { contradictionsIn } from "../protocol/delivery/state-check.ts";
import { recoverLog } from "../store/log/recover-log.ts";
import type { Relay } from "./open-relay.ts";
import { createRelayWorld, envelopeOf, type RelayWorld, type TestAgent, type TestLine } from "./test-world.ts";
import { type FolderReport, verifyFolder } from "./verify-folder.ts";

const HOUR = 3_600_000;

let stage: RelayWorld;
let relay: Relay;
let alice: TestAgent;
let bob: TestAgent;
let from: TestLine;

const verify = (isRunning = false): Promise<FolderReport> =>
  stage.world.complete(verifyFolder({ host: stage.world.host("relay"), folder: "relay-folder", isRunning }));
const send = (seq: number): void =>
  from.mail(seq, envelopeOf(alice.own, bob.own, seq, stage.world.host("alice").clock.wallMs() + HOUR, 2000));

beforeEach(async () => {
  stage = createRelayWorld();
  relay = await stage.open({ settings: { segmentBytes: 65_536 } });
  alice = await stage.agent("alice");
  bob = await stage.agent("bob", { claims: "desk" });
  const to = await bob.connect();
  from = await alice.connect();
  for (let seq = 1; seq <= 40; seq++) {
    send(seq);
    await stage.until(() => from.acked === seq);
  }
  to.settle(10);
  await stage.until(() => to.positions.at(-1)?.settledFloor === 10 && from.proofs.length > 0);
});

it("finds nothing in a folder that is whole, and says what is in it", async () => {
  await stage.world.complete(relay.drain());
  const before = stage.world.disk("relay").disk.image(EVERYTHING);
  const report = await verify();
  expect(report).toMatchObject({ id: relay.id, opens: true, problems: [], lostMessages: 0, agents: 2, waitingMessages: 30 });
  expect([report.segments > 1, report.statements > 0, report.signedStatements === report.statements]).toEqual([true, true, true]);
  expect(stage.world.disk("relay").disk.image(EVERYTHING)).toEqual(before);
});

it("finds every byte of the log that is another, with file and place", { timeout: 120_000 }, async () => {
  await stage.world.complete(relay.drain());
  const { disk } = stage.world.disk("relay");
  const [path, bytes] = [...disk.image(EVERYTHING)].find(([name]) => name.endsWith("000001.log")) as [string, Uint8Array];
  for (let offset = 64; offset < bytes.length; offset += 997) {
    disk.rot(path, offset, 4);
    const { problems, opens } = await verify();
    disk.rot(path, offset, 4);
    const [problem] = problems;
    if (problem === undefined) expect([offset, bytes[offset]]).toEqual([offset, 0xa5]);
    else if (opens) expect([problem.path, (problem.from as number) <= offset, (problem.to as number) > offset]).toEqual([path, true, true]);
  }
  const newest = [...disk.image(EVERYTHING).keys()]
    .filter((name) => name.endsWith(".log"))
    .sort()
    .at(-1) as string;
  disk.rot(newest, 100, 4);
  expect(await verify()).toMatchObject({ opens: false, problems: [{ what: expect.stringContaining(newest) }] });
});

it("finds every byte of an index that is another, which costs nothing but time", { timeout: 120_000 }, async () => {
  const { disk } = stage.world.disk("relay");
  const indexes = (): readonly string[] => [...disk.image(EVERYTHING).keys()].filter((name) => name.endsWith(".idx"));
  await stage.until(() => indexes().length > 0);
  await stage.world.complete(relay.drain());
  const whole = await verify();
  expect(whole.problems).toEqual([]);
  const [path = ""] = indexes();
  const bytes = disk.image(EVERYTHING).get(path) as Uint8Array;
  for (let offset = 0; offset < bytes.length; offset += 41) {
    disk.rot(path, offset, 1);
    expect(await verify()).toMatchObject({ opens: true, lostMessages: 0, problems: [{ path, lostRecords: 0 }] });
    disk.rot(path, offset, 1);
  }
});

it("says of a damaged folder that a relay opens on it where one does", { timeout: 120_000 }, async () => {
  stage = createRelayWorld();
  await stage.world.complete((await stage.open()).drain());
  const { disk } = stage.world.disk("relay");
  const [[path, bytes] = ["", new Uint8Array(0)], ...others] = [...disk.image(EVERYTHING)].filter(([name]) => name.endsWith(".log"));
  expect(others).toEqual([]);
  const whole = disk.image(EVERYTHING);
  const verdicts: boolean[] = [];
  for (let offset = 0; offset < bytes.length; offset += 8) {
    disk.rot(path, offset, 4);
    const { opens } = await verify();
    const opened = await stage.open().then(
      (each) => stage.world.complete(each.drain()).then(() => true),
      () => false,
    );
    expect([offset, opens]).toEqual([offset, opened]);
    verdicts.push(opens);
    disk.putBack(whole);
  }
  expect([verdicts.includes(true), verdicts.includes(false)]).toEqual([true, true]);
});

it("reads beside a running relay, which lets go of files and begins new ones", async () => {
  let [reports, last] = [0, 40];
  const to = await bob.connect();
  for (let round = 0; round < 10; round++) {
    const reading = verifyFolder({ host: stage.world.host("relay"), folder: "relay-folder", isRunning: true });
    for (let seq = last + 1; seq <= last + 5; seq++) send(seq);
    last += 5;
    to.settle(last - 2);
    const { problems } = await stage.world.complete(reading);
    expect(problems).toEqual([]);
    reports++;
  }
  expect(reports).toBe(10);
});

it("counts anew what a relay knows", async () => {
  await stage.world.complete(relay.drain());
  const { files, crypto } = stage.world.host("relay");
  const read = async () => {
    const mailboxes = createMailboxes({
      relayId: new Uint8Array(32),
      generation: new Uint8Array(8),
      passKey: new Uint8Array(32),
      sha256: crypto.hash.sha256,
      limits: {} as never,
    });
    const options = { files, crc32: undefined, folder: "relay-folder/log", magic: "relay", onRecord: () => {} };
    await stage.world.complete(recoverLog({ ...options, replay: (record, at) => void mailboxes.replay(record, at) }));
    return mailboxes.state;
  };
  const good = await read();
  expect(contradictionsIn(good)).toEqual([]);
  const [owner] = [...good.agents.values()].filter(({ mailbox }) => mailbox.stored.size > 0);
  if (owner === undefined) throw new Error("nothing waits");
  owner.mailbox.nextPosition += 2;
  good.storedBytes += 1;
  owner.mailbox.storedBytes -= 1;
  good.routed.messages++;
  owner.mailbox.settled.add(20);
  const found = contradictionsIn(good).join("\n");
  for (const part of ["says nothing of positions", "was settled", "bytes wait for", "waiting mail", "to be passed on"])
    expect(found).toContain(part);
});
