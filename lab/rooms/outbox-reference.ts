/**
 * What an outbox must say, as lists that are looked through: messages in the order in which they were queued, each with everything that is known of it. What
 * is held, open, unsealed or due is not kept up to date but asked for each time.
 */
import { DELIVERY_STATES, type DeliveryState } from "../../packages/perdure/src/wire/kept-agent.ts";

export interface Limits {
  readonly outboxMessages: number;
  readonly outboxBytes: number;
  readonly unconfirmedAfterMs: number;
  readonly forgetStreamMs: number;
  readonly ended: number;
  readonly streams: number;
}

/** Bytes as hexadecimal digits, places as one text each; none is an empty text. */
export interface Part {
  readonly of: Message;
  readonly seq: number;
  plain: string;
  envelope: string;
  digest: string;
  to: string;
  bytes: number;
  certificate: string;
  earlier: readonly string[];
  again: boolean;
  unfit: string;
  flights: number;
  acked: boolean;
  uncertain: boolean;
  refusals: number;
  /** Nothing of it is to travel any more. */
  over: boolean;
  /** It travelled at least once since this opening. */
  travelled: boolean;
}

export interface Step {
  readonly state: DeliveryState;
  readonly by: string;
  readonly proof: string;
  readonly evidence: readonly string[];
  readonly detail: string;
}

export interface Message {
  readonly stream: string;
  readonly seq: number;
  readonly recipient: string;
  readonly kind: "mail" | "receipt";
  readonly requestId: string;
  readonly wholeBytes: number;
  readonly expiresAtMs: number;
  readonly parts: Part[];
  readonly steps: Step[];
  readonly late: Step[];
  state: DeliveryState;
  trouble: string;
}

export interface Envelope {
  readonly digest: string;
  readonly to: string;
  readonly bytes: number;
  readonly certificate: string;
  readonly earlier: readonly string[];
  readonly again: boolean;
}

const MAX_LATE = 8;
const UNSEALED_DIGEST = "0".repeat(32);

export const rankOf = (state: DeliveryState): number => DELIVERY_STATES.indexOf(state);
export const isOver = ({ state }: Message): boolean => rankOf(state) >= rankOf("unconfirmed");
const isFit = (part: Part): boolean => part.bytes > 0 && part.unfit === "";
/** Whether somebody may still ask for the envelope. */
const isWanted = ({ of, again, acked }: Part): boolean => !isOver(of) && (again ? !acked : rankOf(of.state) < rankOf("stored"));
const without = <Item>(list: Item[], item: Item): void => {
  if (list.includes(item)) list.splice(list.indexOf(item), 1);
};

export function createReference(limits: Limits, drawStream: () => string) {
  const messages: Message[] = [];
  let ended: Message[] = [];
  /** In the order in which they came to be unsealed. */
  let unsealed: Message[] = [];
  let ready: Part[] = [];
  let resting: Part[] = [];
  let flying: Part[] = [];
  let later = new Map<Part, number>();
  let restUntilMs = Number.NEGATIVE_INFINITY;
  let streams: { readonly recipient: string; readonly bytes: string; kept: number; given: number }[] = [];
  const evidence = new Map<string, string>();
  const conflicts: { readonly relay: number; readonly number: number; readonly hashes: readonly string[] }[] = [];

  const open = (): Message[] => messages.filter((each) => !isOver(each));
  const withdraw = (part: Part): void => {
    for (const list of [ready, resting]) without(list, part);
    later.delete(part);
  };
  const drop = (part: Part): void => {
    withdraw(part);
    part.over = true;
  };
  /** After each change: what nobody can want any more is gone for good. */
  const tidy = (): void => {
    for (const message of messages)
      for (const part of message.parts) {
        if (isOver(message)) part.plain = "";
        if (!isWanted(part) && part.flights === 0) part.envelope = "";
      }
    flying = flying.filter(({ flights }) => flights > 0);
    unsealed = unsealed.filter((each) => messages.includes(each) && !isOver(each) && !each.parts.every(isFit));
  };
  const toSeal = (message: Message): void => {
    if (!unsealed.includes(message)) unsealed.push(message);
  };
  const namesOf = (hash: string): boolean =>
    messages.some(({ steps, late }) => [...steps, ...late].some((step) => step.evidence.includes(hash))) ||
    conflicts.some(({ hashes }) => hashes.includes(hash));

  const reference = {
    get messages() {
      return messages;
    },
    get unsealed() {
      return unsealed;
    },
    get conflicts() {
      return conflicts;
    },
    get evidence() {
      return evidence;
    },
    open,
    partOf: (stream: string, seq: number) =>
      messages.flatMap(({ parts }) => parts).find((part) => part.of.stream === stream && part.seq === seq),
    get flying() {
      return flying;
    },
    isQueued: (part: Part) => ready.includes(part) || resting.includes(part) || later.has(part),
    next: () => (restUntilMs === Number.NEGATIVE_INFINITY ? ready[0] : undefined),
    /** Places that hold something. */
    held: () =>
      new Set([
        ...messages.flatMap(({ parts }) => parts.map(({ plain }) => plain)),
        ...[...messages.flatMap(({ parts }) => parts), ...flying].map(({ envelope }) => envelope),
        ...evidence.values(),
      ]),
    /** Evidence that nothing names is gone once what became durable together is applied. */
    sweep() {
      for (const hash of [...evidence.keys()]) if (!namesOf(hash)) evidence.delete(hash);
    },
    hasRoom(bytes: number): boolean {
      const mail = open().filter(({ kind }) => kind === "mail");
      return mail.length < limits.outboxMessages && mail.reduce((sum, { wholeBytes }) => sum + wholeBytes, bytes) <= limits.outboxBytes;
    },
    floor(stream: string): number {
      const of = messages.filter((each) => each.stream === stream);
      const first = of.find((each) => !isOver(each));
      return first?.seq ?? streams.find(({ bytes }) => bytes === stream)?.kept ?? 1;
    },
    currentStreams: () => streams.map(({ bytes }) => bytes),
    reserve(recipient: string, parts: number): { readonly stream: string; readonly seq: number } {
      let stream = streams.find((each) => each.recipient === recipient);
      if (stream === undefined) {
        const isIdle = ({ bytes, kept, given }: (typeof streams)[number]): boolean =>
          kept === given && !open().some((message) => message.stream === bytes);
        if (streams.length >= limits.streams) streams = streams.filter((each) => each !== streams.find(isIdle));
        stream = { recipient, bytes: drawStream(), kept: 1, given: 1 };
        streams.push(stream);
      }
      stream.given += parts;
      return { stream: stream.bytes, seq: stream.given - parts };
    },
    /** What is not kept is given once more. */
    unreserve() {
      for (const stream of streams) stream.given = stream.kept;
    },
    queued(head: Pick<Message, "stream" | "seq" | "recipient" | "kind" | "requestId" | "wholeBytes" | "expiresAtMs">, parts: number): void {
      const message: Message = { ...head, parts: [], steps: [], late: [], state: "queued", trouble: "" };
      message.steps.push({ state: "queued", by: "", proof: "none", evidence: [], detail: "" });
      for (let index = 0; index < parts; index++)
        message.parts.push({
          of: message,
          seq: head.seq + index,
          plain: "",
          envelope: "",
          digest: UNSEALED_DIGEST,
          to: "",
          bytes: 0,
          certificate: "",
          earlier: [],
          again: false,
          unfit: "",
          flights: 0,
          acked: false,
          uncertain: false,
          refusals: 0,
          over: false,
          travelled: false,
        });
      messages.push(message);
      toSeal(message);
      const stream = streams.find(({ bytes }) => bytes === head.stream);
      if (stream !== undefined) stream.kept = Math.max(stream.kept, head.seq + parts);
    },
    content(part: Part, at: string): void {
      if (!isOver(part.of)) part.plain = at;
    },
    sealed(part: Part, envelope: Envelope, at: string): void {
      const { digest, earlier, certificate } = envelope;
      if (part.earlier.includes(digest)) {
        Object.assign(part, { digest, earlier });
        return;
      }
      const isSecond = part.bytes > 0;
      if (isSecond && (certificate === "" || part.flights > 0 || isOver(part.of) || part.digest === digest)) return;
      Object.assign(part, envelope, { envelope: isOver(part.of) ? "" : at, unfit: "" });
      if (isSecond) Object.assign(part, { uncertain: false, refusals: 0 });
      if (!isOver(part.of)) {
        if (isSecond || part.again) Object.assign(part, { acked: false, over: false });
        const mayTravel = part.again || rankOf(part.of.state) < rankOf("accepted");
        if (at !== "" && mayTravel && !part.acked && !part.over && !ready.includes(part)) ready.push(part);
      }
      tidy();
    },
    keyRetired(part: Part, digest: string): void {
      if (isOver(part.of) || part.again || part.plain === "" || part.bytes === 0 || part.digest !== digest) return;
      withdraw(part);
      part.unfit = "key-retired";
      toSeal(part.of);
    },
    unfit(part: Part): void {
      withdraw(part);
      if (part.unfit === "") part.unfit = "certificate";
      toSeal(part.of);
    },
    step(message: Message, step: Step): void {
      if (rankOf(step.state) > rankOf(message.state)) {
        const wasOver = isOver(message);
        Object.assign(message, { state: step.state, trouble: "" });
        message.steps.push(step);
        if (isOver(message) && !wasOver) {
          ended.push(message);
          for (const part of message.parts) part.unfit = "";
        }
        if (rankOf(step.state) >= rankOf("accepted")) for (const part of message.parts) if (isOver(message) || !part.again) drop(part);
        return tidy();
      }
      const known = [...message.steps, ...message.late].some(
        ({ state, proof, by }) => state === step.state && proof !== "none" && by === step.by,
      );
      const saysMore = step.proof !== "none" && rankOf(step.state) < rankOf("unconfirmed") && !known && message.late.length < MAX_LATE;
      if (saysMore) (step.state === message.state ? message.steps : message.late).push(step);
    },
    forget(message: Message): void {
      for (const part of message.parts) {
        drop(part);
        if (part.flights === 0) part.envelope = "";
      }
      for (const list of [messages, ended]) without(list, message);
      tidy();
    },
    keepEvidence(hash: string, at: string): void {
      evidence.set(hash, at);
    },
    conflict(relay: number, number: number, hashes: readonly string[], most: number): void {
      if (conflicts.length < most && !conflicts.some((each) => each.relay === relay && each.number === number))
        conflicts.push({ relay, number, hashes });
    },
    sent(part: Part): void {
      withdraw(part);
      part.flights++;
      part.travelled = true;
      if (!flying.includes(part)) flying.push(part);
    },
    landed(part: Part, acked: boolean): void {
      part.flights = Math.max(0, part.flights - 1);
      if (acked) {
        part.acked = true;
        withdraw(part);
      }
      if (!messages.includes(part.of)) part.envelope = "";
      tidy();
    },
    putOff(part: Part, untilMs: number): void {
      if (part.acked || part.flights > 0 || part.over) return;
      without(ready, part);
      later.set(part, untilMs);
    },
    rest(part: Part, untilMs: number): void {
      restUntilMs = Math.max(restUntilMs, untilMs);
      if (part.acked || part.flights > 0 || part.over) return;
      without(ready, part);
      if (!resting.includes(part)) resting.push(part);
    },
    /** When to look again at the latest. */
    wake(nowMs: number): number {
      if (restUntilMs > nowMs) return restUntilMs;
      restUntilMs = Number.NEGATIVE_INFINITY;
      ready = [...new Set([...resting, ...ready])];
      resting = [];
      for (const [part, untilMs] of [...later]) {
        if (untilMs > nowMs) continue;
        later.delete(part);
        if (!ready.includes(part)) ready.push(part);
      }
      return Math.min(Number.POSITIVE_INFINITY, ...later.values());
    },
    linkLost(): void {
      for (const part of flying) {
        Object.assign(part, { flights: 0, uncertain: true });
        if (!part.acked && !part.over && !ready.includes(part)) ready.push(part);
        if (!messages.includes(part.of)) part.envelope = "";
      }
      tidy();
    },
    /** What time makes due, and by when at the latest to look again. */
    due(nowMs: number): { readonly records: readonly string[]; readonly nextMs: number } {
      const records: string[] = [];
      let nextMs = Number.POSITIVE_INFINITY;
      const at = (dueMs: number, record: string): void => {
        if (nowMs < dueMs) nextMs = Math.min(nextMs, dueMs);
        else records.push(record);
      };
      for (const message of open()) {
        const where = `${message.stream}/${message.seq}`;
        const mayHaveLeft = message.parts.some((part) => part.acked || part.uncertain || part.flights > 0 || part.earlier.length > 0);
        if (message.kind === "receipt") at(message.expiresAtMs, `forgotten ${where}`);
        else if (!mayHaveLeft) at(message.expiresAtMs, `expired ${where}`);
        else at(message.expiresAtMs + limits.unconfirmedAfterMs, `unconfirmed ${where}`);
      }
      for (const message of ended) at(message.expiresAtMs + limits.forgetStreamMs, `forgotten ${message.stream}/${message.seq}`);
      const receipts = open().filter(({ kind }) => kind === "receipt");
      for (const [over, most] of [
        [ended, limits.ended],
        [receipts, limits.outboxMessages],
      ] as const)
        for (const { stream, seq } of over.slice(0, Math.max(0, over.length - most))) records.push(`forgotten ${stream}/${seq}`);
      return { records: [...new Set(records)], nextMs };
    },
    /** Everything that is in memory only is lost. `isReread`: this is of what the log says from its beginning, so nothing was in memory. */
    restart(isReread: boolean): void {
      for (const { parts } of messages) for (const part of parts) part.uncertain = part.bytes > 0;
      if (isReread) return;
      ready = [];
      resting = [];
      flying = [];
      later = new Map();
      restUntilMs = Number.NEGATIVE_INFINITY;
      streams = [];
      for (const message of messages) {
        message.trouble = "";
        for (const part of message.parts) {
          if (part.unfit === "certificate") part.unfit = "";
          Object.assign(part, { flights: 0, acked: false, refusals: 0, travelled: false });
          part.over = isOver(message) || (!part.again && rankOf(message.state) >= rankOf("accepted"));
          if (part.envelope !== "" && !part.over && part.unfit === "") ready.push(part);
        }
      }
      ended = messages.filter(isOver);
      unsealed = messages.filter((message) => !isOver(message) && !message.parts.every(isFit));
      tidy();
    },
    seen(part: Part): readonly string[] {
      const mayBeSeen = part.acked || part.uncertain || part.flights > 0 || part.refusals > 0;
      return (mayBeSeen ? [...part.earlier, part.digest] : part.earlier).slice(-8);
    },
  };
  return reference;
}

export type Reference = ReturnType<typeof createReference>;
