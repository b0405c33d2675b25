/**
 * Relays by the host that people write behind the second `@`: `@desk@relay.example`. Who answers there says so in one document,
 * and is pinned on first use: another relay under the same host is `relay-changed` until the owner accepts it.
 */

import { withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { parseRelayAddress } from "../protocol/link/index.ts";
import type { Settings } from "../settings/register.ts";
import { equalBytes, fromUtf8 } from "../wire/bytes.ts";
import { type ErrorCode, isPerdureError, PerdureError } from "../wire/error.ts";
import type { Home } from "../wire/identity.ts";
import { agentIdBytes, agentIdText } from "../wire/ids.ts";
import { WIRE_VERSION } from "../wire/limits.ts";
import { otherVersion, PEER_OF_OLDER } from "../wire/version.ts";
import type { AgentStore } from "./agent-store.ts";
import type { Peers } from "./peers.ts";

/** The document of a host; what is longer is none. */
const WELL_KNOWN_PATH = "/.well-known/perdure";
const MAX_DOCUMENT_BYTES = 16 * 1024;

export interface RelayNames {
  /**
   * Who answers at a host: from what is pinned while that is fresh, or when nobody can be asked. `unknown-relay`, `relay-changed`;
   * with nobody pinned also why nobody can be asked, `relay-unreachable` or `timed-out` among others.
   */
  find(host: string, options?: FindOptions): Promise<Home>;
}

export interface FindOptions {
  /** Takes who answers now instead of who did before. */
  readonly accept?: boolean;
  /** Asks public addresses only: for hosts that somebody else named. */
  readonly publicOnly?: boolean;
}

export interface RelayNameOptions {
  readonly host: Pick<Host, "clock" | "net" | "log">;
  readonly settings: Settings;
  readonly peers: Peers;
  readonly store: () => AgentStore;
  readonly closing: AbortSignal;
}

export function createRelayNames({ host: { clock, net, log }, settings, peers, store, closing }: RelayNameOptions): RelayNames {
  // bound: one per relay that is asked, each within lookupTimeoutMs
  const running = new Map<string, Promise<Home>>();

  const ask = async (host: string, publicOnly: boolean): Promise<Home> => {
    const url = `${isLoopbackHost(host) ? "http" : "https"}://${host}${WELL_KNOWN_PATH}`;
    const deadline = { timeoutMs: settings.lookupTimeoutMs, what: `the document of ${host}`, signal: closing };
    const answer = await withDeadline(clock, deadline, (signal) =>
      net.get(url, { timeoutMs: settings.lookupTimeoutMs, maxBytes: MAX_DOCUMENT_BYTES, signal, publicOnly }),
    ).catch((error: unknown) => {
      if (isPerdureError(error) && error.code === "too-large") throw noRelay(host, error.message, error);
      throw error;
    });
    if (answer.status >= 500) throw new PerdureError("relay-unreachable", `${url} answers ${answer.status}`, { retry: "after" });
    if (answer.status !== 200) throw noRelay(host, `${url} answers ${answer.status}`);
    return readDocument(host, answer.body);
  };

  const askAndPin = async (host: string, { accept, publicOnly }: FindOptions): Promise<Home> => {
    const pinned = peers.relayNamed(host);
    let home: Home;
    try {
      home = await ask(host, publicOnly === true);
    } catch (error) {
      if (closing.aborted || accept === true || pinned === undefined || !isPerdureError(error)) throw error;
      log.write("info", "agent.relay-name-not-asked", { host, code: error.code, why: error.message });
      return pinned;
    }
    if (pinned !== undefined && !equalBytes(pinned.relayId, home.relayId) && accept !== true) {
      throw new PerdureError(
        "relay-changed",
        `${host} was ${agentIdText(pinned.relayId)}, and ${agentIdText(home.relayId)} answers there now`,
        {
          hint: `Ask its operator, over another way, which id is right; then perdure contacts accept-change @name@${host}.`,
        },
      );
    }
    await store().commit({
      plan: () => ({
        records: [{ kept: { kind: "relayName", head: { host, relayId: home.relayId, url: home.url, seenAtMs: clock.wallMs() } } }],
        result: undefined,
      }),
      onFailure: "give-up",
    });
    return home;
  };

  return {
    find(host, options = {}) {
      const pinned = peers.relayNamed(host);
      if (options.accept !== true && pinned !== undefined && clock.wallMs() < pinned.seenAtMs + settings.recordFreshMs)
        return Promise.resolve(pinned);
      if (options.accept === true) return askAndPin(host, options);
      const key = `${options.publicOnly === true} ${host}`;
      const asked = running.get(key) ?? askAndPin(host, options).finally(() => running.delete(key));
      running.set(key, asked);
      return asked;
    },
  };
}

const OTHER_VERSION: ReadonlySet<ErrorCode> = new Set(["needs-older-version", "needs-newer-version"]);

function readDocument(host: string, body: Uint8Array): Home {
  try {
    const said = JSON.parse(fromUtf8(body)) as { readonly perdure?: unknown; readonly relayId?: unknown; readonly url?: unknown };
    if (typeof said.perdure === "number" && said.perdure !== WIRE_VERSION)
      throw otherVersion({ what: `the relay at ${host}`, found: said.perdure, older: PEER_OF_OLDER });
    if (said.perdure !== WIRE_VERSION) throw new PerdureError("malformed", "it names no version");
    return { relayId: agentIdBytes(String(said.relayId)), url: parseRelayAddress(String(said.url)).url, preference: 0 };
  } catch (cause) {
    if (isPerdureError(cause) && OTHER_VERSION.has(cause.code)) throw cause;
    throw noRelay(host, "its document is none", cause);
  }
}

function noRelay(host: string, why: string, cause?: unknown): PerdureError {
  return new PerdureError("unknown-relay", `there is no Perdure relay at ${host}: ${why}`, {
    hint: "Check the part behind the second @.",
    cause,
  });
}

/** A host as people write it, with a port where it is not the usual one, as it is kept; `undefined` when it is none. */
export function canonicalHost(text: string): string | undefined {
  const url = text.length <= 255 && /^[^\s/\\?#@]+$/.test(text) && URL.canParse(`https://${text}`) ? new URL(`https://${text}`) : undefined;
  return url === undefined || url.pathname !== "/" ? undefined : url.host;
}

/** The host people write for a relay at this address. */
export function hostOfRelay(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  const standard = protocol === "wss:" ? "" : isLoopbackHost(hostname) ? ":80" : "";
  return port === "" ? `${hostname}${standard}` : `${hostname}:${port}`;
}

/** Whether the document of this host is asked for in the clear: on the way there is nobody but this machine. */
export function isLoopbackHost(host: string): boolean {
  const url = `http://${host}`;
  const { hostname } = URL.canParse(url) ? new URL(url) : { hostname: "" };
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
