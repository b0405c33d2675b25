/** `perdure relay check`: looks at a relay as an agent elsewhere would meet it, step by step, and says what to do about what is not right. */
import { lookup } from "node:dns/promises";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { withDeadline } from "../../host/deadline.ts";
import { parseRelayAddress, probeRelay, type RelayAddress } from "../../protocol/link/index.ts";
import { fromUtf8 } from "../../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { agentIdText } from "../../wire/ids.ts";
import { type Check, failedCheck, reportChecks } from "../check.ts";
import { safeLine } from "../foreign-text.ts";
import type { Invocation, Verb } from "../invocation.ts";
import { durationText } from "../quantity.ts";

const STEP_MS = 10_000;
const CLOCK_WARN_MS = 30_000;
const CLOCK_FAIL_MS = 5 * 60_000;
const ROUND_TRIP_WARN_MS = 1500;
const CERTIFICATE_WARN_DAYS = 14;
const DAY_MS = 24 * 60 * 60 * 1000;
const MAX_DOCUMENT_BYTES = 16 * 1024;

export function relayCheckVerb(text: string): Verb {
  return async (invocation) => {
    const address = parseRelayAddress(text);
    const url = new URL(address.url);
    const checks: Check[] = [];
    const step = async (name: string, look: () => Promise<readonly Check[]>): Promise<boolean> => {
      invocation.terminal.progress(`${name} …`);
      const found = await look().catch((error: unknown) => [failedCheck(name, error)]);
      checks.push(...found);
      return found.every(({ state }) => state !== "fail");
    };
    const reached =
      (await step("dns", () => checkName(invocation, url))) &&
      (await step("tcp", () => checkTcp(invocation, url))) &&
      (await step("tls", () => checkTls(invocation, url)));
    if (reached) {
      await step("document", () => checkDocument(invocation, address));
      if (await step("identity", () => checkIdentity(invocation, address)))
        await step("reconnect", () => checkReconnect(invocation, address));
    }
    return reportChecks(invocation.terminal, { type: "check", address: address.url }, checks);
  };
}

async function checkName({ host, signal }: Invocation, url: URL): Promise<readonly Check[]> {
  const name = hostOf(url);
  if (isIP(name) !== 0) return [{ name: "dns", state: "ok", says: `${name} is a number, no name to look up` }];
  const found = await withDeadline(host.clock, { timeoutMs: STEP_MS, what: `the addresses of ${name}`, signal }, () =>
    lookup(name, { all: true }).catch((cause: unknown) => {
      throw new PerdureError("relay-unreachable", `${name} has no address`, { hint: "Check the name, or its entry in the DNS.", cause });
    }),
  );
  return [{ name: "dns", state: "ok", says: `${name} is ${found.map(({ address }) => address).join(", ")}` }];
}

async function checkTcp({ host, signal }: Invocation, url: URL): Promise<readonly Check[]> {
  const startMs = host.clock.monotonicMs();
  const socket = connectTcp({ host: hostOf(url), port: portOf(url) });
  await opened(host.clock, socket, "connect", `port ${portOf(url)} at ${hostOf(url)}`, signal);
  return [{ name: "tcp", state: "ok", says: `port ${portOf(url)} answers in ${durationText(host.clock.monotonicMs() - startMs)}` }];
}

async function checkTls({ host, signal }: Invocation, url: URL): Promise<readonly Check[]> {
  if (url.protocol !== "wss:") {
    return [
      {
        name: "tls",
        state: "warn",
        says: "none: whoever can read the network sees who writes to whom",
        hint: "For more than one machine or a private network give it a certificate, and a wss:// address.",
      },
    ];
  }
  const name = hostOf(url);
  const socket = connectTls({
    host: name,
    port: portOf(url),
    rejectUnauthorized: false,
    ...(isIP(name) === 0 ? { servername: name } : {}),
  });
  return await opened(host.clock, socket, "secureConnect", "the certificate", signal, () => [
    certificateCheck(socket, name, host.clock.wallMs()),
  ]);
}

const REFUSALS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its authority is not one this machine trusts",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the chain is not whole, or its authority not one this machine trusts",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the chain is not whole, or its authority not one this machine trusts",
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "not for this host",
};

function certificateCheck(socket: TLSSocket, name: string, nowMs: number): Check {
  const { subject, issuer, valid_to } = socket.getPeerCertificate();
  const days = Math.floor((Date.parse(valid_to) - nowMs) / DAY_MS);
  const says = `${socket.getProtocol()}, certificate of ${safeLine(String(subject?.CN ?? name), 80)} by ${safeLine(String(issuer?.O ?? issuer?.CN ?? "nobody"), 80)}, ${days} days left`;
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    const why = safeLine(REFUSALS[code] ?? code, 120);
    const hint =
      "Agents refuse it: the chain must lead to an authority this machine trusts, and name the host. Behind the certificate put its intermediates.";
    return { name: "tls", state: "fail", says: `${why}; ${says}`, hint };
  }
  if (days < CERTIFICATE_WARN_DAYS) return { name: "tls", state: "warn", says, hint: "Renew it; a relay reads its files again by itself." };
  return { name: "tls", state: "ok", says };
}

async function checkDocument({ host, signal }: Invocation, address: RelayAddress): Promise<readonly Check[]> {
  const url = new URL("/.well-known/perdure", address.url.replace(/^ws/, "http")).href;
  const answer = await host.net.get(url, { timeoutMs: STEP_MS, maxBytes: MAX_DOCUMENT_BYTES, signal });
  const hint = "Names like @desk@host need it: the proxy must pass it on, and the Host header as it came (see deploy/).";
  if (answer.status !== 200) return [{ name: "document", state: "fail", says: `${url} answers ${answer.status}`, hint }];
  const { relayId, url: says } = readDocument(answer.body);
  const wrongId = address.relayIdRaw !== undefined && relayId !== agentIdText(address.relayIdRaw);
  if (wrongId)
    return [
      {
        name: "document",
        state: "fail",
        says: `${url} names another relay, ${safeLine(String(relayId), 60)}`,
        hint: "Is this the right host?",
      },
    ];
  if (says !== address.url) {
    const why = `${url} says the relay is at ${safeLine(String(says), 200)}, not at ${address.url}`;
    return [
      {
        name: "document",
        state: "warn",
        says: why,
        hint: "Others will use what the document says: start the relay with --public as you mean it.",
      },
    ];
  }
  return [{ name: "document", state: "ok", says: url }];
}

function readDocument(body: Uint8Array): { readonly relayId: unknown; readonly url: unknown } {
  try {
    const { relayId, url } = JSON.parse(fromUtf8(body)) as Readonly<Record<string, unknown>>;
    return { relayId, url };
  } catch (cause) {
    throw new PerdureError("malformed", "the well-known document is not JSON", { hint: "Something else answers at this host.", cause });
  }
}

async function checkIdentity(invocation: Invocation, address: RelayAddress): Promise<readonly Check[]> {
  const { relay, roundTripMs, clockOffsetMs } = await probe(invocation, address);
  const pinned = address.relayIdRaw !== undefined;
  const apartMs = Math.abs(clockOffsetMs);
  return [
    pinned
      ? { name: "identity", state: "ok", says: `${relay.id} proved it, as the address says` }
      : {
          name: "identity",
          state: "warn",
          says: `${relay.id} answers; the address does not say who should`,
          hint: "Pin it: put #ag1… behind the address.",
        },
    {
      name: "clock",
      state: apartMs > CLOCK_FAIL_MS ? "fail" : apartMs > CLOCK_WARN_MS ? "warn" : "ok",
      says: `${durationText(apartMs)} apart from this machine's`,
      hint: "Set the clock that is wrong; expiry is judged by clocks.",
    },
    {
      name: "roundtrip",
      state: roundTripMs > ROUND_TRIP_WARN_MS ? "warn" : "ok",
      says: `question and signed answer over WebSocket in ${durationText(roundTripMs)}`,
      hint: "Far away, or overloaded.",
    },
  ];
}

/** Cuts a connection in the middle of its handshake, and sees whether the same relay is there at once. */
async function checkReconnect(invocation: Invocation, address: RelayAddress): Promise<readonly Check[]> {
  const { host, signal } = invocation;
  const connection = await host.net.dial(address.url, { timeoutMs: STEP_MS, maxMessageBytes: MAX_DOCUMENT_BYTES, signal });
  connection.start({ message: () => {}, drained: () => {}, closed: () => {} });
  connection.close(true);
  const first = await probe(invocation, address);
  const second = await probe(invocation, { ...address, relayIdRaw: first.relay.idRaw });
  return [{ name: "reconnect", state: "ok", says: `cut off and met again twice: still ${second.relay.id.slice(0, 11)}…` }];
}

async function probe({ host, settings, signal }: Invocation, { url, relayIdRaw }: RelayAddress): ReturnType<typeof probeRelay> {
  try {
    return await probeRelay({ host, settings, url, relayIdRaw, signal });
  } catch (error) {
    if (!isPerdureError(error) || (error.code !== "relay-unreachable" && error.code !== "connection-closed")) throw error;
    throw new PerdureError(error.code, error.message, {
      retry: error.retry,
      hint: "The port answers, the relay does not: a proxy in between must pass WebSockets on, and the Host header as it came (see deploy/).",
      cause: error,
    });
  }
}

/** Waits for a socket's `event`, looks, and closes it. */
async function opened<Found = void>(
  clock: Invocation["host"]["clock"],
  socket: Socket,
  event: "connect" | "secureConnect",
  what: string,
  signal: AbortSignal,
  look?: () => Found,
): Promise<Found> {
  try {
    await withDeadline(clock, { timeoutMs: STEP_MS, what, signal, hint: "Check the address, the port and firewalls." }, () => {
      return new Promise<void>((resolve, reject) => {
        socket.once(event, () => resolve());
        socket.once("error", (cause: NodeJS.ErrnoException) => {
          const { why, hint } = socketTrouble(cause);
          reject(new PerdureError("relay-unreachable", `${what}: ${why}`, { retry: "after", hint, cause }));
        });
      });
    });
    return look?.() as Found;
  } finally {
    socket.on("error", () => {});
    socket.destroy();
  }
}

/** What the system and OpenSSL say, for people. */
function socketTrouble({ code, message }: NodeJS.ErrnoException): { readonly why: string; readonly hint: string } {
  const hint = "Check the address, the port and firewalls.";
  if (code === "ECONNREFUSED") return { why: `nothing listens there (${code})`, hint: "Start the relay, or check host and port." };
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER")
    return {
      why: "what answers speaks no TLS",
      hint: "Without TLS the address begins with ws://; else check the port, or what ends TLS there.",
    };
  return { why: code === undefined ? message : `${message.split("\n")[0]} (${code})`, hint };
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

function portOf(url: URL): number {
  return url.port === "" ? (url.protocol === "wss:" ? 443 : 80) : Number(url.port);
}
