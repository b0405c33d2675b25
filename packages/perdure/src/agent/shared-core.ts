/**
 * The agent of a folder, whoever holds it: the first process to take the folder's lock runs the engine and serves the
 * others; when it goes, the others race for the lock and the winner goes on.
 *
 *   attaching -> holder     the lock was free: the engine is opened, then guests are served
 *             -> guest      somebody has it: its socket answers
 *   guest     -> attaching  the holder is gone
 *
 * What must hold: a call whose holder died before answering is made again at the next one (every call may be repeated,
 * see core.ts); claims of this process are adopted by the next holder before it can give them to anybody else, for which
 * a holder that took over waits {@link TAKEOVER_PAUSE_MS} before it hands out mail.
 */
import { sleep, throwIfAborted, withDeadline } from "../host/deadline.ts";
import type { FolderLock } from "../host/files.ts";
import type { Host } from "../host/host.ts";
import { FIXED } from "../settings/fixed.ts";
import type { Settings } from "../settings/register.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { AgentId } from "../wire/ids.ts";
import type { AgentCore, ClaimedMail, ClaimKey, ClientId, Engine } from "./core.ts";
import { joinHolder } from "./guest.ts";
import { serveGuests } from "./holder.ts";

/** Pause between two tries for the lock or the socket. */
const RACE_PAUSE_MS = 50;
/** How long guests of the holder before have to claim what they are working on. */
export const TAKEOVER_PAUSE_MS: number = FIXED.takeoverPauseMs.value;

/** What a visit says while the holder is just coming or going: worth another try until the deadline. */
const PASSING: ReadonlySet<string> = new Set(["relay-unreachable", "connection-closed", "timed-out", "not-found"]);

export interface SharedCore extends AgentCore, AsyncDisposable {
  readonly id: AgentId;
  readonly role: "holder" | "guest";
  /** Fires when a claim of this process was lost to another while the holder changed. */
  fence(claim: ClaimKey): AbortSignal;
}

export interface SharedCoreOptions {
  readonly host: Host;
  readonly folder: string;
  readonly settings: Settings;
  readonly client: ClientId;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Opens the engine of the folder, whose lock this process has. */
  readonly openEngine: (signal: AbortSignal) => Promise<{ readonly id: AgentId; readonly engine: Engine }>;
}

interface Attachment {
  readonly id: AgentId;
  readonly role: "holder" | "guest";
  readonly core: AgentCore;
  isGone(): boolean;
  close(): Promise<void>;
}

interface Held {
  readonly claim: ClaimKey;
  readonly fence: AbortController;
}

/** Attaches to the folder as holder or guest; `timed-out`, `aborted`, or what opening the engine throws. */
export async function openSharedCore(options: SharedCoreOptions): Promise<SharedCore> {
  const { host, folder, settings, client, openEngine } = options;
  const closing = new AbortController();
  // bound: one per message this process works on
  const held = new Map<string, Held>();
  let attached: Attachment | undefined;
  let attaching: Promise<Attachment> | undefined;

  const hold = async (lock: FolderLock, takeover: boolean, signal: AbortSignal): Promise<Attachment> => {
    try {
      const { id, engine } = await openEngine(signal);
      try {
        throwIfAborted(signal, `the folder ${folder}`);
        const core = takeover ? pausedClaims(host, engine) : engine;
        const holder = await serveGuests({ host, folder, agent: id, core });
        host.log.write("debug", "agent.holder", { folder, takeover });
        return {
          id,
          role: "holder",
          core,
          isGone: () => false,
          async close() {
            await holder.close();
            try {
              await engine[Symbol.asyncDispose]();
            } finally {
              await lock.release();
            }
          },
        };
      } catch (error) {
        await engine[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      await lock.release();
      throw error;
    }
  };

  const visit = async (signal: AbortSignal): Promise<Attachment> => {
    const guest = await joinHolder({ host, folder, settings, client, signal });
    host.log.write("debug", "agent.guest", { folder });
    guest.gone
      .then(async (why) => {
        if (closing.signal.aborted) return;
        host.log.write("debug", "agent.holder-gone", { folder, why: why.message });
        await current();
      })
      .catch((error: unknown) => host.log.write("warn", "agent.takeover-failed", { folder, why: String(error) }));
    return { id: guest.agent, role: "guest", core: guest.core, isGone: guest.isGone, close: async () => guest.close() };
  };

  const race = async (takeover: boolean, signal: AbortSignal): Promise<Attachment> => {
    for (;;) {
      throwIfAborted(signal, `the folder ${folder}`);
      const lock = await lockIfFree(host, folder);
      if (lock !== undefined) return await hold(lock, takeover, signal);
      try {
        return await visit(signal);
      } catch (error) {
        if (!isPerdureError(error) || !PASSING.has(error.code)) throw error;
      }
      await sleep(host.clock, RACE_PAUSE_MS, signal);
    }
  };

  const attach = async (takeover: boolean, timeoutMs: number, outer: AbortSignal | undefined): Promise<Attachment> => {
    const signal = outer === undefined ? closing.signal : AbortSignal.any([outer, closing.signal]);
    const what = `the folder ${folder}`;
    const next = await withDeadline(
      host.clock,
      { timeoutMs, what, hint: "Another process may hold it and be stuck; end that one, or wait.", signal },
      (within) => race(takeover, within),
    );
    try {
      for (const [key, { claim, fence }] of held) {
        if (await next.core.adopt(client, claim)) continue;
        held.delete(key);
        fence.abort(fencedError(claim));
      }
    } catch (error) {
      await next.close();
      throw error;
    }
    attached = next;
    return next;
  };

  const current = (): Promise<Attachment> => {
    if (closing.signal.aborted) return Promise.reject(closedError());
    if (attached !== undefined && !attached.isGone()) return Promise.resolve(attached);
    attaching ??= attach(true, settings.openTimeoutMs, undefined).finally(() => {
      attaching = undefined;
    });
    return attaching;
  };

  const through = async <Value>(call: (core: AgentCore) => Promise<Value>, signal?: AbortSignal): Promise<Value> => {
    for (;;) {
      const attachment = await orAborted(current(), signal);
      try {
        return await call(attachment.core);
      } catch (error) {
        if (closing.signal.aborted) throw closedError();
        if (!attachment.isGone() || !isPerdureError(error) || error.code !== "connection-closed") throw error;
      }
    }
  };

  const claimed = async (mail: Promise<ClaimedMail>): Promise<ClaimedMail> => {
    const given = await mail;
    held.set(keyOf(given.mail), {
      claim: { from: given.mail.from, id: given.mail.id, attempt: given.mail.attempt },
      fence: new AbortController(),
    });
    return given;
  };
  const unclaimed = async (claim: ClaimKey, call: Promise<void>): Promise<void> => {
    try {
      await call;
    } catch (error) {
      if (isPerdureError(error) && error.code === "fenced") held.delete(keyOf(claim));
      throw error;
    }
    held.delete(keyOf(claim));
  };

  const first = await attach(false, options.timeoutMs, options.signal);
  return {
    id: first.id,
    get role() {
      return attached?.role ?? "guest";
    },
    fence: (claim) => held.get(keyOf(claim))?.fence.signal ?? AbortSignal.abort(fencedError(claim)),
    submit: (submission) => through((core) => core.submit(submission)),
    outgoing: (id) => through((core) => core.outgoing(id)),
    outgoingAfter: (id, have, signal) => through((core) => core.outgoingAfter(id, have, signal), signal),
    evidence: (id) => through((core) => core.evidence(id)),
    outgoings: (limit) => through((core) => core.outgoings(limit)),
    mails: (box, afterArrival, limit) => through((core) => core.mails(box, afterArrival, limit)),
    mailsAfter: (box, afterArrival, limit, signal) => through((core) => core.mailsAfter(box, afterArrival, limit, signal), signal),
    mail: (key) => through((core) => core.mail(key)),
    readPart: (key, part) => through((core) => core.readPart(key, part)),
    claim: (by, signal) => claimed(through((core) => core.claim(by, signal), signal)),
    answer: (by, to, signal) => claimed(through((core) => core.answer(by, to, signal), signal)),
    adopt: (by, claim) => through((core) => core.adopt(by, claim)),
    complete: (completion) =>
      unclaimed(
        completion,
        through((core) => core.complete(completion)),
      ),
    release: (claim, failed, why) =>
      unclaimed(
        claim,
        through((core) => core.release(claim, failed, why)),
      ),
    finish: (key, outcome, why) => through((core) => core.finish(key, outcome, why)),
    retry: (key) => through((core) => core.retry(key)),
    acceptChange: (name) => through((core) => core.acceptChange(name)),
    contacts: () => through((core) => core.contacts()),
    contactRequests: () => through((core) => core.contactRequests()),
    decide: (who, decision) => through((core) => core.decide(who, decision)),
    strangers: (policy) => through((core) => core.strangers(policy)),
    paused: () => through((core) => core.paused()),
    resume: (threadOrPeer) => through((core) => core.resume(threadOrPeer)),
    invite: (wish) => through((core) => core.invite(wish)),
    acceptInvite: (requestId, written) => through((core) => core.acceptInvite(requestId, written)),
    identity: () => through((core) => core.identity()),
    changeIdentity: (change) => through((core) => core.changeIdentity(change)),
    exportIdentity: (passphrase) => through((core) => core.exportIdentity(passphrase)),
    setPassphrase: (passphrase) => through((core) => core.setPassphrase(passphrase)),
    leave: (by) => through((core) => core.leave(by)),
    status: () => through((core) => core.status()),
    settings: () => through((core) => core.settings()),
    surroundings: () => through((core) => core.surroundings()),
    bundle: () => through((core) => core.bundle()),
    async [Symbol.asyncDispose]() {
      if (closing.signal.aborted) return;
      closing.abort(closedError());
      const under = await (attaching ?? Promise.resolve(attached)).catch(() => attached);
      await under?.close();
    },
  };
}

/** A holder that took over: mail is handed out only once the guests of the holder before had time to adopt theirs. */
function pausedClaims(host: Host, engine: Engine): AgentCore {
  const openAtMs = host.clock.monotonicMs() + TAKEOVER_PAUSE_MS;
  const pause = async (signal: AbortSignal): Promise<void> => {
    const leftMs = openAtMs - host.clock.monotonicMs();
    if (leftMs > 0) await sleep(host.clock, leftMs, signal);
  };
  return {
    ...engine,
    claim: async (client, signal) => {
      await pause(signal);
      return await engine.claim(client, signal);
    },
  };
}

async function lockIfFree(host: Host, folder: string): Promise<FolderLock | undefined> {
  try {
    return await host.files.lock(folder);
  } catch (error) {
    if (isPerdureError(error) && error.code === "folder-in-use") return undefined;
    throw error;
  }
}

function orAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new PerdureError("aborted", "stopped waiting for the agent", { cause: signal.reason }));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function keyOf(claim: { readonly from: string; readonly id: string }): string {
  return `${claim.from} ${claim.id}`;
}

function fencedError(claim: ClaimKey): PerdureError {
  return new PerdureError("fenced", `message ${claim.id} was given to another handler`, {
    hint: "Its effects here are not committed; the other handler goes on with it.",
  });
}

function closedError(): PerdureError {
  return new PerdureError("aborted", "this agent was closed here", { hint: "Open the folder again." });
}
