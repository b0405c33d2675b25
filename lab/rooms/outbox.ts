/**
 * An outbox beside lists of messages: sealing, travelling, refusals, proofs of relays in any order, expiry by clocks that jump, and restarts from the whole log
 * or from what restates it. After each step everything that can be asked is asked of both.
 */
import { createOutbox } from "../../packages/perdure/src/protocol/delivery/outbox.ts";
import { type Outgoing, seenDigests } from "../../packages/perdure/src/protocol/delivery/outgoing.ts";
import { concat, EMPTY, hex } from "../../packages/perdure/src/wire/bytes.ts";
import { MAX_CONFLICTS } from "../../packages/perdure/src/wire/evidence.ts";
import { messageIdText } from "../../packages/perdure/src/wire/ids.ts";
import {
  DELIVERY_STATES,
  type DeliveryState,
  decodeKept,
  encodeKept,
  type Kept,
  type PayloadAt,
} from "../../packages/perdure/src/wire/kept-agent.ts";
import { PLAIN_WORDS } from "../../packages/perdure/src/wire/test-sealed-head.ts";
import { same } from "./likeness.ts";
import { bytesOf, compare, filled, LIMIT_BYTES, placed, RECIPIENTS } from "./outbox-compare.ts";
import { createReference, type Message, type Part, type Reference, rankOf, type Step as Said } from "./outbox-reference.ts";
import { parted, type Room } from "./room.ts";

interface Step {
  readonly do: Deed;
  /** Which message, part or relay: counted round. */
  readonly pick: number;
  readonly other: number;
  readonly few: number;
}

/** How often each is drawn. */
const DEEDS = {
  ...{
    queue: 5,
    unkept: 1,
    seal: 3,
    send: 3,
    land: 3,
    refuse: 2,
    rest: 1,
    lost: 1,
    again: 1,
    wait: 2,
    jump: 1,
    state: 2,
    prove: 3,
    conflict: 1,
  },
  ...{ move: 1, anew: 5, took: 2, retire: 3, unfit: 2, trouble: 1, stray: 2, due: 2, forget: 2, restate: 1, reread: 2 },
} as const;
type Deed = keyof typeof DEEDS;
const BAG = Object.entries(DEEDS).flatMap(([deed, weight]) => Array.from({ length: weight }, () => deed as Deed));
const STEPS = 70;
const LIMITS = { outboxMessages: 4, outboxBytes: LIMIT_BYTES, unconfirmedAfterMs: 600, forgetStreamMs: 400, ended: 3, streams: 1 };
const LIFE_MS = 2000;
export const outbox: Room<Step> = {
  name: "outbox",
  about: "sent messages to their ends, beside lists of them",
  draw: (draws) =>
    Array.from({ length: STEPS }, () => {
      const { [draws.below(BAG.length)]: deed = "wait" } = BAG;
      return { do: deed, pick: draws.below(60), other: draws.below(60), few: draws.below(4) };
    }),
  run: async (steps) => goThrough(steps),
};

function goThrough(steps: readonly Step[]): void {
  const opened = () => createOutbox({ limits: LIMITS, bounds: LIMITS, drawStream: () => bytesOf(filled(8, ++drawn.product)) });
  const beside = () => createReference(LIMITS, () => filled(8, ++drawn.reference));
  const drawn = { product: 0, reference: 0 };
  let product = opened();
  let reference = beside();
  let [wallMs, steadyMs, places, digests] = [10_000, 0, 0, 0];
  /** All that was ever kept, and what it means; nothing once a restatement was read. */
  let log: { readonly kept?: Kept; readonly at?: PayloadAt | undefined; readonly means: (it: Reference) => void }[] | undefined = [];
  const everywhere: PayloadAt[] = [];
  const gone: Pick<Message, "stream" | "seq">[] = [];
  const requests: string[] = [];
  let heldBefore = reference.held();

  const place = (segment = 1): PayloadAt => {
    const at = { segment, offset: ++places, length: 10 };
    everywhere.push(at);
    return at;
  };
  const apply = (kept: Kept, at: PayloadAt | undefined, means: (it: Reference) => void): void => {
    product.apply(kept, at);
    means(reference);
    log?.push({ kept, at, means });
  };
  const partIn = (it: Reference, { of, seq }: Part): Part => it.partOf(of.stream, seq) as Part;
  const messageIn = (it: Reference, { stream, seq }: Message): Message =>
    it.messages.find((each) => each.stream === stream && each.seq === seq) as Message;
  const theirs = ({ of, seq }: Part) => product.part(bytesOf(of.stream), seq) ?? parted(`part ${seq} of stream ${of.stream} is not there`);
  /** A part that travels still has its object after its message is forgotten. */
  const travelling = new Map<Part, ReturnType<typeof theirs>>();

  const queue = ({ pick, other, few }: Step, isKept: boolean): void => {
    const recipient = RECIPIENTS[pick % RECIPIENTS.length] as string;
    const kind = other % 3 === 0 ? "receipt" : "mail";
    const wholeBytes = few * 9;
    if (kind === "mail" && !reference.hasRoom(wholeBytes)) return;
    const parts = 1 + (other % 4 === 0 ? other % 3 : 0);
    const planned = [recipient, recipient, RECIPIENTS[few % 3] as string].slice(0, isKept ? 1 : 1 + few).map((to) => {
      const [asked, expected] = [product.reserve(to, parts), reference.reserve(to, parts)];
      if (hex(asked.stream) !== expected.stream || asked.seq !== expected.seq)
        parted(`${to} is written to as ${messageIdText(asked.stream, asked.seq)}, not as ${expected.seq} of ${expected.stream}`);
      return expected;
    });
    if (product.reservations !== planned.length) parted(`${product.reservations} of ${planned.length} are reserved`);
    if (!isKept) {
      product.unreserve(0);
      return reference.unreserve();
    }
    const [{ stream, seq }] = planned as [{ readonly stream: string; readonly seq: number }];
    product.unreserve(1);
    const requestId = pick % 2 === 0 ? filled(16, ++digests) : "";
    requests.push(requestId);
    const expiresAtMs = wallMs + LIFE_MS + 100 * (pick % 5);
    const [to, toName] = recipient.startsWith("@") ? [EMPTY, recipient.slice(1)] : [bytesOf(recipient), ""];
    const words = { ...PLAIN_WORDS, asks: false, invite: EMPTY, wholeHash: new Uint8Array(32), sentAtMs: wallMs };
    const head = {
      ...words,
      stream: bytesOf(stream),
      seq,
      parts,
      class: kind,
      to,
      toName,
      requestId: bytesOf(requestId),
      wholeBytes,
      expiresAtMs,
    } as const;
    apply({ kind: "queued", head }, undefined, (it) =>
      it.queued({ stream, seq, recipient, kind, requestId, wholeBytes, expiresAtMs }, parts),
    );
    for (let part = 0; part < parts; part++) {
      const at = place();
      apply({ kind: "part", head: { stream: head.stream, seq: seq + part } }, at, (it) =>
        it.content(it.partOf(stream, seq + part) as Part, placed(at)),
      );
    }
    // What became durable keeps its numbers, whatever is taken back then.
    if (few === 2) product.unreserve(0);
    product.keepReservations();
    // Written down once more, it is the same message.
    if (few === 0) product.apply({ kind: "queued", head }, undefined);
  };

  const seal = (part: Part, digest: string, isCertified: boolean): void => {
    const seen = reference.seen(part);
    const said = seenDigests(theirs(part)).map(hex);
    if (`${said}` !== `${seen}`) parted(`may be seen of part ${part.seq}: ${said}, not ${seen}`);
    // Who writes it down waits until nothing of it is on its way; a log in which somebody did not would tell another story.
    if (part.flights > 0) log = undefined;
    const again = part.again || part.unfit === "key-retired";
    const envelope = {
      digest,
      to: filled(32, part.seq),
      bytes: digests,
      certificate: isCertified ? filled(32, digests) : "",
      earlier: seen,
      again,
    };
    const common = {
      stream: bytesOf(part.of.stream),
      seq: part.seq,
      to: bytesOf(envelope.to),
      digest: bytesOf(digest),
      bytes: envelope.bytes,
    };
    const under = { ...common, certificate: bytesOf(envelope.certificate), earlier: concat(...seen.map(bytesOf)), again };
    const at = place();
    const plain = isCertified ? envelope : { ...envelope, earlier: [], again: false };
    apply(isCertified ? { kind: "sealedUnder", head: under } : { kind: "sealed", head: common }, at, (it) =>
      it.sealed(partIn(it, part), plain, placed(at)),
    );
  };

  const say = (message: Message, said: Said): void => {
    const { state, by, proof, detail } = said;
    const evidence = concat(...said.evidence.map(bytesOf));
    const head = {
      stream: bytesOf(message.stream),
      seq: message.seq,
      state,
      atMs: wallMs,
      by: bytesOf(by),
      proof,
      detail,
      evidence,
    } as const;
    apply({ kind: "step", head: { ...head, proof: proof as "none" } }, undefined, (it) => it.step(messageIn(it, message), said));
  };
  const keepEvidence = (hash: string, segment?: number): void => {
    const at = place(segment);
    apply({ kind: "evidence", head: { hash: bytesOf(hash) } }, at, (it) => it.keepEvidence(hash, placed(at)));
  };
  const forget = ({ stream, seq }: Message): void => {
    gone.push({ stream, seq });
    const head = { stream: bytesOf(stream), seq };
    apply({ kind: "forgotten", head }, undefined, (it) => {
      const message = it.messages.find((each) => each.stream === stream && each.seq === seq);
      if (message !== undefined) it.forget(message);
    });
  };
  const whereOf = ({ stream, seq }: { readonly stream: Uint8Array; readonly seq: number }): string => `${hex(stream)}/${seq}`;
  const due = (takes: boolean): void => {
    const said = product.due(wallMs);
    const expected = reference.due(wallMs);
    const records = said.records.map((kept) =>
      kept.kind === "step" ? `${kept.head.state} ${whereOf(kept.head)}` : `${kept.kind} ${whereOf(kept.head as never)}`,
    );
    same("due", [...new Set(records)].sort(), [...expected.records].sort());
    if (said.nextMs <= wallMs || said.nextMs > expected.nextMs)
      parted(`looks again in ${said.nextMs - wallMs} ms, not by ${expected.nextMs - wallMs}`);
    if (!takes) return;
    for (const kept of said.records) {
      const message = reference.messages.find(
        (each) => each.stream === hex((kept.head as { stream: Uint8Array }).stream) && each.seq === (kept.head as { seq: number }).seq,
      );
      if (message === undefined) continue;
      if (kept.kind === "forgotten") forget(message);
      else if (kept.kind === "step")
        say(message, { state: kept.head.state, by: "", proof: "none", evidence: [], detail: kept.head.detail });
    }
  };
  const settleReleases = (before: number): void => {
    reference.sweep();
    log?.push({ means: (it) => it.sweep() });
    const held = reference.held();
    const released = product.takeReleases().map(placed);
    // What was never needed may be let go of in the same breath.
    const wasNew = (at: string): boolean => everywhere.slice(before).some((each) => placed(each) === at) && !held.has(at);
    const gone = [...heldBefore].filter((at) => at !== "" && !held.has(at));
    same("let go of", released.filter((at) => !wasNew(at)).sort(), gone.sort());
    heldBefore = held;
  };

  /** A record of a message that is forgotten, or was never there: it changes nothing. */
  const stray = (pick: number, few: number): void => {
    const { stream, seq } = gone[pick % Math.max(1, gone.length)] ?? { stream: filled(8, 99), seq: 1 };
    const head = { stream: bytesOf(stream), seq };
    const digest = bytesOf(filled(16, 1 + pick));
    if (few === 0) product.apply({ kind: "part", head }, place());
    else if (few === 1) product.apply({ kind: "keyRetired", head: { ...head, digest } }, undefined);
    else if (few === 2) product.apply({ kind: "sealed", head: { ...head, to: bytesOf(filled(32, 1)), digest, bytes: 20 } }, place());
    else product.apply({ kind: "forgotten", head }, undefined);
    const by = bytesOf(filled(32, 1));
    if (few > 1)
      product.apply(
        { kind: "step", head: { ...head, state: "done", atMs: wallMs, by, proof: "receipt", detail: "", evidence: EMPTY } },
        undefined,
      );
  };

  const restart = (isReread: boolean): void => {
    const before = product;
    travelling.clear();
    if (isReread && log !== undefined) {
      product = opened();
      reference = beside();
      for (const { kept, at, means } of log) {
        if (kept === undefined) product.takeReleases();
        else product.apply(decodeKept(encodeKept(kept, undefined)).kept, at);
        means(reference);
      }
    } else {
      log = undefined;
      const restated = before.restate().map(({ kept, restated: at }) => decodeKept(encodeKept(kept, undefined, at)));
      product = opened();
      // A file begins with a restatement; what was read before it counts for nothing.
      for (const { kept, restated: at } of restated.slice(0, places % 40)) product.apply(kept, at);
      product.reset();
      for (const { kept, restated: at } of restated) product.apply(kept, at);
    }
    product.replayed();
    reference.restart(isReread && log !== undefined);
    heldBefore = reference.held();
    same("let go of at a restart", product.takeReleases().map(placed), []);
  };

  for (const step of steps) {
    const { pick, other, few } = step;
    const before = everywhere.length;
    const message = reference.messages[pick % Math.max(1, reference.messages.length)];
    const part = message?.parts[other % message.parts.length];
    const flying = reference.flying[pick % Math.max(1, reference.flying.length)];
    if (step.do === "queue") queue(step, true);
    else if (step.do === "unkept") queue(step, false);
    else if (step.do === "due") due(true);
    else if (step.do === "wait" || step.do === "jump") {
      steadyMs += 50 * other;
      wallMs += step.do === "wait" ? 100 * (other % 20) : 100 * (other - 30);
      const [said, expected] = [product.queue.wake(steadyMs), reference.wake(steadyMs)];
      if (said <= steadyMs || said > expected) parted(`wakes in ${said - steadyMs} ms, not by ${expected - steadyMs}`);
    } else if (step.do === "send") {
      for (let sent = reference.next(), most = few; sent !== undefined && most >= 0; sent = reference.next(), most--) {
        const item = product.queue.next();
        if (item === undefined || item !== theirs(sent)) parted(`part ${item?.seq} travels, not ${sent.seq} of ${sent.of.stream}`);
        travelling.set(sent, item);
        product.queue.sent(item);
        reference.sent(sent);
      }
    } else if (step.do === "land" || step.do === "refuse" || step.do === "rest") {
      const item = flying === undefined ? undefined : travelling.get(flying);
      if (flying === undefined || item === undefined) continue;
      product.queue.landed(item, step.do === "land");
      reference.landed(flying, step.do === "land");
      if (step.do === "rest") {
        product.queue.rest(item, steadyMs + 50 * other);
        reference.rest(flying, steadyMs + 50 * other);
      } else if (step.do === "refuse") {
        item.refusals++;
        flying.refusals++;
        product.queue.putOff(item, steadyMs + 50 * other);
        reference.putOff(flying, steadyMs + 50 * other);
      }
    } else if (step.do === "lost") {
      product.queue.linkLost();
      reference.linkLost();
    } else if (step.do === "conflict") {
      const [hash, bundle] = [filled(32, 100 + few), filled(32, 110 + (other % 3))];
      for (const each of [hash, bundle]) keepEvidence(each);
      const head = {
        relayId: bytesOf(filled(32, pick % 2)),
        number: other % 12,
        atMs: wallMs,
        hash: bytesOf(hash),
        bundle: bytesOf(bundle),
      };
      apply({ kind: "conflict", head }, undefined, (it) => it.conflict(pick % 2, other % 12, [hash, bundle], MAX_CONFLICTS));
    } else if (step.do === "restate" || step.do === "reread") {
      if (few > 1) restart(step.do === "reread");
    } else if (step.do === "stray") {
      stray(pick, few);
    } else if (message !== undefined && part !== undefined) {
      if (step.do === "seal") {
        for (const each of message.parts.slice(few === 3 ? other % message.parts.length : 0))
          if (each.bytes === 0) seal(each, filled(16, ++digests), few > 0);
      } else if (step.do === "anew") {
        const all = reference.messages.flatMap(({ parts }) => parts).filter(({ bytes }) => bytes > 0);
        const unfit = all.filter((each) => each.unfit !== "" && each.flights === 0);
        const wanted = unfit.length > 0 && few > 0 ? unfit : all.filter((each) => !reference.isQueued(each));
        const each = wanted[pick % Math.max(1, wanted.length)];
        if (each !== undefined) seal(each, few === 2 && other % 3 === 0 ? each.digest : filled(16, ++digests), other % 7 > 0);
      } else if (step.do === "took") {
        const replaced = reference.messages.flatMap(({ parts }) => parts).filter(({ earlier }) => earlier.length > 0);
        const each = replaced[pick % Math.max(1, replaced.length)];
        if (each !== undefined) seal(each, each.earlier[few % each.earlier.length] as string, other % 3 > 0);
      } else if (step.do === "retire") {
        const sent = reference.messages.flatMap(({ parts }) => parts).filter(({ again }) => again);
        const each = few === 1 ? (sent[pick % Math.max(1, sent.length)] ?? part) : part;
        const digest = few === 0 ? filled(16, ++digests) : each.digest;
        apply({ kind: "keyRetired", head: { stream: bytesOf(each.of.stream), seq: each.seq, digest: bytesOf(digest) } }, undefined, (it) =>
          it.keyRetired(partIn(it, each), digest),
        );
      } else if (step.do === "unfit") {
        // Only what is next to travel is looked at.
        const next = reference.next();
        if (next !== undefined && next.of.state === "queued") {
          product.unfit(theirs(next));
          reference.unfit(next);
        }
      } else if (step.do === "again") {
        if (part.travelled && part.flights === 0 && part.envelope !== "" && !part.acked) {
          travelling.set(part, theirs(part));
          product.queue.sentAgain(theirs(part));
          reference.sent(part);
        }
      } else if (step.do === "trouble") {
        message.trouble = (product.find(messageIdText(bytesOf(message.stream), message.seq)) as Outgoing).trouble = `trouble ${pick}`;
      } else if (step.do === "state") {
        const highest = few > 0 ? 5 : DELIVERY_STATES.length;
        say(message, {
          state: DELIVERY_STATES[other % highest] as DeliveryState,
          by: "",
          proof: "none",
          evidence: [],
          detail: `${digests}`,
        });
      } else if (step.do === "prove") {
        const evidence = Array.from({ length: few }, (_, index) => filled(32, 100 + ((other + index) % 9)));
        const isFirst = other % 3 > 0;
        if (isFirst) for (const hash of evidence) keepEvidence(hash);
        const state = DELIVERY_STATES[other % (few === 3 ? DELIVERY_STATES.length : 4)] as DeliveryState;
        say(message, { state, by: filled(32, 1 + (other % (few === 0 ? 12 : 2))), proof: "statement", evidence, detail: "" });
        if (!isFirst) for (const hash of evidence) keepEvidence(hash);
      } else if (step.do === "move") {
        const at = place(2);
        if (few < 2)
          apply({ kind: "part", head: { stream: bytesOf(part.of.stream), seq: part.seq } }, at, (it) =>
            it.content(partIn(it, part), placed(at)),
          );
        const hash = [...reference.evidence.keys()][few];
        if (hash !== undefined) keepEvidence(hash, 2);
      } else if (step.do === "forget" && (few === 0 || rankOf(message.state) > rankOf("working"))) forget(message);
    }
    settleReleases(before);
    compare(product, reference, { places: everywhere, digests, requests, gone });
    due(false);
  }
}
