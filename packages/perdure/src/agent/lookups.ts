/** Questions to the relay: who is behind an id or a name. What was answered is pinned; see peers.ts. */
import { withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { type VerifiedIdentity, verifyBundle } from "../identity/index.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, equalBytes, utf8 } from "../wire/bytes.ts";
import { found, lookup } from "../wire/control.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { Frame } from "../wire/frame.ts";
import { agentIdText } from "../wire/ids.ts";
import type { AgentStore } from "./agent-store.ts";
import type { Recipient } from "./outgoing-records.ts";
import type { Peers } from "./peers.ts";

/** Questions under way at once; more are answered `too-busy` here. */
const MAX_QUESTIONS = 256;

export interface Lookups {
  /** The answer to one of ours. */
  found(payload: Bytes): void;
  /** The session is gone: nothing asked will be answered. */
  apart(): void;
  /**
   * The recipient's identity, from what is pinned or from the relay. `undefined` when it is not known yet and the relay
   * cannot be asked; `name-changed`; and where nothing usable is pinned `unknown-agent` when the relay says there is none, or
   * why its answer cannot be trusted.
   */
  resolve(recipient: Recipient): Promise<VerifiedIdentity | undefined>;
}

export interface LookupOptions {
  readonly host: Pick<Host, "clock" | "crypto" | "log">;
  readonly settings: Settings;
  readonly peers: Peers;
  readonly store: () => AgentStore;
  readonly send: (frame: Frame) => boolean;
  /** Resolves when the first dial since this opening has succeeded or failed. */
  readonly firstDial: () => Promise<void>;
  readonly closing: AbortSignal;
}

export function createLookups({ host, settings, peers, store, send, firstDial, closing }: LookupOptions): Lookups {
  const waiting = new Map<number, (bundle: Bytes | undefined) => void>();
  const asking = new Map<string, Promise<VerifiedIdentity | undefined>>();
  let requests = 0;

  /** The bundle, empty when there is no such agent, `undefined` when nobody answered. */
  const ask = async (what: "agent" | "name", key: Bytes): Promise<Bytes | undefined> => {
    if (waiting.size >= MAX_QUESTIONS) return undefined;
    const request = ++requests;
    try {
      return await withDeadline(
        host.clock,
        { timeoutMs: settings.lookupTimeoutMs, what: "the relay's answer to a lookup", signal: closing },
        async () => {
          await firstDial();
          return await new Promise<Bytes | undefined>((resolve) => {
            waiting.set(request, resolve);
            if (!send({ name: "lookup", payload: lookup.encode({ request, what, key, at: new Uint8Array(0) }) })) resolve(undefined);
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

  const learn = async (recipient: Recipient, bundle: Bytes): Promise<VerifiedIdentity | undefined> => {
    const { idRaw, name } = recipient;
    const identity = await verifyBundle(host.crypto, bundle, host.clock.wallMs(), idRaw.length > 0 ? idRaw : undefined);
    const pins = await peers.learn(identity);
    await store().commit({
      plan: () => ({ records: name === "" ? pins : [...pins, ...peers.learnName(name, identity.idRaw)], result: undefined }),
      onFailure: "give-up",
    });
    return await peers.load(identity.idRaw);
  };

  const askAndLearn = async (recipient: Recipient): Promise<VerifiedIdentity | undefined> => {
    const { idRaw, name } = recipient;
    const bundle = name === "" ? await ask("agent", idRaw) : await ask("name", utf8(name));
    if (bundle === undefined) return undefined;
    if (bundle.length === 0) {
      throw new PerdureError("unknown-agent", `the relay knows no agent ${name === "" ? agentIdText(idRaw) : `@${name}`}`, {
        hint: "Check the spelling; an agent must have joined this relay once.",
      });
    }
    return await learn(recipient, bundle);
  };

  const askOnce = (recipient: Recipient): Promise<VerifiedIdentity | undefined> => {
    const key = recipient.name === "" ? agentIdText(recipient.idRaw) : `@${recipient.name}`;
    const running = asking.get(key);
    if (running !== undefined) return running;
    const started = askAndLearn(recipient).finally(() => asking.delete(key));
    asking.set(key, started);
    return started;
  };

  return {
    found(payload) {
      const answer = found.decode(payload);
      waiting.get(answer.request)?.(answer.bundle);
    },
    apart() {
      for (const resolve of waiting.values()) resolve(undefined);
    },
    async resolve(recipient) {
      const nowMs = host.clock.wallMs();
      const pin = recipient.name === "" ? undefined : peers.named(recipient.name);
      const idRaw = recipient.name === "" ? recipient.idRaw : pin?.idRaw;
      const pinned = idRaw === undefined ? undefined : await peers.load(idRaw);
      const usable = pinned?.inboxKey !== undefined && pinned.inboxKey.notAfterMs > nowMs;
      const seenAtMs = Math.min(idRaw === undefined ? 0 : peers.seenAtMs(idRaw), pin?.seenAtMs ?? Number.POSITIVE_INFINITY);
      if (usable && nowMs < seenAtMs + settings.recordFreshMs) return pinned;
      const asked = await askOnce(recipient).catch((error: unknown) => {
        if (!usable || !isPerdureError(error) || error.code === "name-changed") throw error;
        // What is pinned is still good when the relay has forgotten the agent, shows an older state of it, or nonsense.
        host.log.write("warn", "agent.lookup-not-taken", { to: agentIdText(pinned.idRaw), code: error.code, why: error.message });
        return undefined;
      });
      if (asked !== undefined && idRaw !== undefined && !equalBytes(asked.idRaw, idRaw))
        throw new PerdureError("internal", "a lookup answered for another agent");
      return asked ?? (usable ? pinned : undefined);
    },
  };
}
