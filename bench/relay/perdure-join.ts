/** One more agent of a benchmark on a connection that another one's handshake began: the words of the protocol, made by the product's own code. */
import type { Host } from "../../packages/perdure/src/host/host.ts";
import { joinToSign } from "../../packages/perdure/src/protocol/link/join-proof.ts";
import type { Bytes } from "../../packages/perdure/src/wire/bytes.ts";
import { goodbye, type Join, join, type Welcome, welcome } from "../../packages/perdure/src/wire/control.ts";
import { encodeTransport, FRAME_TYPES } from "../../packages/perdure/src/wire/frame.ts";
import type { ActingAgent } from "./agent-identities.ts";
import { type Carrier, TRANSPORT_HEADER_BYTES } from "./perdure-carrier.ts";

export interface JoinOptions {
  readonly host: Host;
  readonly carrier: Carrier;
  readonly channel: number;
  /** Of the connection's handshake. */
  readonly transcript: Bytes;
  readonly own: ActingAgent;
  readonly pass: Bytes;
}

export async function joinPerdure({ host, carrier, channel, transcript, own, pass }: JoinOptions): Promise<Welcome> {
  const unsigned: Join = {
    agentId: own.idRaw,
    bundle: own.bundle(),
    link: host.random.bytes(8),
    consume: true,
    haveGeneration: new Uint8Array(8),
    havePosition: 0,
    ticket: "",
    pass,
    signature: new Uint8Array(64),
    extensions: [],
  };
  const signature = await host.crypto.signatures.sign(own.instanceKey, joinToSign(host.crypto.hash, transcript, channel, unsigned));
  const welcomed = new Promise<Welcome>((resolve, reject) => {
    carrier.listen(channel, (type, bytes, payload, end) => {
      const said = new Uint8Array(bytes.subarray(payload, end));
      if (type === FRAME_TYPES.welcome) resolve(welcome.decode(said));
      else if (type === FRAME_TYPES.goodbye) reject(new Error(`the relay lets nobody join: ${goodbye.decode(said).why}`));
    });
  });
  const frames = [{ name: "join", payload: join.encode({ ...unsigned, signature }) }] as const;
  carrier.say(encodeTransport(frames, 0, undefined, [channel]).slice(TRANSPORT_HEADER_BYTES));
  return welcomed;
}
