/**
 * Whom this agent knows: the newest identity seen of each peer, pinned, and whom a name meant the first time.
 *
 * Nothing older than what is pinned is taken (`record-rolled-back`), and a name never changes whom it means by itself
 * (`name-changed`). Bundles are verified when they are first used after opening.
 */
import type { Host } from "../host/host.ts";
import { changesAtMs, mergeIdentities, readIdentity, refuseRollback, speaksAt, type VerifiedIdentity } from "../identity/index.ts";
import { joinLogs, sameBranches } from "../identity/log-ranking.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { agentRecord, EVENT_KINDS, type Home, identityBundle, identityEvent, signedEvent, signedRecord } from "../wire/identity.ts";
import { agentIdText } from "../wire/ids.ts";
import type { Kept, KeptHead } from "../wire/kept-agent.ts";
import type { Planned } from "./planned.ts";

/** Peers and names remembered at most; the ones not seen for longest are forgotten first. */
export const MAX_PEERS = 10_000;

interface Peer {
  readonly head: KeptHead<"peer">;
  readonly bundle: Bytes;
  /** As it was read at {@link readAtMs}; {@link readUntilMs} is when something in it begins or ends. */
  read: VerifiedIdentity | undefined;
  readAtMs: number;
  readUntilMs: number;
  /** From the newest record; `undefined` before it was looked for. */
  claims: Claims | undefined;
}

interface Learning {
  /** All that was shown so far; never rejects. */
  readonly known: Promise<VerifiedIdentity | undefined>;
  /** That, encoded, once it is known. */
  bundle: Bytes | undefined;
}

/** What the newest record of an agent says of it, also when that record has run out. */
export interface Claims {
  readonly name: string | undefined;
  readonly home: Home | undefined;
}

export interface Peers {
  apply(kept: Kept, payload: Bytes | undefined): void;
  reset(): void;
  restate(): readonly Planned[];
  /** What is pinned of an agent; `undefined` when nothing is, or when none of its certificates is valid any more. */
  load(idRaw: Bytes): Promise<VerifiedIdentity | undefined>;
  /** As `load` gave it last. */
  loaded(idRaw: Bytes): VerifiedIdentity | undefined;
  /** As `load` read it last, also when it gave nothing because none of the certificates is valid any more: an older log is refused still. */
  pinned(idRaw: Bytes): VerifiedIdentity | undefined;
  seenAtMs(idRaw: Bytes): number;
  /** Whom a name means, and when that was last confirmed. */
  named(name: string): { readonly idRaw: Bytes; readonly seenAtMs: number } | undefined;
  claims(idRaw: Bytes): Claims | undefined;
  /** Why nothing is sent to an agent, as far as what is pinned says; `undefined` when nothing is wrong or nothing pinned. */
  trouble(idRaw: Bytes): "frozen" | "retired" | undefined;
  /** What is pinned, verified or not any more. */
  bundle(idRaw: Bytes): Bytes | undefined;
  /** Who answers at a host, and when that was last confirmed. */
  relayNamed(host: string): (Home & { readonly seenAtMs: number }) | undefined;
  /** What to keep after an identity was shown; `record-rolled-back` when it is older than the pinned one. */
  learn(identity: VerifiedIdentity): Promise<readonly Planned[]>;
  /** What to keep after a relay said whom a name means; `name-changed` when it meant somebody else, unless that is accepted. */
  learnName(name: string, idRaw: Bytes, accept?: boolean): readonly Planned[];
}

export interface PeersOptions {
  readonly host: Pick<Host, "crypto" | "clock">;
  /** Who is forgotten last: whom the owner has decided about. */
  readonly keeps?: (idRaw: Bytes) => boolean;
}

export function createPeers({ host, keeps = () => false }: PeersOptions): Peers {
  // bound: MAX_PEERS
  const peers = new Map<string, Peer>();
  // bound: MAX_PEERS
  const names = new Map<string, { readonly idRaw: Bytes; readonly seenAtMs: number }>();
  // bound: MAX_PEERS
  const relays = new Map<string, Home & { readonly seenAtMs: number }>();
  /** States that were shown and are not kept yet: two of one agent that are learnt at once are joined, not the last one taken. */
  // bound: MAX_PEERS
  const learning = new Map<string, Learning>();

  /** Whoever makes up identities does not push out who is known, as long as there is anybody else to forget. */
  const boundPeers = (): void => {
    if (peers.size <= MAX_PEERS) return;
    let surplus = peers.size - MAX_PEERS + MAX_PEERS / 100;
    for (const [key, { head }] of peers) {
      if (surplus <= 0) break;
      if (keeps(head.id)) continue;
      peers.delete(key);
      surplus--;
    }
    bound(peers);
  };
  const bound = (map: Map<string, unknown>): void => {
    for (const oldest of map.keys()) {
      if (map.size <= MAX_PEERS) break;
      map.delete(oldest);
    }
  };
  /** What is pinned, also when nobody speaks for the agent any more: an older log than that is refused still. */
  const readPinned = async (idRaw: Bytes): Promise<VerifiedIdentity | undefined> => {
    const peer = peers.get(hex(idRaw));
    const nowMs = host.clock.wallMs();
    if (peer === undefined) return undefined;
    // A clock that goes back comes to times at which what had ended, or had begun, is as it was.
    if (peer.read !== undefined && peer.readAtMs <= nowMs && nowMs < peer.readUntilMs) return peer.read;
    peer.read = await readIdentity(host.crypto, peer.bundle, nowMs, idRaw);
    peer.readAtMs = nowMs;
    peer.readUntilMs = changesAtMs(peer.read, nowMs);
    return peer.read;
  };
  const speaking = (identity: VerifiedIdentity | undefined): VerifiedIdentity | undefined =>
    identity !== undefined && speaksAt(identity, host.clock.wallMs()) ? identity : undefined;
  const load = async (idRaw: Bytes): Promise<VerifiedIdentity | undefined> => speaking(await readPinned(idRaw));

  /** What is known of an agent with what was just shown of it, and with what others showed that is not kept yet. */
  const join = async (identity: VerifiedIdentity, others: Learning["known"] | undefined): Promise<VerifiedIdentity> => {
    const pinned = await readPinned(identity.idRaw);
    if (pinned !== undefined && !equalBytes(pinned.bundle, identity.bundle)) refuseRollback(pinned, identity);
    const other = await others;
    let joined = identity;
    for (const each of [pinned, other]) {
      if (each !== undefined) joined = await mergeIdentities(host.crypto, each, joined, host.clock.wallMs());
    }
    return joined;
  };

  return {
    apply(kept, payload) {
      if (kept.kind === "peer" && payload !== undefined) {
        const key = hex(kept.head.id);
        const before = peers.get(key);
        const learnt = learning.get(key)?.bundle;
        if (learnt !== undefined && equalBytes(learnt, payload)) learning.delete(key);
        if (before !== undefined && isUndone({ head: kept.head, bundle: payload }, before)) return;
        peers.delete(key);
        peers.set(key, {
          head: kept.head,
          bundle: payload.slice(),
          read: before !== undefined && equalBytes(before.bundle, payload) ? before.read : undefined,
          readAtMs: before?.readAtMs ?? 0,
          readUntilMs: before?.readUntilMs ?? 0,
          claims: undefined,
        });
        boundPeers();
      } else if (kept.kind === "peerName") {
        names.delete(kept.head.name);
        names.set(kept.head.name, { idRaw: kept.head.id, seenAtMs: kept.head.seenAtMs });
        bound(names);
      } else if (kept.kind === "relayName") {
        const { host: name, relayId, url, seenAtMs } = kept.head;
        relays.delete(name);
        relays.set(name, { relayId, url, preference: 0, seenAtMs });
        bound(relays);
      }
    },
    reset() {
      relays.clear();
      learning.clear();
      peers.clear();
      names.clear();
    },
    restate: () => [
      ...[...peers.values()].map(({ head, bundle }): Planned => ({ kept: { kind: "peer", head }, payload: bundle })),
      ...[...names].map(([name, { idRaw, seenAtMs }]): Planned => ({ kept: { kind: "peerName", head: { name, id: idRaw, seenAtMs } } })),
      ...[...relays].map(
        ([name, { relayId, url, seenAtMs }]): Planned => ({ kept: { kind: "relayName", head: { host: name, relayId, url, seenAtMs } } }),
      ),
    ],
    load,
    pinned: (idRaw) => peers.get(hex(idRaw))?.read,
    loaded: (idRaw) => speaking(peers.get(hex(idRaw))?.read),
    seenAtMs: (idRaw) => peers.get(hex(idRaw))?.head.seenAtMs ?? 0,
    claims(idRaw) {
      const peer = peers.get(hex(idRaw));
      if (peer === undefined) return undefined;
      peer.claims ??= newestClaims(peer.bundle);
      return pinnedClaims(peer.claims, peer.read?.log.homes);
    },
    trouble(idRaw) {
      const bundle = peers.get(hex(idRaw))?.bundle;
      return bundle === undefined ? undefined : troubleIn(bundle);
    },
    bundle: (idRaw) => peers.get(hex(idRaw))?.bundle,
    named: (name) => names.get(name),
    relayNamed: (name) => relays.get(name),
    async learn(identity) {
      const key = hex(identity.idRaw);
      const before = learning.get(key)?.known;
      const joined = join(identity, before);
      const mine: Learning = { known: joined.catch(() => before), bundle: undefined };
      learning.delete(key);
      learning.set(key, mine);
      bound(learning);
      const { logSeq, logHead, recordVersion, bundle, idRaw } = await joined;
      mine.bundle = bundle;
      const seenAtMs = host.clock.wallMs();
      return [{ kept: { kind: "peer", head: { id: idRaw, logSeq, logHead, recordVersion, seenAtMs } }, payload: bundle }];
    },
    learnName(name, idRaw, accept = false) {
      const before = names.get(name);
      if (before !== undefined && !accept && !equalBytes(before.idRaw, idRaw)) {
        throw new PerdureError(
          "name-changed",
          `@${name} meant ${agentIdText(before.idRaw)}, and the relay now says ${agentIdText(idRaw)}`,
          {
            hint: "Ask the person behind it, over another way, which id is right; then perdure contacts accept-change, or write to that id instead of the name.",
          },
        );
      }
      return [{ kept: { kind: "peerName", head: { name, id: idRaw, seenAtMs: host.clock.wallMs() } } }];
    },
  };
}

/** What a record says of a home counts only while the log, where it says which ones there may be, has that one. */
function pinnedClaims(claims: Claims, homes: readonly Home[] | undefined): Claims {
  const { home } = claims;
  if (home === undefined || homes === undefined || homes.some(({ relayId }) => equalBytes(relayId, home.relayId))) return claims;
  return { ...claims, home: homes[0] };
}

/**
 * Whether what is to be pinned is older than what is. States of one agent that came at once were each merged with what was pinned before
 * both: the one kept last must not bring back a log that a rotation in the other undid, nor forget that two logs contradict each other.
 */
function isUndone(wanted: Pick<Peer, "head" | "bundle">, held: Pick<Peer, "head" | "bundle">): boolean {
  if (equalBytes(wanted.bundle, held.bundle)) return false;
  const [offered, known] = [identityBundle.decode(wanted.bundle), identityBundle.decode(held.bundle)];
  const joined = joinLogs(offered, known);
  if (sameBranches(joined, offered)) return sameBranches(joined, known) && wanted.head.recordVersion < held.head.recordVersion;
  return sameBranches(joined, known) || (known.rival.length > 0 && offered.rival.length === 0);
}

/** The bundle was verified when it was pinned: a rival is the proof of a fork, and nothing follows a retirement. */
function troubleIn(bundle: Bytes): "frozen" | "retired" | undefined {
  const { log, rival } = identityBundle.decode(bundle);
  if (rival.length > 0) return "frozen";
  const last = log.at(-1);
  const kind = last === undefined ? undefined : EVENT_KINDS[identityEvent.decode(signedEvent.decode(last).event).kind];
  return kind === "retire" ? "retired" : undefined;
}

/** The bundle was verified when it was pinned. */
function newestClaims(bundle: Bytes): Claims {
  const records = identityBundle.decode(bundle).records.map((each) => agentRecord.decode(signedRecord.decode(each).record));
  const [newest, ...older] = records.sort((a, b) => b.recordVersion - a.recordVersion);
  const homes = [newest, ...older].find((each) => each !== undefined && each.homes.length > 0)?.homes ?? [];
  return { name: newest?.name, home: homes.toSorted((a, b) => a.preference - b.preference)[0] };
}
