/**
 * An invite: permission to write to an agent, as one string that passes through mail, chat, paper and shells.
 *
 *   perdure1:<base64url of the CBOR array>                text
 *   https://<relay host>/i#<base64url of the same>        link; http for a relay on loopback
 *
 * The part behind `#` never reaches the server that shows the page. Nothing in an invite is signed: the agent id in it is
 * what the one who accepts it pins, the secret what the one who gave it out recognises, so whoever hands it over is trusted.
 */

import { type Bytes, base64url, fromBase64url } from "./bytes.ts";
import { isPerdureError, PerdureError } from "./error.ts";
import { AGENT_ID_BYTES, isAgentName } from "./ids.ts";
import { fixed, type ShapeValue, shape, text, uint } from "./shape.ts";
import { otherVersion } from "./version.ts";

export const INVITE_VERSION = 1;
export const INVITE_PREFIX = "perdure1:";
export const INVITE_SECRET_BYTES = 16;
/** An invite is valid 366 days at most. */
export const MAX_INVITE_MS = 366 * 24 * 60 * 60 * 1000;
/** Longest text of an invite, link included. */
export const MAX_INVITE_TEXT_BYTES = 2048;
const MAX_INVITE_BYTES = 1024;

/** Where the inviting agent lives. */
export const inviteHome = shape("invite home", { relayId: fixed(AGENT_ID_BYTES), url: text(512) });

export const invite = shape(
  "invite",
  {
    version: uint,
    agentId: fixed(AGENT_ID_BYTES),
    /** The name its record claims; empty for none. Shown to people, proven by nothing here. */
    name: text(32),
    home: inviteHome.field,
    /** Drawn for this invite. The agent that gave it out keeps only the SHA-256 of it. */
    secret: fixed(INVITE_SECRET_BYTES),
    expiresAtMs: uint,
  },
  MAX_INVITE_BYTES,
);
export type InviteContent = ShapeValue<typeof invite>;

export function inviteText(content: InviteContent): string {
  return `${INVITE_PREFIX}${base64url(invite.encode(content))}`;
}

/** The same as a link to the page that the inviting agent's relay shows to people. */
export function inviteLink(content: InviteContent): string {
  const home = new URL(content.home.url);
  return `${home.protocol === "wss:" ? "https" : "http"}://${home.host}/i#${base64url(invite.encode(content))}`;
}

/**
 * Reads an invite from its text or its link, with white space around or inside it (mail programs break lines). `bad-argument`:
 * not an invite, or cut off; `needs-older-version`, `needs-newer-version`.
 */
export function parseInvite(written: string): InviteContent {
  if (written.length > MAX_INVITE_TEXT_BYTES) throw notOne("it is too long");
  const plain = written.replaceAll(/\s/g, "");
  const code = plain.startsWith(INVITE_PREFIX) ? plain.slice(INVITE_PREFIX.length) : fragmentOf(plain);
  const bytes = fromBase64url(code);
  if (bytes === undefined || bytes.length === 0) throw cutOff();
  // The first item of the array: its version stands where later versions have it too.
  if (bytes.length > 1 && bytes[0] !== undefined && bytes[0] >= 0x80 && bytes[0] < 0xa0 && bytes[1] !== INVITE_VERSION)
    throw otherVersion({
      what: "the invite",
      found: bytes[1] ?? 0,
      own: INVITE_VERSION,
      older: "Ask for a new invite from an agent of this version: it cannot reach one of an older one.",
      newer: "Update perdure, then accept it.",
    });
  const content = decode(bytes);
  const url = URL.canParse(content.home.url) ? new URL(content.home.url) : undefined;
  if (url === undefined || (url.protocol !== "ws:" && url.protocol !== "wss:")) throw notOne("it names no relay");
  if (content.name !== "" && !isAgentName(content.name)) throw notOne("the name in it is none");
  return content;
}

function decode(bytes: Bytes): InviteContent {
  try {
    return invite.decode(bytes);
  } catch (error) {
    if (isPerdureError(error)) throw cutOff(error);
    throw error;
  }
}

function fragmentOf(link: string): string {
  const url = URL.canParse(link) ? new URL(link) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw notOne(`it starts neither with ${INVITE_PREFIX} nor with https://`);
  if (url.pathname !== "/i") throw notOne("a link to an invite goes on with /i# after the host");
  if (url.hash.length < 2) throw notOne("the link ends before its #; what comes after it is the invite");
  return url.hash.slice(1);
}

function notOne(why: string): PerdureError {
  return new PerdureError("bad-argument", `this is not an invite: ${why}`, {
    hint: "Paste the whole text or link that `perdure invite` printed, in quotes.",
  });
}

function cutOff(cause?: unknown): PerdureError {
  return new PerdureError("bad-argument", "the invite is cut off or changed", {
    hint: "Paste all of it, in quotes; ask for it again if this is all you were sent.",
    ...(cause === undefined ? {} : { cause }),
  });
}
