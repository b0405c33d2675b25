/** What the port of a relay cuts that is not a session yet, or never becomes one: plain HTTP and what only opens a socket. */
import type { SettingDefinition } from "./definition.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const WEB_SERVER = {
  tlsHandshakeTimeoutMs: {
    value: 10 * SECOND,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE,
    reason: "Somebody who opens a connection with TLS must have agreed on keys within this time.",
  },
  requestHeadersTimeoutMs: {
    value: 10 * SECOND,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE,
    reason: "Somebody who opens a connection must say what he wants, a WebSocket or a page, within this time.",
  },
  requestTimeoutMs: {
    value: 30 * SECOND,
    unit: "ms",
    min: 100,
    max: HOUR,
    reason: "All of an HTTP request must have come within this time; does not concern WebSockets.",
  },
  requestKeepAliveMs: {
    value: 5 * SECOND,
    unit: "ms",
    min: 1,
    max: HOUR,
    reason: "How long an HTTP connection may wait for its next request; does not concern WebSockets.",
  },
  requestIdleMs: {
    value: MINUTE,
    unit: "ms",
    min: SECOND,
    max: HOUR,
    reason:
      "An HTTP connection that has asked for something and on which nothing moves, not even the answer being read, is cut; does not concern WebSockets.",
  },
  requestHeaderBytes: {
    value: 16 * 1024,
    unit: "bytes",
    min: 4 * 1024,
    max: 1024 * 1024,
    reason: "Headers of one HTTP request; more are answered 431.",
  },
  plainSockets: {
    value: 1024,
    unit: "connections",
    min: 1,
    max: 1_000_000,
    reason: "Sockets that are no WebSocket yet; beyond it the oldest is cut: idle ones never use up what a process may open.",
  },
  listenBacklog: {
    value: 511,
    unit: "connections",
    min: 1,
    max: 65_535,
    reason: "Connections the system may hold for a relay that is busy; it may allow fewer, and refuses more.",
  },
} as const satisfies Readonly<Record<string, SettingDefinition>>;
