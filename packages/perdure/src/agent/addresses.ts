/**
 * Addresses of those who write: `@desk@relay.example`, shown once it is proven both ways. The agent's own record claims the name and
 * the relay; the host has to say that this relay answers there, and the relay that the name means this agent. Found out
 * beside the delivery, which never waits for it.
 *
 * Asking a host shows it where this agent is. A stranger must not get that by writing: for mail of strangers only hosts are used
 * that are known already.
 */
import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, equalBytes, hex } from "../wire/bytes.ts";
import { isPerdureError } from "../wire/error.ts";
import type { Home } from "../wire/identity.ts";
import { agentIdText } from "../wire/ids.ts";
import type { Homes } from "./homes.ts";
import type { Lookups } from "./lookups.ts";
import type { Peers } from "./peers.ts";
import { hostOfRelay, isLoopbackHost, type RelayNames } from "./relay-names.ts";

/** Addresses found out at once, and within an hour: whoever makes up identities must not push out who is known. */
const AT_ONCE = 4;
const PER_HOUR = 120;
const HOUR_MS = 60 * 60 * 1000;

export interface Addresses {
  /** The proven address of an agent. */
  of(idRaw: Bytes): string | undefined;
  /** Mail of this agent came, or it became a contact: its address may have to be found out. */
  prove(idRaw: Bytes): void;
  idle(): Promise<void>;
}

export interface AddressOptions {
  readonly host: Pick<Host, "clock" | "log">;
  readonly settings: Settings;
  readonly peers: Peers;
  readonly homes: Homes;
  readonly ownRelayUrl: string;
  readonly lookups: Lookups;
  readonly relayNames: RelayNames;
  readonly isContact: (idRaw: Bytes) => boolean;
}

interface Claim {
  /** As it is pinned: without a host at the own relay. */
  readonly name: string;
  readonly host: string;
  readonly home: Home;
  readonly address: string;
}

export function createAddresses({ host, settings, peers, homes, ownRelayUrl, lookups, relayNames, isContact }: AddressOptions): Addresses {
  const { clock, log } = host;
  // bound: AT_ONCE
  const running = new Map<string, Promise<void>>();
  let triedSinceMs = 0;
  // bound: PER_HOUR
  let tried = new Set<string>();

  const claimOf = (idRaw: Bytes): Claim | undefined => {
    const claims = peers.claims(idRaw);
    if (claims?.name === undefined || claims.home === undefined) return undefined;
    const { name, home } = claims;
    const at = hostOfRelay(homes.isOwn(home.relayId) ? ownRelayUrl : home.url);
    return { name: homes.isOwn(home.relayId) ? name : `${name}@${at}`, host: at, home, address: `@${name}@${at}` };
  };
  const isProven = ({ name }: Claim, idRaw: Bytes): boolean => equalBytes(peers.named(name)?.idRaw ?? EMPTY, idRaw);

  const isKnown = ({ host: at, home }: Claim): boolean => {
    const pinned = peers.relayNamed(at);
    const isFresh = pinned !== undefined && clock.wallMs() < pinned.seenAtMs + settings.recordFreshMs;
    return homes.isOwn(home.relayId) || (isFresh && equalBytes(pinned.relayId, home.relayId));
  };

  const find = async ({ name, host: at, home }: Claim): Promise<void> => {
    if (!homes.isOwn(home.relayId)) {
      const publicOnly = !isLoopbackHost(hostOfRelay(ownRelayUrl));
      const there = await relayNames.find(at, { publicOnly });
      if (!equalBytes(there.relayId, home.relayId)) return;
    }
    await lookups.resolve({ idRaw: EMPTY, name });
  };

  return {
    of(idRaw) {
      const claim = claimOf(idRaw);
      return claim !== undefined && isProven(claim, idRaw) ? claim.address : undefined;
    },
    prove(idRaw) {
      const claim = claimOf(idRaw);
      const key = hex(idRaw);
      if (claim === undefined || isProven(claim, idRaw) || !(isContact(idRaw) || isKnown(claim))) return;
      const nowMs = clock.monotonicMs();
      if (nowMs >= triedSinceMs + Math.min(HOUR_MS, settings.recordFreshMs)) {
        triedSinceMs = nowMs;
        tried = new Set();
      }
      if (tried.has(key) || tried.size >= PER_HOUR || running.size >= AT_ONCE) return;
      tried.add(key);
      const work = find(claim)
        .catch((error: unknown) =>
          log.write("info", "agent.address-unproven", {
            from: agentIdText(idRaw),
            address: claim.address,
            code: isPerdureError(error) ? error.code : "internal",
          }),
        )
        .finally(() => running.delete(key));
      running.set(key, work);
    },
    async idle() {
      await Promise.all(running.values());
    },
  };
}
