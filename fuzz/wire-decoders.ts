/** Decoders of what travels: every shape, and the fixed layouts. */
import { createMessageReader, lengthPrefix } from "../packages/perdure/src/host/node/length-prefixed.ts";
import { type Bytes, concat, equalBytes, utf8 } from "../packages/perdure/src/wire/bytes.ts";
import { decodeAck, decodeDeliver, decodeMail, encodeAck, encodeDeliver, encodeMail } from "../packages/perdure/src/wire/control.ts";
import { decodeEnvelope, encodeEnvelope } from "../packages/perdure/src/wire/envelope.ts";
import { type ChannelFrame, decodeTransport, encodeTransport, type Tagger } from "../packages/perdure/src/wire/frame.ts";
import { DOMAINS } from "../packages/perdure/src/wire/identity.ts";
import { agentIdText } from "../packages/perdure/src/wire/ids.ts";
import {
  decodeLocalCall,
  decodeLocalFailure,
  decodeLocalHello,
  decodeLocalPiece,
  encodeLocalCall,
  encodeLocalFailure,
  encodeLocalHello,
  encodeLocalPiece,
} from "../packages/perdure/src/wire/local.ts";
import {
  decodeOwnerAnswer,
  decodeOwnerCall,
  encodeOwnerCall,
  encodeOwnerError,
  encodeOwnerResult,
} from "../packages/perdure/src/wire/owner-calls.ts";
import { decodeBackupList, encodeBackupList } from "../packages/perdure/src/wire/relay-backup.ts";
import { listShapes } from "../packages/perdure/src/wire/shapes.ts";
import type { CaseSeeds } from "./case-seeds.ts";
import type { Decoder } from "./decoder.ts";

/** Inputs of shapes and small messages; their own limits are tried by the case files. */
const SMALL_BYTES = 24 * 1024;
const TAG: Bytes = new Uint8Array(16).fill(0x7a);
const NO_HASH = (): Bytes => new Uint8Array(32);

export function shapeDecoders(seeds: CaseSeeds): readonly Decoder[] {
  const words = Object.values(DOMAINS);
  return listShapes().map((shape) => ({
    name: `shape ${shape.name}`,
    take: (input) => shape.encode(shape.decode(input)),
    seeds: seeds.ofShape(shape.name),
    words,
    maxBytes: Math.min(shape.maxBytes + 8, SMALL_BYTES),
  }));
}

export function layoutDecoders(seeds: CaseSeeds): readonly Decoder[] {
  const tagger: Tagger = () => TAG;
  const transports = seeds.ofFile("frames", ["bytes"], "transport");
  return [
    {
      name: "envelope",
      take: (input) => {
        const { bytes: _, digest, body, ...header } = decodeEnvelope(input);
        const again = encodeEnvelope(header, body, NO_HASH).bytes;
        // The digest is copied, not judged, where an envelope is read.
        again.set(digest, 112);
        return again;
      },
      seeds: seeds.ofFile("envelope", ["bytes"]),
      maxBytes: 4096,
      share: 2,
    },
    {
      name: "transport message",
      take: (input) => again(decodeTransport(input, 0)),
      seeds: transports,
      maxBytes: SMALL_BYTES,
      share: 2,
    },
    {
      name: "transport message with a tag",
      take: (input) => again(decodeTransport(input, 0, tagger), tagger),
      seeds: transports.map((each) => (each[1] === 1 ? withTag(each) : concat(each.slice(0, 1), Uint8Array.of(1), TAG, each.slice(2)))),
      repair: withTag,
      maxBytes: SMALL_BYTES,
    },
    {
      name: "mail frame",
      take: (input) => encodeMail(decodeMail(input)),
      seeds: seeds.ofFile("frames", ["bytes"], "mail"),
      maxBytes: 2048,
    },
    {
      name: "deliver frame",
      take: (input) => encodeDeliver(decodeDeliver(input)),
      seeds: seeds.ofFile("frames", ["bytes"], "deliver"),
      maxBytes: 2048,
    },
    { name: "ack frame", take: (input) => encodeAck(decodeAck(input)), seeds: seeds.ofFile("frames", ["bytes"], "ack"), maxBytes: 64 },
    ...localDecoders(),
    ...ownerDecoders(),
    lengthPrefixed(),
  ];
}

function withTag(message: Bytes): Bytes {
  const copy = message.slice();
  if (copy.length >= 18) copy.set(TAG, 2);
  return copy;
}

/** The values between processes of one machine have no one encoding, so only what is thrown is looked at. */
function localDecoders(): readonly Decoder[] {
  const call = encodeLocalCall({
    method: "send",
    values: [{ to: "ag1", body: new Uint8Array(9), list: [1, -2, 1.5, null, true] }, "text"],
  });
  const read = (decode: (input: Bytes) => unknown) => (input: Bytes) => {
    decode(input);
    return undefined;
  };
  const pieces = (["hello", "call", "pong"] as const).map((kind, index) =>
    encodeLocalPiece({ kind, number: index, more: index === 1, piece: call.slice(0, 20) }),
  );
  return [
    { name: "local piece", take: (input) => encodeLocalPiece(decodeLocalPiece(input)), seeds: pieces, maxBytes: 512 },
    { name: "local call", take: read(decodeLocalCall), seeds: [call], maxBytes: SMALL_BYTES, share: 2 },
    {
      name: "local hello",
      take: read(decodeLocalHello),
      seeds: [encodeLocalHello({ client: "cli", agent: "ag1" })],
      maxBytes: SMALL_BYTES,
    },
    {
      name: "local failure",
      take: read(decodeLocalFailure),
      seeds: [encodeLocalFailure(new Error("nothing")), call],
      maxBytes: SMALL_BYTES,
    },
  ];
}

function ownerDecoders(): readonly Decoder[] {
  const words = [
    '{"version":',
    '"call":',
    '"name":',
    '"ban"',
    '"issue-ticket"',
    '"uses":',
    "1e999",
    "\\u0000",
    '"__proto__":',
    "[[[[",
    "}",
  ].map(utf8);
  const part = { path: "log/000001.log", bytes: 4096, digest: "0".repeat(64) };
  const relay = agentIdText(new Uint8Array(32));
  const backup = encodeBackupList({ relay, number: 1, takenAtMs: 1, logId: "0".repeat(16), segments: [part], state: [part] });
  const calls = [
    encodeOwnerCall({ name: "backup-renew", id: "00" }),
    encodeOwnerCall({ name: "status" }),
    encodeOwnerCall({ name: "issue-ticket", uses: 1, expiresInMs: 86_400_000 }),
    encodeOwnerCall({ name: "ban", who: "ag1x", banned: true, why: "" }),
  ];
  return [
    {
      name: "list of a backup",
      take: (input) => void decodeBackupList(input),
      seeds: [backup],
      words: ["log/", "../", "segments"].map(utf8),
      maxBytes: 4096,
    },
    { name: "owner call", take: (input) => void decodeOwnerCall(input), seeds: calls, words, maxBytes: 4096 },
    {
      name: "owner answer",
      take: (input) => {
        // An answer that carries an error is thrown as that error, of whatever code the relay said.
        try {
          decodeOwnerAnswer(input);
        } catch (error) {
          if ((error as { readonly code?: unknown }).code !== "internal") throw error;
        }
        return undefined;
      },
      seeds: [encodeOwnerResult({ address: "ws://127.0.0.1/" }), encodeOwnerError(new Error("nothing")), ...calls],
      words,
      maxBytes: 4096,
    },
  ];
}

/** The messages that come out do not depend on how the stream was cut, and none is longer than allowed. */
function lengthPrefixed(): Decoder {
  const MOST = 600;
  const cutInto = (input: Bytes, sizes: readonly number[]): { readonly messages: readonly Bytes[]; readonly sound: boolean } => {
    const messages: Bytes[] = [];
    const reader = createMessageReader(MOST, (message) => void messages.push(message));
    let sound = true;
    let at = 0;
    for (let turn = 0; at < input.length; turn++) {
      const size = sizes[turn % sizes.length] as number;
      sound = reader.push(input.slice(at, at + size));
      at += size;
    }
    return { messages, sound };
  };
  return {
    name: "length-prefixed stream",
    take: (input) => {
      const whole = cutInto(input, [Math.max(1, input.length)]);
      const pieces = cutInto(input, [1, 3, 2, 7]);
      if (whole.sound !== pieces.sound || whole.messages.length !== pieces.messages.length)
        throw new RangeError("cutting the stream changes it");
      for (const [index, message] of whole.messages.entries()) {
        if (message.length > MOST || !equalBytes(message, pieces.messages[index] as Bytes))
          throw new RangeError("a message depends on the cuts");
      }
      return undefined;
    },
    seeds: [concat(lengthPrefix(3), Uint8Array.of(1, 2, 3), lengthPrefix(0), lengthPrefix(2), Uint8Array.of(4, 5)), lengthPrefix(601)],
    maxBytes: 2048,
  };
}

function again(frames: readonly ChannelFrame[], tag?: Tagger): Bytes {
  const channels = frames.map(({ channel }) => channel);
  return encodeTransport(frames, 0, tag, channels);
}
