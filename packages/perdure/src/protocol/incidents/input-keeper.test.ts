import { expect, test } from "vitest";
import type { Host } from "../../host/host.ts";
import { pseudonyms } from "../../host/input-ring.ts";
import { createNodeHost } from "../../host/node/index.ts";
import { recordHost } from "../../host/recording.ts";
import { createDisk, createMemoryFiles, createWorld } from "../../host/simulated/index.ts";
import { createSettings, listSettings } from "../../settings/register.ts";
import { utf8 } from "../../wire/bytes.ts";
import { BUNDLE_FORMAT, bundleOf, isBundle, readBundle } from "./input-bundle.ts";
import { INPUTS_BYTES, type Life, MAX_LIVES, openInputKeeper, readKeptInputs } from "./input-keeper.ts";

function machine(): Host {
  return { ...createNodeHost(), files: createMemoryFiles(createDisk()) };
}

/** One process that has the folder for a while and says `said`. */
async function live(host: Host, said: string, times = 1) {
  const recording = recordHost(host);
  const keeper = await openInputKeeper(host, "home", recording);
  for (let time = 0; time < times; time++) recording.host.log.write("error", said, { to: "@anna", attempt: time });
  await keeper[Symbol.asyncDispose]();
  return keeper;
}

test("what came in is still there for the next process, under the same pseudonyms, and it says whether the one before closed", async () => {
  const host = machine();
  await live(host, "agent.cloned");
  const second = await live(host, "agent.held");
  const lives = second.lives();
  expect(lives.map(({ closed, inputs }) => [closed, inputs.map(({ event }) => event)])).toEqual([
    [true, ["agent.cloned"]],
    [true, ["agent.held"]],
  ]);
  expect(lives[0]?.inputs[0]?.["to"]).toBe(lives[1]?.inputs[0]?.["to"]);
  // Between its last writing and the question a millisecond may have passed.
  const untimed = (all: readonly Life[]): readonly object[] => all.map(({ lastMs, ...life }) => life);
  expect(untimed((await readKeptInputs(host, "home")).lives)).toEqual(untimed(lives));
  expect((await readKeptInputs(host, "home")).pseudonym("@anna")).toBe(lives[1]?.inputs[0]?.["to"]);
});

test("of two files the one that is torn counts for nothing", async () => {
  const host = machine();
  await live(host, "agent.cloned");
  await live(host, "agent.held");
  // The second writing lies in `0`.
  const file = await host.files.open("home/inputs/0", "write");
  await file.write(120, new Uint8Array(8));
  await file.close();
  const { lives } = await readKeptInputs(host, "home");
  expect(lives.map(({ inputs }) => inputs[0]?.["event"])).toEqual(["agent.cloned"]);
  const third = await live(host, "agent.opened-again");
  expect(third.lives()).toHaveLength(2);
});

test("bounded: lives and bytes, the oldest give way", async () => {
  const host = machine();
  for (let life = 0; life < MAX_LIVES + 4; life++) await live(host, `agent.life-${life}`, 31);
  const { lives } = await readKeptInputs(host, "home");
  expect(lives).toHaveLength(MAX_LIVES);
  expect(lives.at(-1)?.inputs[0]?.["event"]).toBe(`agent.life-${MAX_LIVES + 3}`);
  const recording = recordHost(host);
  for (let time = 0; time < 3000; time++) recording.host.log.write("error", `agent.${"x".repeat(2000)}`, { attempt: time });
  const keeper = await openInputKeeper(host, "home", recording);
  await keeper[Symbol.asyncDispose]();
  const file = await host.files.open(`home/inputs/1`, "read");
  expect(await file.size()).toBeLessThanOrEqual(INPUTS_BYTES);
  await file.close();
  const kept = (await readKeptInputs(host, "home")).lives;
  expect(kept.at(-1)?.inputs.at(-1)?.["attempt"]).toBe(2999);
});

test("many short calls of a command push out neither a crash nor who ran for long", async () => {
  const host = machine();
  const timers: (() => void)[] = [];
  const after = (_: number, then: () => void): (() => void) => {
    timers.push(then);
    return () => {};
  };
  const killed: Host = { ...host, clock: { ...host.clock, after } };
  const recording = recordHost(killed);
  recording.host.log.write("error", "agent.killed", {});
  await openInputKeeper(killed, "home", recording);
  // Its first writing; then it is no more.
  for (const fire of timers.splice(0)) fire();
  const first = async (): Promise<boolean | undefined> => (await readKeptInputs(host, "home").catch(() => undefined))?.lives[0]?.closed;
  await expect.poll(first).toBe(false);
  await live(host, "agent.long", 100);
  for (let call = 0; call < 3 * MAX_LIVES; call++) await live(host, `agent.call-${call}`);
  const { lives } = await readKeptInputs(host, "home");
  expect(lives).toHaveLength(MAX_LIVES);
  expect(lives.map(({ inputs }) => inputs[0]?.["event"])).toEqual(expect.arrayContaining(["agent.killed", "agent.long"]));
});

test("where nothing comes but traffic the file is written every five minutes, and where something is noted within fifteen seconds", async () => {
  const world = createWorld({ seed: 1, hash: createNodeHost().crypto.hash });
  let writings = 0;
  const machine = world.host("a");
  const open: Host["files"]["open"] = (path, mode) => {
    if (mode === "write") writings++;
    return machine.files.open(path, mode);
  };
  const host: Host = { ...machine, files: { ...machine.files, open } };
  const recording = recordHost(host);
  await world.complete(openInputKeeper(host, "home", recording));
  const writingsIn = async (ms: number): Promise<number> => {
    const before = writings;
    await world.run({ untilMs: world.nowMs + ms });
    return writings - before;
  };
  await writingsIn(60_000);
  expect(await writingsIn(3_600_000)).toBe(12);
  recording.host.log.write("warn", "agent.held", {});
  expect(await writingsIn(16_000)).toBe(1);
  expect(await writingsIn(240_000)).toBe(0);
});

test("a disk that takes nothing costs the inputs and nothing else; without any there is nothing to tell", async () => {
  const host = machine();
  const full: Host = { ...host, files: { ...host.files, open: () => Promise.reject(new Error("no disk")) } };
  await live(full, "agent.cloned");
  await expect(readKeptInputs(host, "home")).rejects.toMatchObject({ code: "not-found" });
});

test("a bundle is read back, and what is none is refused", async () => {
  const host = machine();
  const keeper = await live(host, "agent.cloned");
  const bundle = bundleOf({
    role: "agent",
    nowMs: 1000,
    lives: keeper.lives(),
    settings: listSettings(createSettings({ pingEveryMs: 9000 }), { pingEveryMs: "flag of @anna's" }),
    surroundings: { external: [], contradictions: [] },
    incidents: [],
    pseudonym: keeper.pseudonym,
  });
  const text = JSON.stringify(bundle);
  expect(isBundle(text)).toBe(true);
  expect(readBundle(text)).toEqual(bundle);
  expect(bundle.settings.find(({ name }) => name === "pingEveryMs")).toMatchObject({ value: 9000, origin: "set" });
  expect(isBundle('{"format":"perdure-scenario/1"}')).toBe(false);
  const code = (wrong: string): unknown => {
    try {
      return readBundle(wrong);
    } catch (error) {
      return (error as { readonly code?: string }).code;
    }
  };
  for (const wrong of [
    "no json",
    "null",
    "{}",
    text.replace(BUNDLE_FORMAT, "perdure-bundle/1e9"),
    JSON.stringify({ ...bundle, role: "cat" }),
    JSON.stringify({ ...bundle, lives: [{ beganMs: 1, lastMs: 2, closed: true, inputs: [{ what: 7 }] }] }),
    JSON.stringify({ ...bundle, lives: [null] }),
    JSON.stringify({ ...bundle, lives: [{ beganMs: 1, lastMs: 2, inputs: [null] }] }),
    JSON.stringify({ ...bundle, lives: [{ beganMs: 1e300, lastMs: 2, inputs: [] }] }),
    JSON.stringify({ ...bundle, lives: [{ beganMs: 1, lastMs: 2, inputs: Array(70_000).fill({ atMs: 1, what: "late" }) }] }),
    JSON.stringify({ ...bundle, settings: [null] }),
    `${text}${" ".repeat(8 * 1024 * 1024)}`,
  ])
    expect(code(wrong), wrong.slice(0, 60)).toBe("bad-argument");
  expect(code(text.replace(BUNDLE_FORMAT, "perdure-bundle/9"))).toBe("needs-newer-version");
  expect(code(text.replace(BUNDLE_FORMAT, "perdure-bundle/0"))).toBe("needs-older-version");
});

test("a kept file without a salt of full length gives no pseudonyms that could be guessed", async () => {
  const host = machine();
  const json = utf8(
    JSON.stringify({ number: 1, salt: "", lives: [{ beganMs: 0, lastMs: 1, closed: true, inputs: [{ atMs: 1, what: "late" }] }] }),
  );
  const head = utf8(`perdure-inputs/1 ${json.length} ${Buffer.from(host.crypto.hash.sha256(json)).toString("hex")}\n`);
  const file = await host.files.open(`/agent/inputs/1`, "write");
  await file.write(0, head);
  await file.write(head.length, json);
  await file.close();
  await expect(readKeptInputs(host, "/agent")).rejects.toMatchObject({ code: "malformed" });
  await using keeper = await openInputKeeper(host, "/agent", recordHost(host));
  expect(keeper.pseudonym("anna")).not.toBe(pseudonyms(host.crypto.hash, new Uint8Array())("anna"));
  expect(keeper.lives()).toHaveLength(2);
});
