import { expect, test } from "vitest";
import { utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { encodeTransport } from "../wire/frame.ts";
import { BUSY_INPUTS, createInputRing, INPUT_AGE_MS, KNOWN_PSEUDONYMS, OWN_INPUTS, pseudonyms, RARE_INPUTS } from "./input-ring.ts";
import type { Connection } from "./net.ts";
import { createNodeHash } from "./node/hash.ts";
import { FACTS_PER_SECOND, recordHost } from "./recording.ts";
import { createWorld } from "./simulated/index.ts";
import { createTrafficMeter, METERED_CONNECTIONS } from "./traffic-meter.ts";

const hash = createNodeHash();
const salted = pseudonyms(hash, utf8("salt of a folder"));
const LIMITS = { maxMessageBytes: 1000 };
const CANARY = "canary-of-a-body";

function mail(bytes: number): Uint8Array {
  return encodeTransport([{ name: "mail", payload: utf8(CANARY.padEnd(bytes, "x")) }], 0);
}

async function twoEnds() {
  const world = createWorld({ seed: 1, hash });
  const recording = recordHost(world.host("here"));
  const other = world.host("there");
  const heard: number[] = [];
  const closed: string[] = [];
  let theirs: Connection | undefined;
  const taken = (connection: Connection): void => {
    theirs = connection;
  };
  const listening = other.net.listen("ws://there:81", { ...LIMITS, onConnection: taken });
  await world.run({ untilMs: 50 });
  await listening;
  let mine: Connection | undefined;
  recording.host.net
    .dial("ws://there:81/secret-path", { ...LIMITS, timeoutMs: 1000 })
    .then((connection) => {
      mine = connection;
    })
    .catch(() => {});
  await world.run({ untilMs: 100, until: () => mine !== undefined && theirs !== undefined });
  const [a, b] = [mine as unknown as Connection, theirs as unknown as Connection];
  a.start({ message: (message) => heard.push(message.length), drained: () => {}, closed: (why) => closed.push(why) });
  b.start({ message: () => {}, drained: () => {}, closed: () => {} });
  return { world, recording, a, b, heard, closed, inputs: () => recording.inputs(salted) };
}

test("connections, frames by name and size, and how they ended; nothing of what they carried", async () => {
  const { world, a, b, heard, closed, inputs } = await twoEnds();
  a.send(mail(200));
  a.send(mail(300));
  b.send(mail(120));
  await world.run({ untilMs: 2500 });
  a.send(mail(50));
  world.network.cut("here", "there");
  await world.run({ untilMs: 3000 });
  expect(heard).toHaveLength(1);
  expect(closed).toHaveLength(1);
  const all = inputs();
  expect(all.map(({ what }) => what)).toEqual(["dialled", "flow", "closed", "flow"]);
  expect(all[1]).toMatchObject({ connection: 1, in: "mail:1:128", out: "mail:2:516" });
  expect(all.find(({ what }) => what === "closed")).toMatchObject({ connection: 1, by: "lost" });
  expect(all[0]).toMatchObject({ to: salted("there:81") });
  const text = JSON.stringify(all);
  for (const said of [CANARY, "there", "secret-path"]) expect(text.replace('"by":"there"', "")).not.toContain(said);
});

test("a disk that fails or is slow, a clock that jumps, a timer that is late", async () => {
  const { world, recording, inputs } = await twoEnds();
  const disk = world.disk("here");
  disk.failSyncs = 1;
  disk.delayMs.sync = 400;
  const codes: string[] = [];
  const work = async (): Promise<void> => {
    const file = await recording.host.files.open("name-of-a-file", "write");
    await file.write(0, utf8(CANARY));
    await file.sync().catch((error: { readonly code: string }) => codes.push(error.code));
    await recording.host.files.open("missing", "read").catch((error: { readonly code: string }) => codes.push(error.code));
    const again = await recording.host.files.open("second", "write");
    await again.write(0, utf8(CANARY));
    await again.sync();
  };
  let done = false;
  const worked = work().finally(() => {
    done = true;
  });
  await world.run({ untilMs: 3000, until: () => done });
  await worked;
  expect(codes).toEqual(["disk-failed", "not-found"]);
  recording.host.clock.after(100, () => {});
  world.pause("here");
  world.after(2000, "resume", () => world.resume("here"));
  await world.run({ untilMs: 8000 });
  world.jumpWall("here", -60_000);
  const all = inputs();
  expect(all).toContainEqual(expect.objectContaining({ what: "disk-failed", op: "sync", code: "disk-failed" }));
  expect(all).toContainEqual(expect.objectContaining({ what: "disk-slow", op: "sync" }));
  expect(all).toContainEqual(expect.objectContaining({ what: "clock-jump" }));
  expect(all.find(({ what }) => what === "clock-jump")?.["byMs"]).toBeLessThan(-59_990);
  expect(all.find(({ what }) => what === "late")?.["byMs"]).toBeGreaterThan(1500);
  expect(all.filter(({ what }) => what === "disk-failed")).toHaveLength(1);
  expect(JSON.stringify(all)).not.toMatch(/name-of-a-file|missing|canary/);
});

test("of lines of log: names, numbers and codes of closed lists; ids as pseudonyms, words of others not at all", async () => {
  const { recording, inputs } = await twoEnds();
  const { log } = recording.host;
  log.write("debug", "agent.queued", { id: "0011.1", to: "@anna-canary", bytes: 7, thread: "canary-thread" });
  log.write("debug", "agent.statement", { number: 4 });
  log.write("warn", "agent.handler-failed", { why: `it said ${CANARY}`, code: "canary-code", attempt: 2, name: "anna-canary" });
  log.write("error", "agent.cloned", { code: "cloned", kind: "Canary said by others", remote: "10.1.2.3:5555" });
  const all = inputs().filter(({ what }) => what === "fact");
  expect(all).toEqual([
    {
      what: "fact",
      atMs: expect.any(Number),
      event: "agent.queued",
      level: "debug",
      bytes: 7,
      id: salted("0011.1"),
      to: salted("@anna-canary"),
    },
    { what: "fact", atMs: expect.any(Number), event: "agent.handler-failed", level: "warn", attempt: 2 },
    { what: "fact", atMs: expect.any(Number), event: "agent.cloned", level: "error", code: "cloned", remote: salted("10.1.2.3") },
  ]);
  expect(JSON.stringify(all).toLowerCase()).not.toContain("canary");
  // It is the pseudonyms that keep names out.
  expect(JSON.stringify(recording.inputs((text) => text))).toContain("@anna-canary");
  for (let line = 0; line < 100; line++) log.write("debug", "agent.step", { state: "done" });
  const steps = inputs().filter(({ event }) => event === "agent.step");
  expect(steps.length).toBeLessThanOrEqual(FACTS_PER_SECOND);
  expect(inputs().find(({ what }) => what === "facts-left")?.["count"]).toBe(100 - steps.length);
});

test("bounded: what is frequent pushes out nothing that is rare, and what is old is not told", () => {
  const ring = createInputRing();
  ring.note("rare", 0, "dialled", {});
  for (let at = 0; at < 10 * BUSY_INPUTS; at++) ring.note("busy", 10, "flow", { at });
  const all = ring.inputs(20, salted);
  expect(all).toHaveLength(1 + BUSY_INPUTS);
  expect(all[0]).toEqual({ what: "dialled", atMs: 0 });
  for (let at = 0; at < 3 * RARE_INPUTS; at++) ring.note("rare", 30, "closed", {});
  expect(ring.inputs(40, salted)).toHaveLength(RARE_INPUTS + BUSY_INPUTS);
  expect(ring.inputs(40 + INPUT_AGE_MS, salted)).toHaveLength(0);
});

test("what happened to the disk is still told after thousands of connections", async () => {
  const world = createWorld({ seed: 1, hash });
  const failing = recordHost({
    ...world.host("here"),
    files: { ...world.host("here").files, rename: () => Promise.reject(new PerdureError("disk-failed", "it broke")) },
  });
  await expect(failing.host.files.rename("a", "b")).rejects.toMatchObject({ code: "disk-failed" });
  for (let at = 0; at < 5 * RARE_INPUTS; at++) failing.host.log.write("warn", "relay.incident", { kind: "peer", attempt: at });
  const told = failing.inputs(salted);
  expect(told[0]).toMatchObject({ what: "disk-failed", op: "rename", code: "disk-failed" });
  expect(told.length).toBeLessThanOrEqual(OWN_INPUTS + RARE_INPUTS + BUSY_INPUTS);
});

test("as many pseudonyms are remembered as a list needs, however many messages a process sees in its life", () => {
  let hashed = 0;
  const sha256 = (bytes: Uint8Array): Uint8Array => {
    hashed++;
    return hash.sha256(bytes);
  };
  const counting = pseudonyms({ ...hash, sha256 }, utf8("salt"));
  const first = counting("first");
  for (let message = 1; message < KNOWN_PSEUDONYMS; message++) counting(`message ${message}`);
  expect([counting("first"), hashed]).toEqual([first, KNOWN_PSEUDONYMS]);
  counting("one more");
  expect([counting("first"), hashed]).toEqual([first, KNOWN_PSEUDONYMS + 2]);
});

test("the same text has one pseudonym under one salt and another under another, and cannot be had without it", () => {
  const other = pseudonyms(hash, utf8("salt of another"));
  expect(salted("ag1anna")).toBe(pseudonyms(hash, utf8("salt of a folder"))("ag1anna"));
  expect(salted("ag1anna")).not.toBe(salted("ag1desk"));
  expect(other("ag1anna")).not.toBe(salted("ag1anna"));
});

test("more connections in one second than are told apart are told in one sum, and nothing is counted twice", () => {
  const meter = createTrafficMeter();
  const places = Array.from({ length: METERED_CONNECTIONS + 5 }, (_, index) => ({ connection: index + 1, turn: -1, slot: 0 }));
  for (const place of places) for (const direction of ["in", "out"] as const) meter.count(place, 1, direction, mail(100));
  const taken = meter.take();
  expect(taken).toHaveLength(METERED_CONNECTIONS + 1);
  expect(taken[0]).toEqual({ connection: 0, in: "mail:5:540", out: "mail:5:540" });
  meter.count(places[9] as (typeof places)[number], 2, "in", mail(100));
  expect(meter.take()).toEqual([{ connection: 10, in: "mail:1:108", out: "" }]);
});

test("bytes that are no frames are counted and hurt nobody", () => {
  const meter = createTrafficMeter();
  const place = { connection: 1, turn: -1, slot: 0 };
  for (const message of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(40).fill(255), new Uint8Array(500)])
    meter.count(place, 1, "in", message);
  expect(meter.take()).toHaveLength(1);
});
