/** Received mail on the way out of the command: as bytes, as JSON, as a line in a list. */
import type { Box, Mail } from "../agent/api.ts";
import { hostOfRelay } from "../agent/relay-names.ts";
import { fromUtf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { isText } from "./content.ts";
import { plainWord, safeLine, safeText } from "./foreign-text.ts";
import { dateText, sizeText } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";
import { shortId } from "./trail.ts";

/** Without the content. */
export function mailObject(mail: Mail, box?: Box): object {
  return {
    type: "mail",
    id: mail.id,
    from: mail.from,
    fromName: mail.fromName,
    fromAddress: mail.fromAddress,
    standing: mail.standing,
    box: box ?? mail.box,
    thread: mail.thread,
    inReplyTo: mail.inReplyTo,
    auto: mail.auto,
    depth: mail.depth,
    contentType: mail.contentType,
    fileName: mail.fileName,
    sizeBytes: mail.sizeBytes,
    attempt: mail.attempt,
    sentAtMs: mail.sentAtMs,
    receivedAtMs: mail.receivedAtMs,
    expiresAtMs: mail.expiresAtMs,
  };
}

/** `text` when it is UTF-8, else `base64`. */
export async function mailObjectWithContent(mail: Mail): Promise<object> {
  const bytes = await mail.bytes();
  return { ...mailObject(mail), ...(isText(bytes) ? { text: fromUtf8(bytes) } : { base64: Buffer.from(bytes).toString("base64") }) };
}

/**
 * Who wrote, for people: `@anna` or `@anna@relay.example` only where that is proven; a name that is merely claimed stands in
 * quotes. `ownRelay`: url of the agent's own relay, whose names need no host.
 */
export function senderText(mail: Mail, ownRelay: string): string {
  const { fromAddress, fromName } = mail;
  if (fromAddress === undefined) return fromName === undefined ? shortId(mail.from) : `"${safeLine(fromName, 33)}"`;
  const own = `@${hostOfRelay(ownRelay)}`;
  return safeLine(fromAddress.endsWith(own) ? fromAddress.slice(0, -own.length) : fromAddress, 80);
}

export function mailLine(mail: Mail, ownRelay: string): string {
  const about = mail.fileName === undefined ? safeLine(mail.contentType, 40) : safeLine(mail.fileName, 60);
  return `${mail.id}  ${dateText(mail.receivedAtMs)}  ${senderText(mail, ownRelay)}  ${sizeText(mail.sizeBytes)}  ${about}`;
}

/** To a pipe: every byte as it came. To a terminal: text with control characters made visible; anything else is `bad-argument`. */
export async function printContent(terminal: Terminal, mail: Mail): Promise<void> {
  if (terminal.json) {
    terminal.object(await mailObjectWithContent(mail));
    return;
  }
  const bytes = await mail.bytes();
  if (!terminal.stdout.isTerminal) {
    terminal.bytes(bytes);
    return;
  }
  if (!isText(bytes)) {
    throw new PerdureError("bad-argument", `the content is ${safeLine(mail.contentType, 40)}, not text for a terminal`, {
      hint: `Write it into a file: perdure inbox show ${mail.id} > ${plainWord(mail.fileName ?? "", "file")}`,
    });
  }
  terminal.line(safeText(fromUtf8(bytes)).replace(/\n$/, ""));
}
