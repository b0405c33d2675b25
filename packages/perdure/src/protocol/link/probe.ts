/**
 * Asks a relay to prove who it is, and goes: the first half of a handshake, for whoever wants to know whether a relay is there
 * and has no business with it. The relay learns nothing but that somebody asked.
 */
import { withDeadline } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import { type VerifiedIdentity, verifyBundle } from "../../identity/verify.ts";
import type { Settings } from "../../settings/register.ts";
import { type Bytes, equalBytes } from "../../wire/bytes.ts";
import { challenge, hello, type SessionMode } from "../../wire/control.ts";
import { MAX_TRANSPORT_BYTES, WIRE_VERSION } from "../../wire/limits.ts";
import { refuseUnoffered, wrongRelay } from "./connect.ts";
import { goodbyeFor, goodbyeOf } from "./goodbyes.ts";
import { handshakeSigner } from "./peer-instance.ts";
import { challengeToSign } from "./transcript.ts";
import { createTransport } from "./transport.ts";

export interface Probed {
  readonly relay: VerifiedIdentity;
  /** From the question to the signed answer, in milliseconds. */
  readonly roundTripMs: number;
  /** The relay's clock minus this one's, in milliseconds, to half a round trip. */
  readonly clockOffsetMs: number;
}

export interface ProbeOptions {
  readonly host: Pick<Host, "clock" | "random" | "net" | "crypto">;
  readonly settings: Settings;
  /** `ws:` or `wss:`, without a fragment. */
  readonly url: string;
  /** The id the relay must prove (32 bytes), or `undefined` to take whoever answers. */
  readonly relayIdRaw: Bytes | undefined;
  readonly signal?: AbortSignal | undefined;
}

const NO_RELAY_ID = new Uint8Array(32);

/** Throws what `connectSession` throws before a relay is told anything; a relay refuses nobody at this stage but under load. */
export async function probeRelay({ host, settings, url, relayIdRaw, signal }: ProbeOptions): Promise<Probed> {
  const { clock, crypto, random, net } = host;
  const connection = await net.dial(url, {
    timeoutMs: settings.dialTimeoutMs,
    maxMessageBytes: MAX_TRANSPORT_BYTES,
    ...(signal === undefined ? {} : { signal }),
  });
  const transport = createTransport(connection);
  const ask = async (): Promise<Probed> => {
    const ephemeral = await crypto.encapsulation.load(random.bytes(32));
    const modes: readonly SessionMode[] = transport.local ? ["none", "mac"] : ["mac"];
    const helloBytes = hello.encode({
      versions: [WIRE_VERSION],
      modes,
      role: "agent",
      agentId: random.bytes(32),
      expectedRelayId: relayIdRaw ?? NO_RELAY_ID,
      nonce: random.bytes(32),
      ephemeralKey: ephemeral.publicKey,
      extensions: [],
    });
    const [askedAtMs, startMs] = [clock.wallMs(), clock.monotonicMs()];
    transport.send([{ name: "hello", payload: helloBytes }]);
    const challenged = challenge.decode(await transport.next("challenge"));
    const nowMs = clock.wallMs();
    const roundTripMs = clock.monotonicMs() - startMs;
    refuseUnoffered(challenged, modes);
    if (relayIdRaw !== undefined && !equalBytes(relayIdRaw, challenged.relayId)) throw wrongRelay(relayIdRaw, challenged.relayId);
    const relay = await verifyBundle(crypto, challenged.bundle, nowMs, challenged.relayId);
    await handshakeSigner(crypto, relay, "relay", challengeToSign(crypto.hash, helloBytes, challenged), challenged.signature, nowMs);
    return { relay, roundTripMs, clockOffsetMs: Math.round(challenged.relayTimeMs - (askedAtMs + nowMs) / 2) };
  };
  try {
    const probed = await withDeadline(clock, { timeoutMs: settings.handshakeTimeoutMs, what: `${url} to prove who it is`, signal }, ask);
    transport.end(goodbyeFor("aborted", "only wanted to know who answers"));
    return probed;
  } catch (error) {
    transport.end(goodbyeOf(error));
    throw error;
  }
}
