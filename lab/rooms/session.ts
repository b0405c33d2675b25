/**
 * A session, both ends of it, beside what the protocol says: what is sent arrives once, in order, or the session ends; whoever hears nothing
 * for three thirds of a limit ends it, and the agent's side says something in time. The line between them is moved by hand, and what is on
 * it is lost, doubled, reordered, changed and cut off.
 */
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { createSession, type Session } from "../../packages/perdure/src/protocol/link/session.ts";
import { sessionTaggers, transcriptOf } from "../../packages/perdure/src/protocol/link/transcript.ts";
import { createTransport } from "../../packages/perdure/src/protocol/link/transport.ts";
import { type Bytes, concat, equalBytes, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { type Goodbye, goodbye, ping, pong, type SessionMode } from "../../packages/perdure/src/wire/control.ts";
import { isPerdureError, PerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { Frame, FrameName } from "../../packages/perdure/src/wire/frame.ts";
import { createHandClock, settled } from "./hand-clock.ts";
import { createHandLine, type HandLine, messageOf } from "./hand-line.ts";
import { parted, type Room, type RoomTools } from "./room.ts";

type Side = "agent" | "relay";
type Harm = "lost" | "doubled" | "late" | "changed" | "cut";

type Step =
  | { readonly do: "open"; readonly mode: SessionMode; readonly secrets: "same" | "different" }
  | { readonly do: "send"; readonly side: Side; readonly frames: readonly { readonly name: FrameName; readonly bytes: number }[] }
  | { readonly do: "carry"; readonly from: Side; readonly harm: Harm | undefined; readonly at: number }
  | { readonly do: "leave" | "break"; readonly side: Side }
  | { readonly do: "start"; readonly side: Side; readonly turns: boolean }
  | { readonly do: "close"; readonly side: Side; readonly retry: Goodbye["retry"]; readonly behind: boolean }
  | { readonly do: "choke"; readonly side: Side; readonly how: "throws" | "closes" }
  | { readonly do: "wait"; readonly ms: number };

const LIVES = 4;
const START_MS = 1_800_000_000_000;
/** No thirds and halves of these come at one moment for hours. */
const SILENCE_MS = 45_001;
const THIRD_MS = 15_001;
const PING_MS = 7_001;
const HALF_MS = 3_501;
/** What of one transport message is frames. */
const ROOM_BYTES = 524_288 - 64;
/** Frames that wait for somebody to listen. */
const HELD_BYTES = 8 * 524_288;
const FRAMES: readonly FrameName[] = ["mail", "ack", "deliver", "ping", "pong", "published", "hello", "welcome"];

export const session: Room<Step> = {
  name: "session",
  about: "two ends of a session over a line that loses, doubles, reorders, changes and cuts off",
  draw: (draws) => Array.from({ length: LIVES }, () => drawLife(draws)).flat(),
  run: async (steps, tools) => {
    let both = createPair("mac", "same", tools);
    for (const step of steps) {
      if (step.do === "open") both = createPair(step.mode, step.secrets, tools);
      else await both.take(step);
      await settled();
      both.compare(JSON.stringify(step));
    }
  },
};

function drawLife(draws: Draws): readonly Step[] {
  const side = (): Side => (draws.chance(0.5) ? "agent" : "relay");
  const isCalm = draws.chance(0.5);
  const mode = draws.chance(0.7) ? "mac" : "none";
  const steps: Step[] = [{ do: "open", mode, secrets: mode === "mac" && draws.chance(0.05) ? "different" : "same" }];
  if (draws.chance(0.7)) steps.push({ do: "start", side: "agent", turns: draws.chance(0.8) }, { do: "start", side: "relay", turns: true });
  const isBig = draws.chance(0.03);
  const bytes = (): number => {
    if (isBig && draws.chance(0.2)) return ROOM_BYTES - 10 + draws.below(3) - (draws.chance(0.3) ? 40 : 0);
    // Refused, and so no work for the line.
    return draws.chance(0.02) ? ROOM_BYTES - 7 : draws.below(40);
  };
  const harms = mode === "mac" ? (["lost", "doubled", "late", "changed", "cut"] as const) : (["lost", "doubled", "late"] as const);
  const count = 20 + draws.below(30);
  for (let nth = 0; nth < count; nth++) {
    const roll = draws.below(40);
    if (roll < 11) {
      const names = isCalm ? FRAMES.slice(0, 6) : FRAMES;
      const frames = Array.from({ length: draws.below(4) }, () => ({
        name: names[draws.below(names.length)] as FrameName,
        bytes: bytes(),
      }));
      steps.push({ do: "send", side: side(), frames });
    } else if (roll < 24) {
      const harm = !isCalm && draws.chance(0.15) ? harms[draws.below(harms.length)] : undefined;
      steps.push({ do: "carry", from: side(), harm, at: draws.u32() });
    } else if (roll < 27) steps.push({ do: "leave", side: side() });
    else if (roll === 27) steps.push({ do: "start", side: side(), turns: draws.chance(0.5) });
    else if (roll === 28 && !isCalm)
      steps.push({ do: "close", side: side(), retry: draws.chance(0.5) ? "now" : "never", behind: draws.chance(0.5) });
    else if (roll === 29 && draws.chance(0.3)) steps.push({ do: "break", side: side() });
    else if (roll === 30 && !isCalm) steps.push({ do: "choke", side: side(), how: draws.chance(0.5) ? "throws" : "closes" });
    else steps.push({ do: "wait", ms: drawWait(draws) });
  }
  return steps;
}

/** Often exactly to a moment at which something is due, or just before it. */
function drawWait(draws: Draws): number {
  const due = [HALF_MS, THIRD_MS, 2 * HALF_MS, 1, 40];
  return draws.chance(0.5) ? (due[draws.below(due.length)] as number) : draws.below(draws.chance(0.2) ? 60_000 : 9_000);
}

interface End {
  readonly code: string;
  readonly retry: Goodbye["retry"];
}

/** One end as it must be. */
interface Expected {
  /** Frames that were handed over and have not left as a message, and when that message leaves. */
  readonly pending: Frame[];
  /** Messages on the line: what they must be, byte for byte; of a goodbye of its own making its code. */
  readonly messages: { readonly atMs: number; readonly frames: readonly Frame[] | End; readonly number: number }[];
  sent: number;
  received: number;
  ended: End | undefined;
  isStarted: boolean;
  turns: boolean;
  isTold: boolean;
  chokes: "throws" | "closes" | undefined;
  heard: boolean;
  quietThirds: number;
  said: boolean;
  pings: number;
  queued: number;
  due: string[];
  /** What came before somebody listened. */
  readonly held: (readonly Frame[])[];
}

/** One end as it is. */
interface Here {
  readonly session: Session;
  readonly line: HandLine;
  readonly heard: string[];
  readonly key: Bytes | undefined;
  chokes: "throws" | "closes" | undefined;
}

interface OnLine {
  readonly message: Bytes;
  readonly number: number;
  readonly frames: readonly Frame[];
}

function createPair(mode: SessionMode, secrets: "same" | "different", tools: RoomTools) {
  const { hash } = tools;
  const clock = createHandClock(START_MS);
  const bytes = tools.draws("keys").bytes(32);
  const said = [utf8("hello"), utf8("challenge"), utf8("proof")] as const;
  const taggersOf = (secret: Bytes) => sessionTaggers(hash, secret, transcriptOf(hash, ...said));
  const derived = (secret: Bytes): Bytes => {
    const salt = hash.sha256(concat(...said.map((each) => hash.sha256(each))));
    return hash.hkdfSha256(secret, salt, utf8("perdure/session/1"), 64);
  };
  const secretOf = (side: Side): Bytes => (secrets === "different" && side === "relay" ? bytes.map((each) => each ^ 1) : bytes);
  /** What is under way from each. */
  const lines: Record<Side, OnLine[]> = { agent: [], relay: [] };
  const ends = {} as Record<Side, Here>;
  const expected = {} as Record<Side, Expected>;
  for (const side of ["agent", "relay"] as const) {
    const { agentToRelay, relayToAgent } = taggersOf(secretOf(side));
    const line = createHandLine(`remote of ${side}`, mode === "none");
    const transport = createTransport(line.connection);
    const [sending, receiving] = side === "agent" ? [agentToRelay, relayToAgent] : [relayToAgent, agentToRelay];
    transport.protect(mode === "mac" ? { sending, receiving } : { sending: undefined, receiving: undefined });
    const made = createSession({ clock, transport, mode, side, silenceTimeoutMs: SILENCE_MS, pingEveryMs: PING_MS });
    const keys = derived(secretOf(side));
    const key = mode === "mac" ? (side === "agent" ? keys.slice(0, 32) : keys.slice(32)) : undefined;
    ends[side] = { session: made, line, heard: [], key, chokes: undefined };
    expected[side] = {
      pending: [],
      messages: [],
      sent: 0,
      received: 0,
      ended: undefined,
      isStarted: false,
      turns: false,
      isTold: false,
      chokes: undefined,
      heard: true,
      quietThirds: 0,
      said: true,
      pings: 0,
      queued: 0,
      due: [],
      held: [],
    };
  }
  return { take, compare };

  function take(step: Exclude<Step, { readonly do: "open" }>): Promise<void> | void {
    switch (step.do) {
      case "wait":
        return passTime(step.ms);
      case "carry":
        return carry(step.from, step.harm, step.at);
      case "send":
        return sendBoth(step.side, step.frames);
      case "close": {
        const reason = { code: "fenced", retry: step.retry, afterMs: 0, limit: undefined, why: "as drawn", hint: "" };
        const frame: Frame = { name: "ack", payload: new Uint8Array(3) };
        if (step.behind) {
          ends[step.side].session.send([frame]);
          put(step.side, [frame]);
        }
        ends[step.side].session.close(reason);
        return end(step.side, { code: "fenced", retry: step.retry });
      }
      case "leave": {
        const is = expected[step.side];
        const hadQueue = is.queued > 0;
        is.queued = 0;
        ends[step.side].line.drain();
        if (hadQueue && is.ended === undefined && is.isStarted) is.due.push("drained");
        return;
      }
      case "start":
        return start(step.side, step.turns);
      case "break":
        ends[step.side].line.end("");
        if (expected[step.side].ended === undefined) over(step.side, { code: "connection-closed", retry: "now" });
        return;
      case "choke":
        ends[step.side].chokes = step.how;
        expected[step.side].chokes = step.how;
    }
  }

  function start(side: Side, turns: boolean): void {
    const is = expected[side];
    const here = ends[side];
    if (is.isStarted) return;
    is.isStarted = true;
    is.turns = turns;
    here.session.start({
      frame: ({ name, payload }) => {
        const { chokes } = here;
        here.chokes = undefined;
        if (chokes === "closes")
          return here.session.close({ code: "fenced", retry: "now", afterMs: 0, limit: undefined, why: "as drawn", hint: "" });
        if (chokes === "throws") {
          throw new PerdureError("record-rolled-back", "as drawn", { retry: "after", afterMs: 77 });
        }
        here.heard.push(`${name} ${payload.length}`);
      },
      ...(turns ? { turnEnded: () => void here.heard.push("turn") } : {}),
      drained: () => void here.heard.push("drained"),
      closed: ({ code, retry }) => void here.heard.push(`closed ${code} ${retry}`),
    });
    if (is.ended !== undefined) tell(side);
    for (const frames of is.held.splice(0)) hear(side, frames);
  }

  /** Frames are handed over: they leave together at the end of the turn, or before what has no room beside them. */
  function put(side: Side, frames: readonly Frame[]): void {
    const is = expected[side];
    if (is.ended !== undefined) return;
    const size = (list: readonly Frame[]): number => list.reduce((sum, { payload }) => sum + 8 + payload.length, 0);
    for (const frame of frames) {
      if (size([...is.pending, frame]) > ROOM_BYTES) flush(side);
      is.pending.push(frame);
    }
  }

  function flush(side: Side): void {
    const is = expected[side];
    if (is.pending.length === 0 || is.ended !== undefined) return;
    const frames = is.pending.splice(0);
    is.messages.push({ atMs: clock.monotonicMs(), frames, number: is.sent++ });
    is.said = true;
    is.queued += 1;
  }

  function sendBoth(side: Side, wished: readonly { readonly name: FrameName; readonly bytes: number }[]): void {
    const frames = wished.map(({ name, bytes: size }) => ({
      name,
      payload: name === "ping" ? ping.encode({ nonce: size }) : new Uint8Array(size).fill(size & 255),
    }));
    const most = frames.findIndex(({ payload }) => payload.length + 8 > ROOM_BYTES);
    let refused = false;
    try {
      ends[side].session.send(frames);
    } catch (error) {
      if (!isPerdureError(error) || error.code !== "too-large") throw error;
      refused = true;
    }
    const isEnded = expected[side].ended !== undefined;
    if (refused !== (most >= 0 && !isEnded))
      parted(`frames of ${frames.map(({ payload }) => payload.length).join(", ")} bytes were ${refused ? "refused" : "taken"}`);
    put(side, refused ? [] : frames);
    const waits = expected[side].pending.reduce((sum, { payload }) => sum + 8 + payload.length, 0);
    const { session: made, line } = ends[side];
    const queued = made.queuedBytes - line.connection.queuedBytes;
    if (!isEnded && queued !== waits) parted(`${queued} bytes wait at the ${side}, and not ${waits}`);
  }

  /** The session of this side is over, and its owner hears it once. */
  function over(side: Side, why: End): void {
    const is = expected[side];
    if (is.ended !== undefined) return;
    is.ended = why;
    is.held.length = 0;
    is.pending.length = 0;
    tell(side);
  }

  function tell(side: Side): void {
    const is = expected[side];
    if (!is.isStarted || is.isTold || is.ended === undefined) return;
    is.isTold = true;
    is.due.push(`closed ${is.ended.code} ${is.ended.retry}`);
  }

  /** This side ends it: what waits leaves, then a goodbye. */
  function end(side: Side, why: End): void {
    const is = expected[side];
    if (is.ended !== undefined) return;
    flush(side);
    is.messages.push({ atMs: clock.monotonicMs(), frames: why, number: is.sent++ });
    is.queued += 1;
    over(side, why);
  }

  function hear(side: Side, frames: readonly Frame[]): void {
    const is = expected[side];
    is.heard = true;
    for (const [at, { name, payload }] of frames.entries()) {
      if (is.ended !== undefined) return;
      if (name === "hello" || name === "welcome") return end(side, { code: "malformed", retry: "never" });
      if (name === "ping" && side === "relay") {
        const { nonce } = ping.decode(payload);
        put(side, [{ name: "pong", payload: pong.encode({ nonce, timeMs: clock.wallMs() }) }]);
        continue;
      }
      const { chokes } = is;
      is.chokes = undefined;
      if (chokes === "throws") return end(side, { code: "record-rolled-back", retry: "after" });
      if (chokes === "closes") {
        // What comes behind it is nobody's any more.
        if (is.turns && at === frames.length - 1) is.due.push("turn");
        return end(side, { code: "fenced", retry: "now" });
      }
      is.due.push(`${name} ${payload.length}`);
    }
    if (is.turns) is.due.push("turn");
  }

  function carry(from: Side, harm: Harm | undefined, at: number): void {
    const to: Side = from === "agent" ? "relay" : "agent";
    const onLine = lines[from];
    const next = harm === "late" && onLine.length > 1 ? onLine.splice(1, 1)[0] : onLine.shift();
    if (next === undefined || harm === "lost") return;
    if (harm === "doubled") onLine.unshift(next);
    const message = harmed(next.message, harm, at);
    const is = expected[to];
    const wasOver = is.ended !== undefined;
    ends[to].line.arrive(message);
    if (wasOver) return;
    const isRight = mode === "none" || (message === next.message && next.number === is.received && secrets === "same");
    if (!isRight) return end(to, { code: whyWrong(message), retry: "never" });
    is.received++;
    const last = next.frames.at(-1);
    if (last?.name === "goodbye") {
      const { code, retry } = goodbye.decode(last.payload);
      return over(to, { code, retry });
    }
    if (is.isStarted) return hear(to, next.frames);
    is.held.push(next.frames);
    if (is.held.flat().reduce((sum, { payload }) => sum + 8 + payload.length, 0) > HELD_BYTES)
      end(to, { code: "malformed", retry: "never" });
  }

  function whyWrong(message: Bytes): string {
    if (message.length < 2) return "malformed";
    if (message[0] !== 1) return message[0] === 0 ? "needs-older-version" : "needs-newer-version";
    if (message[1] !== 1 || message.length < 18) return "malformed";
    return "bad-mac";
  }

  /** Time passes, third by third and half by half. */
  async function passTime(ms: number): Promise<void> {
    const fromMs = clock.monotonicMs();
    for (let atMs = fromMs; ; ) {
      const next = [THIRD_MS, HALF_MS].map((every) => (Math.floor(atMs / every) + 1) * every).reduce((one, other) => Math.min(one, other));
      if (next > fromMs + ms) break;
      await clock.pass(next - clock.monotonicMs());
      atMs = next;
      for (const side of ["agent", "relay"] as const) if (next % THIRD_MS === 0) third(side);
      if (next % HALF_MS === 0) half();
      await settled();
      compare(`${next} ms of the session`);
    }
    await clock.pass(fromMs + ms - clock.monotonicMs());
  }

  function third(side: Side): void {
    const is = expected[side];
    if (is.ended !== undefined) return;
    is.quietThirds = is.heard ? 0 : is.quietThirds + 1;
    is.heard = false;
    if (is.quietThirds === 3) end(side, { code: "timed-out", retry: "now" });
  }

  function half(): void {
    const is = expected.agent;
    if (is.ended !== undefined) return;
    if (!is.said) {
      put("agent", [{ name: "ping", payload: ping.encode({ nonce: ++is.pings }) }]);
      return;
    }
    is.said = false;
  }

  function compare(where: string): void {
    for (const side of ["agent", "relay"] as const) {
      flush(side);
      const { heard, line, key, session: made } = ends[side];
      const is = expected[side];
      const [found, wanted] = [heard.splice(0).join("; "), is.due.splice(0).join("; ")];
      if (found !== wanted) parted(`after ${where} the ${side} heard: ${found}, and not: ${wanted}`);
      for (const message of line.sent.splice(0)) {
        const due = is.messages.shift();
        if (due === undefined) return parted(`after ${where} the ${side} says ${message.length} bytes, and has nothing to say`);
        lines[side].push({ ...framesSent(message, due, key), message });
      }
      const [left] = is.messages.splice(0);
      if (left !== undefined) parted(`after ${where} the ${side} does not say ${JSON.stringify(left.frames).slice(0, 80)}`);
      if (line.closed !== (is.ended !== undefined && is.ended.code !== "connection-closed"))
        parted(`after ${where} the connection of the ${side} is ${line.closed ? "closed" : "open"}`);
      if (made.mode !== mode || made.remote !== `remote of ${side}`)
        parted(`the session of the ${side} is ${made.mode} with ${made.remote}`);
    }
    const open = timersDue();
    if (clock.timers > open) parted(`after ${where} ${clock.timers} timers are set, and at most ${open} are needed`);
  }

  /** Each side listens for silence, and the agent's for its own. */
  function timersDue(): number {
    const runs = ({ ended, isTold }: Expected): boolean => ended === undefined || !isTold;
    return (runs(expected.agent) ? 2 : 0) + (runs(expected.relay) ? 1 : 0);
  }

  function framesSent(message: Bytes, due: Expected["messages"][number], key: Bytes | undefined): Omit<OnLine, "message"> {
    const { number, atMs } = due;
    if (atMs !== clock.monotonicMs()) parted(`a message is said at ${clock.monotonicMs()} ms, and not at ${atMs}`);
    if (!("code" in due.frames)) {
      const wanted = messageOf(hash, due.frames, key, number);
      if (!equalBytes(wanted, message))
        parted(`${message.length} bytes are said that are not those of ${due.frames.map(({ name }) => name).join(", ")}`);
      return { number, frames: due.frames };
    }
    const payload = message.subarray((key === undefined ? 2 : 18) + 8);
    const { code, retry } = goodbye.decode(payload);
    if (code !== due.frames.code || retry !== due.frames.retry)
      parted(`the goodbye is ${code} ${retry}, and not ${JSON.stringify(due.frames)}`);
    const frames: readonly Frame[] = [{ name: "goodbye", payload }];
    if (!equalBytes(messageOf(hash, frames, key, number), message)) parted(`the goodbye of ${code} is not tagged as it must be`);
    return { number, frames };
  }
}

function harmed(message: Bytes, harm: Harm | undefined, at: number): Bytes {
  if (harm === "cut") return message.subarray(0, at % message.length);
  if (harm !== "changed") return message;
  const other = message.slice();
  other[at % message.length] = (message[at % message.length] as number) ^ (1 << (at % 7));
  return other;
}
