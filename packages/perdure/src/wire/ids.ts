/** Names of things: agents, streams, messages, in bytes and as people read them. */
import { type Bytes, base32, fromBase32, fromHex, hex } from "./bytes.ts";
import { PerdureError } from "./error.ts";

declare const brand: unique symbol;

/** `ag1` and 52 letters of base32: the hash of the agent's own inception event. A relay's id has the same form. */
export type AgentId = string & { readonly [brand]: "AgentId" };
/** 16 hexadecimal digits, a dot and a number: the stream and sequence number of a message, unique per (from, to). */
export type MessageId = string & { readonly [brand]: "MessageId" };

export const AGENT_ID_BYTES = 32;
export const STREAM_BYTES = 8;
export const GENERATION_BYTES = 8;
export const LINK_BYTES = 8;
export const KEY_ID_BYTES = 8;

const AGENT_PREFIX = "ag1";
const AGENT_ID_LETTERS = 52;

export function agentIdText(raw: Bytes): AgentId {
  if (raw.length !== AGENT_ID_BYTES) throw new PerdureError("malformed", `an agent id has ${AGENT_ID_BYTES} bytes, not ${raw.length}`);
  return (AGENT_PREFIX + base32(raw)) as AgentId;
}

/** The 32 bytes behind an agent id; `bad-argument` when the text is not one. */
export function agentIdBytes(text: string): Bytes {
  const raw = isAgentId(text) ? fromBase32(text.slice(AGENT_PREFIX.length)) : undefined;
  if (raw === undefined)
    throw new PerdureError("bad-argument", `"${text}" is not an agent id`, {
      hint: "An id starts with ag1 and has 55 letters; copy it whole.",
    });
  return raw;
}

export function isAgentId(text: string): text is AgentId {
  if (!text.startsWith(AGENT_PREFIX) || text.length !== AGENT_PREFIX.length + AGENT_ID_LETTERS) return false;
  return fromBase32(text.slice(AGENT_PREFIX.length))?.length === AGENT_ID_BYTES;
}

export function messageIdText(stream: Bytes, seq: number): MessageId {
  return `${hex(stream)}.${seq}` as MessageId;
}

const MESSAGE_ID = /^([0-9a-f]{16})\.([1-9][0-9]*)$/;

/** Stream and first sequence number behind a message id; `bad-argument` when the text is not one. */
export function parseMessageId(text: string): { readonly stream: Bytes; readonly seq: number } {
  const [, streamText, seqText] = MESSAGE_ID.exec(text) ?? [];
  const stream = streamText === undefined ? undefined : fromHex(streamText);
  const seq = Number(seqText);
  if (stream === undefined || !Number.isSafeInteger(seq)) {
    throw new PerdureError("bad-argument", `"${text}" is not a message id`, {
      hint: "A message id looks like 9f2c4e81d03b7a55.1; `perdure send` prints it.",
    });
  }
  return { stream, seq };
}

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

/** A relay-scoped name without its `@`: 1 to 32 lower-case letters, digits and inner hyphens. */
export function isAgentName(text: string): boolean {
  return NAME.test(text);
}
