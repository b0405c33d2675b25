import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Mail } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { codeOf, noise, openStage, type Stage, serving, sha256, statesOf } from "./test-stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

test("a message to a name is stored, handled once and signed done", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  await using served = serving(desk);
  const sent = await writer.send("@desk", "hello");
  expect((await sent.until("done")).by).toBe(desk.id);
  const states = await statesOf(sent);
  expect(states[0]).toBe("queued");
  expect(states.at(-1)).toBe("done");
  expect(sent.steps.at(-1)?.proof).toBe("receipt");
  expect(served.mails.map(({ mail, content }) => [mail.from, mail.attempt, new TextDecoder().decode(content)])).toEqual([
    [writer.id, 1, "hello"],
  ]);
});

test("stored is proven by a statement of the relay while the recipient sleeps", async () => {
  const relay = await stage.startRelay();
  await (await stage.agent("desk", { name: "desk" })).close();
  const writer = await stage.agent("writer", { join: stage.address() });
  const sent = await writer.send("@desk", "hello");
  expect(await sent.until("stored")).toMatchObject({ state: "stored", by: relay.id, proof: "statement" });
});

test("8 MiB reach a sleeping agent through a relay that was restarted", async () => {
  await stage.startRelay();
  await (await stage.agent("desk", { name: "desk" })).close();
  const writer = await stage.agent("writer", { join: stage.address() });
  const content = noise(8 * 1024 * 1024, 7);
  const sent = await writer.send("@desk", content);
  await sent.until("stored");
  await stage.stopRelay();
  await stage.startRelay();
  await using served = serving(await stage.agent("desk"));
  await sent.until("done");
  expect(served.mails.map((each) => [each.mail.sizeBytes, sha256(each.content)])).toEqual([[content.length, sha256(content)]]);
});

test("an empty message arrives empty", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  await using served = serving(desk);
  await (await writer.send("@desk", new Uint8Array(0))).until("done");
  expect(served.mails.map(({ content }) => content.length)).toEqual([0]);
});

test("what was queued while the relay was away leaves when it is back", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  await using served = serving(desk);
  await (await writer.send("@desk", "first")).until("done");
  await stage.stopRelay();
  const sent = await writer.send("@desk", "second");
  await stage.startRelay();
  await sent.until("done");
  expect(served.mails.map(({ content }) => new TextDecoder().decode(content))).toEqual(["first", "second"]);
});

test("order holds within a stream, and every one of many is handled once", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  await using served = serving(desk);
  const texts = Array.from({ length: 200 }, (_, index) => `${index}`);
  const sents = [];
  for (const text of texts) sents.push(await writer.send("@desk", text));
  for (const sent of sents) await sent.until("done");
  expect(served.mails.map(({ content }) => new TextDecoder().decode(content))).toEqual(texts);
});

test("ask brings the answer that a handler replies, in one thread", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  await using served = serving(desk, async (mail, turn) => turn.reply({ answer: (await mail.text()).length }));
  const answer = await writer.ask("@desk", "four", { timeoutMs: 20_000 });
  expect(await answer.json()).toEqual({ answer: 4 });
  expect([answer.auto, answer.depth, answer.from]).toEqual([true, 1, desk.id]);
  expect(answer.thread).toBe(served.mails[0]?.mail.thread);
  const left: Mail[] = [];
  for await (const mail of writer.inbox()) left.push(mail);
  expect(left).toEqual([]);
});

test("a refusal reaches the sender with its reason", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  await using _served = serving(desk, (_mail, turn) => turn.reject("not my desk"));
  const sent = await writer.send("@desk", "hello");
  const error = await sent.until("done").catch((caught: unknown) => caught);
  expect(codeOf(error)).toBe("refused");
  expect((error as Error).message).toContain("not my desk");
});

test("a handler that always fails ends in the failed box, from where it can be tried again", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk", settings: { handlerAttempts: 2 } });
  const writer = await stage.agent("writer", { join: stage.address() });
  let broken = true;
  await using served = serving(desk, () => {
    if (broken) throw new Error("broken");
  });
  const sent = await writer.send("@desk", "hello");
  expect(await sent.until("done").catch(codeOf)).toBe("failed");
  expect(served.mails.map(({ mail }) => mail.attempt)).toEqual([1, 2]);
  const failed: Mail[] = [];
  for await (const mail of desk.inbox({ box: "failed" })) failed.push(mail);
  expect(failed.map((mail) => mail.id)).toEqual([sent.id]);
  broken = false;
  await failed[0]?.retry();
  await expect.poll(async () => (await desk.status()).failed + (await desk.status()).waiting, { timeout: 10_000 }).toBe(0);
  expect(served.mails).toHaveLength(3);
});

test("mail nobody wakes up for expires, and the relay says so", async () => {
  const relay = await stage.startRelay({ sweepEveryMs: 100, expiryGraceMs: 0 });
  await (await stage.agent("desk", { name: "desk" })).close();
  const writer = await stage.agent("writer", { join: stage.address() });
  const sent = await writer.send("@desk", "soon stale", { expiresInMs: 1000 });
  expect(await sent.until("done", { timeoutMs: 20_000 }).catch(codeOf)).toBe("expired");
  expect(sent.steps.find((step) => step.state === "expired")).toMatchObject({ by: relay.id, proof: "notice" });
});

test("one idempotency key is handled once", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  await using served = serving(desk);
  const first = await writer.send("@desk", "pay", { idempotencyKey: "invoice 7" });
  const second = await writer.send("@desk", "pay", { idempotencyKey: "invoice 7" });
  await first.until("done");
  await second.until("done");
  expect(served.mails).toHaveLength(1);
});

test("handles and the inbox survive a restart of the agent", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  const sent = await writer.send("@desk", "hello");
  await sent.until("stored");
  await expect.poll(async () => (await desk.status()).waiting, { timeout: 10_000 }).toBe(1);
  await writer.close();
  await desk.close();
  await stage.stopRelay();
  const again = await stage.agent("desk");
  const waiting: Mail[] = [];
  for await (const mail of again.inbox()) waiting.push(mail);
  expect(await Promise.all(waiting.map((mail) => mail.text()))).toEqual(["hello"]);
  const handle = await (await stage.agent("writer")).sent(sent.id);
  expect(handle.steps.map((step) => step.state)).toEqual(sent.steps.map((step) => step.state));
  await stage.startRelay();
  await waiting[0]?.done();
  expect((await handle.until("done")).by).toBe(again.id);
});

test("a second process on one folder sends through the first, and goes on when that closes", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const first = await stage.agent("writer", { join: stage.address() });
  const second = await stage.agent("writer");
  expect([(await first.status()).role, (await second.status()).role]).toEqual(["holder", "guest"]);
  await using served = serving(desk);
  const one = await second.send("@desk", "one");
  await first.close();
  const two = await second.send("@desk", "two");
  await one.until("done");
  await two.until("done");
  expect((await second.status()).role).toBe("holder");
  expect(served.mails).toHaveLength(2);
});

test("nothing is made in a folder when there is no relay, another relay, or no wish to create", async () => {
  await stage.startRelay();
  const host = createNodeHost();
  const at = (name: string): string => join(stage.folder, name);
  expect(await openAgentWith(host, at("a")).catch(codeOf)).toBe("no-agent-here");
  expect(await openAgentWith(host, at("b"), { join: "ws://127.0.0.1:1/" }).catch(codeOf)).toBe("relay-unreachable");
  const other = stage.address().replace(/#ag1(.)/, (_all, letter: string) => `#ag1${letter === "a" ? "b" : "a"}`);
  expect(await openAgentWith(host, at("c"), { join: other }).catch(codeOf)).toBe("wrong-relay");
  expect(await openAgentWith(host, at("d"), { join: "http://127.0.0.1:1/" }).catch(codeOf)).toBe("bad-argument");
  await expect(readdir(at("a"))).rejects.toThrow();
  for (const name of ["b", "c"]) expect(await openAgentWith(host, at(name)).catch(codeOf)).toBe("no-agent-here");
});

test("a name belongs to the first who took it, and the second leaves nothing behind", async () => {
  await stage.startRelay();
  await stage.agent("desk", { name: "desk" });
  expect(await stage.agent("other", { name: "desk" }).catch(codeOf)).toBe("name-taken");
  expect((await stage.agent("other", { name: "other" })).id).toMatch(/^ag1/);
});

test("an agent stays with its relay", async () => {
  await stage.startRelay();
  await (await stage.agent("desk", { name: "desk" })).close();
  const other = stage.address().replace(/#ag1(.)/, (_all, letter: string) => `#ag1${letter === "a" ? "b" : "a"}`);
  expect(await stage.agent("desk", { join: other }).catch(codeOf)).toBe("wrong-relay");
});

test("nobody of that name or id is said at once", async () => {
  await stage.startRelay();
  const writer = await stage.agent("writer", { join: stage.address() });
  await expect.poll(async () => (await writer.status()).relay.connected, { timeout: 10_000 }).toBe(true);
  expect(await writer.send("@nobody", "hello").catch(codeOf)).toBe("unknown-agent");
  expect(await writer.outbox()).toHaveLength(0);
});

test("what the relay keeps does not contain the text", async () => {
  await stage.startRelay();
  await (await stage.agent("desk", { name: "desk" })).close();
  const writer = await stage.agent("writer", { join: stage.address() });
  const canary = "canary-4711-in-the-clear";
  await (await writer.send("@desk", canary)).until("stored");
  await stage.stopRelay();
  for (const entry of await readdir(join(stage.folder, "relay"), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    expect((await readFile(join(entry.parentPath, entry.name))).includes(canary)).toBe(false);
  }
});

test("a damaged log or key is said with its code, and nothing is changed", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  for (const text of ["one", "two", "three"]) await (await writer.send("@desk", text)).until("stored");
  await expect.poll(async () => (await desk.status()).waiting, { timeout: 10_000 }).toBe(3);
  await desk.close();
  const damage = async (folder: string): Promise<() => Promise<void>> => {
    const [largest] = await filesBySize(join(stage.folder, "desk", folder));
    const whole = await readFile(largest as string);
    const broken = Buffer.from(whole);
    broken[broken.length >> 1] = (broken[broken.length >> 1] as number) ^ 1;
    await writeFile(largest as string, broken);
    expect(await stage.agent("desk").catch(codeOf)).toBe(folder === "agent" ? "log-damaged" : "key-damaged");
    expect((await readFile(largest as string)).equals(broken)).toBe(true);
    return () => writeFile(largest as string, whole);
  };
  await (await damage("agent"))();
  await (await damage("identity"))();
  expect((await (await stage.agent("desk")).status()).waiting).toBe(3);
});

async function filesBySize(folder: string): Promise<readonly string[]> {
  const paths = (await readdir(folder)).map((name) => join(folder, name));
  const sized = await Promise.all(paths.map(async (path) => ({ path, size: (await stat(path)).size })));
  return sized.sort((a, b) => b.size - a.size).map(({ path }) => path);
}
