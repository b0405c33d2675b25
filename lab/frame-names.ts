/** What one message of a connection carries, read without its keys: a tag protects frames from change, not from being read. */
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import { decodeDeliver, decodeMail } from "../packages/perdure/src/wire/control.ts";
import { decodeEnvelope, envelopeId } from "../packages/perdure/src/wire/envelope.ts";
import { FRAME_HEADER_BYTES, FRAME_TYPES, MODE_MAC, TAG_BYTES } from "../packages/perdure/src/wire/frame.ts";

const TRANSPORT_HEADER_BYTES = 2;
const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(FRAME_TYPES).map(([name, type]) => [type, name]));

export interface NamedFrames {
  /** In the order they come in; what a relay says again and again in one message is named once. */
  readonly frames: readonly string[];
  /** Of the messages in them. */
  readonly ids: readonly string[];
}

export function namesOfFrames(message: Uint8Array): NamedFrames {
  const frames = new Set<string>();
  const ids: string[] = [];
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = TRANSPORT_HEADER_BYTES + (message[1] === MODE_MAC ? TAG_BYTES : 0);
  while (at + FRAME_HEADER_BYTES <= message.length) {
    const name = NAMES.get(message[at] as number) ?? "?";
    const end = at + FRAME_HEADER_BYTES + view.getUint32(at + 4);
    frames.add(name);
    if (name === "mail" || name === "deliver") {
      const id = idIn(name, message.subarray(at + FRAME_HEADER_BYTES, end));
      if (id !== undefined) ids.push(id);
    }
    at = end;
  }
  return { frames: [...frames], ids };
}

/** `undefined` for what a hostile middlebox, relay or stranger made of it. */
function idIn(name: "mail" | "deliver", payload: Uint8Array): string | undefined {
  try {
    const { envelope } = name === "mail" ? decodeMail(payload as Bytes) : decodeDeliver(payload as Bytes);
    const opened = decodeEnvelope(envelope);
    return opened.class === "mail" ? envelopeId(opened) : `${opened.class} ${envelopeId(opened)}`;
  } catch {
    return undefined;
  }
}
