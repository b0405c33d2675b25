/**
 * Transport messages beside what the protocol says of them: a handshake that is asked for frame by frame, the mode agreed on, and whatever
 * somebody on the way puts in, changes, leaves out or says twice.
 */
import type { Hash } from "../../packages/perdure/src/host/crypto.ts";
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { refuseConnection } from "../../packages/perdure/src/protocol/link/refuse.ts";
import { createTransport, type Transport } from "../../packages/perdure/src/protocol/link/transport.ts";
import { type Bytes, hex } from "../../packages/perdure/src/wire/bytes.ts";
import { type Goodbye, goodbye, goodbyeOfVersion0 } from "../../packages/perdure/src/wire/control.ts";
import { isErrorCode, isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { Frame, FrameName } from "../../packages/perdure/src/wire/frame.ts";
import { settled } from "./hand-clock.ts";
import { createHandLine, type HandLine, messageOf } from "./hand-line.ts";
import { parted, type Room } from "./room.ts";

interface Arrival {
  readonly do: "arrive";
  readonly frames: readonly { readonly name: FrameName; readonly bytes: number }[];
  /** The place of a goodbye among them, if there is one, and what it asks for. */
  readonly goodbye: { readonly at: number; readonly retry: Goodbye["retry"]; readonly afterMs: number; readonly code: string } | undefined;
  /** The mode it travels in; the number it bears, next to the right one; and what is changed of it. */
  readonly as: "agreed" | "none" | "mac";
  readonly off: number;
  readonly harm: "flip" | "cut" | "version" | "version-0" | "mode" | undefined;
  readonly at: number;
}

type Step =
  | { readonly do: "open" | "drain" | "receive" }
  | { readonly do: "next"; readonly name: FrameName; readonly aside: FrameName | undefined }
  | Arrival
  | { readonly do: "protect"; readonly mac: boolean }
  | { readonly do: "send"; readonly names: readonly FrameName[] }
  | { readonly do: "end" | "refuse"; readonly retry: Goodbye["retry"]; readonly code: string }
  | { readonly do: "break"; readonly why: string };

const LIVES = 12;
const HANDSHAKE: readonly FrameName[] = ["hello", "challenge", "proof", "welcome", "published"];
const LATER: readonly FrameName[] = ["welcome", "mail", "ack", "ping", "published"];
const RETRIES = ["never", "now", "after"] as const;
/** `protocol/frames-and-session.md`: a handshake message, and a transport message, at most. */
const HANDSHAKE_BYTES = 66_560;
const MESSAGE_BYTES = 524_288;

export const transport: Room<Step> = {
  name: "transport",
  about: "messages of one connection before and after the handshake, beside the words of the protocol",
  draw: (draws) => Array.from({ length: LIVES }, () => drawLife(draws)).flat(),
  run: async (steps, { hash, draws }) => {
    const keys = [draws("sending").bytes(32), draws("receiving").bytes(32)] as const;
    let pair = openPair(hash, keys);
    for (const step of steps) {
      if (step.do === "open" || step.do === "refuse") {
        pair = openPair(hash, keys, step.do === "refuse" ? saying(step.code, step.retry, 0) : undefined);
      } else pair.take(step);
      await settled();
      pair.compare(step.do);
    }
  },
};

function pick<Item>(draws: Draws, from: readonly Item[]): Item {
  return from[draws.below(from.length)] as Item;
}

function drawLife(draws: Draws): readonly Step[] {
  if (draws.chance(0.006)) return drawFullLife(draws);
  const steps: Step[] = [draws.chance(0.05) ? { do: "refuse", retry: pick(draws, RETRIES), code: "too-busy" } : { do: "open" }];
  const isLong = draws.chance(0.4);
  let isProtected = false;
  let asked: readonly FrameName[] = [];
  /** What came while nobody asked, about. */
  const came: FrameName[] = [];
  const count = 4 + draws.below(14);
  for (let nth = 0; nth < count; nth++) {
    const roll = draws.below(20);
    const names = isProtected ? LATER : HANDSHAKE;
    if (roll < 10) {
      const next = arrival(draws, { names: asked.length > 0 && draws.chance(0.7) ? asked : names, isProtected, isLong });
      if (asked.length === 0) came.push(...next.frames.map(({ name }) => name));
      steps.push(next);
    } else if (roll < 13) {
      const aside = draws.chance(0.4) ? pick(draws, names) : undefined;
      const name = draws.chance(0.5) ? (came.shift() ?? pick(draws, names)) : pick(draws, names);
      asked = aside === undefined ? [name] : [name, aside];
      steps.push({ do: "next", name, aside });
    } else if (roll < 15) steps.push({ do: "send", names: Array.from({ length: 1 + draws.below(2) }, () => pick(draws, names)) });
    else if (roll < 17 && !isProtected) {
      isProtected = true;
      steps.push({ do: "protect", mac: draws.chance(0.75) });
      // A relay may give up before it read the proof, and say so unprotected.
      if (draws.chance(0.2))
        steps.push({ ...arrival(draws, { names, isProtected, isLong: true }), frames: [], goodbye: drawGoodbye(draws, 0), as: "none" });
    } else if (roll === 17 && isProtected) steps.push({ do: "receive" });
    else if (roll === 18) steps.push({ do: "drain" });
    else if (roll === 19 && draws.chance(0.3))
      steps.push(
        draws.chance(0.5)
          ? { do: "end", retry: pick(draws, RETRIES), code: "fenced" }
          : { do: "break", why: pick(draws, ["", "closed by the other side"]) },
      );
  }
  if (isProtected && draws.chance(0.5)) steps.push({ do: "receive" }, { do: "drain" });
  return steps;
}

/** Up to what may wait, or one byte beyond. */
function drawFullLife(draws: Draws): readonly Step[] {
  const full = 8;
  const message = (bytes: number): Step => ({
    do: "arrive",
    frames: [{ name: "mail", bytes }],
    goodbye: undefined,
    as: "agreed",
    off: 0,
    harm: undefined,
    at: 0,
  });
  const most = Array.from({ length: full }, () => message(MESSAGE_BYTES - 2 - 8));
  // What is taken out makes room.
  const taken: Step[] = draws.chance(0.5) ? [{ do: "next", name: "mail", aside: undefined }, message(MESSAGE_BYTES - 2 - 8)] : [];
  const last = message(full * 2 - 8 + draws.below(2));
  return [{ do: "open" }, { do: "protect", mac: false }, ...most, ...taken, last, message(0), { do: "receive" }];
}

interface Wish {
  readonly names: readonly FrameName[];
  readonly isProtected: boolean;
  readonly isLong: boolean;
}

/** In a long life little comes that ends it at once. */
function arrival(draws: Draws, { names, isProtected, isLong }: Wish): Arrival {
  const isHarmed = !isLong && draws.chance(0.1);
  const isGoodbye = draws.chance(isLong ? 0.05 : 0.15);
  const several = isProtected || (!isLong && draws.chance(0.1));
  const count = isGoodbye ? draws.below(several ? 3 : 2) : several ? 1 + draws.below(3) : 1;
  const bytes = (): number => (!isProtected && draws.chance(0.1) ? HANDSHAKE_BYTES - 11 + draws.below(3) : draws.below(40));
  return {
    do: "arrive",
    frames: Array.from({ length: count }, () => ({ name: pick(draws, names), bytes: bytes() })),
    goodbye: isGoodbye ? drawGoodbye(draws, count) : undefined,
    as: draws.chance(isLong ? 0.03 : isGoodbye ? 0.4 : 0.15) ? pick(draws, ["none", "mac"]) : "agreed",
    off: !isLong && draws.chance(0.1) ? pick(draws, [-1, 1]) : 0,
    harm: isHarmed ? pick(draws, ["flip", "cut", "version", "version-0", "mode"]) : undefined,
    at: draws.below(1 << 16),
  };
}

function drawGoodbye(draws: Draws, frames: number): NonNullable<Arrival["goodbye"]> {
  const code = pick(draws, ["too-busy", "newer"]);
  return { at: draws.below(frames + 1), retry: pick(draws, RETRIES), afterMs: draws.below(3) * 900, code };
}

function saying(code: string, retry: Goodbye["retry"], afterMs: number): Goodbye {
  return { code, retry, afterMs, limit: undefined, why: "as drawn", hint: "Wait." };
}

interface Pair {
  take(step: Exclude<Step, { readonly do: "open" | "refuse" }>): void;
  compare(where: string): void;
}

/** What an end is said to be: for people there is more. */
interface End {
  readonly code: string;
  readonly retry: Goodbye["retry"];
  readonly afterMs: number;
}

function openPair(hash: Hash, keys: readonly [Bytes, Bytes], refused?: Goodbye): Pair {
  const line = createHandLine("there", false);
  const heard: string[] = [];
  const due: string[] = [];
  const sent: (Bytes | End | "farewell")[] = [];
  let ended: End | undefined;
  let closes = false;
  let mode: "none" | "mac" | undefined;
  let [sending, receiving] = [0, 0];
  let isReceiving = false;
  let asked: { readonly nth: number; readonly name: FrameName; readonly aside: FrameName | undefined } | undefined;
  let asks = 0;
  const waiting: (readonly Frame[])[] = [];

  const shown = (frames: readonly Frame[]): string => frames.map(({ name, payload }) => `${name} ${payload.length}`).join(", ");
  const finish = (end: End): void => {
    if (asked !== undefined) due.push(`${asked.nth} fails: ${known(end.code)} ${end.retry}`);
    asked = undefined;
    ended = end;
    waiting.length = 0;
    if (isReceiving) due.push(`ended ${JSON.stringify(end)}`);
  };
  /** This side says why, and closes. */
  const give = (end: End): void => {
    if (ended !== undefined) return;
    sent.push(end);
    closes = true;
    finish(end);
  };
  const never = (code: string): End => ({ code, retry: "never", afterMs: 0 });

  const wait = (frames: readonly Frame[], first: boolean): void => {
    if (first) waiting.unshift(frames);
    else waiting.push(frames);
    const bytes = waiting.flat().reduce((sum, { payload }) => sum + 8 + payload.length, 0);
    if (mode === undefined ? waiting.length > 2 : bytes > 8 * MESSAGE_BYTES) give(never("malformed"));
  };
  /** Frames of one message, in their order: to who asked for one, to who listens, or they wait. */
  const hand = (frames: readonly Frame[], first = false): void => {
    const [frame, ...others] = frames;
    if (frame === undefined || ended !== undefined) return;
    if (asked === undefined) {
      if (isReceiving) due.push(`frames ${shown(frames)}`);
      else wait(frames, first);
      return;
    }
    const { nth, name, aside } = asked;
    if (frame.name !== name && frame.name === aside) {
      due.push(`aside ${shown([frame])}`);
      asked = { nth, name, aside: undefined };
      return hand(others, first);
    }
    asked = undefined;
    if (frame.name !== name) {
      due.push(`${nth} fails: malformed never`);
      return give(never("malformed"));
    }
    due.push(`${nth} is ${shown([frame])}`);
    hand(others, true);
  };

  /** What a message amounts to: frames, or why it ends everything. */
  const read = (message: Bytes, { step, frames, right }: Made): readonly Frame[] | End => {
    const isNone = message[1] === 0;
    const isEarly = mode === "mac" && receiving === 0 && isNone && step.harm === undefined && frames.length === 1;
    if (mode === undefined && message.length > HANDSHAKE_BYTES) return never("too-large");
    const first = frames[0];
    if (isEarly && first?.name === "goodbye") {
      const { retry, afterMs, code } = goodbye.decode(first.payload);
      return { code, retry: retry === "never" ? "after" : retry, afterMs: retry === "never" ? Math.max(1000, afterMs) : afterMs };
    }
    if (message.length > MESSAGE_BYTES) return never("too-large");
    if (message.length < 2) return never("malformed");
    if (message[0] !== 1) return never(message[0] === 0 ? "needs-older-version" : "needs-newer-version");
    if (message[1] !== (mode === "mac" ? 1 : 0)) return never("malformed");
    if (mode === "mac" && message.length < 18) return never("malformed");
    if (mode === "mac" && (!right || step.harm !== undefined)) return never("bad-mac");
    if (step.harm === "cut") return never("malformed");
    if (mode === undefined && frames.length > 1) return never("malformed");
    if (frames.some(({ name }, at) => name === "goodbye" && at + 1 < frames.length)) return never("malformed");
    return frames;
  };

  const arrive = (step: Arrival): void => {
    const made = madeOf(hash, keys[1], step, mode === "mac", receiving);
    const { message } = made;
    const wasEnded = ended !== undefined;
    line.arrive(message);
    if (wasEnded || closes) return;
    const read1 = read(message, made);
    if (!("length" in read1)) {
      const isEarly = read1.retry !== "never" || read1.code === "newer" || read1.code === "too-busy";
      if (isEarly) {
        closes = true;
        return finish(read1);
      }
      if (mode === undefined && message[0] === 0) sent.push("farewell");
      return give(read1);
    }
    receiving += mode === undefined ? 0 : 1;
    const last = read1.at(-1);
    const isGoodbye = last?.name === "goodbye";
    hand(isGoodbye ? read1.slice(0, -1) : read1);
    if (!isGoodbye || ended !== undefined) return;
    const { code, retry, afterMs } = goodbye.decode(last.payload);
    closes = true;
    finish({ code, retry, afterMs });
  };

  const made = refused === undefined ? createTransport(line.connection) : undefined;
  if (refused !== undefined) {
    refuseConnection(line.connection, refused);
    give(refused);
  }

  return {
    take: (step) => {
      if (made === undefined) return;
      switch (step.do) {
        case "drain":
          line.connection.send(new Uint8Array(1));
          if (line.sent.at(-1)?.length === 1) line.sent.pop();
          line.drain();
          if (ended === undefined && isReceiving) due.push("drained");
          return;
        case "next": {
          if (asked !== undefined) return;
          const nth = ++asks;
          ask(made, nth, step.name, step.aside, heard);
          if (ended !== undefined) return void due.push(`${nth} fails: ${known(ended.code)} ${ended.retry}`);
          asked = { nth, name: step.name, aside: step.aside };
          for (let first = waiting.shift(); first !== undefined; first = asked === undefined ? undefined : waiting.shift())
            hand(first, true);
          return;
        }
        case "arrive":
          return arrive(step);
        case "protect":
          made.protect(step.mac ? taggers(hash, keys) : { sending: undefined, receiving: undefined });
          mode = step.mac ? "mac" : "none";
          return;
        case "receive": {
          if (isReceiving) return;
          isReceiving = true;
          made.receive({
            frames: (frames) => void heard.push(`frames ${shown(frames)}`),
            drained: () => void heard.push("drained"),
            ended: ({ code, retry, afterMs }) => void heard.push(`ended ${JSON.stringify({ code, retry, afterMs })}`),
          });
          if (ended !== undefined) return void due.push(`ended ${JSON.stringify(ended)}`);
          for (const frames of waiting.splice(0)) due.push(`frames ${shown(frames)}`);
          return;
        }
        case "send": {
          const frames = step.names.map((name) => ({ name, payload: Uint8Array.of(sending & 255, 7) }));
          made.send(frames);
          if (ended !== undefined) return;
          sent.push(messageOf(hash, frames, mode === "mac" ? keys[0] : undefined, sending));
          sending += mode === undefined ? 0 : 1;
          return;
        }
        case "end": {
          const reason = saying(step.code, step.retry, 5);
          made.end(reason);
          return give({ code: step.code, retry: step.retry, afterMs: 5 });
        }
        case "break":
          line.end(step.why);
          if (ended === undefined) finish({ code: "connection-closed", retry: "now", afterMs: 0 });
      }
    },
    compare: (where) => {
      const [found, wanted] = [heard.splice(0).sort().join("; "), due.splice(0).sort().join("; ")];
      if (found !== wanted) parted(`after ${where} was heard: ${found}, and not: ${wanted}`);
      compareSent(hash, line, sent.splice(0), mode === "mac" ? keys[0] : undefined, sending);
      if (line.closed !== closes) parted(`after ${where} the connection is ${line.closed ? "closed" : "open"}`);
      if (made !== undefined && made.ended !== (ended !== undefined)) parted(`after ${where} it is ${made.ended ? "ended" : "not ended"}`);
    },
  };
}

function known(code: string): string {
  return isErrorCode(code) ? code : "connection-closed";
}

function ask(made: Transport, nth: number, name: FrameName, aside: FrameName | undefined, heard: string[]): void {
  const besides = aside && { name: aside, take: (payload: Bytes) => void heard.push(`aside ${aside} ${payload.length}`) };
  made.next(name, besides).then(
    (payload) => heard.push(`${nth} is ${name} ${payload.length}`),
    (error: unknown) => heard.push(`${nth} fails: ${isPerdureError(error) ? `${error.code} ${error.retry}` : String(error)}`),
  );
}

function taggers(hash: Hash, [sending, receiving]: readonly [Bytes, Bytes]) {
  const of = (key: Bytes) => (counted: Bytes) => hash.hmacSha256(key, counted).subarray(0, 16);
  return { sending: of(sending), receiving: of(receiving) };
}

interface Made {
  readonly step: Arrival;
  readonly message: Bytes;
  readonly frames: readonly Frame[];
  /** It bears the tag of its number. */
  readonly right: boolean;
}

function madeOf(hash: Hash, key: Bytes, step: Arrival, isMac: boolean, receiving: number): Made {
  const frames: Frame[] = step.frames.map(({ name, bytes }, nth) => ({ name, payload: new Uint8Array(bytes).fill(nth) }));
  const { goodbye: said, harm } = step;
  if (said !== undefined)
    frames.splice(said.at, 0, { name: "goodbye", payload: goodbye.encode(saying(said.code, said.retry, said.afterMs)) });
  const asMac = step.as === "agreed" ? isMac : step.as === "mac";
  const number = Math.max(0, receiving + step.off);
  const message = messageOf(hash, frames, asMac ? key : undefined, number);
  if (harm === "version" || harm === "version-0") message[0] = harm === "version" ? 2 : 0;
  // A tag read as frames could be anything.
  const isMisread = harm === "mode" && asMac && !isMac;
  if (harm === "mode" && !isMisread) message[1] = (message[1] as number) ^ 1;
  if (harm === "flip" && asMac)
    message[2 + (step.at % (message.length - 2))] = (message[2 + (step.at % (message.length - 2))] as number) ^ 1;
  const cut = step.at % message.length;
  // Between two frames a shorter message would be a whole one.
  const isWhole = !asMac && wholeAt(frames, cut);
  if (harm === "cut" && !isWhole) return { step, message: message.subarray(0, cut), frames, right: number === receiving };
  const isHarmed = (harm !== "flip" || asMac) && harm !== "cut" && !isMisread;
  return { step: isHarmed ? step : { ...step, harm: undefined }, message, frames, right: number === receiving };
}

function wholeAt(frames: readonly Frame[], cut: number): boolean {
  let at = 2;
  for (const { payload } of frames) {
    at += 8 + payload.length;
    if (cut === at) return true;
  }
  return false;
}

function compareSent(
  hash: Hash,
  line: HandLine,
  wanted: readonly (Bytes | End | "farewell")[],
  key: Bytes | undefined,
  count: number,
): void {
  const found = line.sent.splice(0);
  if (found.length !== wanted.length) parted(`${found.length} messages were sent, and not ${wanted.length}`);
  for (const [at, message] of found.entries()) {
    const due = wanted[at];
    if (due === "farewell") {
      const { code, retry, afterMs } = goodbyeOfVersion0.decode(message.subarray(10));
      if (message[0] !== 0 || message[1] !== 0 || message[2] !== 28) parted(`who speaks version 0 is told ${hex(message.subarray(0, 10))}`);
      if (code !== "needs-newer-version" || retry !== "never" || afterMs !== 0) parted(`who speaks version 0 is told ${code} ${retry}`);
    } else if (due instanceof Uint8Array) {
      if (hex(message) !== hex(due)) parted(`${hex(message)} was sent, and not ${hex(due)}`);
    } else if (due !== undefined) {
      const start = key === undefined ? 2 : 18;
      const payload = message.subarray(start + 8);
      const { code, retry, afterMs } = goodbye.decode(payload);
      if (JSON.stringify({ code, retry, afterMs }) !== JSON.stringify({ code: due.code, retry: due.retry, afterMs: due.afterMs }))
        parted(`the goodbye is ${code} ${retry} ${afterMs}, and not ${JSON.stringify(due)}`);
      if (hex(message) !== hex(messageOf(hash, [{ name: "goodbye", payload }], key, count)))
        parted(`the goodbye of ${code} is not tagged as it must be`);
    }
  }
}
