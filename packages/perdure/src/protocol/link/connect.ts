/**
 * The dialling side of the handshake, an agent's or a relay's: dials a relay, makes it prove its id, proves its own, and hands
 * over the session.
 */

import { withDeadline } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import type { Connection } from "../../host/net.ts";
import type { OwnIdentity } from "../../identity/own-identity.ts";
import { type VerifiedIdentity, verifyBundle } from "../../identity/verify.ts";
import { type NegotiatedSettings, SETTINGS, type Settings } from "../../settings/register.ts";
import { type Bytes, EMPTY, equalBytes } from "../../wire/bytes.ts";
import {
  type Challenge,
  challenge,
  hello,
  type Proof,
  proof,
  type Role,
  type SessionMode,
  type Welcome,
  welcome,
} from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import { agentIdText } from "../../wire/ids.ts";
import { MAX_TRANSPORT_BYTES, WIRE_VERSION } from "../../wire/limits.ts";
import { otherVersion, PEER_OF_OLDER } from "../../wire/version.ts";
import { goodbyeOf } from "./goodbyes.ts";
import { type LineMeter, measureLine } from "./line-meter.ts";
import { handshakeSigner } from "./peer-instance.ts";
import { createSession, type Session } from "./session.ts";
import { challengeToSign, proofToSign, sessionTaggers, transcriptOf } from "./transcript.ts";
import { createTransport, type Transport } from "./transport.ts";

export interface ConnectOptions {
  readonly host: Pick<Host, "clock" | "random" | "net" | "crypto">;
  readonly settings: Settings;
  /** `ws:` or `wss:`, without a fragment. */
  readonly url: string;
  /** The id the relay must prove (32 bytes), or `undefined` to take whoever answers. */
  readonly relayIdRaw: Bytes | undefined;
  readonly own: OwnIdentity;
  /** `relay`: one relay dials another, whose id must be known. `agent` unless it says so. */
  readonly role?: Role;
  /** 8 bytes drawn at this opening of the outbox. */
  readonly link: Bytes;
  /** Whether this session consumes the mailbox; fences the one that did. */
  readonly consume: boolean;
  /** For a relay that asks for one at the first registration. */
  readonly ticket?: string | undefined;
  /**
   * The newest attach pass that instance has from that relay. Asked for the instance that signs, at that moment: keys may be replaced
   * while the session begins, and another instance's pass is taken for a copy's.
   */
  readonly pass?: ((instanceKey: Bytes) => Bytes) | undefined;
  /** Dials no address of this machine or of a private network: for addresses that somebody else named. */
  readonly publicOnly?: boolean;
  /** The last position on the agent's own disk; 8 zero bytes and 0 when there is none. */
  readonly have: { readonly generation: Bytes; readonly position: number };
  readonly signal?: AbortSignal | undefined;
  /** Keeps the line alive at least this often, whatever the settings and the relay say. */
  readonly keepAliveMs?: number | undefined;
  /** Called once the relay has proven its id: what ends the handshake from here on is its own word. */
  readonly onProven?: () => void;
  /** What the relay holds of this agent, said instead of a welcome to an instance that may not act for it any more. */
  readonly onPublished?: (payload: Bytes) => void;
  /** For a connection that other agents may share. */
  readonly carry?: (connection: Connection) => Transport;
}

export interface Connected {
  readonly session: Session;
  readonly welcome: Welcome;
  readonly relay: VerifiedIdentity;
  /** The instance of it that signed. */
  readonly relayInstanceKey: Bytes;
  /** The relay's clock minus this one's, in milliseconds, to half a round trip. */
  readonly clockOffsetMs: number;
  readonly negotiated: NegotiatedSettings;
  /** Of the handshake, for whoever joins the connection. */
  readonly transcript: Bytes;
  /** What the connection lives through, from its opening. */
  readonly line: LineMeter;
}

const NO_RELAY_ID = new Uint8Array(32);

/**
 * Throws `relay-unreachable`, `timed-out`, `aborted`, `wrong-relay`, `bad-handshake`, `bad-signature`, `certificate-expired`,
 * `needs-older-version`, `needs-newer-version`, or whatever the relay's goodbye says (`name-taken`, `too-busy`, `relay-draining`, ...).
 */
export async function connectSession(options: ConnectOptions): Promise<Connected> {
  const { host, settings, url, signal } = options;
  if (options.role === "relay" && options.relayIdRaw === undefined)
    throw new PerdureError("bad-argument", "a relay dials only a relay whose id it knows");
  const connection = await host.net.dial(url, {
    timeoutMs: settings.dialTimeoutMs,
    maxMessageBytes: MAX_TRANSPORT_BYTES,
    ...(signal === undefined ? {} : { signal }),
    ...(options.publicOnly === true ? { publicOnly: true } : {}),
  });
  let pingEveryMs = settings.pingEveryMs;
  const line = measureLine(connection, host.clock, () => pingEveryMs);
  const transport = (options.carry ?? createTransport)(line.connection);
  try {
    const connected = await withDeadline(
      host.clock,
      {
        timeoutMs: settings.handshakeTimeoutMs,
        what: `the handshake with ${url}`,
        hint: "The relay answers but does not finish; it may be overloaded.",
        signal,
      },
      () => shakeHands(options, transport),
    );
    pingEveryMs = connected.negotiated.pingEveryMs;
    return { ...connected, line };
  } catch (error) {
    transport.end(goodbyeOf(error));
    throw error;
  }
}

async function shakeHands(options: ConnectOptions, transport: Transport): Promise<Omit<Connected, "line">> {
  const { host, own, relayIdRaw } = options;
  const { crypto, clock, random } = host;
  const modes: readonly SessionMode[] = transport.local ? ["none", "mac"] : ["mac"];
  const ephemeral = await crypto.encapsulation.load(random.bytes(32));
  const helloBytes = hello.encode({
    versions: [WIRE_VERSION],
    modes,
    role: options.role ?? "agent",
    agentId: own.idRaw,
    expectedRelayId: relayIdRaw ?? NO_RELAY_ID,
    nonce: random.bytes(32),
    ephemeralKey: ephemeral.publicKey,
    extensions: [],
  });
  const askedAtMs = clock.wallMs();
  transport.send([{ name: "hello", payload: helloBytes }]);
  const challengeBytes = await transport.next("challenge");
  const nowMs = clock.wallMs();
  const challenged = challenge.decode(challengeBytes);
  refuseUnoffered(challenged, modes);
  if (relayIdRaw !== undefined && !equalBytes(relayIdRaw, challenged.relayId)) throw wrongRelay(relayIdRaw, challenged.relayId);
  const relay = await verifyBundle(crypto, challenged.bundle, nowMs, challenged.relayId);
  const toVerify = challengeToSign(crypto.hash, helloBytes, challenged);
  const { instanceKey: relayInstanceKey } = await handshakeSigner(crypto, relay, "relay", toVerify, challenged.signature, nowMs);

  const unsigned: Proof = saidOf(options, own.instanceKey.publicKey);
  const signature = await crypto.signatures.sign(own.instanceKey, proofToSign(crypto.hash, helloBytes, challengeBytes, unsigned));
  const proofBytes = proof.encode({ ...unsigned, signature });
  const transcript = transcriptOf(crypto.hash, helloBytes, challengeBytes, proofBytes);
  const taggers =
    challenged.mode === "mac"
      ? sessionTaggers(crypto.hash, await crypto.encapsulation.agree(ephemeral, challenged.ephemeralKey), transcript)
      : undefined;
  transport.send([{ name: "proof", payload: proofBytes }]);
  transport.protect({ sending: taggers?.agentToRelay, receiving: taggers?.relayToAgent });
  options.onProven?.();
  const begun = await beWelcomed(options, transport, challenged.mode);
  const clockOffsetMs = Math.round(challenged.relayTimeMs - (askedAtMs + nowMs) / 2);
  return { ...begun, relay, relayInstanceKey, clockOffsetMs, transcript };
}

/** What whoever begins a session says of itself, before it is signed with that key. */
export function saidOf({ own, link, consume, have, ticket, pass }: ConnectOptions, instanceKey: Bytes): Proof {
  return {
    bundle: own.bundle(),
    link,
    consume,
    haveGeneration: have.generation,
    havePosition: have.position,
    ticket: ticket ?? "",
    pass: pass?.(instanceKey) ?? EMPTY,
    signature: new Uint8Array(64),
    extensions: [],
  };
}

/** The session, once the relay has said welcome. */
export async function beWelcomed(
  {
    host,
    settings,
    keepAliveMs,
    onPublished,
  }: Pick<ConnectOptions, "settings" | "keepAliveMs" | "onPublished"> & {
    readonly host: Pick<Host, "clock">;
  },
  transport: Transport,
  mode: SessionMode,
): Promise<Pick<Connected, "session" | "welcome" | "negotiated">> {
  const welcomed = welcome.decode(await transport.next("welcome", onPublished && { name: "published", take: onPublished }));
  const pingEveryMs = Math.max(
    SETTINGS.pingEveryMs.min,
    Math.min(settings.pingEveryMs, welcomed.pingEveryMs, keepAliveMs ?? settings.pingEveryMs),
  );
  const { silenceTimeoutMs } = settings;
  const session = createSession({ clock: host.clock, transport, mode, side: "agent", silenceTimeoutMs, pingEveryMs });
  const negotiated = {
    pingEveryMs,
    windowFrames: Math.max(1, Math.min(settings.windowFrames, welcomed.windowFrames)),
    windowBytes: Math.max(1, Math.min(settings.windowBytes, welcomed.windowBytes)),
  };
  return { session, welcome: welcomed, negotiated };
}

/** `needs-older-version`, `needs-newer-version`, or `bad-handshake` unless a relay chose of what it was offered. */
export function refuseUnoffered({ version, mode }: Pick<Challenge, "version" | "mode">, modes: readonly SessionMode[]): void {
  if (version !== WIRE_VERSION) throw otherVersion({ what: "the relay's challenge", found: version, older: PEER_OF_OLDER });
  if (!modes.includes(mode)) throw new PerdureError("bad-handshake", `the relay chose mode ${mode}, which was not offered`);
}

/** Whoever answers is another relay than the one that is meant. */
export function wrongRelay(expected: Bytes, answered: Bytes): PerdureError {
  return new PerdureError("wrong-relay", `relay ${agentIdText(answered)} answers where ${agentIdText(expected)} was expected`, {
    hint: "Check the address; if the relay was set up anew, its owner can tell you the new address.",
  });
}
