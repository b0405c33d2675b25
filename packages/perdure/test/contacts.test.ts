/** Who gets to whose handlers: invites, strangers, blocking, over a real relay. */
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent, Box, Mail, OpenOptions } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { isPerdureError } from "../src/wire/error.ts";
import { inviteText, parseInvite } from "../src/wire/invite.ts";
import { openStage, type Stage, serving } from "./test-stage.ts";

const WAIT_MS = 20_000;
const codeOf = (error: unknown): string => (isPerdureError(error) ? error.code : String(error));

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
  await stage.startRelay();
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

const agent = (name: string, options: OpenOptions = {}): Promise<Agent> => stage.agent(name, { name, strangers: "wait", ...options });
async function mailsIn(of: Agent, box: Box): Promise<readonly Mail[]> {
  const mails: Mail[] = [];
  for await (const mail of of.inbox({ box })) mails.push(mail);
  return mails;
}
const textsIn = async (of: Agent, box: Box): Promise<readonly string[]> =>
  await Promise.all((await mailsIn(of, box)).map((mail) => mail.text()));
const untilRequests = (of: Agent, count: number): Promise<void> =>
  expect.poll(async () => (await of.status()).requests, { timeout: WAIT_MS }).toBe(count);
const standings = async (of: Agent): Promise<readonly string[]> =>
  (await of.contacts.list()).map(({ name, standing, how }) => `${name} ${standing} ${how}`);

test("a stranger's mail waits in requests and reaches the handlers once its sender is taken in, in order", async () => {
  const [anna, desk] = [await agent("anna"), await agent("desk")];
  await using served = serving(desk);
  const sents = [];
  for (const text of ["one", "two", "three"]) sents.push(await anna.send("@desk", text));
  await untilRequests(desk, 3);
  expect(await textsIn(desk, "requests")).toEqual(["one", "two", "three"]);
  expect(await textsIn(desk, "contacts")).toEqual([]);
  expect(await desk.contacts.requests()).toMatchObject([{ id: anna.id, name: "anna", messages: 3 }]);
  expect(served.mails).toEqual([]);

  const contact = await desk.contacts.accept(anna.id);
  expect(contact).toMatchObject({ id: anna.id, standing: "contact", how: "accepted", waitingRequests: 0 });
  for (const sent of sents) await sent.until("done", { timeoutMs: WAIT_MS });
  expect(served.mails.map(({ content }) => new TextDecoder().decode(content))).toEqual(["one", "two", "three"]);
  const next = await anna.send("@desk", "four");
  await next.until("done", { timeoutMs: WAIT_MS });
  expect(await desk.contacts.requests()).toEqual([]);
});

test("an invite makes both contacts; no handler sees it, and it is used once", async () => {
  const [anna, desk, eve] = [await agent("anna"), await agent("desk"), await agent("eve")];
  await using served = serving(desk);
  const invite = await desk.invite({ label: "the printer" });
  expect(invite.text).toMatch(/^perdure1:/);
  const contact = await anna.accept(invite.text, { timeoutMs: WAIT_MS });
  expect(contact).toMatchObject({ id: desk.id, name: "desk", standing: "contact", how: "accepted" });
  expect(await standings(desk)).toEqual(["the printer contact invite"]);
  await (await anna.send("@desk", "hello")).until("done", { timeoutMs: WAIT_MS });
  expect(served.mails).toHaveLength(1);
  expect((await desk.status()).requests).toBe(0);

  expect(await eve.accept(invite.link, { timeoutMs: WAIT_MS }).catch(codeOf)).toBe("invite-used");
  expect(await standings(desk)).toEqual(["the printer contact invite"]);
  // Accepting again is fine for who is in already.
  expect(await anna.accept(invite.link, { timeoutMs: WAIT_MS })).toMatchObject({ id: desk.id });
});

test("an invite with three uses takes three, whoever comes at once", async () => {
  const desk = await agent("desk");
  const { text } = await desk.invite({ uses: 3 });
  const comers = await Promise.all(["a", "b", "c", "d", "e"].map((name) => agent(name)));
  const ends = await Promise.all(comers.map((comer) => comer.accept(text, { timeoutMs: WAIT_MS }).then(() => "in", codeOf)));
  expect(ends.sort()).toEqual(["in", "in", "in", "invite-used", "invite-used"]);
  expect(await desk.contacts.list()).toHaveLength(3);
});

test("an invite past its end, of oneself, or not from its maker does not let anybody in", async () => {
  const [anna, desk] = [await agent("anna"), await agent("desk")];
  const short = await desk.invite({ expiresInMs: 1000 });
  const open = parseInvite(short.text);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  expect(await anna.accept(short.text).catch(codeOf)).toBe("expired");
  // A clock that is behind, or a forged end, does not help: the maker knows better.
  expect(await anna.accept(inviteText({ ...open, expiresAtMs: open.expiresAtMs + 3_600_000 }), { timeoutMs: WAIT_MS }).catch(codeOf)).toBe(
    "expired",
  );
  expect(await desk.accept(short.text).catch(codeOf)).toBe("bad-argument");
  expect(await anna.accept("perdure1:AAAA").catch(codeOf)).toBe("bad-argument");
  expect(await desk.contacts.list()).toEqual([]);

  const forged = inviteText({ ...open, secret: new Uint8Array(16).fill(1), expiresAtMs: open.expiresAtMs + 3_600_000 });
  expect(await anna.accept(forged, { timeoutMs: 500 }).catch(codeOf)).toBe("timed-out");
  await untilRequests(desk, 1);
  expect(await desk.contacts.requests()).toMatchObject([{ id: anna.id, messages: 1 }]);
  // Its owner may take it in all the same; the greeting is then done and nobody else sees it.
  await using served = serving(desk);
  await desk.contacts.accept("@anna");
  await expect.poll(async () => (await anna.outbox()).map(({ steps }) => steps.at(-1)?.state), { timeout: WAIT_MS }).toContain("done");
  expect([served.mails, (await desk.status()).requests]).toEqual([[], 0]);
});

test("blocking refuses what waits and what comes, and says so; the relay turns it away", async () => {
  const codes: unknown[] = [];
  const log = {
    write: (_: string, event: string, fields?: Readonly<Record<string, unknown>>) =>
      void (event === "agent.refused" && codes.push(fields?.["code"])),
  };
  const desk = await agent("desk");
  const path = join(stage.folder, "eve");
  const { mkdir } = await import("node:fs/promises");
  await mkdir(path);
  await using eve = await openAgentWith(createNodeHost({ log }), path, {
    join: stage.address(),
    name: "eve",
    settings: { redialMinMs: 10 },
  });
  const waiting = await eve.send("@desk", "let me in");
  await untilRequests(desk, 1);
  expect(await desk.contacts.block("@eve")).toMatchObject({ standing: "blocked" });
  expect(await waiting.until("done", { timeoutMs: WAIT_MS }).catch(codeOf)).toBe("refused");
  expect(waiting.steps.at(-1)).toMatchObject({ by: desk.id, proof: "receipt", detail: expect.stringContaining("blocked") });

  // Until the relay has heard of it, the agent itself refuses.
  const ends = new Set<string>();
  const knock = async (): Promise<boolean> => {
    const sent = await eve.send("@desk", "again");
    ends.add(await sent.until("done", { timeoutMs: 300 }).then(() => "done", codeOf));
    return codes.includes("blocked");
  };
  await expect.poll(knock, { timeout: WAIT_MS }).toBe(true);
  expect([...ends].filter((end) => end !== "refused" && end !== "timed-out")).toEqual([]);
  expect((await desk.status()).requests).toBe(0);
  expect(await desk.send(eve.id, "no").catch(codeOf)).toBe("blocked");
  // Even a good invite does not open the door to who is blocked.
  expect(await eve.accept((await desk.invite()).text, { timeoutMs: 1000 }).catch(codeOf)).toMatch(/^(blocked|timed-out)$/);
  expect(await standings(desk)).toEqual(["eve blocked added"]);
  expect(await desk.contacts.add(eve.id)).toMatchObject({ standing: "contact" });
});

test("welcome lets everybody in, what waits included; wait makes strangers of them again", async () => {
  const [anna, desk] = [await agent("anna"), await agent("desk")];
  const waiting = await anna.send("@desk", "before");
  await untilRequests(desk, 1);
  await using served = serving(desk);
  expect([await desk.contacts.policy(), await desk.contacts.policy("welcome")]).toEqual(["wait", "welcome"]);
  await waiting.until("done", { timeoutMs: WAIT_MS });
  await (await anna.send("@desk", "while")).until("done", { timeoutMs: WAIT_MS });
  expect(served.mails[1]?.mail).toMatchObject({ standing: "none", box: "contacts", from: anna.id });
  await desk.contacts.policy("wait");
  await anna.send("@desk", "after");
  await untilRequests(desk, 1);
  expect(served.mails).toHaveLength(2);
});

test("who is written to by one's own will is a contact, and an answer passes whoever its writer is", async () => {
  const [anna, desk] = [await agent("anna"), await agent("desk", { strangers: "welcome" })];
  await using _served = serving(desk, async (mail, turn) => await turn.reply(`${await mail.text()}, noted`));
  const asking = anna.ask("@desk", "hello", { timeoutMs: WAIT_MS });
  await expect.poll(async () => await standings(anna), { timeout: WAIT_MS }).toEqual(["desk contact written-to"]);
  expect(await (await asking).text()).toBe("hello, noted");
  // The desk wrote by no will of its own.
  expect(await desk.contacts.list()).toEqual([]);

  await anna.contacts.remove(desk.id);
  const sent = await anna.send("@desk", "again");
  await anna.contacts.remove("@desk");
  await sent.until("done", { timeoutMs: WAIT_MS });
  await expect.poll(async () => await textsIn(anna, "contacts"), { timeout: WAIT_MS }).toEqual(["again, noted"]);
  expect((await anna.status()).requests).toBe(0);
});

test("strangers fill their share and no more; the rest is refused with a receipt, and contacts are not in their way", async () => {
  const desk = await agent("desk", { settings: { mailboxMessages: 5 } });
  const [eve, anna] = [await agent("eve"), await agent("anna")];
  await anna.accept((await desk.invite()).text, { timeoutMs: WAIT_MS });
  const sents = [];
  for (let number = 0; number < 8; number++) sents.push(await eve.send("@desk", `knock ${number}`));
  const ends = await Promise.all(sents.map((sent) => sent.until("done", { timeoutMs: 4000 }).then(() => "done", codeOf)));
  expect(ends).toEqual(["timed-out", "timed-out", "timed-out", "timed-out", "timed-out", "refused", "refused", "refused"]);
  expect(sents[7]?.steps.at(-1)).toMatchObject({ by: desk.id, detail: expect.stringContaining("mailbox-full") });
  expect((await desk.status()).requests).toBe(5);
  await using served = serving(desk);
  await (await anna.send("@desk", "mine")).until("done", { timeoutMs: WAIT_MS });
  expect(served.mails).toHaveLength(1);
});

test("what waits, who is known and what was given out survive a restart, and a rewritten log", async () => {
  const settings = { segmentBytes: 64 * 1024 };
  const anna = await agent("anna");
  let desk = await agent("desk", { settings });
  const { text } = await desk.invite({ uses: 2 });
  await anna.accept(text, { timeoutMs: WAIT_MS });
  const eve = await agent("eve");
  const waiting = await eve.send("@desk", "x".repeat(1000));
  await untilRequests(desk, 1);
  // Enough for several log files, whose beginnings restate everything.
  for (let round = 0; round < 4; round++) await (await desk.send(anna.id, "y".repeat(60_000))).until("stored", { timeoutMs: WAIT_MS });
  await desk.close();
  desk = await stage.agent("desk", { settings });
  expect(await standings(desk)).toContain("anna contact invite");
  expect(await desk.contacts.requests()).toMatchObject([{ id: eve.id, messages: 1 }]);
  expect(await textsIn(desk, "requests")).toEqual(["x".repeat(1000)]);
  const bert = await agent("bert");
  expect(await bert.accept(text, { timeoutMs: WAIT_MS })).toMatchObject({ id: desk.id });
  const carl = await agent("carl");
  expect(await carl.accept(text, { timeoutMs: WAIT_MS }).catch(codeOf)).toBe("invite-used");
  await using _served = serving(desk);
  await desk.contacts.accept(eve.id);
  await waiting.until("done", { timeoutMs: WAIT_MS });
});

test("another process on the folder has the same words", async () => {
  const [anna, desk] = [await agent("anna"), await agent("desk")];
  const guest = await stage.agent("desk");
  expect((await guest.status()).role).toBe("guest");
  const { text } = await guest.invite({ uses: 1, label: "a" });
  await anna.accept(text, { timeoutMs: WAIT_MS });
  expect(await guest.contacts.list()).toEqual(await desk.contacts.list());
  expect(await guest.contacts.policy("welcome")).toBe("welcome");
  expect(await desk.contacts.policy()).toBe("welcome");
  expect([await guest.contacts.requests(), await guest.contacts.paused()]).toEqual([[], []]);
  await guest.contacts.resume(anna.id);
  expect(await guest.contacts.resume("nonsense").catch(codeOf)).toBe("bad-argument");
  expect(await guest.contacts.block(anna.id)).toMatchObject({ standing: "blocked" });
  await guest.contacts.remove(anna.id);
  expect(await desk.contacts.list()).toEqual([]);
});

test("wrong words are refused before anything is written", async () => {
  const desk = await agent("desk");
  expect(await desk.contacts.accept("ag1nobody").catch(codeOf)).toBe("bad-argument");
  expect(await desk.contacts.add(desk.id).catch(codeOf)).toBe("bad-argument");
  expect(await desk.contacts.add("@nobody").catch(codeOf)).toBe("unknown-agent");
  expect(await desk.contacts.policy("maybe" as "wait").catch(codeOf)).toBe("bad-argument");
  expect(await desk.invite({ uses: 0 }).catch(codeOf)).toBe("bad-argument");
  expect(await desk.invite({ expiresInMs: 1 }).catch(codeOf)).toBe("expiry-out-of-range");
  expect(await desk.invite({ label: "x".repeat(200) }).catch(codeOf)).toBe("bad-argument");
  const anna = await agent("anna");
  expect(await desk.contacts.accept(anna.id).catch(codeOf)).toBe("unknown-agent");
  expect(await desk.contacts.list()).toEqual([]);
});

test("mail of a stranger cannot be put in front of handlers one by one, only ended", async () => {
  const [anna, desk] = [await agent("anna"), await agent("desk")];
  const [first, second] = [await anna.send("@desk", "one"), await anna.send("@desk", "two")];
  await untilRequests(desk, 2);
  const [one, two] = await mailsIn(desk, "requests");
  expect(await one?.retry().catch(codeOf)).toBe("bad-argument");
  await one?.done();
  await two?.reject("not wanted");
  await first.until("done", { timeoutMs: WAIT_MS });
  expect(await second.until("done", { timeoutMs: WAIT_MS }).catch(codeOf)).toBe("refused");
  expect((await desk.status()).requests).toBe(0);
});
