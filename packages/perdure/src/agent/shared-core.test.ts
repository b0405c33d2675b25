import { afterEach, expect, test } from "vitest";
import { createSettings } from "../settings/register.ts";
import { utf8 } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { MessageId } from "../wire/ids.ts";
import type { Draft, Submission } from "./core.ts";
import { openSharedCore, type SharedCore, TAKEOVER_PAUSE_MS } from "./shared-core.ts";
import { createTestDisk, createTestEngine, TEST_SENDER, type TestDisk, type TestEngine } from "./test-core.ts";
import { createTestMachine, type TestProcess } from "./test-machine.ts";

const settings = createSettings({ openTimeoutMs: 5000, callTimeoutMs: 2000 });
const never = new AbortController().signal;
const draft: Draft = {
  to: "@desk",
  content: utf8("hello"),
  contentType: "text/plain",
  fileName: "",
  expiresInMs: undefined,
  thread: "",
  collapseKey: "",
  idempotencyKey: "",
  inReplyTo: "",
};
const submission = (request: string, content = draft.content): Submission => ({
  client: "a",
  requestId: request,
  draft: { ...draft, content },
  asks: false,
  cause: undefined,
});
const codeOf = (error: unknown): string => (isPerdureError(error) ? error.code : String(error));

interface Member {
  readonly core: SharedCore;
  readonly process: TestProcess;
  readonly engines: TestEngine[];
  kill(): void;
}

const opened: SharedCore[] = [];
afterEach(async () => {
  for (const core of opened.splice(0)) await core[Symbol.asyncDispose]();
});

function folder(disk: TestDisk = createTestDisk()): {
  readonly disk: TestDisk;
  join(client: string, wrap?: (engine: TestEngine) => TestEngine): Promise<Member>;
} {
  const machine = createTestMachine();
  return {
    disk,
    async join(client, wrap = (engine) => engine) {
      const process = machine.process();
      const engines: TestEngine[] = [];
      const core = await openSharedCore({
        host: process.host,
        folder: "/agent",
        settings,
        client,
        timeoutMs: 5000,
        signal: undefined,
        openEngine: async () => {
          const engine = wrap(createTestEngine(disk));
          engines.push(engine);
          return { id: disk.id, engine };
        },
      });
      opened.push(core);
      return { core, process, engines, kill: () => process.kill() };
    },
  };
}

test("the first is the holder, the next is its guest, and both see one agent", async () => {
  const { join, disk } = folder();
  const first = await join("a");
  const second = await join("b");
  expect([first.core.role, second.core.role]).toEqual(["holder", "guest"]);
  expect(second.core.id).toBe(disk.id);
  const sent = await second.core.submit(submission("1"));
  expect((await first.core.outgoing(sent.id)).steps).toEqual(sent.steps);
  expect(second.engines).toHaveLength(0);
});

test("errors keep their code, retry and hint on the way to a guest", async () => {
  const { join } = folder();
  await join("a", (engine) => ({
    ...engine,
    status: () =>
      Promise.reject(
        new PerdureError("disk-full", "no room", {
          retry: "after",
          afterMs: 5,
          hint: "Make room.",
          limit: { name: "storeBytes", value: 9, remaining: 1 },
        }),
      ),
  }));
  const guest = await join("b");
  const error = await guest.core.status().catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: "disk-full",
    message: "no room",
    retry: "after",
    afterMs: 5,
    hint: "Make room.",
    limit: { name: "storeBytes", value: 9, remaining: 1 },
  });
});

test("a large body passes in pieces, and a small call beside it", async () => {
  const { join } = folder();
  let got = 0;
  await join("a", (engine) => ({
    ...engine,
    submit: async (given) => {
      got = given.draft.content.length;
      return await engine.submit(given);
    },
  }));
  const guest = await join("b");
  const large = guest.core.submit(submission("1", new Uint8Array(8 * 1024 * 1024)));
  await Promise.all([large, guest.core.status()]);
  expect(got).toBe(8 * 1024 * 1024);
});

test("when the holder is killed a guest takes over", async () => {
  const { join } = folder();
  const first = await join("a");
  const second = await join("b");
  first.kill();
  await second.core.submit(submission("1"));
  expect(second.core.role).toBe("holder");
});

test("when the holder closes its guests go on, one of them as holder", async () => {
  const { join } = folder();
  const first = await join("a");
  const guests = [await join("b"), await join("c"), await join("d")];
  await first.core[Symbol.asyncDispose]();
  await Promise.all(guests.map((guest, index) => guest.core.submit(submission(String(index)))));
  expect(guests.map((guest) => guest.core.role).sort()).toEqual(["guest", "guest", "holder"]);
  expect((await guests[0]?.core.outgoings(10))?.length).toBe(3);
});

test("a message whose holder died after committing it and before saying so is sent once", async () => {
  const { join, disk } = folder();
  let kill = (): void => {};
  const first = await join("a", (engine) => ({
    ...engine,
    submit: async (given) => {
      await engine.submit(given);
      kill();
      return await new Promise(() => {});
    },
  }));
  const guest = await join("b");
  kill = first.kill;
  const sent = await guest.core.submit(submission("1"));
  expect(disk.outgoing.size).toBe(1);
  expect(sent.steps).toHaveLength(1);
});

test("a wait goes on over a change of holder", async () => {
  const { join, disk } = folder();
  const first = await join("a");
  const second = await join("b");
  const sent = await second.core.submit(submission("1"));
  const waiting = second.core.outgoingAfter(sent.id, 1, never);
  first.kill();
  await second.core.status();
  second.engines[0]?.step(sent.id, "stored");
  expect((await waiting).steps.map((step) => step.state)).toEqual(["queued", "stored"]);
  expect(disk.outgoing.size).toBe(1);
});

test("a wait that is called off rejects with aborted and consumes nothing", async () => {
  const { join } = folder();
  const first = await join("a");
  const guest = await join("b");
  const stop = new AbortController();
  const waiting = guest.core.claim("b", stop.signal).catch(codeOf);
  await guest.core.status();
  stop.abort();
  expect(await waiting).toBe("aborted");
  const mail = first.engines[0]?.arrive("one");
  expect((await guest.core.claim("b", never)).mail).toMatchObject({ id: mail?.id, attempt: 1 });
});

test("a guest that dies in the middle of a message gives it back with a higher attempt", async () => {
  const { join } = folder();
  const first = await join("a");
  const guest = await join("b");
  first.engines[0]?.arrive("one");
  await guest.core.claim("b", never);
  guest.kill();
  expect((await first.core.claim("a", never)).mail.attempt).toBe(2);
  expect(first.engines[0]?.left).toEqual(["b"]);
});

test("a claim outlives its holder: the next one knows of it before it hands out mail, and takes its completion", async () => {
  const { join, disk } = folder();
  const first = await join("a");
  const worker = await join("b");
  const rival = await join("c");
  first.engines[0]?.arrive("one");
  const { mail } = await worker.core.claim("b", never);
  const stop = new AbortController();
  const rivals = rival.core.claim("c", stop.signal).catch(codeOf);
  first.kill();
  await Promise.all([worker.core.status(), rival.core.status()]);
  await new Promise((resolve) => setTimeout(resolve, TAKEOVER_PAUSE_MS + 200));
  await worker.core.complete({ from: mail.from, id: mail.id, attempt: mail.attempt, outcome: "done", why: "", drafts: [] });
  expect(disk.mails[0]?.committed?.attempt).toBe(1);
  stop.abort();
  expect(await rivals).toBe("aborted");
});

test("a claim that another one got meanwhile is fenced", async () => {
  const { join, disk } = folder();
  const first = await join("a");
  const worker = await join("b");
  first.engines[0]?.arrive("one");
  const { mail } = await worker.core.claim("b", never);
  const fence = worker.core.fence(mail);
  first.kill();
  const lost = disk.mails[0];
  if (lost !== undefined) lost.view = { ...lost.view, attempt: 2 };
  await worker.core.status();
  expect(fence.aborted).toBe(true);
  const late = worker.core.complete({ from: mail.from, id: mail.id, attempt: 1, outcome: "done", why: "", drafts: [] });
  expect(await late.catch(codeOf)).toBe("fenced");
});

test("a folder whose holder does not answer ends in timed-out with a hint", async () => {
  const machine = createTestMachine();
  await machine.process().host.files.lock("/agent");
  const opening = openSharedCore({
    host: machine.process().host,
    folder: "/agent",
    settings,
    client: "a",
    timeoutMs: 200,
    signal: undefined,
    openEngine: () => Promise.reject(new Error("never")),
  });
  await expect(opening).rejects.toMatchObject({ code: "timed-out", hint: expect.stringContaining("process") });
});

test("an engine that cannot open says why and leaves the folder free", async () => {
  const machine = createTestMachine();
  const host = machine.process().host;
  const damaged = new PerdureError("log-damaged", "record 3 is damaged");
  const opening = openSharedCore({
    host,
    folder: "/agent",
    settings,
    client: "a",
    timeoutMs: 2000,
    signal: undefined,
    openEngine: () => Promise.reject(damaged),
  });
  await expect(opening).rejects.toBe(damaged);
  await (await host.files.lock("/agent")).release();
});

test("after the close every call rejects with aborted", async () => {
  const { join } = folder();
  const first = await join("a");
  const waiting = first.core.claim("a", never).catch(codeOf);
  await first.core[Symbol.asyncDispose]();
  expect(await waiting).toBe("aborted");
  expect(await first.core.status().catch(codeOf)).toBe("aborted");
});

/** A call that is refused is so at once; one that is taken is waited for so long. */
const TAKEN_MS = 1000;

test("a guest claims for itself only: nothing stays claimed by somebody who never leaves", async () => {
  const { join } = folder();
  await join("a");
  const guest = await join("b");
  // Who is taken for somebody waits for mail that never comes.
  await expect(guest.core.claim("somebody", AbortSignal.timeout(TAKEN_MS))).rejects.toMatchObject({ code: "bad-argument" });
  const claim = { from: TEST_SENDER, id: "0101010101010101.1" as MessageId, attempt: 1 };
  await expect(guest.core.adopt("somebody", claim)).rejects.toMatchObject({ code: "bad-argument" });
});
