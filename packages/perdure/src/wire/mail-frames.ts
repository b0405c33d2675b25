/** Many `mail` frames as one piece, made where they go, each envelope copied once. */
import type { Bytes } from "./bytes.ts";
import { MAIL_HEADER_BYTES, putMail } from "./control.ts";
import { FRAME_HEADER_BYTES, type OutFrames, putFrameHeader } from "./frame.ts";

const HEADERS_BYTES = FRAME_HEADER_BYTES + MAIL_HEADER_BYTES;

/** Mail for agents of whoever it is sent to. */
export class MailFrames implements OutFrames {
  length = 0;
  readonly #hopLimit: number;
  /** bound: what its owner sends as one piece */
  readonly #linkSeqs: number[] = [];
  /** bound: one for each number */
  readonly #envelopes: Bytes[] = [];

  constructor(hopLimit: number) {
    this.#hopLimit = hopLimit;
  }

  /** Bytes it has with that one more. */
  lengthWith(envelope: Bytes): number {
    return this.length + HEADERS_BYTES + envelope.length;
  }

  add(linkSeq: number, envelope: Bytes): void {
    this.length = this.lengthWith(envelope);
    this.#linkSeqs.push(linkSeq);
    this.#envelopes.push(envelope);
  }

  writeTo(message: Bytes, from: number, channel: number): void {
    let at = from;
    for (let index = 0; index < this.#envelopes.length; index++) {
      const envelope = this.#envelopes[index] as Bytes;
      putFrameHeader(message, at, "mail", channel, MAIL_HEADER_BYTES + envelope.length);
      const frame = { linkSeq: this.#linkSeqs[index] as number, hopLimit: this.#hopLimit, home: undefined, envelope };
      putMail(message, at + FRAME_HEADER_BYTES, frame);
      at += HEADERS_BYTES + envelope.length;
    }
  }
}
