/**
 * The waits and limits that are in force on live servers, sockets, WebSockets and requests, held against the listed rows. Node and its
 * libraries put some on whatever they make; each has to be the value of a setting or of a row of `FIXED`.
 */

import type { Unit } from "../../settings/definition.ts";
import type { LiveLimit } from "../../settings/external.ts";
import { FIXED } from "../../settings/fixed.ts";
import { SETTINGS } from "../../settings/register.ts";
import type { ServerLimits } from "../net.ts";

const LOOKS_LIKE_ONE = /timeout|keepalive|max|limit|interval|backlog|attempt|linger/i;
const OBJECT_OF_OPTIONS = /options|receiver|extensions|^parser$|^agent$/i;
/** What is on or off, and how it has to be: probes of idle connections, compression, and whose certificates are looked at. */
const SWITCHES: Readonly<Record<string, { readonly row?: RowName; readonly expected: number }>> = {
  keepAlive: { row: "tcpKeepAliveMs", expected: 0 },
  kSetKeepAlive: { row: "tcpKeepAliveMs", expected: 0 },
  perMessageDeflate: { expected: 0 },
  "permessage-deflate": { expected: 0 },
  rejectUnauthorized: { expected: 1 },
};
/** Objects of one kind that are looked at: the newest. */
const LOOKED_AT = 8;

/** A number, or a switch as 0 or 1, found on a live object. */
export interface FoundLimit {
  /** What kind of object it is on. */
  readonly on: string;
  /** Of its property; a symbol by its description. */
  readonly name: string;
  readonly value: number;
}

export interface LiveLimits {
  /** `on` begins with "accepted" or "dialled" for a connection and ends with "server" for a server; `limits` are those of its port. */
  watch(object: object, on: string, limits?: ServerLimits): void;
  unlisted(): readonly LiveLimit[];
}

export function createLiveLimits(): LiveLimits {
  // bound: the kinds of object that this host makes, LOOKED_AT of each
  const watched = new Map<string, { readonly object: WeakRef<object>; readonly limits: ServerLimits | undefined }[]>();
  return {
    watch: (object, on, limits) => {
      const kind = (watched.get(on) ?? []).filter(({ object: held }) => held.deref() !== undefined).slice(1 - LOOKED_AT);
      watched.set(on, [...kind, { object: new WeakRef(object), limits }]);
    },
    unlisted: () => {
      const found = [...watched].flatMap(([on, kind]) =>
        kind.flatMap(({ object, limits }) => {
          const alive = object.deref();
          return alive === undefined ? [] : unlisted(limitsOf(alive, on), limits);
        }),
      );
      return [...new Map(found.map((each) => [`${each.on} ${each.name} ${each.value}`, each])).values()];
    },
  };
}

/** Numbers and switches whose names look like waits or limits: of the object, what it inherits, and what it keeps as options. */
export function limitsOf(object: object, on: string, within = 1): readonly FoundLimit[] {
  const found = new Map<string, FoundLimit>();
  const deeper: FoundLimit[] = [];
  for (let holder: object | null = object; holder !== null && holder !== Object.prototype; holder = Object.getPrototypeOf(holder)) {
    for (const key of Reflect.ownKeys(holder)) {
      const name = typeof key === "symbol" ? (key.description ?? "") : key;
      const [isSwitch, isOptions] = [Object.hasOwn(SWITCHES, bare(name)), within > 0 && OBJECT_OF_OPTIONS.test(name)];
      if (!isSwitch && !isOptions && !LOOKS_LIKE_ONE.test(name)) continue;
      const value = peek(object, key);
      const size = isSwitch && value !== undefined && value !== null ? Number(value !== false) : value;
      if (typeof size === "number" && (isSwitch || LOOKS_LIKE_ONE.test(name)) && !found.has(name))
        found.set(name, { on, name, value: size });
      if (typeof value === "object" && value !== null && isOptions) deeper.push(...limitsOf(value, `${on}, ${name}`, within - 1));
    }
  }
  return [...found.values(), ...deeper];
}

/** Those that are not what their row says, or have none. */
export function unlisted(found: readonly FoundLimit[], limits?: ServerLimits): readonly LiveLimit[] {
  return found.flatMap((each) => {
    if (Object.hasOwn(NOT_IN_FORCE, each.name)) return [];
    const onOrOff = Object.hasOwn(SWITCHES, bare(each.name)) ? SWITCHES[bare(each.name)] : undefined;
    if (onOrOff !== undefined) return each.value === onOrOff.expected ? [] : [{ ...each, ...onOrOff, unit: "yes or no" }];
    const row = rowOf(each);
    if (row === undefined) return [each];
    const [value, expected] = [each.value * (TIMES[bare(each.name)] ?? 1), rowValue(row, limits)];
    return value === expected ? [] : [{ ...each, value, row, expected, unit: rowUnit(row) }];
  });
}

type RowName = keyof typeof FIXED | keyof typeof SETTINGS;

function rowValue(row: RowName, limits: ServerLimits | undefined): number {
  if (Object.hasOwn(FIXED, row)) return FIXED[row as keyof typeof FIXED].value;
  const ofPort = (limits as Readonly<Partial<Record<RowName, number>>> | undefined)?.[row];
  return ofPort ?? SETTINGS[row as keyof typeof SETTINGS].value;
}

function rowUnit(row: RowName): Unit {
  return Object.hasOwn(FIXED, row) ? FIXED[row as keyof typeof FIXED].unit : SETTINGS[row as keyof typeof SETTINGS].unit;
}

const bare = (name: string): string => name.replace(/^_/, "");

/** Which row a property has its value from. */
function rowOf({ on, name: found, value }: FoundLimit): RowName | undefined {
  const name = bare(found);
  const [serves, accepted] = [on.endsWith("server"), on.startsWith("accepted")];
  switch (name) {
    case "handshakeTimeout":
      return accepted ? "tlsHandshakeTimeoutMs" : "handshakesOpenMs";
    case "keepAliveTimeout":
      return serves ? "requestKeepAliveMs" : "socketIdleMs";
    case "timeout":
      // Of a server it would be in force from the first moment of each socket; here it is from its first request.
      return accepted && !on.endsWith("WebSocket") && value > 0 ? "requestIdleMs" : "socketIdleMs";
    case "maxHeaderSize":
      return serves ? "requestHeaderBytes" : "answerHeaderBytes";
    default:
      return ROW_OF[name];
  }
}

/** Rows that properties have their values from, wherever they are found. */
const ROW_OF: Readonly<Record<string, RowName>> = {
  "handshake-timeout": "tlsHandshakeTimeoutMs",
  headersTimeout: "requestHeadersTimeoutMs",
  requestTimeout: "requestTimeoutMs",
  keepAliveTimeoutBuffer: "requestKeepAliveExtraMs",
  connectionsCheckingInterval: "requestCheckMs",
  maxHeadersCount: "requestHeaders",
  maxHeaderPairs: "requestHeaders",
  maxRequestsPerSocket: "requestsPerSocket",
  sessionTimeout: "tlsResumeMs",
  keepAliveInitialDelay: "tcpKeepAliveMs",
  kSetKeepAliveInitialDelay: "tcpKeepAliveMs",
  maxPendingAutoPongs: "unansweredPings",
  closeTimeout: "closeTimeoutMs",
  maxBufferedChunks: "messageChunks",
  maxFragments: "messageFragments",
  maxPayload: "transportBytes",
  autoSelectFamilyAttemptTimeout: "addressAttemptMs",
};

/** Seconds are of TLS; a header is two strings to the parser. */
const TIMES: Readonly<Record<string, number>> = { sessionTimeout: 1000, maxHeaderPairs: 0.5 };

/** What limits nothing here, and why. */
const NOT_IN_FORCE: Readonly<Record<string, string>> = {
  maxRedirects: "redirects are not followed",
  keepAliveMsecs: "a request has an agent of its own, which keeps no connection",
  maxFreeSockets: "the same",
  agentKeepAliveTimeoutBuffer: "the same",
  maxCachedSessions: "the same",
  maxSockets: "without end",
  maxTotalSockets: "without end",
};

function peek(object: object, key: string | symbol): unknown {
  try {
    return Reflect.get(object, key);
  } catch {
    return undefined;
  }
}
