/** The payload of a `mail` frame, made where it goes: the envelope is copied once. */
import type { Bytes, Writing } from "./bytes.ts";
import { type MailFrame, mailBytes, putMail } from "./control.ts";

export class MailPayload implements Writing {
  readonly length: number;
  readonly #frame: MailFrame;

  constructor(frame: MailFrame) {
    this.length = mailBytes(frame);
    this.#frame = frame;
  }

  writeTo(bytes: Bytes, at: number): void {
    putMail(bytes, at, this.#frame);
  }
}
