/** Two owners, each with a relay of their own, over real sockets and disks. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent, OpenOptions, Sent } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import { runCommand } from "../src/cli/command.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { verifyEvidence } from "../src/protocol/evidence/verify-evidence.ts";
import { openRelay, type Relay } from "../src/relay/index.ts";
import { codeOf, noise, serving, sha256, statesOf, until } from "./test-stage.ts";

const QUICK = { redialMinMs: 10, redialMaxMs: 200, retryMinMs: 1, retryMaxMs: 20 };
const RELAY = { redialMinMs: 10, redialMaxMs: 200, expiryGraceMs: 100, sweepEveryMs: 100 };
const PATIENCE_MS = 30_000;

interface Side {
  relay: Relay;
  /** `127.0.0.1:4410`: what people write behind the second `@`. */
  host: string;
  stop(): Promise<void>;
  start(settings?: Readonly<Record<string, number>>): Promise<void>;
}

let folder: string;
let west: Side;
let east: Side;
let opened: AsyncDisposable[];

async function sideOf(name: string): Promise<Side> {
  let listen = "ws://127.0.0.1:0";
  const side = {} as Side;
  side.start = async (settings = {}) => {
    side.relay = await openRelay({ folder: join(folder, name), listen, settings: { ...RELAY, ...settings } });
    listen = side.relay.address.split("#")[0] as string;
    side.host = new URL(listen).host;
  };
  side.stop = () => side.relay.drain();
  await side.start();
  return side;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "perdure-two-"));
  opened = [];
  west = await sideOf("west-relay");
  east = await sideOf("east-relay");
});
afterEach(async () => {
  for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
  await west.stop();
  await east.stop();
  await rm(folder, { recursive: true, force: true });
});

async function agentAt(side: Side, name: string, options: OpenOptions = {}): Promise<Agent> {
  await mkdir(join(folder, name), { recursive: true });
  const agent = await openAgentWith(createNodeHost(), join(folder, name), {
    join: side.relay.address,
    name,
    strangers: "welcome",
    ...options,
    settings: { ...QUICK, ...options.settings },
  });
  opened.push(agent);
  return agent;
}

const trail = async (agent: Agent, sent: Sent): Promise<readonly string[]> =>
  (await agent.sent(sent.id)).steps.map(({ state, by, proof }) => {
    const who = by === west.relay.id ? "west" : by === east.relay.id ? "east" : by === "self" ? "self" : "desk";
    return `${state} ${who} ${proof}`;
  });

async function command(...words: readonly string[]): Promise<{ readonly exit: number; readonly stdout: string; readonly stderr: string }> {
  const said = { stdout: "", stderr: "" };
  const into = (name: "stdout" | "stderr"): PassThrough =>
    new PassThrough().on("data", (chunk) => {
      said[name] += String(chunk);
    });
  const streams = { stdin: new PassThrough(), stdout: into("stdout"), stderr: into("stderr") };
  const exit = await runCommand(words, streams, { NO_COLOR: "1" }, new AbortController().signal);
  return { exit, ...said };
}

test("a message to a name at another relay is handled there and its way is proven over both", async () => {
  const desk = await agentAt(east, "desk");
  const anna = await agentAt(west, "anna");
  await using served = serving(desk);
  const sent = await anna.send(`@desk@${east.host}`, "hello over there");
  expect((await sent.until("done", { timeoutMs: PATIENCE_MS })).by).toBe(desk.id);
  expect(served.mails.map(({ mail, content }) => [mail.from, new TextDecoder().decode(content)])).toEqual([[anna.id, "hello over there"]]);
  const whole = ["queued self none", "accepted west none", "accepted west statement", "stored east statement", "done desk receipt"];
  await until("every proof", async () => {
    const steps = await trail(anna, sent);
    return whole.filter((step) => !step.endsWith("none")).every((step) => steps.includes(step));
  });
  const file = await (await anna.sent(sent.id)).export();
  const report = await verifyEvidence(createNodeHost().crypto, file);
  expect(report).toMatchObject({ proven: true, from: anna.id, to: desk.id, boundBy: desk.id });
  expect(report.steps.filter(({ verdict }) => verdict === "proven").map(({ state, by }) => `${state} ${by}`)).toEqual([
    `accepted ${west.relay.id}`,
    `stored ${east.relay.id}`,
    `done ${desk.id}`,
  ]);
});

test("stored is proven by the recipient's relay while the recipient sleeps", async () => {
  await (await agentAt(east, "desk")).close();
  const anna = await agentAt(west, "anna");
  const sent = await anna.send(`@desk@${east.host}`, "hello");
  expect(await sent.until("stored", { timeoutMs: PATIENCE_MS })).toMatchObject({ by: east.relay.id, proof: "statement" });
  expect(sent.home).toEqual({ id: east.relay.id, host: east.host });
});

test("an answer finds its way back, and both see a proven address", async () => {
  const desk = await agentAt(east, "desk");
  const anna = await agentAt(west, "anna");
  await using served = serving(desk, async (mail, turn) => turn.reply(`you wrote ${await mail.text()}`));
  const answer = await anna.ask(`@desk@${east.host}`, "hi", { timeoutMs: PATIENCE_MS });
  expect(await answer.text()).toBe("you wrote hi");
  expect(answer.fromAddress).toBe(`@desk@${east.host}`);
  expect(served.mails[0]?.mail.fromAddress).toBeUndefined();
  await desk.contacts.add(anna.id);
  await until("the sender's address", async () => {
    await anna.send(desk.id, "again");
    await until("the next", () => served.mails.length > 1);
    return served.mails.at(-1)?.mail.fromAddress === `@anna@${west.host}`;
  });
});

test("8 MiB cross over relays that are both restarted on the way", async () => {
  await (await agentAt(east, "desk")).close();
  const anna = await agentAt(west, "anna");
  const content = noise(8 * 1024 * 1024, 3);
  const sent = await anna.send(`@desk@${east.host}`, content);
  await sent.until("stored", { timeoutMs: PATIENCE_MS });
  await west.stop();
  await east.stop();
  await east.start();
  await west.start();
  await using served = serving(await agentAt(east, "desk"));
  await sent.until("done", { timeoutMs: PATIENCE_MS });
  expect(served.mails.map((each) => [each.mail.sizeBytes, sha256(each.content)])).toEqual([[content.length, sha256(content)]]);
  const report = await verifyEvidence(createNodeHost().crypto, await (await anna.sent(sent.id)).export());
  expect(report.digests.length).toBe(32);
  expect(report.steps.filter(({ verdict }) => verdict === "proven").map(({ state }) => state)).toContain("stored");
});

test("a proof that found no relay to take it is asked for, and comes", async () => {
  await (await agentAt(east, "desk")).close();
  const anna = await agentAt(west, "anna");
  await east.stop();
  await east.start({ statementEveryMs: 1500 });
  const sent = await anna.send(`@desk@${east.host}`, "hello");
  const passedOn = (): boolean => west.relay.status()?.peers.some((peer) => peer.passedOn === 1 && peer.waitingMessages === 0) === true;
  await until("the mail to be passed on", passedOn);
  await west.stop();
  expect((await trail(anna, sent)).filter((step) => step.startsWith("stored"))).toEqual([]);
  // The other relay states what it has while nobody is there to hear it, and has no reason to come and say so.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await west.start();
  expect(await sent.until("stored", { timeoutMs: PATIENCE_MS })).toMatchObject({ by: east.relay.id, proof: "statement" });
});

test("mail to a relay that is away is in custody of the own one, and goes on when the other is back", async () => {
  const desk = await agentAt(east, "desk");
  const anna = await agentAt(west, "anna");
  await (await anna.send(`@desk@${east.host}`, "first")).until("stored", { timeoutMs: PATIENCE_MS });
  await desk.close();
  await east.stop();
  const sent = await anna.send(`@desk@${east.host}`, "second");
  await until("custody", async () => (await trail(anna, sent)).includes("accepted west statement"));
  expect((await trail(anna, sent)).at(-1)).toBe("accepted west statement");
  await east.start();
  await using served = serving(await agentAt(east, "desk"));
  expect((await statesOf(sent)).at(-1)).toBe("done");
  expect(served.mails.map(({ content }) => new TextDecoder().decode(content))).toEqual(["first", "second"]);
});

test("what expires at the other relay ends with a notice that it signed", async () => {
  await (await agentAt(east, "desk")).close();
  const anna = await agentAt(west, "anna");
  const sent = await anna.send(`@desk@${east.host}`, "hello", { expiresInMs: 2000 });
  expect(codeOf(await sent.until("done", { timeoutMs: PATIENCE_MS }).catch((error: unknown) => error))).toBe("expired");
  expect((await trail(anna, sent)).at(-1)).toBe("expired east notice");
  const report = await verifyEvidence(createNodeHost().crypto, await (await anna.sent(sent.id)).export());
  expect(report.steps.at(-1)).toMatchObject({ state: "expired", verdict: "proven" });
});

test("nobody of that name, no relay at that host, and nothing there at all are told apart", async () => {
  const anna = await agentAt(west, "anna");
  const failure = async (to: string): Promise<string> => codeOf(await anna.send(to, "x").catch((error: unknown) => error));
  expect(await failure(`@nobody@${east.host}`)).toBe("unknown-agent");
  expect(await failure("@desk@not a host")).toBe("bad-argument");
  const queued = await anna.send("@desk@127.0.0.1:1", "x");
  expect(queued.steps.at(-1)?.state).toBe("queued");
  await until("the reason", async () => (await anna.sent(queued.id)).trouble?.includes("127.0.0.1:1") === true);
  const tried = await command("send", "@desk@127.0.0.1:1", "x", "--at", join(folder, "anna"), "--timeout", "2s");
  expect(tried).toMatchObject({ exit: 4, stderr: expect.stringContaining("could not connect to http://127.0.0.1:1/") });
});

test("a program that ends as soon as its message is done keeps what proves its way", async () => {
  const desk = await agentAt(east, "desk");
  await using _served = serving(desk);
  const anna = await agentAt(west, "anna");
  await (await anna.send(`@desk@${east.host}`, "so that all know each other")).until("done", { timeoutMs: PATIENCE_MS });
  await anna.close();
  const at = join(folder, "anna");
  const said = await command("send", `@desk@${east.host}`, "hello", "--until", "done", "--at", at);
  expect(said.exit).toBe(0);
  const traced = await command("trace", said.stdout.trim(), "--at", at);
  expect(traced.stdout).toMatch(/relay\s+accepted.*signed statement/);
  expect(traced.stdout).toMatch(/stored.*signed statement/);
  expect(traced.stdout).toMatch(/done.*signed receipt/);
});

test("perdure trace shows both relays, and perdure verify believes what it wrote", async () => {
  await using desk = await agentAt(east, "desk");
  await using _served = serving(desk);
  const anna = await agentAt(west, "anna");
  const sent = await anna.send(`@desk@${east.host}`, "hello");
  await sent.until("done", { timeoutMs: PATIENCE_MS });
  await until("every proof", async () => (await trail(anna, sent)).filter((step) => step.endsWith("statement")).length === 2);
  const file = join(folder, "proof.perdure");
  const traced = await command("trace", sent.id, "--at", join(folder, "anna"), "--export", file);
  expect(traced).toMatchObject({ exit: 0, stdout: expect.stringMatching(/relay\s+accepted/) });
  expect(traced.stdout.split("\n").some((line) => line.includes(east.host) && line.includes("stored"))).toBe(true);
  const judged = await command("verify", file);
  expect(judged).toMatchObject({ exit: 0, stdout: expect.stringMatching(/proven .*relay .*stored/) });
  expect(judged.stdout).toMatch(/proven .*recipient .*done/);
  const changed = new Uint8Array(await readFile(file));
  changed[1000] = (changed[1000] as number) ^ 1;
  await writeFile(file, changed);
  expect(await command("verify", file)).toMatchObject({ exit: 6, stdout: "", stderr: expect.stringContaining("proves nothing") });
});
