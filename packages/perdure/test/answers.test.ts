/** Questions and answers that no handler writes: the asker keeps the answer, the asked answers by its own will. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent, Mail, Sent } from "../src/agent/api.ts";
import { codeOf, openStage, type Stage, serving } from "./test-stage.ts";

const PATIENT = { timeoutMs: 20_000 };

let stage: Stage;
let desk: Agent;
let writer: Agent;

beforeEach(async () => {
  stage = await openStage();
  await stage.startRelay();
  desk = await stage.agent("desk", { name: "desk", strangers: "welcome" });
  writer = await stage.agent("writer", { name: "writer", strangers: "welcome" });
});

afterEach(() => stage[Symbol.asyncDispose]());

async function waiting(agent: Agent): Promise<readonly Mail[]> {
  const mails: Mail[] = [];
  for await (const mail of agent.inbox()) mails.push(mail);
  return mails;
}

async function nextMail(agent: Agent): Promise<Mail> {
  for await (const mail of agent.inbox({ watch: true, ...PATIENT })) return mail;
  throw new Error("no mail came");
}

test("an answer that is kept stays in its box until it is done, and its writer sees done only then", async () => {
  let written: Sent | undefined;
  await using _served = serving(desk, (_mail, turn) => turn.reply("fine"));
  const answer = await writer.ask("@desk", "how are you", { ...PATIENT, keep: true, onSent: (sent) => (written = sent) });
  expect(await answer.text()).toBe("fine");
  expect(answer.inReplyTo).toBe(written?.id);
  expect((await waiting(writer)).map(({ id }) => id)).toEqual([answer.id]);
  const [reply] = await desk.outbox();
  expect(reply?.steps.some(({ state }) => state === "done")).toBe(false);
  await answer.done();
  expect(await waiting(writer)).toEqual([]);
  await reply?.until("done", PATIENT);
});

test("a message sent with inReplyTo is the answer of whoever asked", async () => {
  const asking = writer.ask("@desk", "which colour", PATIENT);
  const question = await nextMail(desk);
  await desk.send(question.from, "green", { inReplyTo: question.id, thread: question.thread });
  const answer = await asking;
  expect([await answer.text(), answer.inReplyTo, answer.thread, answer.auto, answer.depth]).toEqual([
    "green",
    question.id,
    question.thread,
    false,
    0,
  ]);
});

test("what is no message id is refused before anything is written", async () => {
  expect(await desk.send("@writer", "x", { inReplyTo: "nothing" as Mail["id"] }).catch(codeOf)).toBe("bad-argument");
  expect(await desk.outbox()).toEqual([]);
});
