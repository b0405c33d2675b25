/**
 * The guest's side of the local socket: every call of {@link AgentCore} goes to the process that holds the folder.
 *
 * What must hold: a call ends in an answer, in `connection-closed` when the holder is gone, or in `timed-out` when it
 * does not answer. A wait that is called off still takes an answer that was already on its way, so that a claim which
 * was given is never forgotten between the two processes.
 */
import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import { PerdureError } from "../wire/error.ts";
import type { AgentId } from "../wire/ids.ts";
import { MAX_TRANSPORT_BYTES } from "../wire/limits.ts";
import { decodeLocalFailure, decodeLocalHello, decodeLocalValue, encodeLocalCall, encodeLocalHello } from "../wire/local.ts";
import type { AgentCore, ClientId } from "./core.ts";
import { socketAddress } from "./holder.ts";
import { CALLS_IN_FLIGHT, type CallName, callWaits } from "./local-calls.ts";
import { MAX_WAITING_BYTES, openLocalChannel } from "./local-channel.ts";

export interface Guest {
  readonly agent: AgentId;
  readonly core: AgentCore;
  /** True once the holder is gone or was left; true before the calls it leaves open reject. */
  isGone(): boolean;
  /** Resolves when the holder is gone or was left. */
  readonly gone: Promise<PerdureError>;
  close(): void;
}

export interface GuestOptions {
  readonly host: Host;
  readonly folder: string;
  readonly settings: Settings;
  readonly client: ClientId;
  readonly signal: AbortSignal;
}

interface OpenCall {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: PerdureError) => void;
}

/** Connects to the folder's holder; `relay-unreachable` or `connection-closed` when nobody serves, `timed-out`, `aborted`. */
export async function joinHolder({ host, folder, settings, client, signal }: GuestOptions): Promise<Guest> {
  const connection = await host.net.dial(socketAddress(folder), {
    timeoutMs: settings.dialTimeoutMs,
    maxMessageBytes: MAX_TRANSPORT_BYTES,
    signal,
  });
  const calls = new Map<number, OpenCall>();
  const greeted = Promise.withResolvers<AgentId>();
  const gone = Promise.withResolvers<PerdureError>();
  let closed: PerdureError | undefined;
  let lastNumber = 0;
  let heardAtMs = host.clock.monotonicMs();
  let stopPing = (): void => {};

  const channel = openLocalChannel(connection, {
    content: (kind, number, content) => {
      heardAtMs = host.clock.monotonicMs();
      if (kind === "pong") return;
      if (kind === "hello") return greeted.resolve(decodeLocalHello(content).agent as AgentId);
      const call = calls.get(number);
      if (call === undefined) return;
      calls.delete(number);
      if (kind === "result") call.resolve(decodeLocalValue(content));
      else call.reject(decodeLocalFailure(content));
    },
    closed: (why) => {
      closed = why;
      stopPing();
      for (const call of calls.values()) call.reject(why);
      calls.clear();
      greeted.reject(why);
      gone.resolve(why);
    },
  });

  const ping = (): void => {
    if (closed !== undefined) return;
    if (host.clock.monotonicMs() - heardAtMs > settings.silenceTimeoutMs) return channel.close();
    channel.send("ping", 0);
    stopPing = host.clock.after(settings.pingEveryMs, ping);
  };

  const call = async (name: CallName, values: readonly unknown[], callSignal?: AbortSignal): Promise<unknown> => {
    if (closed !== undefined) throw closed;
    if (calls.size >= CALLS_IN_FLIGHT)
      throw new PerdureError("too-busy", `${CALLS_IN_FLIGHT} calls of this process are open`, { retry: "after" });
    const content = encodeLocalCall({ method: name, values });
    if (channel.waitingBytes > 0 && channel.waitingBytes + content.length > MAX_WAITING_BYTES)
      throw new PerdureError("too-busy", "the process that holds this folder has not yet read what it was given", { retry: "after" });
    const number = nextNumber();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    calls.set(number, { resolve, reject });
    channel.send("call", number, content);
    let stopTimer = (): void => {};
    const limit = (error: () => PerdureError): void => {
      stopTimer = host.clock.after(settings.callTimeoutMs, () => {
        calls.delete(number);
        reject(error());
      });
    };
    const cancel = (): void => {
      channel.send("cancel", number);
      limit(() => new PerdureError("aborted", `stopped waiting for ${name}`, { cause: callSignal?.reason }));
    };
    if (!callWaits(name))
      limit(
        () =>
          new PerdureError("timed-out", `the process that holds ${folder} has not answered ${name} for ${settings.callTimeoutMs} ms`, {
            retry: "after",
          }),
      );
    else if (callSignal?.aborted) cancel();
    else callSignal?.addEventListener("abort", cancel, { once: true });
    try {
      return await promise;
    } finally {
      stopTimer();
      callSignal?.removeEventListener("abort", cancel);
    }
  };

  const nextNumber = (): number => {
    do lastNumber = (lastNumber % 0xffff_ffff) + 1;
    while (calls.has(lastNumber));
    return lastNumber;
  };

  channel.send("hello", 0, encodeLocalHello({ client, agent: "" }));
  const stopGreeting = host.clock.after(settings.handshakeTimeoutMs, () => {
    greeted.reject(
      new PerdureError("timed-out", `the process that holds ${folder} has not greeted for ${settings.handshakeTimeoutMs} ms`, {
        retry: "after",
      }),
    );
  });
  const leave = (): void => channel.close();
  signal.addEventListener("abort", leave, { once: true });
  try {
    const agent = await greeted.promise;
    stopPing = host.clock.after(settings.pingEveryMs, ping);
    return { agent, core: proxyOf(call), isGone: () => closed !== undefined, gone: gone.promise, close: () => channel.close() };
  } catch (error) {
    channel.close();
    throw error;
  } finally {
    stopGreeting();
    signal.removeEventListener("abort", leave);
  }
}

function proxyOf(call: (name: CallName, values: readonly unknown[], signal?: AbortSignal) => Promise<unknown>): AgentCore {
  const plain = <Name extends CallName>(name: Name): AgentCore[Name] =>
    ((...values: unknown[]) => call(name, values)) as unknown as AgentCore[Name];
  const waiting = <Name extends CallName>(name: Name): AgentCore[Name] =>
    ((...values: unknown[]) => call(name, values.slice(0, -1), values.at(-1) as AbortSignal)) as unknown as AgentCore[Name];
  return {
    submit: plain("submit"),
    outgoing: plain("outgoing"),
    outgoingAfter: waiting("outgoingAfter"),
    evidence: plain("evidence"),
    outgoings: plain("outgoings"),
    mails: plain("mails"),
    mailsAfter: waiting("mailsAfter"),
    mail: plain("mail"),
    readPart: plain("readPart"),
    claim: waiting("claim"),
    answer: waiting("answer"),
    adopt: plain("adopt"),
    complete: plain("complete"),
    release: plain("release"),
    finish: plain("finish"),
    retry: plain("retry"),
    contacts: plain("contacts"),
    acceptChange: plain("acceptChange"),
    contactRequests: plain("contactRequests"),
    decide: plain("decide"),
    strangers: plain("strangers"),
    paused: plain("paused"),
    resume: plain("resume"),
    invite: plain("invite"),
    acceptInvite: plain("acceptInvite"),
    identity: plain("identity"),
    changeIdentity: plain("changeIdentity"),
    exportIdentity: plain("exportIdentity"),
    setPassphrase: plain("setPassphrase"),
    leave: plain("leave"),
    status: plain("status"),
    settings: plain("settings"),
    surroundings: plain("surroundings"),
    bundle: plain("bundle"),
  };
}
