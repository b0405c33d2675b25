/** Backups of a relay in a simulated world: beside traffic, in between, after a crash of either side, and what comes of them. */
import { beforeEach, describe, expect, it } from "vitest";
import { EVERYTHING } from "../host/simulated/index.ts";
import { readWhole } from "../identity/whole-file.ts";
import { utf8 } from "../wire/bytes.ts";
import { type BackupList, decodeRestored } from "../wire/relay-backup.ts";
import { statement, statementProof } from "../wire/statement.ts";
import { backUp, readBackupList } from "./backup.ts";
import { openRelayWith, type Relay } from "./open-relay.ts";
import { restoreBackup } from "./restore.ts";
import { createRelayWorld, envelopeOf, LISTEN, type RelayWorld, type TestAgent, type TestLine } from "./test-world.ts";

const HOUR = 3_600_000;
const TO = "backup";

let stage: RelayWorld;
let relay: Relay;
let alice: TestAgent;
let bob: TestAgent;
let from: TestLine;
let sent = 0;

const machine = () => stage.world.host("relay");
const backup = () => backUp({ host: machine(), folder: "relay-folder", to: TO });
const made = () => stage.world.complete(backup());
const restore = (into: string) => stage.world.complete(restoreBackup({ host: machine(), from: TO, into }));
const send = (count: number): void => {
  for (let nth = 0; nth < count; nth++) {
    sent++;
    from.mail(sent, envelopeOf(alice.own, bob.own, sent, stage.world.host("alice").clock.wallMs() + HOUR, 2000));
  }
};
const delivered = async (folder: string): Promise<readonly number[]> => {
  relay = await stage.world.complete(openRelayWith({ host: machine(), folder, listen: LISTEN }));
  const to = await bob.connect();
  await stage.until(() => to.delivered.length >= relay.status().waitingMessages);
  return to.delivered.map(({ read }) => read.seq);
};

beforeEach(async () => {
  sent = 0;
  stage = createRelayWorld();
  relay = await stage.open({ settings: { segmentBytes: 65_536 } });
  alice = await stage.agent("alice");
  bob = await stage.agent("bob", { claims: "desk" });
  await bob.connect({ consume: false });
  from = await alice.connect();
  send(30);
  await stage.until(() => from.acked === 30);
});

describe("a backup", () => {
  it("holds what had been acknowledged when it began, though mail goes on and the relay dies", async () => {
    const making = backup();
    send(100);
    await stage.world.complete(making);
    stage.world.crash("relay", { keep: "synced" });
    const { report } = await restore("elsewhere");
    expect([report.problems, report.waitingMessages >= 30]).toEqual([[], true]);
    const seqs = await delivered("elsewhere");
    expect(seqs.slice(0, 30)).toEqual(Array.from({ length: 30 }, (_, nth) => nth + 1));
  });

  it("copies again only what is new", async () => {
    const first = await made();
    send(5);
    await stage.until(() => from.acked === sent);
    const second = await made();
    expect([second.number, second.segments > first.segments, second.copied <= 2]).toEqual([2, true, true]);
    expect(second.copiedBytes).toBeLessThan(first.copiedBytes);
    await stage.world.complete(relay.drain());
    await restore("elsewhere");
    expect(await delivered("elsewhere")).toEqual(Array.from({ length: 35 }, (_, nth) => nth + 1));
  });

  it("is made of a relay that does not run as well", async () => {
    await stage.world.complete(relay.drain());
    await made();
    await restore("elsewhere");
    expect((await delivered("elsewhere")).length).toBe(30);
  });

  it("leaves the one before as it was, whenever the machine dies while it is made", { timeout: 120_000 }, async () => {
    await made();
    await stage.world.complete(relay.drain());
    relay = await stage.open();
    from = await alice.connect();
    send(20);
    await stage.until(() => from.acked === sent);
    let [finished, cut] = [0, 0];
    for (let call = 1; call < 130; call += 5) {
      let died = false;
      const { number } = (await stage.world.complete(readBackupList(machine(), TO))) as BackupList;
      const making = backup();
      stage.world.atCall("relay", call, () => {
        died = true;
        stage.world.crash("relay", { keep: call % 2 === 0 ? "synced" : "random" });
      });
      making.catch(() => undefined);
      await stage.world.run({ until: () => died, untilMs: stage.world.nowMs + 1000 });
      if (!died) stage.world.crash("relay", { keep: "synced" });
      const { list, report } = await restore(`after ${call}`);
      expect([report.problems, report.waitingMessages >= 30]).toEqual([[], true]);
      if (list.number > number) finished++;
      else cut++;
      relay = await stage.open();
    }
    expect([finished > 0, cut > 10]).toEqual([true, true]);
    expect((await made()).segments).toBeGreaterThan(0);
  });

  it("is made by one at a time in one folder", async () => {
    const ends = await stage.world.complete(Promise.allSettled([backup(), backup()]));
    expect(ends.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(ends.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "folder-in-use" } });
    await restore("elsewhere");
  });

  it("is none where the relay was started again meanwhile, and may have used a file once more", async () => {
    const host = machine();
    let [isLast, restarted] = [false, false];
    const progress = (bytes: number, of: number): void => {
      isLast = bytes === of;
    };
    const rename: typeof host.files.rename = async (path, to) => {
      if (isLast && !restarted) {
        restarted = true;
        await relay.drain();
        relay = await openRelayWith({ host, folder: "relay-folder", listen: LISTEN });
      }
      await host.files.rename(path, to);
    };
    const making = backUp({ host: { ...host, files: { ...host.files, rename } }, folder: "relay-folder", to: TO, progress });
    await expect(stage.world.complete(making)).rejects.toMatchObject({ code: "not-found", retry: "now" });
    expect(restarted).toBe(true);
    expect(await stage.world.complete(readBackupList(host, TO))).toBeUndefined();
  });

  it("of an interrupted first time is none, and is gone on with", async () => {
    await stage.world.complete(
      (async () => {
        const file = await machine().files.open(`${TO}/unfinished`, "write");
        await file.write(0, utf8("x"));
        await file.close();
      })(),
    );
    await expect(restore("elsewhere")).rejects.toMatchObject({ code: "not-found" });
    await made();
    await restore("elsewhere");
  });

  it("goes nowhere where something else is, and to no other relay's", async () => {
    const put = (path: string) =>
      stage.world.complete(
        (async () => {
          const file = await machine().files.open(path, "write");
          await file.write(0, utf8("x"));
          await file.close();
        })(),
      );
    await put("taken/file");
    await expect(stage.world.complete(backUp({ host: machine(), folder: "relay-folder", to: "taken" }))).rejects.toMatchObject({
      code: "bad-argument",
    });
    await expect(stage.world.complete(backUp({ host: machine(), folder: "relay-folder", to: "relay-folder" }))).rejects.toMatchObject({
      code: "bad-argument",
    });
    await made();
    await stage.world.complete(openRelayWith({ host: machine(), folder: "other", listen: "ws://127.0.0.1:4411" }));
    await expect(stage.world.complete(backUp({ host: machine(), folder: "other", to: TO }))).rejects.toMatchObject({
      code: "bad-argument",
    });
  });

  it("that rots is not restored", async () => {
    await made();
    const { disk } = stage.world.disk("relay");
    for (const [path, bytes] of disk.image(EVERYTHING)) {
      if (!path.startsWith(`${TO}/`) || path.endsWith(".json")) continue;
      for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
        disk.rot(path, at, 2);
        await expect(restore(`rotten ${path} ${at}`)).rejects.toMatchObject({
          code: "log-damaged",
          message: expect.stringContaining(path),
        });
        disk.rot(path, at, 2);
      }
    }
    await restore("elsewhere");
  });

  it("keeps files no longer than its lease when nobody says anything any more", async () => {
    const { askRelay } = await import("./owner-socket.ts");
    const ask = (name: "backup-begin") => stage.world.complete(askRelay(machine(), "relay-folder", { name }));
    await ask("backup-begin");
    const held = (await ask("backup-begin")) as { readonly id: string };
    await expect(ask("backup-begin")).rejects.toMatchObject({ code: "too-busy" });
    await stage.world.run({ untilMs: stage.world.nowMs + 61_000 });
    await ask("backup-begin");
    await expect(stage.world.complete(askRelay(machine(), "relay-folder", { name: "backup-renew", id: held.id }))).rejects.toMatchObject({
      code: "not-found",
    });
  });
});

describe("a relay that was restored", () => {
  it("signs no statement under a number that it used after the backup", async () => {
    const numbers = (line: TestLine) => line.proofs.map((proof) => statement.decode(statementProof.decode(proof).statement).number);
    await made();
    for (let round = 0; round < 5; round++) {
      send(2);
      await stage.until(() => from.acked === sent);
      await stage.world.run({ untilMs: stage.world.nowMs + 500 });
    }
    const newest = Math.max(...numbers(from));
    await stage.world.complete(relay.drain());
    const { list } = await restore("elsewhere");
    // What it was made of ran on for a month before this one took its place.
    const started = await stage.world.complete(readWhole(machine().files, "elsewhere/restored", 100));
    expect(decodeRestored(started ?? new Uint8Array(0), list.takenAtMs + 30 * 24 * HOUR)).toBeGreaterThan(30 * 24 * 3600 * 100);
    relay = await stage.world.complete(openRelayWith({ host: machine(), folder: "elsewhere", listen: LISTEN }));
    from = await alice.connect({ link: 2 });
    sent = 0;
    send(1);
    await stage.until(() => numbers(from).some((number) => number > newest + 1));
    expect(await stage.world.complete(readWhole(machine().files, "elsewhere/restored", 10))).toBeUndefined();
  });
});
