/**
 * Who works on which message, beside a list of who was given what: handlers that complete in time, too late, twice or never, release and fail, an owner who
 * ends messages himself, and time that passes. What is compared: who gets a message and as which attempt, whose completion counts, what senders are told.
 */
import { createBell } from "../../packages/perdure/src/agent/bell.ts";
import { type ClaimOptions, createClaims } from "../../packages/perdure/src/agent/claims.ts";
import type { ClaimKey } from "../../packages/perdure/src/agent/core.ts";
import { createEndings } from "../../packages/perdure/src/agent/endings.ts";
import type { Receipts } from "../../packages/perdure/src/agent/receipts.ts";
import { NO_DRAFTS } from "../../packages/perdure/src/agent/submissions.ts";
import { bench, deliver, from, NOW, stream } from "../../packages/perdure/src/protocol/delivery/test-inbox.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { agentIdText, messageIdText, parseMessageId } from "../../packages/perdure/src/wire/ids.ts";
import type { Kept } from "../../packages/perdure/src/wire/kept-agent.ts";
import { createHandClock, settled } from "./hand-clock.ts";
import { parted, type Room } from "./room.ts";

interface Step {
  readonly do: "arrive" | "claim" | "complete" | "refuse" | "fail" | "release" | "finish" | "retry" | "leave" | "pass";
  readonly pick: number;
  readonly few: number;
}

const STEPS = 60;
const SETTINGS = {
  handlerTimeoutMs: 1000,
  callTimeoutMs: 5000,
  retryMinMs: 100,
  retryMaxMs: 400,
  handlerAttempts: 3,
  diskRetryMs: 100,
  failedMessages: 100,
};

interface Known {
  readonly seq: number;
  attempt: number;
  failures: number;
  /** Who has it, and until when. */
  claim: { readonly client: string; readonly attempt: number; readonly untilMs: number } | undefined;
  isFailed: boolean;
}

export const claims: Room<Step> = {
  name: "claims",
  about: "who works on which message and whose word ends it, beside a list",
  draw: (draws) =>
    Array.from({ length: STEPS }, () => {
      const deeds: readonly Step["do"][] = [
        ...(["arrive", "arrive", "claim", "claim", "claim", "complete", "complete", "complete", "refuse", "fail", "fail"] as const),
        ...(["release", "finish", "retry", "leave", "pass", "pass", "pass"] as const),
      ];
      return { do: deeds[draws.below(deeds.length)] ?? "pass", pick: draws.below(60), few: draws.below(4) };
    }),
  run: async (steps) => await goThrough(steps),
};

async function goThrough(steps: readonly Step[]): Promise<void> {
  const on = bench();
  const clock = createHandClock(NOW);
  const log = { write: () => undefined };
  const host = { clock, log } as unknown as ClaimOptions["host"];
  const told: string[] = [];
  const receipts = {
    add: (_: unknown, { seq, outcome, attempts }: { seq: number; outcome: string; attempts: number }) =>
      told.push(`${seq} ${outcome} ${attempts}`),
  };
  const endings = createEndings({ host, limits: SETTINGS, inbox: on.inbox, receipts: receipts as unknown as Receipts });
  /** A disk that takes everything, after a moment. */
  const commit = async (change: {
    plan: () => { records: readonly { kept: Kept }[]; result: unknown };
    applied?: () => void;
  }): Promise<unknown> => {
    await settled();
    const { records, result } = change.plan();
    for (const { kept } of records) on.inbox.apply(kept, undefined);
    change.applied?.();
    return result;
  };
  const closing = new AbortController();
  const it = createClaims({
    ...{
      host,
      settings: SETTINGS,
      inbox: on.inbox,
      endings,
      closing: closing.signal,
      stopped: () => undefined,
      bell: createBell(clock, "mail"),
    },
    ...{
      outbox: { find: () => undefined },
      peers: { named: () => undefined },
      senderView: () => ({ name: "", standing: "contact" }),
      store: () => ({ commit }),
    },
  } as unknown as ClaimOptions);

  let messages: Known[] = [];
  const ended = new Map<number, number>();
  const expected: string[] = [];
  const given: ClaimKey[] = [];
  let seq = 0;
  const mailKey = (number: number) => ({ from: agentIdText(from), id: messageIdText(stream, number) });
  const known = (key: ClaimKey): Known | undefined => messages.find((each) => each.seq === parseMessageId(key.id).seq);
  const holds = (key: ClaimKey): boolean => known(key)?.claim?.attempt === key.attempt;
  const outcome = async (work: Promise<unknown>): Promise<string> => {
    try {
      await work;
      return "done";
    } catch (error) {
      if (isPerdureError(error)) return error.code;
      throw error;
    }
  };
  const failed = (message: Known): void => {
    message.claim = undefined;
    message.failures++;
    if (message.failures < SETTINGS.handlerAttempts) return;
    message.isFailed = true;
    expected.push(`${message.seq} failed ${message.attempt}`);
  };
  const over = (message: Known, how: string, attempt: number): void => {
    messages = messages.filter((each) => each !== message);
    ended.set(message.seq, attempt);
    expected.push(`${message.seq} ${how} ${message.attempt}`);
  };

  for (const { do: deed, pick, few } of steps) {
    const key = given[given.length - 1 - (pick % Math.max(1, given.length))];
    const message = messages[pick % Math.max(1, messages.length)];
    if (deed === "arrive") {
      deliver(on, { seq: ++seq, floor: seq, expiresAtMs: NOW + 10_000_000 }, seq, clock.wallMs());
      messages.push({ seq, attempt: 0, failures: 0, claim: undefined, isFailed: false });
    } else if (deed === "claim") {
      const patience = new AbortController();
      const call = it.claim(`client ${few}`, patience.signal);
      const said = outcome(call);
      for (let turn = 0; turn < 4; turn++) await settled();
      patience.abort();
      if ((await said) !== "done") continue;
      const { mail } = await call;
      const taken = known(mail);
      if (taken === undefined) parted(`${mail.id} is given to a handler although it is over`);
      if (taken.claim !== undefined || taken.isFailed) parted(`${mail.id} is given to a second handler`);
      if (mail.attempt !== taken.attempt + 1) parted(`attempt ${mail.attempt} of ${mail.id} comes after ${taken.attempt}`);
      taken.attempt++;
      taken.claim = { client: `client ${few}`, attempt: mail.attempt, untilMs: clock.monotonicMs() + SETTINGS.handlerTimeoutMs };
      given.push({ from: mail.from, id: mail.id, attempt: mail.attempt });
    } else if ((deed === "complete" || deed === "refuse") && key !== undefined) {
      const how = deed === "complete" ? "done" : "refused";
      const of = known(key);
      const said = await outcome(it.complete({ ...key, outcome: how, why: "", drafts: [] }, () => NO_DRAFTS));
      const repeats = of === undefined && ended.get(parseMessageId(key.id).seq) === key.attempt;
      const counts = holds(key);
      if (said !== (counts || repeats ? "done" : "fenced")) parted(`attempt ${key.attempt} of ${key.id} ends it: ${said}`);
      if (counts && of !== undefined) over(of, how, key.attempt);
    } else if ((deed === "fail" || deed === "release") && key !== undefined) {
      const counts = holds(key);
      const said = await outcome(it.release(key, deed === "fail", "it failed"));
      if (said !== (counts ? "done" : "fenced")) parted(`attempt ${key.attempt} of ${key.id} is given back: ${said}`);
      const of = known(key);
      if (counts && of !== undefined) deed === "fail" ? failed(of) : Object.assign(of, { claim: undefined });
    } else if (deed === "finish" && message !== undefined) {
      const how = few % 2 === 0 ? "done" : "refused";
      const said = await outcome(it.finish(mailKey(message.seq), how, "so be it"));
      if (said !== "done") parted(`the owner ends ${message.seq}: ${said}`);
      over(message, how, message.attempt + 1);
    } else if (deed === "retry" && message !== undefined && message.claim === undefined) {
      const said = await outcome(it.retry(mailKey(message.seq)));
      if (said !== "done") parted(`the owner has ${message.seq} tried again: ${said}`);
      Object.assign(message, { failures: 0, isFailed: false });
    } else if (deed === "leave") {
      it.leave(`client ${few}`);
      for (const each of messages) if (each.claim?.client === `client ${few}`) each.claim = undefined;
    } else if (deed === "pass") {
      const untilMs = clock.monotonicMs() + 100 * (1 + (pick % 8));
      await clock.pass(untilMs - clock.monotonicMs());
      for (let turn = 0; turn < 4; turn++) await settled();
      const late = messages.filter(({ claim }) => claim !== undefined && claim.untilMs <= untilMs);
      // In the order in which their time ran out.
      for (const each of late.sort((a, b) => (a.claim?.untilMs ?? 0) - (b.claim?.untilMs ?? 0))) failed(each);
    }
    const boxes = [on.inbox.waiting, on.inbox.failed].join();
    const expectedBoxes = [messages.filter(({ isFailed }) => !isFailed).length, messages.filter(({ isFailed }) => isFailed).length].join();
    if (boxes !== expectedBoxes) parted(`${boxes} are waiting and failed, not ${expectedBoxes}`);
    if (told.toSorted().join() !== expected.toSorted().join()) parted(`senders were told ${told.join()}, not ${expected.join()}`);
  }
  it.close();
  closing.abort();
}
