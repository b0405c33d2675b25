/** Agents and relays the owner of this relay turns away. */
import { type Bytes, hex } from "../../wire/bytes.ts";
import type { RelayState } from "./mailbox-state.ts";

/** More than a person bans by hand; more are not kept. */
export const KEPT_BANS = 4096;

/** The reason a person gives, as UTF-8. */
export const MAX_WHY_BYTES = 256;

export interface Banning {
  readonly agentId: Bytes;
  readonly banned: boolean;
  readonly why: string;
  readonly atMs: number;
}

/** False when there are too many. */
export function noteBan(state: RelayState, { agentId, banned, why, atMs }: Banning): boolean {
  const key = hex(agentId);
  if (!banned) state.bans.delete(key);
  else if (state.bans.size >= KEPT_BANS && !state.bans.has(key)) return false;
  else state.bans.set(key, { agentId: agentId.slice(), why, atMs });
  return true;
}

export function isBanned(state: RelayState, id: Bytes): boolean {
  return state.bans.size > 0 && state.bans.has(hex(id));
}
