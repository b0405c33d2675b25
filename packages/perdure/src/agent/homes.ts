/** Where other agents live: the home in the newest record seen of each; before one is known, where an invite said. */
import { type Bytes, equalBytes } from "../wire/bytes.ts";
import type { Home } from "../wire/identity.ts";
import type { Peers } from "./peers.ts";

export interface Homes {
  /** The home of an agent when it is not the own relay; `undefined` when it is, or nothing is known. */
  elsewhere(idRaw: Bytes): Home | undefined;
  /** True for the own relay and for the one an agent names as its home. */
  isOf(relayIdRaw: Bytes, idRaw: Bytes): boolean;
  isOwn(relayIdRaw: Bytes): boolean;
}

export interface HomesOptions {
  readonly peers: Pick<Peers, "claims">;
  readonly ownRelayIdRaw: Bytes;
  /** What an invite or a contact said. */
  readonly hint: (idRaw: Bytes) => Home | undefined;
}

export function createHomes({ peers, ownRelayIdRaw, hint }: HomesOptions): Homes {
  const isOwn = (relayIdRaw: Bytes): boolean => equalBytes(relayIdRaw, ownRelayIdRaw);
  const elsewhere = (idRaw: Bytes): Home | undefined => {
    const home = peers.claims(idRaw)?.home ?? hint(idRaw);
    return home === undefined || isOwn(home.relayId) ? undefined : home;
  };
  return {
    elsewhere,
    isOwn,
    isOf: (relayIdRaw, idRaw) => isOwn(relayIdRaw) || equalBytes(elsewhere(idRaw)?.relayId ?? new Uint8Array(0), relayIdRaw),
  };
}
