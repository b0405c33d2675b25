import { afterEach, expect, test } from "vitest";
import { createSettings } from "../settings/register.ts";
import { fromUtf8 } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { MessageId } from "../wire/ids.ts";
import { createAgent } from "./agent.ts";
import type { Agent, Mail } from "./api.ts";
import { openSharedCore } from "./shared-core.ts";
import { createTestDisk, createTestEngine, TEST_SENDER, type TestDisk, type TestEngine } from "./test-core.ts";
import { createTestMachine } from "./test-machine.ts";

const codeOf = (error: unknown): string => (isPerdureError(error) ? error.code : String(error));
const opened: Agent[] = [];
afterEach(async () => {
  for (const agent of opened.splice(0)) await agent.close();
});

async function open(
  overrides: Record<string, number> = {},
  wrap: (engine: TestEngine) => TestEngine = (engine) => engine,
): Promise<{ readonly agent: Agent; readonly engine: TestEngine; readonly disk: TestDisk }> {
  const disk = createTestDisk();
  const settings = createSettings({ drainTimeoutMs: 50, ...overrides });
  const host = createTestMachine().process().host;
  const engine = wrap(createTestEngine(disk));
  const core = await openSharedCore({
    host,
    folder: "/agent",
    settings,
    client: "a",
    timeoutMs: 1000,
    signal: undefined,
    openEngine: async () => ({ id: disk.id, engine }),
  });
  const agent = createAgent({ core, host, settings, client: "a" });
  opened.push(agent);
  return { agent, engine, disk };
}

async function serveUntil(agent: Agent, handler: Parameters<Agent["serve"]>[0], done: () => boolean): Promise<void> {
  const stop = new AbortController();
  const serving = agent.serve(handler, { signal: stop.signal });
  await Promise.race([serving, expect.poll(done, { timeout: 5000 }).toBe(true)]);
  stop.abort();
  await serving;
}

test("send gives a handle whose steps can be followed to the end", async () => {
  const { agent, engine } = await open();
  const sent = await agent.send("@desk", "hello");
  expect(sent.steps.map((step) => step.state)).toEqual(["queued"]);
  const seen: string[] = [];
  const following = (async () => {
    for await (const step of sent) seen.push(step.state);
  })();
  engine.step(sent.id, "stored");
  engine.step(sent.id, "done");
  await following;
  expect(seen).toEqual(["queued", "stored", "done"]);
  expect(sent.steps).toHaveLength(3);
});

test("the handle of an ended message gives all its steps at once", async () => {
  const { agent, engine } = await open();
  const { id } = await agent.send("@desk", "hello");
  engine.step(id, "done");
  const seen: string[] = [];
  for await (const step of await agent.sent(id)) seen.push(step.state);
  expect(seen).toEqual(["queued", "done"]);
});

test("until resolves with the first step at or above", async () => {
  const { agent, engine } = await open();
  const sent = await agent.send("@desk", "hello");
  const stored = sent.until("stored");
  engine.step(sent.id, "fetched");
  expect((await stored).state).toBe("fetched");
});

test("until throws the code of another end", async () => {
  const { agent, engine } = await open();
  const sent = await agent.send("@desk", "hello");
  engine.step(sent.id, "expired");
  expect(await sent.until("done").catch(codeOf)).toBe("expired");
});

test("until ends in timed-out and aborted, and the message goes on", async () => {
  const { agent } = await open();
  const sent = await agent.send("@desk", "hello");
  expect(await sent.until("done", { timeoutMs: 10 }).catch(codeOf)).toBe("timed-out");
  expect(await sent.until("done", { signal: AbortSignal.timeout(10) }).catch(codeOf)).toBe("aborted");
  expect(await agent.outbox()).toHaveLength(1);
});

test("wrong words are refused before anything is queued", async () => {
  const { agent, disk } = await open();
  for (const to of ["desk", "@Desk", "ag1short", ""]) expect(await agent.send(to, "hello").catch(codeOf)).toBe("bad-argument");
  expect(await agent.send("@desk", "x", { expiresInMs: 999 }).catch(codeOf)).toBe("expiry-out-of-range");
  expect(await agent.send("@desk", "x", { expiresInMs: 31 * 86_400_000 }).catch(codeOf)).toBe("expiry-out-of-range");
  expect(await agent.send("@desk", "x", { thread: "x" }).catch(codeOf)).toBe("bad-argument");
  expect(await agent.send("@desk", "x", { idempotencyKey: "k".repeat(129) }).catch(codeOf)).toBe("bad-argument");
  expect(await agent.sent("nonsense").catch(codeOf)).toBe("bad-argument");
  expect(await agent.sent("0000000000000000.1").catch(codeOf)).toBe("unknown-message");
  expect(disk.outgoing.size).toBe(0);
});

test.each([
  ["name-unproven", "stopped"],
  ["relay-changed", "stopped"],
  ["rate-limited", "stopped"],
  ["disk-full", "disk-full"],
  ["connection-closed", "connection-closed"],
] as const)("a turn that cannot be committed for %s: serving ends as %s", async (code, end) => {
  const refusing = (engine: TestEngine): TestEngine => ({
    ...engine,
    complete: async (completion) => {
      if (completion.attempt === 1) throw new PerdureError(code, "not now");
      await engine.complete(completion);
    },
  });
  const { agent, engine, disk } = await open({}, refusing);
  engine.arrive("question");
  const stop = new AbortController();
  const serving = agent.serve(() => {}, { signal: stop.signal }).then(() => "stopped", codeOf);
  const ended = serving.then(() => true);
  await Promise.race([ended, expect.poll(() => disk.mails[0]?.committed?.attempt, { timeout: 5000 }).toBe(2)]);
  stop.abort();
  expect(await serving).toBe(end);
});

test("a handler that returns commits its reply and messages with the completion", async () => {
  const { agent, engine, disk } = await open();
  const mail = engine.arrive("question", { thread: "a".repeat(32) });
  await serveUntil(
    agent,
    async (got, turn) => {
      await turn.reply(`re: ${await got.text()}`);
      await turn.send("@other", { seen: got.id });
    },
    () => disk.mails[0]?.committed !== undefined,
  );
  const { outcome, attempt, drafts = [] } = disk.mails[0]?.committed ?? {};
  expect([outcome, attempt]).toEqual(["done", 1]);
  expect(drafts.map((draft) => [draft.to, draft.reply, draft.thread, fromUtf8(draft.content)])).toEqual([
    [TEST_SENDER, true, "a".repeat(32), "re: question"],
    ["@other", false, "a".repeat(32), JSON.stringify({ seen: mail.id })],
  ]);
});

test("a reply that is not awaited is committed too", async () => {
  const { agent, engine, disk } = await open();
  engine.arrive("question");
  await serveUntil(
    agent,
    (_mail, turn) => void turn.reply("answer"),
    () => disk.mails[0]?.committed !== undefined,
  );
  expect(disk.mails[0]?.committed?.drafts).toHaveLength(1);
});

test("a handler that throws commits nothing and sees the message again", async () => {
  const { agent, engine, disk } = await open();
  engine.arrive("question");
  const attempts: number[] = [];
  await serveUntil(
    agent,
    async (mail, turn) => {
      attempts.push(mail.attempt);
      await turn.reply("too early");
      if (mail.attempt === 1) throw new Error("not yet");
    },
    () => disk.mails[0]?.committed !== undefined,
  );
  expect(attempts).toEqual([1, 2]);
  expect(disk.mails[0]?.committed?.drafts).toHaveLength(1);
});

test("turn.reject refuses with its reason", async () => {
  const { agent, engine, disk } = await open();
  engine.arrive("question");
  await serveUntil(
    agent,
    (_mail, turn) => turn.reject("not mine"),
    () => disk.mails[0]?.committed !== undefined,
  );
  expect(disk.mails[0]?.committed).toMatchObject({ outcome: "refused", why: "not mine" });
});

test("automatic mail is never answered automatically, and chains end at their depth", async () => {
  const { agent, engine, disk } = await open();
  engine.arrive("auto", { auto: true, depth: 1 });
  engine.arrive("deep", { auto: true, depth: 8 });
  const codes: string[] = [];
  await serveUntil(
    agent,
    async (_mail, turn) => {
      codes.push(await turn.reply("x").then(() => "sent", codeOf));
      turn.reject("enough");
    },
    () => codes.length >= 2,
  );
  expect(codes.slice(0, 2)).toEqual(["auto-reply-refused", "loop-depth"]);
  expect(disk.mails.every((mail) => (mail.committed?.drafts ?? []).length === 0)).toBe(true);
});

test("a handler that takes too long loses its turn", async () => {
  const { agent, engine, disk } = await open({}, (engine) => ({
    ...engine,
    claim: async (client, signal) => ({ ...(await engine.claim(client, signal)), handlerTimeoutMs: 20 }),
  }));
  engine.arrive("slow");
  const late: string[] = [];
  await serveUntil(
    agent,
    async (mail, turn) => {
      if (mail.attempt > 1) return;
      await new Promise((resolve) => turn.signal.addEventListener("abort", resolve));
      late.push(await turn.reply("late").then(() => "sent", codeOf));
    },
    () => disk.mails[0]?.committed !== undefined && late.length > 0,
  );
  expect(late).toEqual(["bad-argument"]);
  expect(disk.mails[0]?.committed).toMatchObject({ attempt: 2, drafts: [] });
});

test("done, retry and reject of a message belong to its handler while it runs", async () => {
  const { agent, engine, disk } = await open();
  engine.arrive("question");
  const codes: string[] = [];
  await serveUntil(
    agent,
    async (mail) => {
      for (const end of [mail.done(), mail.retry(), mail.reject("no")]) codes.push(await end.then(() => "ended", codeOf));
    },
    () => disk.mails[0]?.committed !== undefined,
  );
  expect(codes).toEqual(["bad-argument", "bad-argument", "bad-argument"]);
});

test("as many handlers run at once as asked for", async () => {
  const { agent, engine, disk } = await open();
  for (const text of ["a", "b", "c", "d"]) engine.arrive(text);
  let running = 0;
  let most = 0;
  const stop = new AbortController();
  const serving = agent.serve(
    async () => {
      most = Math.max(most, ++running);
      await expect.poll(() => most).toBe(3);
      running--;
    },
    { signal: stop.signal, concurrency: 3 },
  );
  await expect.poll(() => disk.mails.every((mail) => mail.committed !== undefined)).toBe(true);
  stop.abort();
  await serving;
  expect(most).toBe(3);
});

test.each([
  ["goes on after a disk that was full for a while", "disk-full", "after", "done"],
  ["ends with the error of an agent that can never commit again", "log-damaged", "never", "log-damaged"],
] as const)("serving %s", async (_what, code, retry, expected) => {
  let left = 1;
  const { agent, engine, disk } = await open({ diskRetryMs: 10 }, (inner) => ({
    ...inner,
    complete: (completion) =>
      left-- > 0 ? Promise.reject(new PerdureError(code, "the disk says no", { retry })) : inner.complete(completion),
  }));
  engine.arrive("question");
  const stop = new AbortController();
  const serving = agent.serve(() => {}, { signal: stop.signal }).then(() => "stopped", codeOf);
  const committed = expect
    .poll(() => disk.mails[0]?.committed?.outcome)
    .toBe("done")
    .then(() => "done");
  expect(await Promise.race([serving, committed.catch(() => serving)])).toBe(expected);
  stop.abort();
  await serving;
});

test("ask resolves with the answer, which is then done", async () => {
  const { agent, engine, disk } = await open();
  const asking = agent.ask("@desk", "question");
  await expect.poll(() => disk.outgoing.size).toBe(1);
  const [question] = disk.outgoing.values();
  engine.step(question?.id as MessageId, "done");
  engine.arrive("answer", { inReplyTo: question?.id });
  const answer = await asking;
  expect(await answer.text()).toBe("answer");
  expect([...(await answer.bytes())]).toEqual([...new TextEncoder().encode("answer")]);
  expect(fromUtf8(new Uint8Array(await new Response(answer.stream()).arrayBuffer()))).toBe("answer");
  expect(disk.mails[0]?.committed?.outcome).toBe("done");
});

test("a question waits no longer for its reader than its asker does", async () => {
  const { agent, disk } = await open();
  expect(await agent.ask("@desk", "question", { timeoutMs: 2000, signal: AbortSignal.timeout(50) }).catch(codeOf)).toBe("aborted");
  expect([...disk.outgoing.values()][0]?.expiresAtMs).toBeLessThan(Date.now() + 3000);
});

test("ask fails as its question does", async () => {
  const { agent, engine, disk } = await open();
  const asking = agent.ask("@desk", "question").catch(codeOf);
  await expect.poll(() => disk.outgoing.size).toBe(1);
  engine.step([...disk.outgoing.values()][0]?.id as MessageId, "refused");
  expect(await asking).toBe("refused");
});

test("ask ends in timed-out", async () => {
  const { agent } = await open();
  expect(await agent.ask("@desk", "question", { timeoutMs: 30 }).catch(codeOf)).toBe("timed-out");
});

test("the inbox lists without consuming, and done ends a message", async () => {
  const { agent, engine, disk } = await open();
  for (let index = 0; index < 600; index++) engine.arrive(`text ${index}`);
  const listed: Mail[] = [];
  for await (const mail of agent.inbox()) listed.push(mail);
  expect(listed).toHaveLength(600);
  expect(await listed[599]?.text()).toBe("text 599");
  await listed[0]?.done();
  await listed[1]?.reject("no");
  expect(disk.mails.slice(0, 3).map((mail) => mail.committed?.outcome)).toEqual(["done", "refused", undefined]);
});

test("a watched inbox goes on with later mail until its signal or time ends", async () => {
  const { agent, engine } = await open();
  engine.arrive("one");
  const stop = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const mail of agent.inbox({ watch: true, signal: stop.signal })) seen.push(await mail.text());
  })();
  await expect.poll(() => seen.length).toBe(1);
  engine.arrive("two");
  await expect.poll(() => seen).toEqual(["one", "two"]);
  stop.abort();
  await watching;
  const none: Mail[] = [];
  for await (const mail of agent.inbox({ box: "failed", watch: true, timeoutMs: 20 })) none.push(mail);
  expect(none).toEqual([]);
});

test("content that is not what was asked for says so", async () => {
  const { agent, engine } = await open();
  engine.arrive("{ not json");
  for await (const mail of agent.inbox()) expect(await mail.json().catch(codeOf)).toBe("malformed");
});

test("closing ends waits, lets a handler finish, and frees what cannot", async () => {
  const { agent, engine, disk } = await open({ drainTimeoutMs: 300 });
  engine.arrive("quick");
  engine.arrive("stuck");
  const sent = await agent.send("@desk", "hello");
  const waiting = sent.until("done").catch(codeOf);
  let started = 0;
  const serving = agent.serve(
    async (mail) => {
      started++;
      if ((await mail.text()) === "stuck") await new Promise(() => {});
      await new Promise((resolve) => setTimeout(resolve, 50));
    },
    { concurrency: 2 },
  );
  await expect.poll(() => started).toBe(2);
  await agent.close();
  await serving;
  expect(await waiting).toBe("aborted");
  expect(disk.mails.map((mail) => mail.committed?.outcome)).toEqual(["done", undefined]);
  expect(await agent.status().catch(codeOf)).toBe("aborted");
});
