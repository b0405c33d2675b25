/** Everything an outbox says, beside what its reference says. */
import type { createOutbox } from "../../packages/perdure/src/protocol/delivery/outbox.ts";
import {
  isSealed,
  mayHaveLeft,
  type Outgoing,
  openBytes,
  seenDigests,
  trailOf,
} from "../../packages/perdure/src/protocol/delivery/outgoing.ts";
import { fromHex, hex } from "../../packages/perdure/src/wire/bytes.ts";
import { messageIdText } from "../../packages/perdure/src/wire/ids.ts";
import type { PayloadAt } from "../../packages/perdure/src/wire/kept-agent.ts";
import { same } from "./likeness.ts";
import { type Message, type Part, type Reference, rankOf, type Step as Said } from "./outbox-reference.ts";
import { parted } from "./room.ts";

/** What open mail may hold together. */
export const LIMIT_BYTES = 60;
export const RECIPIENTS = ["07".repeat(32), "08".repeat(32), "@desk"];

export const bytesOf = (text: string): Uint8Array => fromHex(text) as Uint8Array;
export const placed = (at: PayloadAt | undefined): string => (at === undefined ? "" : `${at.segment}:${at.offset}`);
export const filled = (size: number, number: number): string => number.toString(16).padStart(2 * size, "0");
/** Whatever evidence there is has one of these. */
const HASHES = Array.from({ length: 13 }, (_, index) => filled(32, 100 + index)).map((text) => [text, bytesOf(text)] as const);
const listed = (hashes: Uint8Array, size: number): readonly string[] => hex(hashes).match(new RegExp(`.{${2 * size}}`, "g")) ?? [];

/** What was ever given out: most of it is over. */
interface Ever {
  readonly places: readonly PayloadAt[];
  /** How many. */
  readonly digests: number;
  readonly requests: readonly string[];
  readonly gone: readonly Pick<Message, "stream" | "seq">[];
}

/** Asks both for everything that can be asked. */
export function compare(product: ReturnType<typeof createOutbox>, reference: Reference, ever: Ever): void {
  const { places: everywhere, digests, requests, gone } = ever;
  const idOf = ({ stream, seq }: Message): string => messageIdText(bytesOf(stream), seq);
  same("messages", [...product.all()].map(lineOf), reference.messages.map(expectedLine));
  same(
    "open",
    [...product.open()].map(({ id }) => id),
    reference.open().map(idOf),
  );
  const mail = reference.open().filter(({ kind }) => kind === "mail");
  same("open messages", [product.openMessages], [mail.length]);
  const bytesLeft = LIMIT_BYTES - mail.reduce((sum, { wholeBytes }) => sum + wholeBytes, 0);
  for (const bytes of [0, bytesLeft, bytesLeft + 1]) same(`room for ${bytes}`, [product.hasRoom(bytes)], [reference.hasRoom(bytes)]);
  same(
    "unsealed recipients",
    [...product.unsealedRecipients()].sort(),
    [...new Set(reference.unsealed.map(({ recipient }) => recipient))].sort(),
  );
  for (const recipient of RECIPIENTS)
    same(
      `unsealed for ${recipient}`,
      product.unsealed(recipient).map(({ id }) => id),
      reference.unsealed.filter((each) => each.recipient === recipient).map(idOf),
    );
  for (const stream of new Set([...reference.open().map((each) => each.stream), ...reference.currentStreams()]))
    same(`floor of ${stream}`, [product.floor(bytesOf(stream))], [reference.floor(stream)]);
  const next = reference.next();
  const item = product.queue.next();
  same("next", [item && `${item.of.id} ${item.seq}`], [next && `${idOf(next.of)} ${next.seq}`]);
  const byDigest = new Map<string, Part>();
  for (const message of reference.messages) {
    const found = product.find(idOf(message) as Outgoing["id"]);
    for (const part of message.parts) {
      same("of part", [product.ofPart(bytesOf(message.stream), part.seq)?.id], [found?.id]);
      if (part.bytes > 0) byDigest.set(part.digest, part);
    }
  }
  for (let number = 1; number <= digests; number++) {
    const digest = filled(16, number);
    same(`by digest ${number}`, [product.byDigest(bytesOf(digest))?.seq], [byDigest.get(digest)?.seq]);
  }
  for (const request of requests) {
    const asked = request === "" ? undefined : reference.messages.find(({ requestId }) => requestId === request);
    same("by request", [product.byRequest(request)?.id], [asked && idOf(asked)]);
  }
  for (const { stream, seq } of gone)
    same("of a part that is gone", [product.ofPart(bytesOf(stream), seq), product.part(bytesOf(stream), seq)], [undefined, undefined]);
  const held = reference.held();
  for (const at of everywhere)
    if (product.holds(at) !== held.has(placed(at))) parted(`${placed(at)} is ${held.has(placed(at)) ? "not " : ""}held`);
  for (const segment of [1, 2]) {
    const content = reference.messages.flatMap(({ parts }) => parts).filter(({ plain }) => plain.startsWith(`${segment}:`));
    same(
      `content in ${segment}`,
      [...product.contentIn(segment)].map(({ plain }) => placed(plain)).sort(),
      content.map(({ plain }) => plain).sort(),
    );
    const there = [...reference.evidence].filter(([, at]) => at.startsWith(`${segment}:`)).map(([hash, at]) => `${hash} ${at}`);
    same(
      `evidence in ${segment}`,
      product.evidence
        .in(segment)
        .map(({ hash, at }) => `${hex(hash)} ${placed(at)}`)
        .sort(),
      there.sort(),
    );
  }
  for (const [text, hash] of HASHES)
    same(
      `evidence ${text}`,
      [placed(product.evidence.at(hash)), product.evidence.has(hash)],
      [reference.evidence.get(text) ?? "", reference.evidence.has(text)],
    );
  const conflicts = reference.conflicts.map(({ relay, number, hashes }) => `${relay} ${number} ${hashes}`);
  same(
    "conflicts",
    product.evidence.conflicts.map((each) => `${each.relayId.at(-1)} ${each.number} ${hex(each.hash)},${hex(each.bundle)}`),
    conflicts,
  );
}

function lineOf(outgoing: Outgoing): string {
  const said = (steps: Outgoing["steps"]): unknown =>
    steps.map(({ state, proof, by, evidence, detail }) => `${state} ${proof} ${hex(by)} ${listed(evidence, 32)} ${detail}`);
  const parts = outgoing.parts.map((part) => [
    ...[
      part.seq,
      placed(part.plain),
      placed(part.envelope),
      hex(part.digest),
      hex(part.to),
      part.bytes,
      hex(part.certificate),
      part.earlier.map(hex),
    ],
    ...[part.again, part.unfit, part.flights, part.acked, part.uncertain, part.refusals],
  ]);
  const trail = trailOf(outgoing).map(({ state }) => rankOf(state));
  return JSON.stringify([
    ...[outgoing.id, outgoing.recipient, outgoing.state, outgoing.trouble, said(outgoing.steps), said(outgoing.late), parts],
    ...[isSealed(outgoing), mayHaveLeft(outgoing), openBytes(outgoing), outgoing.parts.map(seenDigests).map((all) => all.map(hex)), trail],
  ]);
}

function expectedLine(message: Message): string {
  const said = (steps: readonly Said[]): unknown =>
    steps.map(({ state, proof, by, evidence, detail }) => `${state} ${proof} ${by} ${evidence} ${detail}`);
  const parts = message.parts.map((part) => [
    ...[part.seq, part.plain, part.envelope, part.digest, part.to, part.bytes, part.certificate, part.earlier],
    ...[part.again, part.unfit, part.flights, part.acked, part.uncertain, part.refusals],
  ]);
  const isWhole = message.parts.every(({ bytes, unfit }) => bytes > 0 && unfit === "");
  const mayHave = message.parts.some(({ acked, uncertain, flights, earlier }) => acked || uncertain || flights > 0 || earlier.length > 0);
  const seen = message.parts.map((part) =>
    (part.acked || part.uncertain || part.flights + part.refusals > 0 ? [...part.earlier, part.digest] : part.earlier).slice(-8),
  );
  const trail = [...message.steps, ...message.late].map(({ state }) => rankOf(state)).sort((a, b) => a - b);
  return JSON.stringify([
    ...[
      messageIdText(bytesOf(message.stream), message.seq),
      message.recipient,
      message.state,
      message.trouble,
      said(message.steps),
      said(message.late),
      parts,
    ],
    ...[isWhole, mayHave, message.wholeBytes, seen, trail],
  ]);
}
