/**
 * Questions to relays, all through the own one: who is behind an id or a name, here or at another relay. What was answered is
 * pinned; see peers.ts.
 *
 * What must hold: an answer counts only when it verifies, and for a name only when the agent's own record claims that name and
 * that relay. Where another relay is asked, the own one has been told the way to it in this session.
 */
import { withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { type VerifiedIdentity, verifyBundle } from "../identity/index.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, equalBytes, utf8 } from "../wire/bytes.ts";
import { found, lookup } from "../wire/control.ts";
import { type ErrorCode, isErrorCode, isPerdureError, PerdureError } from "../wire/error.ts";
import type { Frame } from "../wire/frame.ts";
import type { Home } from "../wire/identity.ts";
import { agentIdText } from "../wire/ids.ts";
import type { AgentStore } from "./agent-store.ts";
import type { Homes } from "./homes.ts";
import { type Recipient, splitName } from "./outgoing-records.ts";
import type { Peers } from "./peers.ts";
import type { RelayNames } from "./relay-names.ts";

/** Questions under way at once; more are answered `too-busy` here. */
const MAX_QUESTIONS = 256;
/** Recipients remembered with why they could not be asked about. */
const MAX_TROUBLES = 1024;
/** Why a host cannot be asked now; it may be later. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["relay-unreachable", "timed-out", "aborted", "permission-denied", "connection-closed"]);
/** What another relay, or the way there, says that asking again does not change. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  "wrong-relay",
  "bad-handshake",
  "peer-forbidden",
  "blocked",
  "needs-older-version",
  "needs-newer-version",
]);
const FINAL_WHY: { readonly [Code in ErrorCode]?: string } = {
  "wrong-relay": "another relay answers there",
  "peer-forbidden": "this agent's relay dials no address of its own machine or of a private network",
  blocked: "one of the two relays has turned the other away",
  "needs-older-version": "it speaks an older version",
  "needs-newer-version": "it speaks a newer version",
};

export interface Lookups {
  /** The answer to one of ours. */
  found(payload: Bytes): void;
  /** The session is gone: nothing asked will be answered. */
  apart(): void;
  /**
   * The recipient's identity, from what is pinned or from its relay. `undefined` when it is not known yet and the relay
   * cannot be asked; `name-changed`, `relay-changed`; and where nothing usable is pinned `unknown-agent` when the relay says there
   * is none, or why its answer cannot be trusted (`name-unproven` among others).
   */
  resolve(recipient: Recipient): Promise<VerifiedIdentity | undefined>;
  /** As its relay says now, whatever is pinned; `undefined` when nobody can be asked. */
  refresh(idRaw: Bytes): Promise<VerifiedIdentity | undefined>;
  /** Why the last question about a recipient had no answer, for people; empty when it had one. */
  trouble(recipient: Recipient): string;
  /** Another relay's identity, to judge what it signed: from what is pinned, or `anew` from the own relay. */
  relay(idRaw: Bytes, anew?: boolean): Promise<VerifiedIdentity | undefined>;
  /** Takes whom a name means now, and who answers at its host, instead of before; `relay-unreachable` when nobody can be asked. */
  acceptChange(recipient: Recipient): Promise<VerifiedIdentity>;
}

export interface LookupOptions {
  readonly host: Pick<Host, "clock" | "crypto" | "log">;
  readonly settings: Settings;
  readonly peers: Peers;
  readonly homes: Homes;
  readonly ownRelayIdRaw: Bytes;
  readonly relayNames: RelayNames;
  readonly store: () => AgentStore;
  readonly send: (frame: Frame) => boolean;
  /** Tells the own relay the way to another, once a session; false when there is no session. */
  readonly tell: (home: Home, again: boolean) => boolean;
  /** Resolves when the first dial since this opening has succeeded or failed. */
  readonly firstDial: () => Promise<void>;
  readonly closing: AbortSignal;
}

interface Said {
  readonly bundle: Bytes;
  readonly code: string;
}

interface Question {
  readonly what: "agent" | "name";
  readonly key: Bytes;
  /** The relay to ask; the own one without it. */
  readonly at: Home | undefined;
}

export function createLookups(options: LookupOptions): Lookups {
  const { host, settings, peers, homes, relayNames, store, send, tell, firstDial, closing } = options;
  // bound: MAX_QUESTIONS
  const waiting = new Map<number, (said: Said | undefined) => void>();
  // bound: one per recipient of an open message, outboxMessages, or of a call
  const asking = new Map<string, Promise<VerifiedIdentity | undefined>>();
  // bound: MAX_TROUBLES
  const troubles = new Map<string, string>();
  let requests = 0;

  const troubled = (recipient: Recipient, why: string): void => {
    const key = keyOf(recipient);
    troubles.delete(key);
    if (why !== "") troubles.set(key, why);
    for (const oldest of troubles.keys()) {
      if (troubles.size <= MAX_TROUBLES) break;
      troubles.delete(oldest);
    }
  };

  /** What was answered; `undefined` when nobody did. */
  const askOnce = async ({ what, key, at }: Question, again: boolean): Promise<Said | undefined> => {
    if (waiting.size >= MAX_QUESTIONS) return undefined;
    const request = ++requests;
    try {
      return await withDeadline(
        host.clock,
        { timeoutMs: settings.lookupTimeoutMs, what: "the relay's answer to a lookup", signal: closing },
        async () => {
          await firstDial();
          return await new Promise<Said | undefined>((resolve) => {
            waiting.set(request, resolve);
            const asked =
              (at === undefined || tell(at, again)) &&
              send({ name: "lookup", payload: lookup.encode({ request, what, key, at: at?.relayId ?? EMPTY }) });
            if (!asked) resolve(undefined);
          });
        },
      );
    } catch (error) {
      if (isPerdureError(error) && (error.code === "timed-out" || error.code === "aborted")) return undefined;
      throw error;
    } finally {
      waiting.delete(request);
    }
  };

  const ask = async (question: Question): Promise<Said | undefined> => {
    const said = await askOnce(question, false);
    return said?.code === "unknown-relay" && question.at !== undefined ? await askOnce(question, true) : said;
  };

  /** The bundle that was asked for; `undefined` when nobody could say, which `silent` is told. */
  const bundleOf = async (question: Question, who: string, silent: (why: string) => void = () => {}): Promise<Bytes | undefined> => {
    const said = await ask(question);
    if (said !== undefined && said.bundle.length > 0) return said.bundle;
    const where = question.at === undefined ? "the relay" : `the relay at ${question.at.url}`;
    if (said === undefined) {
      silent(`${where} was asked about ${who} and has not answered`);
      return undefined;
    }
    if (said.code === "" || said.code === "unknown-agent") {
      throw new PerdureError("unknown-agent", `${where} knows no agent ${who}`, {
        hint: "Check the spelling; an agent must have joined that relay once.",
      });
    }
    if (isErrorCode(said.code) && FINAL.has(said.code))
      throw new PerdureError(said.code, `${where} cannot be asked about ${who}: ${FINAL_WHY[said.code] ?? said.code}`, {
        hint: "Ask who runs the two relays.",
      });
    host.log.write("info", "agent.lookup-unanswered", { who, at: question.at?.url ?? "", code: said.code });
    silent(`${where} cannot be asked about ${who}: ${said.code}`);
    return undefined;
  };

  const keepIdentity = async (identity: VerifiedIdentity, name: string, accept: boolean): Promise<VerifiedIdentity | undefined> => {
    const pins = await peers.learn(identity);
    await store().commit({
      plan: () => ({ records: name === "" ? pins : [...pins, ...peers.learnName(name, identity.idRaw, accept)], result: undefined }),
      onFailure: "give-up",
    });
    return await peers.load(identity.idRaw);
  };

  const whereToAsk = async ({ idRaw, name }: Recipient, accept: boolean): Promise<{ readonly at: Home | undefined }> => {
    if (name === "") return { at: homes.elsewhere(idRaw) };
    const { host: relayHost } = splitName(name);
    if (relayHost === undefined) return { at: undefined };
    const home = await relayNames.find(relayHost, { accept });
    return { at: homes.isOwn(home.relayId) ? undefined : home };
  };

  const askAndLearn = async (recipient: Recipient, accept: boolean): Promise<VerifiedIdentity | undefined> => {
    const { at } = await whereToAsk(recipient, accept);
    const { idRaw, name } = recipient;
    const silent = (why: string): void => troubled(recipient, why);
    const own = splitName(name).name;
    const bundle =
      name === ""
        ? await bundleOf({ what: "agent", key: idRaw, at }, agentIdText(idRaw), silent)
        : await bundleOf({ what: "name", key: utf8(own), at }, `@${name}`, silent);
    if (bundle === undefined) return undefined;
    troubled(recipient, "");
    const identity = await verifyBundle(host.crypto, bundle, host.clock.wallMs(), idRaw.length > 0 ? idRaw : undefined);
    if (name !== "") refuseUnproven(identity, name, at?.relayId ?? options.ownRelayIdRaw, at !== undefined);
    return await keepIdentity(identity, name, accept);
  };

  const askShared = (recipient: Recipient): Promise<VerifiedIdentity | undefined> => {
    const key = keyOf(recipient);
    const running = asking.get(key);
    if (running !== undefined) return running;
    const started = askAndLearn(recipient, false)
      .catch((error: unknown) => {
        if (!isPerdureError(error) || !PASSING.has(error.code)) throw error;
        troubled(recipient, error.message);
        return undefined;
      })
      .finally(() => asking.delete(key));
    asking.set(key, started);
    return started;
  };

  return {
    found(payload) {
      const answer = found.decode(payload);
      waiting.get(answer.request)?.(answer);
    },
    apart() {
      for (const resolve of waiting.values()) resolve(undefined);
    },
    async resolve(recipient) {
      const nowMs = host.clock.wallMs();
      const pin = recipient.name === "" ? undefined : peers.named(recipient.name);
      const idRaw = recipient.name === "" ? recipient.idRaw : pin?.idRaw;
      const pinned = idRaw === undefined ? undefined : await peers.load(idRaw);
      const usable = pinned?.inboxKey !== undefined && pinned.inboxKey.notAfterMs > nowMs && !pinned.frozen && !pinned.retired;
      // Nothing is sealed to it, and who asks must see why.
      const isOver = pinned?.frozen === true || pinned?.retired === true;
      const seenAtMs = Math.min(idRaw === undefined ? 0 : peers.seenAtMs(idRaw), pin?.seenAtMs ?? Number.POSITIVE_INFINITY);
      if (usable && nowMs < seenAtMs + settings.recordFreshMs) return pinned;
      const asked = await askShared(recipient).catch((error: unknown) => {
        if (!(usable || isOver) || !isPerdureError(error) || error.code === "name-changed" || error.code === "relay-changed") throw error;
        // What is pinned is still good when the relay has forgotten the agent, shows an older state of it, or nonsense.
        host.log.write("warn", "agent.lookup-not-taken", { to: agentIdText(pinned.idRaw), code: error.code, why: error.message });
        return undefined;
      });
      if (asked !== undefined && idRaw !== undefined && !equalBytes(asked.idRaw, idRaw))
        throw new PerdureError("internal", "a lookup answered for another agent");
      // As it is by now: mail may have said more of it while nobody answered.
      return asked ?? (usable || isOver ? await peers.load(pinned.idRaw) : undefined);
    },
    refresh: (idRaw) => askShared({ idRaw, name: "" }),
    trouble: (recipient) => troubles.get(keyOf(recipient)) ?? "",
    async relay(idRaw, anew = false) {
      const pinned = anew ? undefined : await peers.load(idRaw);
      if (pinned !== undefined) return pinned;
      const bundle = await bundleOf({ what: "agent", key: idRaw, at: undefined }, agentIdText(idRaw));
      if (bundle === undefined) return undefined;
      return await keepIdentity(await verifyBundle(host.crypto, bundle, host.clock.wallMs(), idRaw), "", false);
    },
    async acceptChange(recipient) {
      const identity = await askAndLearn(recipient, true);
      if (identity !== undefined) return identity;
      throw new PerdureError("relay-unreachable", `nobody can be asked about @${recipient.name} now`, { retry: "after" });
    },
  };
}

function keyOf({ idRaw, name }: Recipient): string {
  return name === "" ? agentIdText(idRaw) : `@${name}`;
}

/** Both directions: the relay said whom the name means, and that agent's own signed record claims the name and the relay. */
function refuseUnproven(identity: VerifiedIdentity, name: string, relayIdRaw: Bytes, needsHome: boolean): void {
  const [home] = identity.homes;
  const claimsHome = home === undefined ? !needsHome : equalBytes(home.relayId, relayIdRaw);
  if (identity.name === splitName(name).name && claimsHome) return;
  throw new PerdureError(
    "name-unproven",
    `the relay says that @${name} is ${identity.id}, and that agent's own record does not say so${claimsHome ? "" : " of that relay"}`,
    { hint: "Ask the person behind the name for an id or an invite." },
  );
}
