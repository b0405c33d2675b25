/** From what somebody wants sent to the records that queue it: one for the message, one for each part of its content. */
import type { Hash } from "../host/crypto.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import { type Bytes, EMPTY, hex } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { agentIdBytes, isAgentId, isAgentName, type MessageId, messageIdText } from "../wire/ids.ts";
import type { KeptOutgoing } from "../wire/kept-agent.ts";
import { MAX_MESSAGE_BYTES, PART_BYTES } from "../wire/limits.ts";
import type { MessageRef } from "../wire/sealed.ts";
import type { Planned } from "./planned.ts";
import { canonicalHost } from "./relay-names.ts";

export interface Recipient {
  /** Empty while only the name is known. */
  readonly idRaw: Bytes;
  /** Without its first `@`: `desk` at the own relay, `desk@relay.example` at another. */
  readonly name: string;
}

/** `bad-argument` unless it is an agent id or a name with its `@`, with or without the host of its relay. */
export function parseRecipient(to: string): Recipient {
  const recipient = readRecipient(to);
  if (recipient !== undefined) return recipient;
  throw new PerdureError("bad-argument", `"${to}" is neither an agent id nor a name`, { hint: recipientHint(to) });
}

function readRecipient(to: string): Recipient | undefined {
  if (isAgentId(to)) return { idRaw: agentIdBytes(to), name: "" };
  if (!to.startsWith("@")) return undefined;
  const { name, host } = splitName(to.slice(1));
  if (!isAgentName(name)) return undefined;
  if (host === undefined) return { idRaw: EMPTY, name };
  const canonical = canonicalHost(host);
  return canonical === undefined ? undefined : { idRaw: EMPTY, name: `${name}@${canonical}` };
}

/** What was probably meant, where that can be told. */
function recipientHint(to: string): string {
  const lower = to.toLowerCase();
  if (lower !== to && readRecipient(lower) !== undefined) return `Names and ids are written in small letters: ${lower}`;
  if (lower.startsWith("ag1")) return "An id has 55 letters, a to z and 2 to 7; copy it whole.";
  if (readRecipient(`@${lower}`) !== undefined) return `A name begins with @: @${lower}`;
  const [, name = "", rest = ""] = /^@([^@]*)@(.*)$/.exec(to) ?? [];
  if (isAgentName(name))
    return `After the second @ stands the host of a relay, and its port if it has a special one: @${name}@relay.example, @${name}@127.0.0.1:4411${rest.includes("::") ? `, @${name}@[::1]:4411` : ""}`;
  return "A name is @ and up to 32 small letters, digits and hyphens, at another relay @name@host; an id starts with ag1 and has 55 letters.";
}

/** A recipient's name in its two parts. */
export function splitName(name: string): { readonly name: string; readonly host: string | undefined } {
  const at = name.indexOf("@");
  return at < 0 ? { name, host: undefined } : { name: name.slice(0, at), host: name.slice(at + 1) };
}

export interface OutgoingWish {
  readonly recipient: Recipient;
  readonly class: KeptOutgoing["class"];
  /** 16 bytes, or empty. */
  readonly requestId: Bytes;
  readonly asks: boolean;
  /** 16 bytes. */
  readonly thread: Bytes;
  readonly depth: number;
  readonly auto: boolean;
  readonly inReplyTo: MessageRef | undefined;
  readonly collapseKey: string;
  readonly idempotencyKey: string;
  readonly contentType: string;
  readonly fileName: string;
  readonly content: Bytes;
  readonly nowMs: number;
  readonly expiresAtMs: number;
  /** Secret of the invite that this message accepts. */
  readonly invite?: Bytes;
}

/** Reserves the sequence numbers and lays out the records; `mailbox-full` at an outbox limit, `too-large`. */
export function outgoingRecords(
  outbox: Outbox,
  hash: Hash,
  wish: OutgoingWish,
): { readonly id: MessageId; readonly records: readonly Planned[] } {
  const { content, recipient } = wish;
  if (content.length > MAX_MESSAGE_BYTES)
    throw new PerdureError("too-large", `a message of ${content.length} bytes is more than ${MAX_MESSAGE_BYTES}`);
  const parts = Math.max(1, Math.ceil(content.length / PART_BYTES));
  const { stream, seq } = outbox.reserve(recipient.name === "" ? hex(recipient.idRaw) : `@${recipient.name}`, parts);
  const head: KeptOutgoing = {
    stream,
    seq,
    parts,
    class: wish.class,
    to: recipient.idRaw,
    toName: recipient.name,
    requestId: wish.requestId,
    asks: wish.asks,
    thread: wish.thread,
    depth: wish.depth,
    auto: wish.auto,
    inReplyTo: wish.inReplyTo,
    collapseKey: wish.collapseKey,
    idempotencyKey: wish.idempotencyKey,
    contentType: wish.contentType,
    fileName: wish.fileName,
    wholeBytes: content.length,
    wholeHash: hash.sha256(content),
    sentAtMs: wish.nowMs,
    expiresAtMs: wish.expiresAtMs,
    invite: wish.invite ?? EMPTY,
  };
  const records: Planned[] = [{ kept: { kind: "queued", head } }];
  for (let part = 0; part < parts; part++) {
    records.push({
      kept: { kind: "part", head: { stream, seq: seq + part } },
      payload: content.subarray(part * PART_BYTES, (part + 1) * PART_BYTES),
    });
  }
  return { id: messageIdText(stream, seq), records };
}

export function refuseWithoutRoom(outbox: Outbox, bytes: number): void {
  if (outbox.hasRoom(bytes)) return;
  throw new PerdureError("mailbox-full", "the outbox is full: too many messages or bytes have not come to their end", {
    retry: "after",
    hint: "Wait until some arrive or expire, or raise outboxMessages or outboxBytes.",
  });
}
