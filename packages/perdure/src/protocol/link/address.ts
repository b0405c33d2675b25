/** Where a relay is and who it must be: `ws://127.0.0.1:4410/#ag1…`. Without the part after `#` its id is not pinned. */
import type { Bytes } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { type AgentId, agentIdBytes, agentIdText } from "../../wire/ids.ts";

export interface RelayAddress {
  /** What is dialled: `ws:` or `wss:`, without a fragment. */
  readonly url: string;
  /** 32 bytes the relay must prove, or `undefined` when the address does not say. */
  readonly relayIdRaw: Bytes | undefined;
}

const HINT = "An address looks like ws://127.0.0.1:4410/#ag1…; `perdure relay` prints it.";

/** Reads an address; `bad-argument` when it is not one. */
export function parseRelayAddress(text: string): RelayAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "ws:" && url.protocol !== "wss:")) {
    throw new PerdureError("bad-argument", `"${text}" is not the address of a relay`, { hint: HINT });
  }
  if (url.username !== "" || url.password !== "")
    throw new PerdureError("bad-argument", "the address of a relay carries no user name or password", { hint: HINT });
  const fragment = url.hash.slice(1);
  url.hash = "";
  return { url: url.href, relayIdRaw: fragment === "" ? undefined : agentIdBytes(fragment) };
}

/** The address people copy: `url` with the relay's id behind `#`. */
export function formatRelayAddress(url: string, relayId: Bytes | AgentId): string {
  const { url: plain } = parseRelayAddress(url);
  return `${plain}#${typeof relayId === "string" ? relayId : agentIdText(relayId)}`;
}
