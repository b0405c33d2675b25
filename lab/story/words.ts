/** Facts, faults and ids in words a person can follow. */
import type { Moment } from "../recorder.ts";
import type { Fault, FaultKind } from "../weather.ts";

export interface Speech {
  /** One moment as one sentence, without its time and without who it happened to. */
  say(moment: Moment): string;
  /** Everything in it that is an id, short. */
  short(text: string): string;
}

type Fields = (name: string) => string;

/** What a process told about the least: of interest when a disk or a proof is, and otherwise in the way. */
const ASIDE: ReadonlySet<string> = new Set([
  "relay.batch-synced",
  "relay.released",
  "relay.statement",
  "agent.statement",
  "agent.sealed",
  "agent.settle-sent",
  "agent.holder",
  "log.segment",
  "relay.pass-confirmed",
]);

/** Whether a moment may be left out where there is little room. */
export function isAside(moment: Moment): boolean {
  return moment.kind === "fact" && ASIDE.has(moment.event);
}

/** What owners do and see, and what goes wrong. */
const STORY: ReadonlySet<string> = new Set([
  "agent.queued",
  "agent.turn-queued",
  "agent.completed",
  "agent.completion-read",
  "agent.handler-failed",
  "agent.failed",
  "agent.too-late",
  "agent.apart",
  "agent.attached",
  "agent.loop-paused",
  "agent.relay-equivocates",
  "relay.started",
  "relay.incident",
  "relay.cloned",
  "relay.fenced",
]);

/** Whether a moment is told where only the least is told. */
export function isStory(moment: Moment): boolean {
  return moment.kind !== "fact" || STORY.has(moment.event) || moment.level === "warn" || moment.level === "error";
}

const SENTENCES: Readonly<Record<string, (field: Fields) => string>> = {
  "agent.queued": (f) => `promises ${f("id")} for ${f("to")}`,
  "agent.turn-queued": (f) => `promises ${f("id")} for ${f("to")}, because of ${f("cause")}`,
  "agent.sealed": (f) => `seals ${f("id")}`,
  "agent.sealed-anew": (f) => `seals ${f("id")} anew`,
  "agent.sent": (f) => `sends ${f("id")} (number ${f("linkSeq")} on its link)`,
  "agent.acked": (f) => `hears that everything up to ${f("upTo")} is kept`,
  "agent.step": (f) => `sees ${f("id")} ${f("state")}${f("proof") === "none" ? "" : `, by ${f("proof")}`}`,
  "agent.statement": (f) => `has statement ${f("statement")} of ${f("relay")}, for ${range(f("first"), f("last"))}`,
  "agent.received": (f) =>
    `has ${f("id")} of ${f("from")}, position ${f("position")}${f("parts") === "1" ? "" : `, part ${f("part")} of ${f("parts")}`}`,
  "agent.handler-start": (f) => `starts ${f("id")} of ${f("from")}${f("attempt") === "1" ? "" : `, attempt ${f("attempt")}`}`,
  "agent.handler-failed": (f) => `could not handle ${f("id")}: ${f("why")}`,
  "agent.put-off": (f) => `puts ${f("id")} off after ${f("failures")} failures`,
  "agent.completed": (f) => `completes ${f("id")} of ${f("from")}: ${f("outcome")}`,
  "agent.completion-read": (f) => `finds ${f("id")} completed on its disk: ${f("outcome")}`,
  "agent.failed": (f) => `gives up on ${f("id")} of ${f("from")}`,
  "agent.too-late": (f) => `gets ${f("id")} too late`,
  "agent.settle-sent": (f) => `lets go of everything up to ${f("floor")}${f("ranges") === "" ? "" : ` and ${f("ranges")}`}`,
  "agent.opened": (f) => `is open: ${f("waiting")} waiting, ${f("outgoing")} outgoing`,
  "agent.closed": () => "is closed",
  "agent.attached": (f) => `is attached to ${f("relay")}, epoch ${f("epoch")}`,
  "agent.apart": (f) => `is apart from its relay: ${f("code")}, ${f("why")}`,
  "agent.disk": (f) => `has a disk that is ${f("state")}${f("code") === "" ? "" : `: ${f("code")}`}`,
  "agent.mail-not-kept": (f) => `could not keep mail: ${f("why")}`,
  "agent.relay-equivocates": (f) => `has seen ${f("relay")} contradict itself`,
  "agent.loop-paused": (f) => `pauses thread ${f("thread")} with ${f("peer")}: ${f("why")}`,
  "agent.rejected": (f) =>
    `rejects ${f("id") === "" ? "something" : f("id")}${f("from") === "" ? "" : ` of ${f("from")}`}: ${f("code")}, ${f("why")}`,
  "agent.relay-refused": (f) => `has ${f("id")} refused: ${f("code")}`,
  "relay.started": (f) => `is open, generation ${f("generation")}, ${f("waiting")} waiting`,
  "relay.stopped": () => "has stopped",
  "relay.registered": (f) => `registers ${f("name") === "" ? f("agent") : f("name")}`,
  "relay.attached": (f) => `lets ${f("agent")} attach, epoch ${f("epoch")}, from position ${f("from")}`,
  "relay.mail-appended": (f) =>
    `writes ${f("id")} of ${f("from")}, position ${f("position")}${f("class") === "mail" ? "" : ` (${f("class")})`}`,
  "relay.batch-synced": (f) => `has synced batch ${f("ticket")}`,
  "relay.released": (f) => `acts on ${f("records")} synced records`,
  "relay.ack-sent": (f) => `tells ${f("agent")} that everything up to ${f("upTo")} is kept`,
  "relay.delivered": (f) =>
    `hands ${f("id")} to ${f("agent")}, position ${f("position")}${f("synced") === "false" ? ", before its sync" : ""}`,
  "relay.settle-applied": (f) =>
    `hears that ${f("agent")} lets go of ${f("ranges") === "" ? "no more" : f("ranges")}; all is gone up to ${f("floor")}`,
  "relay.settle-ignored": (f) => `ignores what ${f("agent")} lets go of`,
  "relay.statement": (f) => `signs statement ${f("number")} with ${f("leaves")} leaves`,
  "relay.session-ended": (f) => `ends the session of ${f("remote")}: ${f("code")}, ${f("why")}`,
  "relay.pass-confirmed": (f) => `has seen the pass of ${f("agent")}`,
  "relay.cloned": (f) => `finds that the folder of ${f("agent")} lives twice`,
  "relay.fenced": (f) => `fences ${f("agent")}`,
  "relay.refused": (f) => `refuses number ${f("linkSeq")} of ${f("agent")}: ${f("code")}`,
  "relay.peer": (f) => `knows relay ${f("agent")} at ${f("url")}`,
  "relay.peer-open": (f) => `is linked with ${f("peer")}, dialled by ${f("dialledBy")}`,
  "relay.peer-closed": (f) => `link with ${f("peer")} closed: ${f("why")}`,
  "relay.peer-lied": (f) => `caught ${f("peer")}: ${f("why")}`,
  "relay.contacts": (f) => `has contact list ${f("version")} of ${f("agent")}`,
  "relay.incident": (f) => `notes an incident (${f("kind")}): ${f("what")}`,
  "log.segment": (f) => `writes its log in segment ${f("segment")}`,
  "log.stuck": (f) => `has a log that is stuck: ${f("why")}`,
  "log.good": (f) => `has a log that is well again in segment ${f("segment")}`,
};

const FAULTS: Readonly<Partial<Record<FaultKind, (fault: Fault) => string>>> = {
  "relay-kill": (f) => `is killed, back after ${seconds(f.durationMs)}`,
  "agent-kill": (f) => `is killed, back after ${seconds(f.durationMs)}`,
  "relay-power": (f) => `loses its power, and unsynced writes with it; back after ${seconds(f.durationMs)}`,
  "agent-power": (f) => `loses its power, and unsynced writes with it; back after ${seconds(f.durationMs)}`,
  "relay-dead": (f) => `is dead for ${seconds(f.durationMs)}, and nobody is told`,
  relapse: (f) => `dies, and again each time it is back, ${1 + Math.floor(f.amount * 3)} more times`,
  cut: (f) => `loses every connection to ${f.other}`,
  stall: (f) => `has connections to ${f.other} that stay open and carry nothing any more`,
  partition: (f) => `is cut off from ${f.other} for ${seconds(f.durationMs)}`,
  "one-way": (f) => `reaches ${f.other} no more for ${seconds(f.durationMs)}, and is reached`,
  "slow-link": (f) => `has a slow link to ${f.other} for ${seconds(f.durationMs)}`,
  "narrow-line": (f) => `has a narrow line to ${f.other} for ${seconds(f.durationMs)}`,
  "lossy-line": (f) => `has a line to ${f.other} that loses much for ${seconds(f.durationMs)}`,
  "slow-reader": (f) =>
    f.amount < 0.5
      ? `is read slowly by ${f.other} for ${seconds(f.durationMs)}`
      : `reads slowly what ${f.other} sends for ${seconds(f.durationMs)}`,
  "idle-limit": (f) => `has a middlebox to ${f.other} for ${seconds(f.durationMs)} that forgets idle connections`,
  "age-limit": (f) => `has a middlebox to ${f.other} for ${seconds(f.durationMs)} that ends old connections`,
  "new-address": () => "has another address: its connections of before are unknown",
  "read-fails": (f) => `will fail its next ${f.amount < 1 / 3 ? "read" : "reads"}`,
  "bit-rot": (f) => `has a byte on its disk that changed, mended after ${seconds(f.durationMs)}`,
  suspend: (f) => `sleeps for ${seconds(f.durationMs)}, its monotonic clock ${f.amount < 0.5 ? "too" : "not"}`,
  "call-crash": (f) => `will die within one of its next calls, back after ${seconds(f.durationMs)}`,
  "sync-fails": () => "will fail its next sync",
  "write-fails": () => "will fail its next write",
  "disk-full": (f) => `has a full disk for ${seconds(f.durationMs)}`,
  "slow-disk": (f) => `has a slow disk for ${seconds(f.durationMs)}`,
  brownout: (f) => `has a slow disk for ${seconds(f.durationMs)}, then loses its power`,
  pause: (f) => `stands still for ${seconds(f.durationMs)}`,
  "wall-jump": (f) => `has its clock ${seconds((f.amount - 0.5) * 20_000)} off for ${seconds(f.durationMs)}`,
};

const LIVES: Readonly<Record<string, string>> = {
  begins: "begins",
  dies: "is dead",
  "stands still": "stands still",
  "goes on": "goes on",
};

/** A fault as what happens to its host. */
export function sayFault(fault: Fault): string {
  const known = FAULTS[fault.kind];
  if (known !== undefined) return known(fault);
  const where = fault.other === "" ? "" : `, with ${fault.other}`;
  return `${fault.kind.replaceAll("-", " ")}${where} for ${seconds(fault.durationMs)} (${fault.amount})`;
}

const AGENT_ID = /ag1[a-z2-7]{52}/g;
const MESSAGE_ID = /\b([0-9a-f]{6})[0-9a-f]{10}\.(\d+)/g;
const LONG_HEX = /\b([0-9a-f]{6})[0-9a-f]{10,}\b/g;

/** `names` says whose an agent's or a relay's id is. */
export function createSpeech(names: Readonly<Record<string, string>>): Speech {
  const short = (text: string): string =>
    text
      .replace(AGENT_ID, (id) => names[id] ?? `${id.slice(0, 9)}…`)
      .replace(MESSAGE_ID, "$1.$2")
      .replace(LONG_HEX, "$1…");
  return {
    short,
    say: (moment) => {
      if (moment.kind === "fault") return sayFault(moment.fault);
      if (moment.kind === "life") return LIVES[moment.what] ?? moment.what;
      if (moment.kind === "note") return short(moment.what);
      const { event, fields } = moment;
      const sentence = SENTENCES[event];
      const field: Fields = (name) => short(fields[name] === undefined ? "" : String(fields[name]));
      if (sentence !== undefined) return sentence(field);
      const rest = Object.keys(fields).map((name) => `${name} ${field(name)}`);
      return [event.replace(/^[a-z]+\./, "").replaceAll("-", " "), ...(rest.length === 0 ? [] : [rest.join(", ")])].join(": ");
    },
  };
}

/** Of a message, as it is shown everywhere. */
export function shortId(id: string): string {
  return id.replace(MESSAGE_ID, "$1.$2");
}

/** Milliseconds of virtual time as a clock since the world began. */
export function clock(atMs: number): string {
  const minutes = Math.floor(atMs / 60_000);
  const rest = ((atMs - minutes * 60_000) / 1000).toFixed(3).padStart(6, "0");
  return `${String(minutes).padStart(2, "0")}:${rest}`;
}

export function seconds(ms: number): string {
  if (Math.abs(ms) < 1000) return `${Math.round(ms)} ms`;
  return ms >= 120_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 1000).toFixed(1)} s`;
}

function range(first: string, last: string): string {
  return first === last ? first : `${first} to ${last}`;
}
