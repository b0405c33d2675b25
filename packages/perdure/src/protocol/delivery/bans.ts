/** Agents and relays the owner of this relay turns away. */
import { type Bytes, hex } from "../../wire/bytes.ts";
import type { RelayState } from "./mailbox-state.ts";

/** The reason a person gives, as UTF-8. */
export const MAX_WHY_BYTES = 256;

export interface Banning {
  readonly agentId: Bytes;
  readonly banned: boolean;
  readonly why: string;
  readonly atMs: number;
}

/** False when `most` others are kept. */
export function noteBan(state: RelayState, { agentId, banned, why, atMs }: Banning, most = Number.POSITIVE_INFINITY): boolean {
  const key = hex(agentId);
  if (!banned) state.bans.delete(key);
  else if (state.bans.size >= most && !state.bans.has(key)) return false;
  else state.bans.set(key, { agentId: agentId.slice(), why, atMs });
  return true;
}

export function isBanned(state: RelayState, id: Bytes): boolean {
  return state.bans.size > 0 && state.bans.has(hex(id));
}
