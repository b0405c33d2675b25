import { expect, test } from "vitest";
import type { Agent, Mail } from "../../agent/api.ts";
import { isPerdureError } from "../../wire/error.ts";
import { foundMail } from "./found-mail.ts";
import { senderId, testMail } from "./test-mail.ts";

const never = new AbortController().signal;

function agentWith(mails: readonly Mail[]): Agent {
  const inbox: Agent["inbox"] = async function* ({ box } = {}) {
    for (const mail of mails) if (mail.box === (box ?? "contacts")) yield mail;
  };
  return { inbox } as Agent;
}
const codeOf = (error: unknown): string => (isPerdureError(error) ? `${error.code} ${error.hint}` : String(error));

test("a sender who copies another's message id cannot have the wrong one meant", async () => {
  const [theirs, copied] = [testMail(1, "pay the rent"), testMail(1, "pay me", { from: senderId(2) })];
  const agent = agentWith([theirs, copied]);
  expect(await foundMail(agent, theirs.id, undefined, never).catch(codeOf)).toContain(
    `bad-argument Add from: ${senderId(1)} or ${senderId(2)}`,
  );
  expect(await foundMail(agent, theirs.id, senderId(1), never)).toBe(theirs);
});

test("failed mail is found, strangers' mail is not to be had by its id", async () => {
  const [failed, stranger] = [testMail(1, "x", { box: "failed" }), testMail(2, "y", { box: "requests", standing: "none" })];
  const agent = agentWith([failed, stranger]);
  expect(await foundMail(agent, failed.id, undefined, never)).toBe(failed);
  expect(await foundMail(agent, stranger.id, undefined, never).catch(codeOf)).toMatch(/^blocked /);
  expect(await foundMail(agent, testMail(3, "").id, undefined, never).catch(codeOf)).toMatch(/^unknown-message /);
});
