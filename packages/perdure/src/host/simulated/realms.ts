/**
 * Who is behind which translator: the public network, and a realm behind every {@link Nat}, which may itself be in a realm behind
 * another (a carrier's). A host has an address in the realm it is in, and nowhere else.
 */
import type { Nat, NatEndpoint, NatProtocol } from "./nat.ts";

export interface Realms {
  /** Puts a host behind a translator; `undefined` back into the public network. */
  put(host: string, nat: Nat | undefined): void;
  /** Puts a translator behind another. */
  chain(inner: Nat, outer: Nat): void;
  /** The translators between a host and the public network, from the inside. */
  chainOf(host: string): readonly Nat[];
  /** Hosts behind a translator, also behind others in between. */
  behind(nat: Nat): readonly string[];
  /** Whom a packet reaches, and where it seems to come from there; `undefined` when it is dropped on its way. */
  route(protocol: NatProtocol, from: NatEndpoint, to: NatEndpoint, nowMs: number): Routed | undefined;
}

export interface Routed {
  readonly to: NatEndpoint;
  readonly from: NatEndpoint;
}

export function createRealms(): Realms {
  /** What a host or a translator is behind; absent for what is public. */
  const natOf = new Map<string, Nat>();
  const outerOf = new Map<Nat, Nat>();
  const known = new Map<string, Nat>();

  const chainFrom = (nat: Nat | undefined): readonly Nat[] => {
    const chain: Nat[] = [];
    for (let each = nat; each !== undefined; each = outerOf.get(each)) chain.push(each);
    return chain;
  };

  /** A packet that is in the realm behind `realm` (the public one for `undefined`). */
  const carry = (realm: Nat | undefined, protocol: NatProtocol, { from, to }: Routed, nowMs: number): Routed | undefined => {
    const nat = known.get(to.host);
    // To a translator that has an address in this realm: it is for whom that says, in the realm behind it.
    if (nat !== undefined && outerOf.get(nat) === realm) {
      const inner = nat.inbound(protocol, from, to.port, nowMs);
      return inner === undefined ? undefined : carry(nat, protocol, { from, to: inner }, nowMs);
    }
    if (nat === undefined && natOf.get(to.host) === realm) return { from, to };
    if (realm === undefined) return undefined;
    if (nat === realm && !realm.behaviour.hairpin) return undefined;
    const seen = realm.outbound(protocol, from, to, nowMs);
    return seen === undefined ? undefined : carry(outerOf.get(realm), protocol, { from: seen, to }, nowMs);
  };

  return {
    put: (host, nat) => {
      if (nat === undefined) {
        natOf.delete(host);
        return;
      }
      natOf.set(host, nat);
      known.set(nat.address, nat);
    },
    chain: (inner, outer) => {
      outerOf.set(inner, outer);
      for (const nat of [inner, outer]) known.set(nat.address, nat);
    },
    chainOf: (host) => chainFrom(natOf.get(host)),
    behind: (nat) => [...natOf].filter(([, own]) => chainFrom(own).includes(nat)).map(([host]) => host),
    route: (protocol, from, to, nowMs) => carry(natOf.get(from.host), protocol, { from, to }, nowMs),
  };
}
