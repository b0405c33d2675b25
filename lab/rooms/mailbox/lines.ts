/** What leaves the relay, as lines that are compared. */
import type { RelayOutput } from "../../../packages/perdure/src/protocol/delivery/mailbox-events.ts";
import { type Bytes, hex, readU64, viewOf } from "../../../packages/perdure/src/wire/bytes.ts";
import { decodeEnvelope, digestMatches } from "../../../packages/perdure/src/wire/envelope.ts";
import { parted } from "../room.ts";

/** The number of a pass, 0 for none. */
export function passText(pass: Bytes): string {
  return pass.length === 0 ? "0" : String(readU64(viewOf(pass), 0));
}

export function reasonOf({ reason }: Extract<RelayOutput, { kind: "goodbye" | "refuse" }>): string {
  const { code, retry, afterMs, limit, why } = reason;
  if (why === "") parted(`nothing is said about ${code}`);
  return `${code} ${retry} ${afterMs}${limit === undefined ? "" : ` ${limit.name}=${limit.value}/${limit.remaining}`}`;
}

/** Lines of one session in their order, sessions and what is about none in any. */
export function inOrder(lines: readonly string[]): string {
  const sessionOf = (line: string): number => {
    const [kind = "", number = ""] = line.split(" ");
    return ["alarm", "append", "release", "sign"].includes(kind) ? -1 : Number(number);
  };
  return lines
    .map((line, index) => ({ line, index, session: sessionOf(line) }))
    .sort((a, b) => a.session - b.session || (a.session === -1 ? (a.line < b.line ? -1 : 1) : a.index - b.index))
    .map(({ line }) => line)
    .join("\n  ");
}

/** What is noted of a step is what leaves with it: acknowledgements, refusals, deliveries, who took over. */
export function checkFacts(outputs: readonly RelayOutput[]): void {
  const left: string[] = [];
  const noted: string[] = [];
  for (const output of outputs) {
    if (output.kind === "ack") left.push(`ack up to ${output.upTo}`);
    else if (output.kind === "refuse") left.push(`refuse ${output.linkSeq} ${output.reason.code}`);
    else if (output.kind === "deliver")
      left.push(...output.envelopes.map((_, index) => `deliver ${output.position + index} to ${output.session}`));
    else if (output.kind === "goodbye" && output.reason.code === "fenced") left.push(`fence ${output.session}`);
    else if (output.kind === "fact") {
      const { event, fields } = output;
      if (event === "relay.ack-sent") noted.push(`ack up to ${fields["upTo"]}`);
      else if (event === "relay.refused") noted.push(`refuse ${fields["linkSeq"]} ${fields["code"]}`);
      else if (event === "relay.delivered") noted.push(`deliver ${fields["position"]} to ${fields["session"]}`);
      else if (event === "relay.fenced") noted.push(`fence ${fields["session"]}`);
    }
  }
  const [one, other] = [left.sort().join(", "), noted.sort().join(", ")];
  if (one !== other) parted(`what leaves is ${one}, and noted is ${other}`);
}

/** Of what is delivered, which must be what its digest says. */
export function digestIn(delivered: Bytes, sha256: (bytes: Bytes) => Bytes): string {
  const envelope = decodeEnvelope(delivered);
  if (!digestMatches(envelope, sha256)) parted("what is delivered is not what its digest says");
  return hex(envelope.digest);
}
