/**
 * Mail of senders who are not known yet, or of whom two histories are shown, beside a list: of each sender what was shown of it so far, of each message
 * whether that is enough. What is compared: what can be judged is judged as soon as that is so, without waiting for a session to end by itself; what
 * cannot is left at the relay; and nothing is asked for again unless somebody showed something new.
 */
import { type ArrivalOptions, createArrivals } from "../../packages/perdure/src/agent/arrivals.ts";
import { createPeerHeed, type PeerHeedOptions } from "../../packages/perdure/src/agent/peer-standing.ts";
import { createPeers } from "../../packages/perdure/src/agent/peers.ts";
import type { Planned } from "../../packages/perdure/src/agent/planned.ts";
import { createCheapCrypto } from "../../packages/perdure/src/host/simulated/cheap-crypto.ts";
import { encodeBundle } from "../../packages/perdure/src/identity/bundle.ts";
import { certificateHash } from "../../packages/perdure/src/identity/certificate.ts";
import { createOpenedSecrets } from "../../packages/perdure/src/identity/opened-secrets.ts";
import type { OwnIdentity } from "../../packages/perdure/src/identity/own-identity.ts";
import { sealPart } from "../../packages/perdure/src/identity/sealing.ts";
import { createSealingSecrets, type SealingSecrets } from "../../packages/perdure/src/identity/sealing-secrets.ts";
import { readIdentity, type VerifiedIdentity } from "../../packages/perdure/src/identity/verify.ts";
import { type Bytes, EMPTY, equalBytes, hex, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { encodeDeliver } from "../../packages/perdure/src/wire/control.ts";
import { headOver } from "../../packages/perdure/src/wire/test-sealed-head.ts";
import { createHandClock, settled } from "./hand-clock.ts";
import { codeOf } from "./likeness.ts";
import { certify, type MadeCertificate } from "./made-bundle.ts";
import { BEGINS_MS, createOwner, knownOf, lineOf, logOf, type Made, mayReveal, type Owner } from "./made-log.ts";
import { parted, type Room, type RoomTools } from "./room.ts";

interface Step {
  /** `learn`: the owner looked somebody up. `fail`: the disk takes nothing of what is delivered next. */
  readonly do: "anchor" | "rotate" | "write" | "deliver" | "answer" | "learn" | "fail" | "session";
  readonly sender: number;
  /** How many events before the newest one. */
  readonly back: number;
  /** Of a message: it tells who its sender is. Of an answer: there is one. */
  readonly tells: boolean;
  /** The next step does not wait for what follows from this one. */
  readonly soon: boolean;
  /** Of a message: under the encapsulated key of the one before it. */
  readonly many?: boolean;
}

const STEPS = 80;
const SENDERS = 2;
const LASTS_MS = 20 * 86_400_000;
/** More turns than anything takes that waits for nothing but itself. */
const TURNS = 400;

interface Letter {
  readonly sender: Sender;
  readonly tip: Made;
  readonly tells: boolean;
  readonly position: number;
  readonly payload: Bytes;
  isDelivered: boolean;
  /** Its sender was asked for since it was delivered last. */
  isAskedFor: boolean;
  /** It was delivered a moment ago: an answer given in that moment is its own, or came before it. */
  isFresh: boolean;
  isSettled: boolean;
}

interface Sender {
  readonly owner: Owner;
  readonly certificate: MadeCertificate;
  readonly secrets: SealingSecrets;
  readonly made: Made[];
  /** The last events of the logs somebody showed. */
  readonly shown: Set<Made>;
}

export const held: Room<Step> = {
  name: "held",
  about: "mail of senders who are not known yet: judged as soon as it can be, beside a list of what was shown of whom",
  draw: (draws) =>
    Array.from({ length: STEPS }, () => {
      const deeds: readonly Step["do"][] = [
        ...(["write", "write", "write", "write", "deliver", "deliver", "deliver", "answer", "answer", "answer"] as const),
        ...(["learn", "learn", "anchor", "anchor", "anchor", "rotate", "fail", "session"] as const),
      ];
      const back = draws.chance(0.4) ? 0 : draws.below(4);
      const deed = deeds[draws.below(deeds.length)] ?? "write";
      return { do: deed, sender: draws.below(SENDERS), back, tells: draws.chance(0.4), soon: draws.chance(0.2), many: draws.chance(0.6) };
    }),
  run: async (steps, tools) => await goThrough(steps, tools),
};

async function goThrough(steps: readonly Step[], { hash, draws }: RoomTools): Promise<void> {
  const chance = draws("chance");
  const crypto = createCheapCrypto(hash, chance);
  const clock = createHandClock(BEGINS_MS);
  const log = { write: () => undefined };
  const host = { clock, log, crypto } as unknown as ArrivalOptions["host"];
  const own = { idRaw: hash.sha256(utf8("recipient")) };
  const inboxKey = await crypto.encapsulation.load(hash.sha256(utf8("inbox")));
  const keyId = hash.sha256(inboxKey.publicKey).slice(0, 8);
  const instance = await crypto.signatures.load(hash.sha256(utf8("instance")));
  const senders = await Promise.all(Array.from({ length: SENDERS }, (_, index) => newSender(index)));
  const letters: Letter[] = [];
  const peers = createPeers({ host });

  async function newSender(index: number): Promise<Sender> {
    const owner = await createOwner(crypto, `sender ${index}`, { first: 1, firstThreshold: 1, next: 1, nextThreshold: 1 });
    const said = {
      ...{ version: 1, agentId: owner.idRaw, instanceKey: instance.publicKey, scopes: ["mail" as const], extensions: [] },
      ...{ notBeforeMs: BEGINS_MS - 1000, notAfterMs: BEGINS_MS + LASTS_MS, controlSeq: 0 },
    };
    const certificate = await certify(crypto, owner, owner.inception, said, { keyIndex: 0, wrong: "" });
    const secrets = createSealingSecrets({ clock, crypto, random: chance });
    return { owner, certificate, secrets, made: [owner.inception], shown: new Set() };
  }
  const bundleOf = ({ certificate }: Sender, tip: Made): Bytes =>
    encodeBundle({ log: logOf(tip), certificates: [certificate.encoded], records: [] });

  /** How often mail was asked for again that is not settled. */
  let asksAgain = 0;
  let isAnew = false;
  /** Thrown where the product asks it would be taken for an answer. */
  let wrong = "";
  const anew = (): void => {
    isAnew = true;
  };
  let isFull = false;
  const apply = (records: readonly Planned[]): void => {
    for (const { kept, payload } of records) {
      peers.apply(kept, payload instanceof Uint8Array ? payload : undefined);
      if (kept.kind === "peer") heed(kept.head.id);
    }
  };
  const commit: ReturnType<ArrivalOptions["store"]>["commit"] = async ({ plan, applied }) => {
    await settled();
    const { records, result } = plan();
    if (isFull) {
      isFull = false;
      throw new Error("this disk takes nothing");
    }
    apply(records);
    applied?.(result);
    return result;
  };
  const questions: { readonly sender: Sender; readonly answer: (identity: VerifiedIdentity | undefined) => void }[] = [];
  /** Whose question was answered a moment ago. */
  const answered = new Set<Sender>();
  const resolve = ({ idRaw }: { readonly idRaw: Bytes }): Promise<VerifiedIdentity | undefined> =>
    new Promise((answer) => {
      const sender = senders.find(({ owner }) => equalBytes(owner.idRaw, idRaw)) as Sender;
      if (questions.some((each) => each.sender === sender)) wrong = "a sender is asked for twice at once";
      const theirs = letters.filter((letter) => letter.sender === sender && letter.isDelivered && !letter.isSettled);
      if (theirs.every(({ isAskedFor, isFresh }) => isAskedFor && !isFresh)) wrong = "a sender is asked for again about the same mail";
      for (const letter of theirs) letter.isAskedFor = true;
      questions.push({ sender, answer });
    });
  const arrivals = createArrivals({
    host,
    own: {
      ...own,
      opened: createOpenedSecrets(),
      isDestroyed: () => false,
      inboxSecret: (id: Bytes) => (equalBytes(id, keyId) ? inboxKey : undefined),
    },
    inbox: { judge: ({ seq }: { seq: number }) => (letterAt(seq).isSettled ? "settled" : "new"), nextArrival: () => 1 },
    cursor: {
      settlePosition: (_: Bytes, position: number) => {
        letterAt(position).isSettled = true;
      },
    },
    peers,
    lookups: { resolve },
    receipts: { add: () => undefined },
    admission: { begin: () => undefined, admit: () => ({ kind: "greeted", records: [] }) },
    store: () => ({ commit }),
    onSettled: () => undefined,
    onUnkept: anew,
    onUnread: () => parted("a disk that gives everything is said not to"),
  } as unknown as ArrivalOptions);
  const heed = createPeerHeed({
    ...{ clock, log, peers, arrivals: () => arrivals, outbox: { all: () => [] }, sealer: { decided: () => undefined } },
    redeliver: () => {
      asksAgain++;
      anew();
    },
    keep: () => Promise.resolve(),
  } as unknown as PeerHeedOptions);

  const letterAt = (position: number): Letter => letters[position - 1] as Letter;
  const relay = {} as VerifiedIdentity;
  const handOut = (isWanted: (letter: Letter) => boolean): void => {
    for (const letter of letters) {
      if (letter.isSettled || !isWanted(letter)) continue;
      letter.isDelivered = true;
      letter.isFresh = true;
      letter.isAskedFor = answered.has(letter.sender) || questions.some(({ sender }) => sender === letter.sender);
      if (!arrivals.take(letter.payload, relay)) parted("a few messages are too much");
    }
  };
  /** Whatever waits for an answer has none when a session ends; the next one begins with all that is not settled. */
  const newSession = async (): Promise<void> => {
    for (const letter of letters) letter.isAskedFor = false;
    answered.clear();
    for (const { answer } of questions.splice(0)) answer(undefined);
    for (let turn = 0; turn < 20; turn++) await settled();
    handOut(() => true);
  };
  const quiet = async (): Promise<void> => {
    for (let turn = 0, still = 0; still < 20; turn++) {
      if (turn > TURNS) parted("mail is asked for again without end");
      if (isAnew) {
        isAnew = false;
        still = 0;
        await newSession();
      } else still++;
      await settled();
    }
  };

  async function write(sender: Sender, tip: Made, tells: boolean, many: boolean): Promise<void> {
    const position = letters.length + 1;
    const content = utf8(`letter ${position}`);
    const envelope = await sealPart({
      ...(many ? { secrets: sender.secrets } : {}),
      crypto,
      random: chance,
      own: {
        idRaw: sender.owner.idRaw,
        instanceKey: instance,
        logHead: tip.hash,
        certificateHash: certificateHash(hash, sender.certificate.said),
      } as OwnIdentity,
      recipient: {
        ...own,
        id: "ag1recipient",
        suites: [1, 2],
        inboxKey: { keyId, publicKey: inboxKey.publicKey },
      } as unknown as VerifiedIdentity,
      class: "mail",
      stream: utf8("stream-1"),
      seq: position,
      expiresAtMs: BEGINS_MS + 86_400_000,
      content,
      head: headOver(content, hash.sha256, { floor: position, sentAtMs: BEGINS_MS, bundle: tells ? bundleOf(sender, tip) : EMPTY }),
    });
    const payload = encodeDeliver({ generation: new Uint8Array(8), position, storedAtMs: BEGINS_MS, envelope: envelope.bytes });
    letters.push({ sender, tip, tells, position, payload, isDelivered: false, isAskedFor: false, isFresh: false, isSettled: false });
  }

  let before = senders.map(({ shown }) => stateOf(shown));
  let wasSettled: readonly boolean[] = [];
  for (const { do: deed, sender: number, back, tells, soon, many = false } of steps) {
    const sender = senders[number] as Sender;
    const tip = sender.made[Math.max(0, sender.made.length - 1 - back)] as Made;
    if (deed === "anchor" || deed === "rotate") {
      if (!mayReveal(tip)) continue;
      const root = hash.sha256(utf8(`${sender.made.length}`));
      const rotation = { kind: "rotate", voidFromSeq: tip.seq + 1, untilMs: BEGINS_MS + LASTS_MS, salt: 1 } as const;
      const said = deed === "anchor" ? ({ kind: "anchor", root, about: "" } as const) : rotation;
      sender.made.push(await sender.owner.make(tip, said, BEGINS_MS, 0));
    } else if (deed === "write") await write(sender, tip, tells, many);
    else if (deed === "deliver") handOut(({ isDelivered }) => !isDelivered);
    else if (deed === "session") anew();
    else if (deed === "fail") isFull = true;
    else {
      const question = deed === "answer" ? questions.shift() : undefined;
      if (deed === "answer" && question === undefined) continue;
      const of = question?.sender ?? sender;
      const last = of.made[Math.max(0, of.made.length - 1 - back)] as Made;
      if (deed === "learn" || tells) await shown(of, last);
      question?.answer(undefined);
      if (question !== undefined) answered.add(of);
    }
    if (!soon) await compare();
  }
  await compare();

  /** Somebody else than its mail shows a sender; an older state than the pinned one is refused, and teaches nothing. */
  async function shown(sender: Sender, tip: Made): Promise<void> {
    const identity = await readIdentity(crypto, bundleOf(sender, tip), BEGINS_MS);
    const code = await codeOf(async () => apply(await peers.learn(identity)));
    if (code !== "nothing" && code !== "record-rolled-back") parted(`what is shown of a sender is refused: ${code}`);
    sender.shown.add(tip);
  }

  async function compare(): Promise<void> {
    await quiet();
    answered.clear();
    for (const letter of letters) letter.isFresh = false;
    if (wrong !== "") parted(wrong);
    const isAsked = (sender: Sender): boolean => questions.some((each) => each.sender === sender);
    const telling = letters.filter(({ tells, isDelivered }) => tells && isDelivered);
    for (const { sender, tip, isSettled } of telling) if (isSettled || !isAsked(sender)) sender.shown.add(tip);
    const after = senders.map(({ shown }) => stateOf(shown));
    for (const [index, letter] of letters.entries()) {
      const { sender, isSettled, isDelivered, isAskedFor, position } = letter;
      const of = senders.indexOf(sender);
      const isNew = isSettled && wasSettled[index] !== true;
      if (isNew && before[of] === after[of] && !isEnough(letter)) parted(`letter ${position} is taken, and nobody can say who wrote it`);
      if (!isDelivered || isSettled || isAsked(sender)) continue;
      if (isEnough(letter)) parted(`letter ${position} lies at the relay, and all that it takes to judge it was shown`);
      if (!isAskedFor) parted(`letter ${position} lies at the relay, and its sender was not asked for`);
    }
    // Of mail that waits for an answer it is open whether it was judged.
    const most = senders.map((each) => stateOf([...each.shown, ...telling.filter(({ sender }) => sender === each).map(({ tip }) => tip)]));
    if (asksAgain > 0 && most.every((state, index) => state === before[index]))
      parted("mail is asked for again, and nothing new was shown");
    asksAgain = 0;
    before = after;
    wasSettled = letters.map(({ isSettled }) => isSettled);
  }
}

/** What was shown of a sender comes to this. */
function stateOf(shown: Iterable<Made>): string {
  const all = new Set(shown);
  if (all.size === 0) return "";
  const { common, fork } = knownOf(all);
  return [common, ...(fork ?? [])].map((made) => hex(made.hash)).join();
}

/** Whether what was shown of its sender is enough to judge a message: one history, which has the event it was written under. */
function isEnough({ sender, tip, tells }: Letter): boolean {
  if (sender.shown.size === 0) return false;
  const { common, fork } = knownOf(sender.shown);
  return fork === undefined && (tells || lineOf(common).includes(tip));
}
