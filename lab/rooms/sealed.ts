/**
 * Messages sealed by an agent whose log and certificates go on, on machines that are put back to where they were, changed on their way by anybody, and
 * opened by whoever gets them with what he knows by then. Of those that share an encapsulated key it is found out anew what its secret has to be bound
 * to, and for how long one machine uses it.
 */
import type { Crypto, SigningKey } from "../../packages/perdure/src/host/crypto.ts";
import { createCheapCrypto } from "../../packages/perdure/src/host/simulated/cheap-crypto.ts";
import { createDraws, type Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { encodeBundle } from "../../packages/perdure/src/identity/bundle.ts";
import { certificateHash } from "../../packages/perdure/src/identity/certificate.ts";
import { createOpenedSecrets } from "../../packages/perdure/src/identity/opened-secrets.ts";
import type { OwnIdentity } from "../../packages/perdure/src/identity/own-identity.ts";
import { type OpenedPart, openPart, sealPart, verifySignedPlaintext } from "../../packages/perdure/src/identity/sealing.ts";
import { createSealingSecrets, type SealingSecrets } from "../../packages/perdure/src/identity/sealing-secrets.ts";
import { mergeIdentities, readIdentity, type VerifiedIdentity } from "../../packages/perdure/src/identity/verify.ts";
import { type Bytes, concat, EMPTY, equalBytes, hex, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { decodeEnvelope, type Envelope, type EnvelopeClass, encodeEnvelope } from "../../packages/perdure/src/wire/envelope.ts";
import { PART_BYTES } from "../../packages/perdure/src/wire/limits.ts";
import { RECEIPT_CONTENT_TYPE } from "../../packages/perdure/src/wire/sealed.ts";
import { plainHead } from "../../packages/perdure/src/wire/test-sealed-head.ts";
import { drawnBody, TICK_MS } from "./drawn-events.ts";
import { createHandClock, type HandClock } from "./hand-clock.ts";
import { codeOf, expectAlike } from "./likeness.ts";
import { certify, type MadeBundle, type MadeCertificate, merged, readingOf, refusalAt, refusalOf, shownOf } from "./made-bundle.ts";
import { BEGINS_MS, createOwner, knownOf, lineOf, logOf, type Made, type MadeBody } from "./made-log.ts";
import { parted, type Room } from "./room.ts";

export type SealStep =
  | { readonly do: "make"; readonly back: number; readonly kind: MadeBody["kind"]; readonly what: number }
  | {
      readonly do: "certify";
      readonly instance: number;
      readonly fromMs: number;
      readonly lifeMs: number;
      readonly scope: "mail" | "relay";
    }
  | {
      readonly do: "seal";
      /** What the machine draws by chance begins again at one of a few places. */
      readonly chance: number;
      /** With an encapsulated key for many messages, by the machine as it went on; put back: as it was at first, with all it draws and keeps. */
      readonly many?: "goes-on" | "put-back" | "";
      readonly sleepsMs?: number;
      /** As many messages before it, of which nothing but their encapsulated keys matters. */
      readonly rush?: number;
      readonly text: number;
      readonly sizeBytes: number;
      readonly seq: number;
      readonly part: number;
      readonly class: Exclude<EnvelopeClass, "notice">;
      readonly toKey: number;
      readonly lastsMs: number;
      readonly certificate: number;
      readonly back: number;
      /** How many certificates the bundle in it shows; none: it has no bundle. */
      readonly shows: number;
      readonly lie: Lie;
    }
  | { readonly do: "know"; readonly back: number; readonly shows: number }
  | {
      readonly do: "open";
      readonly back: number;
      readonly storedMs: number;
      readonly nowMs: number;
      readonly change: Change;
      readonly what: number;
    };

type Lie = "" | "key" | "head" | "certificate" | "whole" | "receipt" | "floor" | "length";
type Change = "" | "commitment" | "byte" | "body" | "seq" | "class" | "expiry" | "stream" | "from" | "other" | "cut";

const STEPS = 60;
const INSTANCES = 3;
const INBOX_KEYS = 3;
/** Of those, the last one was destroyed by its owner. */
const OPENED = 2;
const DAY_MS = 86_400_000;
const LIES: readonly Lie[] = ["key", "head", "certificate", "whole", "receipt", "floor", "length"];
const CHANGES: readonly Change[] = ["commitment", "byte", "body", "seq", "class", "expiry", "stream", "from", "other", "cut"];
const KINDS: readonly MadeBody["kind"][] = ["anchor", "instance-revoke", "rotate", "rotate", "retire"];

/** Of a machine that seals many messages under one encapsulated key. */
interface Machine {
  readonly crypto: Crypto;
  readonly chance: Draws;
  readonly clock: HandClock;
  readonly secrets: SealingSecrets;
  /** When each encapsulated key was used first, and how often it was. */
  readonly used: Map<string, { readonly sinceMs: number; times: number }>;
}

interface Sealed {
  readonly envelope: Envelope;
  readonly step: Extract<SealStep, { do: "seal" }>;
  readonly tip: Made;
  readonly certificate: MadeCertificate;
  readonly bundle: MadeBundle | undefined;
  readonly content: Bytes;
}

export const sealed: Room<SealStep> = {
  name: "sealed",
  about: "what can be opened of what was sealed, by whom and when, and that no key is used for two texts",
  draw: (draws) => Array.from({ length: STEPS }, () => drawStep(draws)),
  run: async (steps, { hash, draws }) => {
    const plain = createCheapCrypto(hash, draws("chance"));
    const owner = await createOwner(plain, "sender", { first: 1, firstThreshold: 1, next: 1, nextThreshold: 1 });
    const keysOf = async (name: string, count: number): Promise<SigningKey[]> =>
      await Promise.all(Array.from({ length: count }, (_, index) => plain.signatures.load(hash.sha256(utf8(`${name} ${index}`)))));
    const instances = await keysOf("instance", INSTANCES);
    const publicKeys = instances.map(({ publicKey }) => publicKey);
    const [stranger] = (await keysOf("stranger", 1)) as [SigningKey];
    const recipient = hash.sha256(utf8("recipient"));
    const inbox = await Promise.all(
      Array.from({ length: INBOX_KEYS }, (_, index) => plain.encapsulation.load(hash.sha256(utf8(`inbox ${index}`)))),
    );
    const keyIds = inbox.map(({ publicKey }) => hash.sha256(publicKey).slice(0, 8));
    const secretOf = (keyId: Bytes): (typeof inbox)[0] | undefined =>
      inbox.find((_, index) => index < OPENED && equalBytes(keyIds[index] as Bytes, keyId));
    const made: Made[] = [owner.inception];
    const certificates: MadeCertificate[] = [];
    const sent: Sealed[] = [];
    /** Of each key that sealed something, what it sealed. */
    const under = new Map<string, Bytes>();
    const machines = new Map<number, Machine>();
    const opened = createOpenedSecrets();
    let pinned:
      | {
          readonly identity: VerifiedIdentity;
          readonly made: MadeBundle;
          readonly all: readonly MadeCertificate[];
          readonly seen: ReadonlySet<Made>;
        }
      | undefined;
    const eventAt = (back: number): Made => made[made.length - 1 - (back % made.length)] as Made;
    const showing = (tip: Made, shows: number): MadeBundle => {
      const borne = certificates.filter((each) => refusalOf(each, owner, tip) === "").slice(-shows);
      return { known: { common: tip, fork: undefined }, ...shownOf({ certificates: borne, records: [] }) };
    };
    const bytesOf = (bundle: MadeBundle): Bytes =>
      encodeBundle({ log: logOf(bundle.known.common), certificates: bundle.certificates.map((each) => each.encoded), records: [] });

    for (const step of steps) {
      if (step.do === "make") {
        const before = eventAt(step.back);
        if (before.said.kind === "retire" || before.position > 15) continue;
        made.push(await owner.make(before, drawnBody(step.kind, step.what, before, publicKeys, 3), before.claimedAtMs + TICK_MS, 0));
      } else if (step.do === "certify") {
        const tip = eventAt(0);
        if (tip.said.kind === "retire") continue;
        const fromMs = BEGINS_MS + step.fromMs;
        const said = {
          version: 1,
          agentId: owner.idRaw,
          instanceKey: publicKeys[step.instance] as Bytes,
          scopes: [step.scope],
          notBeforeMs: fromMs,
          notAfterMs: fromMs + step.lifeMs,
          controlSeq: tip.seq,
          extensions: [],
        };
        certificates.push(await certify(plain, owner, tip, said, { keyIndex: 0, wrong: "" }));
      } else if (step.do === "know") {
        const tip = eventAt(step.back);
        const bundle = showing(tip, step.shows);
        const nowMs = BEGINS_MS;
        const shown = await readIdentity(plain, bytesOf(bundle), nowMs);
        const seen = new Set([...(pinned?.seen ?? []), tip]);
        if (pinned === undefined) pinned = { identity: shown, made: bundle, all: bundle.certificates, seen };
        else if (!equalBytes(pinned.identity.bundle, shown.bundle)) {
          const both = merged(owner, pinned.made, bundle, knownOf(seen));
          pinned = { identity: await mergeIdentities(plain, pinned.identity, shown, nowMs), made: both, all: both.all, seen };
        }
      } else if (step.do === "seal") {
        const certificate = certificates[certificates.length - 1 - (step.certificate % Math.max(1, certificates.length))];
        if (certificate === undefined) continue;
        await seal(step, certificate);
      } else {
        const each = sent[sent.length - 1 - (step.back % Math.max(1, sent.length))];
        if (each !== undefined) await open(step, each);
      }
    }

    async function seal(step: Extract<SealStep, { do: "seal" }>, certificate: MadeCertificate): Promise<void> {
      const tip = eventAt(step.back);
      const bundle = step.shows === 0 ? undefined : showing(tip, step.shows);
      const whole = new Uint8Array(step.sizeBytes).fill(step.text);
      const parts = Math.max(1, Math.ceil(whole.length / PART_BYTES));
      const part = step.part % parts;
      const content = whole.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
      const first = step.seq;
      const instance = publicKeys.findIndex((key) => equalBytes(key, certificate.said.instanceKey));
      const said = {
        instanceKey: step.lie === "key" ? stranger : (instances[instance] as SigningKey),
        logHead: step.lie === "head" ? hash.sha256(tip.hash) : tip.hash,
        certificateHash: step.lie === "certificate" ? hash.sha256(certificate.encoded) : certificateHash(hash, certificate.said),
      };
      const machine = step.many === undefined || step.many === "" ? undefined : await machineOf(step.chance, step.many, step.sleepsMs ?? 0);
      const chance = machine?.chance ?? createDraws(`machine ${step.chance}`);
      const crypto = machine?.crypto ?? createCheapCrypto(hash, chance);
      const isReceipt = step.class === "receipt";
      const inboxKey = {
        keyId: keyIds[step.toKey] as Bytes,
        publicKey: inbox[step.toKey]?.publicKey as Bytes,
        suite: 1,
        generation: 1,
        notAfterMs: 0,
      };
      const towards = { id: "ag1recipient", idRaw: recipient, suites: [1, 2], inboxKey } as unknown as VerifiedIdentity;
      const own = { idRaw: owner.idRaw, ...said } as OwnIdentity;
      for (let count = 0; machine !== undefined && count < (step.rush ?? 0); count++)
        checkUse(machine, (await machine.secrets.take(own, towards, inboxKey)).encapsulated);
      const work = (): Promise<Envelope> =>
        sealPart({
          ...(machine === undefined ? {} : { secrets: machine.secrets }),
          crypto,
          random: chance,
          own,
          recipient: towards,
          class: step.class,
          stream: utf8("stream-1"),
          seq: first + part,
          expiresAtMs: BEGINS_MS + step.lastsMs,
          content,
          head: plainHead({
            contentType: isReceipt === (step.lie === "receipt") ? "text/plain" : RECEIPT_CONTENT_TYPE,
            part,
            parts,
            wholeBytes: whole.length + (step.lie === "length" ? 1 : 0),
            wholeHash: step.lie === "whole" ? hash.sha256(tip.hash) : hash.sha256(whole),
            floor: step.lie === "floor" ? first + 1 : first,
            sentAtMs: BEGINS_MS,
            bundle: bundle === undefined ? EMPTY : bytesOf(bundle),
          }),
        });
      const isUnfit = (step.lie === "length" && part === parts - 1) || step.lie === "floor" || (step.lie === "receipt" && isReceipt);
      const code = await codeOf(async () => {
        const envelope = await work();
        sent.push({ envelope, step, tip, certificate, bundle, content });
        const { body } = envelope;
        // Encapsulated key and salt, with the header, are all a key is made of.
        const key = `${hex(envelope.bytes.subarray(0, 112))} ${hex(body.subarray(0, 64))}`;
        const before = under.get(key);
        if (before !== undefined && !equalBytes(before, envelope.bytes)) parted("two texts are sealed under one key");
        under.set(key, envelope.bytes);
        expectAlike("its suite", envelope.suite, machine === undefined ? 1 : 2);
        await checkSecret(envelope, step.toKey);
        if (machine !== undefined) checkUse(machine, body.subarray(0, 32));
      });
      expectAlike("what is sealed", code, isUnfit ? "malformed" : "nothing");
    }

    async function machineOf(number: number, many: "goes-on" | "put-back", sleepsMs: number): Promise<Machine> {
      const known = many === "put-back" ? undefined : machines.get(number);
      const machine = known ?? newMachine(number);
      machines.set(number, machine);
      await machine.clock.pass(sleepsMs);
      return machine;
    }

    function newMachine(number: number): Machine {
      const chance = createDraws(`machine ${number}`);
      const crypto = createCheapCrypto(hash, chance);
      const clock = createHandClock(BEGINS_MS);
      return { crypto, chance, clock, secrets: createSealingSecrets({ clock, crypto, random: chance }), used: new Map() };
    }

    /** What the encapsulated key stands for when it is bound to what it has to be, and to nothing else, gives the commitment. */
    async function checkSecret({ suite, bytes, body, from, to, inboxKeyId }: Envelope, toKey: number): Promise<void> {
      const bound = bytes.slice(0, 112);
      const info =
        suite === 1
          ? concat(utf8("perdure/seal/1"), bound)
          : concat(utf8("perdure/seal-many/1"), Uint8Array.of(0, 2), from, to, inboxKeyId);
      const inboxKey = inbox[toKey] as (typeof inbox)[0];
      const secret = await plain.encapsulation.decapsulate(inboxKey, body.slice(0, 32), info);
      const derived = hash.hkdfSha256(secret, body.slice(32, 64), bound, 64);
      expectAlike("the commitment of a key that is bound to its pair, inbox key and suite", body.slice(64, 96), derived.subarray(32));
    }

    function checkUse({ used, clock }: Machine, encapsulated: Bytes): void {
      const name = hex(encapsulated);
      const use = used.get(name) ?? { sinceMs: clock.monotonicMs(), times: 0 };
      used.set(name, use);
      use.times++;
      if (clock.monotonicMs() - use.sinceMs >= 600_000) parted("an encapsulated key is used for more than ten minutes");
      if (use.times > 1024) parted("an encapsulated key is used for more than 1,024 messages");
    }

    async function open({ storedMs, nowMs, change, what }: Extract<SealStep, { do: "open" }>, each: Sealed): Promise<void> {
      const chance = createDraws(`change ${what}`);
      const envelope = changed(each.envelope, change, chance);
      let frozen: VerifiedIdentity | undefined;
      let part: OpenedPart | undefined;
      const before = opened.size;
      const code = await codeOf(async () => {
        part = await openPart({
          crypto: plain,
          own: { idRaw: change === "other" ? envelope().to : recipient, inboxSecret: secretOf } as unknown as OwnIdentity,
          envelope: envelope(),
          known: () => pinned?.identity,
          nowMs: BEGINS_MS + nowMs,
          storedAtMs: BEGINS_MS + storedMs,
          opened,
          onFrozen: (sender) => {
            frozen = sender;
          },
        });
      });
      if (code !== "nothing" && opened.size > before) parted("a secret is remembered of what was not opened");
      if (change === "commitment") {
        const isLate = each.envelope.expiresAtMs > BEGINS_MS + nowMs + 31 * DAY_MS;
        const wanted = isLate ? "expiry-out-of-range" : each.step.toKey >= OPENED ? "unknown-inbox-key" : "wrong-commitment";
        return expectAlike("a commitment of another key", code, wanted);
      }
      if (change !== "") {
        if (code === "nothing") parted(`what was changed (${change}) is opened`);
        return;
      }
      const wanted = whyNotOpened(each, BEGINS_MS + nowMs, BEGINS_MS + storedMs);
      expectAlike(`what was sealed with the lie "${each.step.lie}"`, code, wanted);
      expectAlike("a frozen sender is told of", frozen !== undefined, wanted === "identity-forked");
      if (part === undefined) return;
      expectAlike("what is opened", part.content, each.content);
      expectAlike("its certificate", part.head.certificateHash, certificateHash(hash, each.certificate.said));
      // What the signature proves to others is judged at the time it claims.
      const { sender, signed } = part;
      const proof = await codeOf(() => verifySignedPlaintext(plain, sender, signed));
      const held = readingOf(senderOf(each)?.bundle as MadeBundle, 0).holdings.find(({ encoded }) =>
        equalBytes(encoded, each.certificate.encoded),
      );
      expectAlike("the proof of who wrote it", proof, held === undefined ? "bad-signature" : refusalAt(held, BEGINS_MS) || "nothing");
      const bad = signed.plaintext.slice();
      const at = chance.below(bad.length);
      bad[at] = (bad[at] as number) ^ (1 << chance.below(8));
      expectAlike(
        "a changed proof",
        (await codeOf(() => verifySignedPlaintext(plain, sender, { ...signed, plaintext: bad }))) === "nothing",
        false,
      );
    }

    /** Who the sender is to the recipient once it is opened; `undefined` when nobody can tell. */
    function senderOf({ tip, bundle, step }: Sealed): { readonly bundle: MadeBundle } | undefined {
      if (bundle !== undefined && pinned !== undefined && equalBytes(pinned.identity.bundle, bytesOf(bundle)))
        return { bundle: { ...pinned.made, certificates: pinned.all } };
      if (bundle !== undefined) {
        const known = knownOf(new Set([...(pinned?.seen ?? []), tip]));
        const all = [...new Set([...(pinned?.made.certificates ?? []), ...bundle.certificates])];
        return { bundle: { known, certificates: all.filter((one) => refusalOf(one, owner, known.common) === ""), records: [] } };
      }
      const knows = pinned !== undefined && step.lie !== "head" && lineOf(pinned.made.known.common).includes(tip);
      return knows && pinned !== undefined ? { bundle: { ...pinned.made, certificates: pinned.all } } : undefined;
    }

    function whyNotOpened(each: Sealed, nowMs: number, storedAtMs: number): string {
      const { step, bundle, certificate } = each;
      if (each.envelope.expiresAtMs > nowMs + 31 * DAY_MS) return "expiry-out-of-range";
      if (step.toKey >= OPENED) return "unknown-inbox-key";
      if (step.lie === "whole" && step.sizeBytes <= PART_BYTES) return "malformed";
      const isPinned = bundle !== undefined && pinned !== undefined && equalBytes(pinned.identity.bundle, bytesOf(bundle));
      if (bundle !== undefined && !isPinned) {
        if (!readingOf(bundle, storedAtMs).speaks) return "certificate-expired";
        if (step.lie === "head") return "malformed";
      }
      const sender = senderOf(each)?.bundle;
      if (sender === undefined) return "unknown-agent";
      if (sender.known.fork !== undefined) return "identity-forked";
      const held = readingOf(sender, storedAtMs).holdings.find(({ encoded }) => equalBytes(encoded, certificate.encoded));
      if (held === undefined || step.lie === "certificate") return bundle === undefined ? "unknown-agent" : "bad-signature";
      if (!held.said.scopes.includes("mail")) return "bad-signature";
      return refusalAt(held, storedAtMs) || (step.lie === "key" ? "bad-signature" : "nothing");
    }

    /** As it arrives after somebody changed it; throws when it is no envelope any more. */
    function changed(envelope: Envelope, change: Change, chance: Draws): () => Envelope {
      const { body, bytes, digest: _, ...header } = envelope;
      const flipped = (from: Bytes, first = 0, count = from.length): Bytes => {
        const bad = from.slice();
        const at = first + chance.below(count);
        bad[at] = (bad[at] as number) ^ (1 << chance.below(8));
        return bad;
      };
      const bad =
        change === "body"
          ? flipped(body)
          : change === "commitment"
            ? flipped(body, 64, 32)
            : change === "cut"
              ? body.slice(0, chance.below(body.length))
              : body;
      const other = change === "byte" ? flipped(bytes) : bytes;
      return () => {
        switch (change) {
          case "":
            return envelope;
          case "byte":
            return decodeEnvelope(other);
          case "seq":
            return encodeEnvelope({ ...header, seq: header.seq + 1 }, body, hash.sha256);
          case "class":
            return encodeEnvelope({ ...header, class: header.class === "mail" ? "receipt" : "mail" }, body, hash.sha256);
          case "expiry":
            return encodeEnvelope({ ...header, expiresAtMs: header.expiresAtMs - 1 }, body, hash.sha256);
          case "stream":
            return encodeEnvelope({ ...header, stream: utf8("stream-2") }, body, hash.sha256);
          case "from":
            return encodeEnvelope({ ...header, from: recipient }, body, hash.sha256);
          case "other":
            return encodeEnvelope({ ...header, to: owner.idRaw }, body, hash.sha256);
          default:
            return encodeEnvelope(header, bad, hash.sha256);
        }
      };
    }
  },
};

function drawStep(draws: Draws): SealStep {
  const back = draws.chance(0.7) ? 0 : draws.below(8);
  switch (draws.below(9)) {
    case 0:
      return {
        do: "make",
        back,
        kind: KINDS[draws.below(KINDS.length - (draws.chance(0.8) ? 1 : 0))] as MadeBody["kind"],
        what: draws.u32(),
      };
    case 1:
    case 2:
      return {
        do: "certify",
        instance: draws.below(INSTANCES),
        fromMs: TICK_MS * (draws.below(8) - 6),
        lifeMs: TICK_MS * (10 + draws.below(60)),
        scope: draws.chance(0.85) ? "mail" : "relay",
      };
    case 3:
      return { do: "know", back, shows: 1 + draws.below(3) };
    case 4:
    case 5:
    case 6:
      return {
        do: "seal",
        chance: draws.below(3),
        many: draws.chance(0.6) ? (draws.chance(0.8) ? "goes-on" : "put-back") : "",
        rush: draws.chance(0.3) ? draws.below(1600) : 0,
        sleepsMs: draws.chance(0.4) ? draws.below(601_000) : 0,
        text: draws.below(4),
        sizeBytes: draws.chance(0.02) ? PART_BYTES + draws.below(9) : draws.below(draws.chance(0.2) ? 3000 : 40),
        seq: 1 + draws.below(2),
        part: draws.below(2),
        class: draws.chance(0.8) ? "mail" : "receipt",
        toKey: draws.chance(0.8) ? 0 : draws.below(INBOX_KEYS),
        lastsMs: draws.chance(0.9) ? DAY_MS : 31 * DAY_MS + TICK_MS * draws.below(30),
        certificate: draws.below(draws.chance(0.6) ? 2 : 6),
        back,
        shows: draws.below(4),
        lie: draws.chance(0.15) ? (LIES[draws.below(LIES.length)] as Lie) : "",
      };
    default:
      return {
        do: "open",
        back: draws.below(4),
        storedMs: TICK_MS * draws.below(30),
        nowMs: TICK_MS * draws.below(30),
        change: draws.chance(0.25) ? (CHANGES[draws.below(CHANGES.length)] as Change) : "",
        what: draws.u32(),
      };
  }
}
