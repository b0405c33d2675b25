import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { codeOf, noise, openStage, type Stage, serving, sha256 } from "./test-stage.ts";

interface Said {
  readonly event: "open" | "start";
  readonly role?: string;
  readonly id?: string;
  readonly attempt?: number;
  readonly text?: string;
}

interface Worker {
  readonly said: readonly Said[];
  /** Ends it as the kernel does, and waits until it is gone. */
  kill(): Promise<void>;
}

let stage: Stage;
const workers: Worker[] = [];
beforeEach(async () => {
  stage = await openStage();
});
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.kill();
  await stage[Symbol.asyncDispose]();
});

async function worker(folder: string, handlingMs = 0): Promise<Worker> {
  const script = fileURLToPath(new URL("test-agent-process.ts", import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [script, join(stage.folder, folder), String(handlingMs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said: Said[] = [];
  if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", (line) => said.push(JSON.parse(line) as Said));
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const started: Worker = {
    said,
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
  workers.push(started);
  await expect.poll(() => said.length, { timeout: 20_000 }).toBeGreaterThan(0);
  return started;
}

test("a holder that is killed while guests send through it loses and repeats nothing", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  await (await stage.agent("writer", { join: stage.address() })).close();
  const holder = await worker("writer");
  const guests = [await stage.agent("writer"), await stage.agent("writer")];
  expect(holder.said[0]?.role).toBe("holder");
  expect(await Promise.all(guests.map(async (guest) => (await guest.status()).role))).toEqual(["guest", "guest"]);
  await using served = serving(desk);
  const texts = Array.from({ length: 60 }, (_, index) => `${index}`);
  const sending = Promise.all(
    guests.map(async (guest, parity) => {
      for (const text of texts.filter((_text, index) => index % 2 === parity)) await guest.send("@desk", text);
    }),
  );
  await expect.poll(() => served.mails.length, { timeout: 20_000 }).toBeGreaterThan(3);
  await holder.kill();
  await sending;
  await expect.poll(() => served.mails.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(texts.length);
  const handled = served.mails.map(({ content }) => new TextDecoder().decode(content));
  expect(handled.toSorted()).toEqual(texts.toSorted());
  expect((await Promise.all(guests.map(async (guest) => (await guest.status()).role))).toSorted()).toEqual(["guest", "holder"]);
});

test("a handler whose process is killed in the middle starts again elsewhere with a higher attempt, and completes once", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  const stuck = await worker("desk", 600_000);
  expect(stuck.said[0]?.role).toBe("guest");
  const sent = await writer.send("@desk", "hello");
  await expect.poll(() => stuck.said.length, { timeout: 20_000 }).toBe(2);
  expect(stuck.said[1]).toMatchObject({ id: sent.id, attempt: 1 });
  await using served = serving(desk);
  await stuck.kill();
  await sent.until("done", { timeoutMs: 20_000 });
  expect(served.mails.map(({ mail }) => mail.attempt)).toEqual([2]);
});

test("a holder that is killed in the middle of its own handler leaves the message to the one who takes over", async () => {
  await stage.startRelay();
  await (await stage.agent("desk", { name: "desk" })).close();
  const writer = await stage.agent("writer", { join: stage.address() });
  const holder = await worker("desk", 600_000);
  const guest = await stage.agent("desk");
  const sent = await writer.send("@desk", "hello");
  await expect.poll(() => holder.said.length, { timeout: 20_000 }).toBe(2);
  await using served = serving(guest);
  await holder.kill();
  await sent.until("done", { timeoutMs: 20_000 });
  expect(served.mails.map(({ mail }) => mail.attempt)).toEqual([2]);
});

test("several that open an empty folder at once are one agent", async () => {
  await stage.startRelay();
  const agents = await Promise.all(["", "", "", ""].map(() => stage.agent("desk", { name: "desk" })));
  expect(new Set(agents.map((agent) => agent.id)).size).toBe(1);
  const roles = await Promise.all(agents.map(async (agent) => (await agent.status()).role));
  expect(roles.toSorted()).toEqual(["guest", "guest", "guest", "holder"]);
});

test("a guest asks, sends 8 MiB, follows its handle and lists its outbox as the holder does", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const holder = await stage.agent("writer", { join: stage.address() });
  const guest = await stage.agent("writer");
  await using _served = serving(desk, async (mail, turn) => turn.reply(sha256(await mail.bytes())));
  const content = noise(8 * 1024 * 1024, 3);
  expect(await (await guest.ask("@desk", content, { timeoutMs: 20_000 })).text()).toBe(sha256(content));
  const [seen] = await holder.outbox();
  expect((await (await guest.sent(seen?.id ?? "")).until("done")).state).toBe("done");
  expect((await guest.outbox()).map((sent) => sent.id)).toEqual([seen?.id]);
});

test("serving in two processes shares the mail and handles none twice", async () => {
  await stage.startRelay();
  const desks = [await stage.agent("desk", { name: "desk" }), await stage.agent("desk")];
  const writer = await stage.agent("writer", { join: stage.address() });
  const served = desks.map((desk) => serving(desk, () => new Promise((resolve) => setTimeout(resolve, 5))));
  const sents = [];
  for (let index = 0; index < 40; index++) sents.push(await writer.send("@desk", `${index}`));
  for (const sent of sents) await sent.until("done", { timeoutMs: 20_000 });
  const ids = served.flatMap((each) => each.mails.map(({ mail }) => mail.id));
  expect(ids.toSorted()).toEqual(sents.map((sent) => sent.id).toSorted());
  for (const each of served) await each[Symbol.asyncDispose]();
});

test("a message that its owner ends while a handler has it takes nothing of that handler's turn", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  let proceed = (): void => {};
  const told = new Promise<void>((resolve) => {
    proceed = resolve;
  });
  await using served = serving(desk, async (_mail, turn) => {
    await turn.reply("too late");
    await told;
  });
  const sent = await writer.send("@desk", "hello");
  await expect.poll(() => served.mails.length, { timeout: 20_000 }).toBe(1);
  for await (const mail of desk.inbox()) await mail.reject("not now");
  expect(await sent.until("done", { timeoutMs: 20_000 }).catch(codeOf)).toBe("refused");
  const commits: string[] = [];
  proceed();
  await (await writer.send("@desk", "next")).until("done", { timeoutMs: 20_000 });
  for await (const mail of writer.inbox()) commits.push(await mail.text());
  expect(commits).toEqual(["too late"]);
  expect(stage.warnings).toContain("agent.turn-not-committed fenced");
});
