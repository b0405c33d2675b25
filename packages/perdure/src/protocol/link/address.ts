/**
 * Where a relay is and who it must be: `wss://relay.example/#ag1…`, with a ticket to register there `wss://relay.example/#ag1…?ticket=…`.
 * Without the part after `#` its id is not pinned. What stands behind `#` never leaves the machine as part of an address.
 */
import type { Bytes } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { type AgentId, agentIdBytes, agentIdText } from "../../wire/ids.ts";

export interface RelayAddress {
  /** What is dialled: `ws:` or `wss:`, without a fragment. */
  readonly url: string;
  /** 32 bytes the relay must prove, or `undefined` when the address does not say. */
  readonly relayIdRaw: Bytes | undefined;
  /** What lets an agent register there, or `undefined` when the address has none. */
  readonly ticket: string | undefined;
}

const HINT = "An address looks like wss://relay.example/#ag1…; `perdure relay` prints it, `perdure relay ticket` one with a ticket.";
const MAX_TICKET_LETTERS = 64;

/** Reads an address; `bad-argument` when it is not one. */
export function parseRelayAddress(text: string): RelayAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "ws:" && url.protocol !== "wss:")) {
    const meant = /^[\w.-]+(?::\d+)?\/?$/.test(text) ? `Begin with wss://, or with ws:// for a relay on this machine: wss://${text}. ` : "";
    throw new PerdureError("bad-argument", `"${text}" is not the address of a relay`, { hint: `${meant}${HINT}` });
  }
  if (url.username !== "" || url.password !== "")
    throw new PerdureError("bad-argument", "the address of a relay carries no user name or password", { hint: HINT });
  const [id = "", ...said] = url.hash.slice(1).split("?");
  const ticket = said.length === 0 ? undefined : readTicket(said.join("?"));
  url.hash = "";
  return { url: url.href, relayIdRaw: id === "" ? undefined : agentIdBytes(id), ticket };
}

/** The address people copy: `url` with the relay's id behind `#`, and a ticket behind that when there is one. */
export function formatRelayAddress(url: string, relayId: Bytes | AgentId, ticket?: string): string {
  const { url: plain } = parseRelayAddress(url);
  const id = typeof relayId === "string" ? relayId : agentIdText(relayId);
  return `${plain}#${id}${ticket === undefined ? "" : `?ticket=${ticket}`}`;
}

/** True for what may be a ticket: 1 to 64 letters, digits, `-` and `_`. */
export function isTicket(text: string): boolean {
  return text.length <= MAX_TICKET_LETTERS && /^[\w-]+$/.test(text);
}

function readTicket(said: string): string {
  const ticket = said.startsWith("ticket=") ? said.slice("ticket=".length) : "";
  if (!isTicket(ticket)) throw new PerdureError("bad-argument", "what follows the relay's id is no ticket", { hint: HINT });
  return ticket;
}
