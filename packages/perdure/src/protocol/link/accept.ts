/**
 * The called side of the handshake, always a relay's: proves its id to whoever connects, makes the agent or relay that dialled
 * prove its own, asks `admit` what to say, and hands over the session. Every failure ends in a goodbye with a code.
 *
 * Who says it is a relay must have been certified as one, and must have meant this one: its mail may be from anybody.
 */

import { withDeadline } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import type { Connection } from "../../host/net.ts";
import type { OwnIdentity } from "../../identity/own-identity.ts";
import { type VerifiedIdentity, verifyBundle } from "../../identity/verify.ts";
import type { Settings } from "../../settings/register.ts";
import { type Bytes, equalBytes } from "../../wire/bytes.ts";
import {
  type Challenge,
  challenge,
  type Hello,
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
import { WIRE_VERSION } from "../../wire/limits.ts";
import { otherVersion, PEER_OF_OLDER } from "../../wire/version.ts";
import { goodbyeOf } from "./goodbyes.ts";
import { handshakeSigner } from "./peer-instance.ts";
import type { Rounds } from "./rounds.ts";
import { createSession, type Session } from "./session.ts";
import { challengeToSign, proofToSign, sessionTaggers } from "./transcript.ts";
import { createTransport, type Transport } from "./transport.ts";

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
}

/** Who dialled, as the handshake has proven it. */
export interface Proven {
  readonly agent: VerifiedIdentity;
  /** The instance that signed. */
  readonly instanceKey: Bytes;
  readonly proof: Proof;
  readonly role: Role;
}

export interface Accepted extends Proven {
  readonly session: Session;
}

/** Throws what the goodbye said: `bad-handshake`, `wrong-relay`, `timed-out`, `malformed`, ..., or what `admit` threw. */
export async function acceptSession(options: AcceptOptions): Promise<Accepted> {
  const { host, settings } = options;
  const transport = createTransport(options.connection);
  try {
    return await withDeadline(host.clock, { timeoutMs: settings.handshakeTimeoutMs, what: "the agent's side of the handshake" }, (signal) =>
      shakeHands(options, transport, signal),
    );
  } catch (error) {
    transport.end(goodbyeOf(error));
    throw error;
  }
}

async function shakeHands(options: AcceptOptions, transport: Transport, signal: AbortSignal): Promise<Accepted> {
  const { host, settings, own } = options;
  const { crypto, clock, random } = host;
  const helloBytes = await transport.next("hello");
  const offered = hello.decode(helloBytes);
  const mode = chooseMode(offered, transport.connection.local);
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
  const taggers =
    mode === "mac"
      ? sessionTaggers(
          crypto.hash,
          await crypto.encapsulation.agree(ephemeral, offered.ephemeralKey),
          helloBytes,
          challengeBytes,
          proofBytes,
        )
      : undefined;
  transport.protect({ sending: taggers?.relayToAgent, receiving: taggers?.agentToRelay });
  const nowMs = clock.wallMs();
  const agent =
    options.verify === undefined
      ? await verifyBundle(crypto, said.bundle, nowMs, offered.agentId)
      : await options.verify(said.bundle, offered.agentId, offered.role);
  const toSign = proofToSign(crypto.hash, helloBytes, challengeBytes, said);
  const { instanceKey } = await handshakeSigner(crypto, agent, scope, toSign, said.signature, nowMs);
  const proven: Proven = { agent, instanceKey, proof: said, role: offered.role };
  const says = await options.admit(proven, signal).catch((error: unknown) => {
    const newest = options.newest?.(proven, error);
    if (newest !== undefined) transport.send([{ name: "published", payload: newest }]);
    throw error;
  });
  if (signal.aborted) throw signal.reason;
  transport.send([{ name: "welcome", payload: welcome.encode(says) }]);
  const session = createSession({
    clock,
    transport,
    mode,
    side: "relay",
    silenceTimeoutMs: settings.silenceTimeoutMs,
    pingEveryMs: settings.pingEveryMs,
    rounds: options.rounds,
  });
  return { session, ...proven };
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
