/**
 * Waits and limits in force that nobody can set: part of the wire, of a library, or too small to be anybody's business. They are
 * listed with the settings, so that whatever ends somebody's work has a name. What is inherited from Node or a library is passed to
 * it all the same wherever it takes it, and a test compares live servers and sockets with these rows.
 */
import { MAX_CONTROL_BYTES, MAX_ENVELOPE_BODY_BYTES, MAX_EXPIRY_MS, MAX_MESSAGE_BYTES, MAX_TRANSPORT_BYTES } from "../wire/limits.ts";
import type { Unit } from "./definition.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export interface FixedDefinition {
  readonly value: number;
  readonly unit: Unit;
  readonly reason: string;
}

const define = <const Definitions extends Readonly<Record<string, FixedDefinition>>>(definitions: Definitions): Definitions => definitions;

export const FIXED = define({
  // The wire
  transportBytes: { value: MAX_TRANSPORT_BYTES, unit: "bytes", reason: "Largest transport message; a larger one closes its connection." },
  envelopeBodyBytes: { value: MAX_ENVELOPE_BODY_BYTES, unit: "bytes", reason: "Largest body of one envelope; messages travel in parts." },
  messageBytes: { value: MAX_MESSAGE_BYTES, unit: "bytes", reason: "Largest message; `send` refuses a larger one." },
  controlBytes: { value: MAX_CONTROL_BYTES, unit: "bytes", reason: "Largest control frame and record." },
  expiryMs: { value: MAX_EXPIRY_MS, unit: "ms", reason: "Nothing may ask to wait longer than this." },
  // Connections
  closeTimeoutMs: {
    value: 2 * SECOND,
    unit: "ms",
    reason: "A peer that has not taken what is queued and answered the close by then is cut.",
  },
  handshakesOpenMs: {
    value: 0,
    unit: "ms",
    reason: "0: the WebSocket library's own limit on opening a connection is off; dialTimeoutMs is in force.",
  },
  messageFragments: {
    value: 1024,
    unit: "frames",
    reason: "Pieces one transport message may come in; more close its connection. Perdure itself sends one.",
  },
  messageChunks: {
    value: 65_536,
    unit: "frames",
    reason: "Reads from the socket one piece of a message may take; more close its connection.",
  },
  unansweredPings: {
    value: 60,
    unit: "frames",
    reason: "WebSocket pings whose answers wait because the other side does not read; more close its connection. Perdure sends none.",
  },
  tcpKeepAliveMs: {
    value: 0,
    unit: "ms",
    reason: "0: the system's probes of idle connections are off; sessions ping by themselves (pingEveryMs).",
  },
  socketIdleMs: { value: 0, unit: "ms", reason: "0: no socket of a session is cut because it was idle; silenceTimeoutMs is in force." },
  addressAttemptMs: {
    value: SECOND,
    unit: "ms",
    reason: "How long one of several addresses of a name is tried before the next one; the last one has until dialTimeoutMs.",
  },
  // HTTP at the port of a relay, and HTTP asked of others
  requestCheckMs: { value: 2 * SECOND, unit: "ms", reason: "Late HTTP requests are noticed at most this much after their time." },
  requestKeepAliveExtraMs: {
    value: SECOND,
    unit: "ms",
    reason: "Added to requestKeepAliveMs, so that a request sent at the last moment is still answered.",
  },
  requestHeaders: { value: 200, unit: "fields", reason: "Header fields of one HTTP request that are read; the rest is ignored." },
  requestsPerSocket: { value: 0, unit: "requests", reason: "0: a connection may carry any number of HTTP requests, one after the other." },
  requestLeftoverMs: {
    value: 500,
    unit: "ms",
    reason: "What is left of a body that was not wanted is read away for this long, then its connection is cut.",
  },
  requestLeftoverBytes: { value: 64 * 1024 * 1024, unit: "bytes", reason: "The same by size." },
  answerHeaderBytes: {
    value: 16 * 1024,
    unit: "bytes",
    reason: "Headers of an answer another server gives; a longer one counts as no answer.",
  },
  tlsResumeMs: {
    value: 300 * SECOND,
    unit: "ms",
    reason: "How long a client may take up TLS keys again without agreeing on new ones; no connection ends by it.",
  },
  // Agents and relays
  verdictGraceMs: {
    value: 60 * SECOND,
    unit: "ms",
    reason: "How much later than expiry and unconfirmedAfterMs `until` still waits for a message's end: the agent's own clockwork.",
  },
  lateProofMs: {
    value: MINUTE,
    unit: "ms",
    reason: "A relay's proof that it stored mail in time may come this much after the end of the sender's certificate.",
  },
  frozenAskMaxMs: {
    value: HOUR,
    unit: "ms",
    reason: "Longest pause before the relay of a frozen agent that mail waits for is asked again.",
  },
  sealedBySecret: {
    value: 1024,
    unit: "messages",
    reason: "Parts of messages to one agent that share an encapsulated key; then the sender makes another.",
  },
  sealingSecretMs: {
    value: 10 * MINUTE,
    unit: "ms",
    reason: "Longest that an encapsulated key is used, and that either end keeps in memory what it stands for.",
  },
  lastMileMs: { value: SECOND, unit: "ms", reason: "What an agent that is closed still gives mail under way to reach its relay." },
  takeoverPauseMs: {
    value: SECOND,
    unit: "ms",
    reason: "A process that takes over a folder hands out no mail before others there could claim what they are working on.",
  },
  inviteMs: { value: 7 * 24 * HOUR, unit: "ms", reason: "How long an invite is good for when the caller does not say." },
  receiptMs: { value: HOUR, unit: "ms", reason: "A receipt may wait for its reader this much longer than the message it is about." },
  askedPauseMs: { value: HOUR, unit: "ms", reason: "No pause a relay asks for is kept longer than this before it is tried again." },
  blockedPauseMs: { value: HOUR, unit: "ms", reason: "Somebody who was turned away is asked not to come again before." },
  fullPauseMs: { value: 5 * SECOND, unit: "ms", reason: "Mail for a mailbox that is full or not there is asked back after this." },
  certificateEarlierMs: {
    value: 10 * MINUTE,
    unit: "ms",
    reason: "Certificates begin this long before they were made, so that peers with slow clocks take them at once.",
  },
  logCloseMs: { value: 5 * SECOND, unit: "ms", reason: "A disk that hangs keeps a process from ending no longer than this." },
  // Processes of one machine
  backupHoldMs: {
    value: 10 * SECOND,
    unit: "ms",
    reason: "A relay whose disk does not begin a new file by then makes no backup; whoever asks is told before the call ends.",
  },
  backupLeaseMs: {
    value: MINUTE,
    unit: "ms",
    reason: "A relay keeps files for a backup that says nothing any more no longer than this.",
  },
  ownerCallMs: {
    value: 15 * SECOND,
    unit: "ms",
    reason: "What a relay's owner asks it on its machine is answered by then, or called off.",
  },
  toolStoredMs: { value: 3 * SECOND, unit: "ms", reason: "How long an MCP tool that sends waits to be able to say that the relay has it." },
  toolReceiptMs: {
    value: 500,
    unit: "ms",
    reason: "How long an MCP tool that traces a message waits for a receipt that has just arrived.",
  },
  toolAskMs: { value: 45 * SECOND, unit: "ms", reason: "How long an MCP tool that asks waits unless told: clients give a tool 60 s." },
  toolAcceptMs: { value: 30 * SECOND, unit: "ms", reason: "How long an MCP tool that accepts an invite waits for the answer." },
  abandonedSocketMs: {
    value: SECOND,
    unit: "ms",
    reason: "Finding out whether anybody still listens on a socket file takes no longer than this.",
  },
  processKillMs: {
    value: 2 * SECOND,
    unit: "ms",
    reason: "A program started here that was asked to end and has not is killed after this.",
  },
});

export type FixedName = keyof typeof FIXED;
