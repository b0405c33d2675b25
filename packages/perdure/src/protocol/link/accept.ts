/**
 * The called side of the handshake, always a relay's: proves its id to whoever connects, makes the agent or relay that dialled
 * prove its own, asks `admit` what to say, and hands over the session. Every failure ends in a goodbye with a code.
 *
 * Who says it is a relay must have been certified as one, and must have meant this one: its mail may be from anybody.
 * Where the welcome says so, more agents join the connection of an agent: each proves its own id, and the relay need not do it again.
 */

import { withDeadline } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import type { Connection } from "../../host/net.ts";
import type { OwnIdentity } from "../../identity/own-identity.ts";
import { type VerifiedIdentity, verifyBundle } from "../../identity/verify.ts";
import type { Settings } from "../../settings/register.ts";
import { type Bytes, equalBytes, fromHex, hex } from "../../wire/bytes.ts";
import {
  type Challenge,
  challenge,
  type Hello,
  hello,
  join,
  type Proof,
  proof,
  type Role,
  type SessionMode,
  type Welcome,
  welcome,
} from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import { agentIdText } from "../../wire/ids.ts";
import { WIRE_VERSION } from "../../wire/limits.ts";
import { otherVersion, PEER_OF_OLDER } from "../../wire/version.ts";
import { goodbyeOf } from "./goodbyes.ts";
import { joinToSign, sharedBy } from "./join-proof.ts";
import { handshakeSigner } from "./peer-instance.ts";
import type { Rounds } from "./rounds.ts";
import { createSession, type Session } from "./session.ts";
import { type Channel, createSharedTransport, type Joinable, type SharedTransport } from "./shared-transport.ts";
import { challengeToSign, proofToSign, sessionTaggers, transcriptOf } from "./transcript.ts";
import type { Transport } from "./transport.ts";

export interface AcceptOptions {
  readonly host: Pick<Host, "clock" | "random" | "crypto">;
  readonly settings: Settings;
  readonly connection: Connection;
  /** As of {@link silenceRounds}, for all sessions of a relay. */
  readonly rounds?: Rounds | undefined;
  readonly own: OwnIdentity;
  /** Verifies the bundle of who dials, instead of `verifyBundle`: whoever keeps bundles need not verify the same one twice. */
  readonly verify?: (bundle: Bytes, idRaw: Bytes, role: Role) => Promise<VerifiedIdentity>;
  /**
   * Called once the other side has proven who it is, and with role `relay` that it is one. What it returns is sent before anything else of this session; what it throws
   * becomes the goodbye. The signal fires when the handshake has ended without it.
   */
  readonly admit: (proven: Proven, signal: AbortSignal) => Promise<Welcome>;
  /** What `published` says to who was refused with that error, before the goodbye; `undefined` for nothing. */
  readonly newest?: (proven: Proven, error: unknown) => Bytes | undefined;
  /** Somebody joins the connection of an agent whose welcome allowed it. Whoever is not taken by {@link acceptJoin} must be sent away. */
  readonly onJoin?: (joining: Joining) => void;
}

/** Who has begun to join a connection. */
export interface Joining extends Channel {
  readonly connection: SharedTransport;
  readonly mode: SessionMode;
  /** Of the handshake of the connection. */
  readonly transcript: Bytes;
}

/** Who dialled, as the handshake has proven it. */
export interface Proven {
  readonly agent: VerifiedIdentity;
  /** The instance that signed. */
  readonly instanceKey: Bytes;
  readonly proof: Pick<Proof, "link" | "consume" | "haveGeneration" | "havePosition" | "ticket" | "pass">;
  readonly role: Role;
}

export interface Accepted extends Proven {
  readonly session: Session;
}

/** Throws what the goodbye said: `bad-handshake`, `wrong-relay`, `timed-out`, `malformed`, ..., or what `admit` threw. */
export async function acceptSession(options: AcceptOptions): Promise<Accepted> {
  const transport = createSharedTransport(options.connection);
  return orSayGoodbye(options, transport, (signal) => shakeHands(options, transport, signal));
}

/** The same for one that joins; the session is over its own channel, and so is the goodbye. */
export async function acceptJoin(options: Shaking, joining: Joining): Promise<Accepted> {
  const { host } = options;
  const { transport, transcript, number, mode } = joining;
  return orSayGoodbye(options, transport, async (signal) => {
    const said = join.decode(await transport.next("join"));
    transport.protect({ sending: undefined, receiving: undefined });
    const agent = await verified(options, said.bundle, said.agentId, "agent");
    const toSign = joinToSign(host.crypto.hash, transcript, number, said);
    const { instanceKey } = await handshakeSigner(host.crypto, agent, "mail", toSign, said.signature, host.clock.wallMs());
    const proven: Proven = { agent, instanceKey, proof: said, role: "agent" };
    const { session } = await welcomed(options, transport, proven, mode, signal);
    return { session, ...proven };
  });
}

type Shaking = Omit<AcceptOptions, "connection" | "onJoin">;

async function orSayGoodbye(options: Shaking, transport: Transport, shake: (signal: AbortSignal) => Promise<Accepted>): Promise<Accepted> {
  const timeoutMs = options.settings.handshakeTimeoutMs;
  try {
    return await withDeadline(options.host.clock, { timeoutMs, what: "the agent's side of the handshake" }, shake);
  } catch (error) {
    transport.end(goodbyeOf(error));
    throw error;
  }
}

async function shakeHands(options: AcceptOptions, transport: SharedTransport, signal: AbortSignal): Promise<Accepted> {
  const { host, own } = options;
  const { crypto, clock, random } = host;
  const helloBytes = await transport.next("hello");
  const offered = hello.decode(helloBytes);
  const mode = chooseMode(offered, transport.local);
  refuseOtherRelay(offered, own);
  const scope = offered.role === "relay" ? "relay" : "mail";
  const ephemeral = await crypto.encapsulation.load(random.bytes(32));
  const unsigned: Challenge = {
    version: WIRE_VERSION,
    mode,
    relayId: own.idRaw,
    nonce: random.bytes(32),
    ephemeralKey: ephemeral.publicKey,
    relayTimeMs: clock.wallMs(),
    bundle: own.bundle(),
    signature: new Uint8Array(64),
    extensions: [],
  };
  const signature = await crypto.signatures.sign(own.instanceKey, challengeToSign(crypto.hash, helloBytes, unsigned));
  const challengeBytes = challenge.encode({ ...unsigned, signature });
  transport.send([{ name: "challenge", payload: challengeBytes }]);

  const proofBytes = await transport.next("proof");
  const said = proof.decode(proofBytes);
  const transcript = transcriptOf(crypto.hash, helloBytes, challengeBytes, proofBytes);
  const taggers =
    mode === "mac" ? sessionTaggers(crypto.hash, await crypto.encapsulation.agree(ephemeral, offered.ephemeralKey), transcript) : undefined;
  transport.protect({ sending: taggers?.relayToAgent, receiving: taggers?.agentToRelay });
  const agent = await verified(options, said.bundle, offered.agentId, offered.role);
  const toSign = proofToSign(crypto.hash, helloBytes, challengeBytes, said);
  const { instanceKey } = await handshakeSigner(crypto, agent, scope, toSign, said.signature, clock.wallMs());
  const proven: Proven = { agent, instanceKey, proof: said, role: offered.role };
  const { session, says } = await welcomed(options, transport, proven, mode, signal);
  const { onJoin } = options;
  if (onJoin !== undefined && sharedBy(says) > 1) transport.admit(new Door(onJoin, transport, mode, hex(transcript)));
  return { session, ...proven };
}

/** What is kept of every connection for those who may join: a class is half of what a function is, and a transcript as text a third of its bytes. */
class Door implements Joinable {
  readonly #onJoin: (joining: Joining) => void;
  readonly #connection: SharedTransport;
  readonly #mode: SessionMode;
  readonly #transcript: string;

  constructor(onJoin: (joining: Joining) => void, connection: SharedTransport, mode: SessionMode, transcript: string) {
    this.#onJoin = onJoin;
    this.#connection = connection;
    this.#mode = mode;
    this.#transcript = transcript;
  }

  joined(channel: Channel): void {
    this.#onJoin({ ...channel, connection: this.#connection, mode: this.#mode, transcript: fromHex(this.#transcript) as Bytes });
  }
}

async function verified({ host, verify }: Shaking, bundle: Bytes, idRaw: Bytes, role: Role): Promise<VerifiedIdentity> {
  return verify === undefined ? await verifyBundle(host.crypto, bundle, host.clock.wallMs(), idRaw) : await verify(bundle, idRaw, role);
}

/** Says welcome to whoever has proven who it is, or what is known of it and why not. */
async function welcomed(
  { host, settings, rounds, admit, newest }: Shaking,
  transport: Transport,
  proven: Proven,
  mode: SessionMode,
  signal: AbortSignal,
): Promise<{ readonly session: Session; readonly says: Welcome }> {
  const says = await admit(proven, signal).catch((error: unknown) => {
    const held = newest?.(proven, error);
    if (held !== undefined) transport.send([{ name: "published", payload: held }]);
    throw error;
  });
  if (signal.aborted) throw signal.reason;
  transport.send([{ name: "welcome", payload: welcome.encode(says) }]);
  const { silenceTimeoutMs, pingEveryMs } = settings;
  return { session: createSession({ clock: host.clock, transport, mode, side: "relay", silenceTimeoutMs, pingEveryMs, rounds }), says };
}

/** Unprotected only where both ends are on one machine; the agent offers it only when it sees that too. */
function chooseMode(offered: Hello, local: boolean): SessionMode {
  if (!offered.versions.includes(WIRE_VERSION)) {
    throw otherVersion({ what: "what was offered to this relay", found: Math.max(0, ...offered.versions), older: PEER_OF_OLDER });
  }
  if (local && offered.modes.includes("none")) return "none";
  if (offered.modes.includes("mac")) return "mac";
  throw new PerdureError("bad-handshake", "no mode was offered that this connection may use", {
    hint: "Mode none is for connections that stay on one machine.",
  });
}

function refuseOtherRelay(offered: Hello, own: OwnIdentity): void {
  if (offered.role === "relay" && equalBytes(offered.agentId, own.idRaw))
    throw new PerdureError("peer-forbidden", "a relay does not talk to itself", { hint: "A route names another relay's id." });
  const unnamed = offered.expectedRelayId.every((byte) => byte === 0);
  if (unnamed && offered.role === "relay") throw new PerdureError("bad-handshake", "a relay says which relay it means");
  if (unnamed || equalBytes(offered.expectedRelayId, own.idRaw)) return;
  throw new PerdureError("wrong-relay", `relay ${own.id} answers where ${agentIdText(offered.expectedRelayId)} was expected`, {
    hint: "Check the address; if the relay was set up anew, its owner can tell you the new address.",
  });
}
