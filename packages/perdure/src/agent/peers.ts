/**
 * Whom this agent knows: the newest identity seen of each peer, pinned, and whom a name meant the first time.
 *
 * Nothing older than what is pinned is taken (`record-rolled-back`), and a name never changes whom it means
 * (`name-changed`). Bundles are verified when they are first used after opening.
 */
import type { Host } from "../host/host.ts";
import { mergeIdentities, refuseRollback, type VerifiedIdentity, verifyBundle } from "../identity/index.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import { agentIdText } from "../wire/ids.ts";
import type { Kept, KeptHead } from "../wire/kept-agent.ts";
import type { Planned } from "./planned.ts";

/** Peers and names remembered at most; the ones not seen for longest are forgotten first. */
export const MAX_PEERS = 10_000;

interface Peer {
  readonly head: KeptHead<"peer">;
  readonly bundle: Bytes;
  verified: VerifiedIdentity | undefined;
}

export interface Peers {
  apply(kept: Kept, payload: Bytes | undefined): void;
  reset(): void;
  restate(): readonly Planned[];
  /** What is pinned of an agent; `undefined` when nothing is, or when none of its certificates is valid any more. */
  load(idRaw: Bytes): Promise<VerifiedIdentity | undefined>;
  /** As `load` gave it last. */
  loaded(idRaw: Bytes): VerifiedIdentity | undefined;
  seenAtMs(idRaw: Bytes): number;
  /** Whom a name means, and when that was last confirmed. */
  named(name: string): { readonly idRaw: Bytes; readonly seenAtMs: number } | undefined;
  /** What to keep after an identity was shown; `record-rolled-back` when it is older than the pinned one. */
  learn(identity: VerifiedIdentity): Promise<readonly Planned[]>;
  /** What to keep after a relay said whom a name means; `name-changed` when it meant somebody else. */
  learnName(name: string, idRaw: Bytes): readonly Planned[];
}

export function createPeers({ host }: { readonly host: Pick<Host, "crypto" | "clock"> }): Peers {
  const peers = new Map<string, Peer>();
  const names = new Map<string, { readonly idRaw: Bytes; readonly seenAtMs: number }>();

  const bound = (map: Map<string, unknown>): void => {
    for (const oldest of map.keys()) {
      if (map.size <= MAX_PEERS) break;
      map.delete(oldest);
    }
  };
  const load = async (idRaw: Bytes): Promise<VerifiedIdentity | undefined> => {
    const peer = peers.get(hex(idRaw));
    if (peer === undefined || peer.verified !== undefined) return peer?.verified;
    try {
      peer.verified = await verifyBundle(host.crypto, peer.bundle, host.clock.wallMs(), idRaw);
    } catch (error) {
      if (!isPerdureError(error) || error.code !== "certificate-expired") throw error;
    }
    return peer.verified;
  };

  return {
    apply(kept, payload) {
      if (kept.kind === "peer" && payload !== undefined) {
        const key = hex(kept.head.id);
        const before = peers.get(key);
        peers.delete(key);
        peers.set(key, {
          head: kept.head,
          bundle: payload.slice(),
          verified: before !== undefined && equalBytes(before.bundle, payload) ? before.verified : undefined,
        });
        bound(peers);
      } else if (kept.kind === "peerName") {
        names.delete(kept.head.name);
        names.set(kept.head.name, { idRaw: kept.head.id, seenAtMs: kept.head.seenAtMs });
        bound(names);
      }
    },
    reset() {
      peers.clear();
      names.clear();
    },
    restate: () => [
      ...[...peers.values()].map(({ head, bundle }): Planned => ({ kept: { kind: "peer", head }, payload: bundle })),
      ...[...names].map(([name, { idRaw, seenAtMs }]): Planned => ({ kept: { kind: "peerName", head: { name, id: idRaw, seenAtMs } } })),
    ],
    load,
    loaded: (idRaw) => peers.get(hex(idRaw))?.verified,
    seenAtMs: (idRaw) => peers.get(hex(idRaw))?.head.seenAtMs ?? 0,
    named: (name) => names.get(name),
    async learn(identity) {
      const nowMs = host.clock.wallMs();
      const pinned = await load(identity.idRaw);
      let next = identity;
      if (pinned !== undefined) {
        if (!equalBytes(pinned.bundle, identity.bundle)) refuseRollback(pinned, identity);
        next = await mergeIdentities(host.crypto, pinned, identity, nowMs);
      }
      const { logSeq, logHead, recordVersion, bundle, idRaw } = next;
      return [{ kept: { kind: "peer", head: { id: idRaw, logSeq, logHead, recordVersion, seenAtMs: nowMs } }, payload: bundle }];
    },
    learnName(name, idRaw) {
      const before = names.get(name);
      if (before !== undefined && !equalBytes(before.idRaw, idRaw)) {
        throw new PerdureError(
          "name-changed",
          `@${name} meant ${agentIdText(before.idRaw)}, and the relay now says ${agentIdText(idRaw)}`,
          {
            hint: "Ask the person behind it, over another way, which id is right; write to that id instead of the name.",
          },
        );
      }
      return [{ kept: { kind: "peerName", head: { name, id: idRaw, seenAtMs: host.clock.wallMs() } } }];
    },
  };
}
