/**
 * What an agent shows, and who acts on it: bundles of logs, certificates and records, read at times that jump, joined, pinned by somebody who
 * restarts, and registered at a relay.
 */
import { createPeers } from "../../packages/perdure/src/agent/peers.ts";
import type { SigningKey } from "../../packages/perdure/src/host/crypto.ts";
import { createCheapCrypto } from "../../packages/perdure/src/host/simulated/cheap-crypto.ts";
import { verifyLog } from "../../packages/perdure/src/identity/agent-log.ts";
import { signRecord } from "../../packages/perdure/src/identity/agent-record.ts";
import { encodeBundle } from "../../packages/perdure/src/identity/bundle.ts";
import {
  certificateHash,
  certifiedInstance,
  refuseInvalid,
  signCertificate,
  validAt,
} from "../../packages/perdure/src/identity/certificate.ts";
import { headOf, readVerified } from "../../packages/perdure/src/identity/verified-before.ts";
import {
  changesAtMs,
  mergeIdentities,
  readIdentity,
  refuseRollback,
  relateIdentities,
  type VerifiedIdentity,
  verifyBundle,
} from "../../packages/perdure/src/identity/verify.ts";
import { createRegistrar } from "../../packages/perdure/src/relay/registrar.ts";
import { type Bytes, EMPTY, equalBytes, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { type Certificate, certificate, identityBundle } from "../../packages/perdure/src/wire/identity.ts";
import { agentIdText } from "../../packages/perdure/src/wire/ids.ts";
import { type BundleStep, drawBundleStep, INSTANCES, recordOf } from "./bundle-steps.ts";
import { drawnBody, TICK_MS } from "./drawn-events.ts";
import { codeOf, expectAlike } from "./likeness.ts";
import {
  branchesOf,
  certify,
  type Holding,
  hasOlderRecord,
  holdsAt,
  isRetired,
  type MadeBundle,
  type MadeCertificate,
  type MadeRecord,
  merged,
  type Reading,
  readingOf,
  refusalAt,
  refusalOfBundle,
  sayRecord,
  shownOf,
} from "./made-bundle.ts";
import {
  BEGINS_MS,
  createOwner,
  type Known,
  knownOf,
  type Made,
  type MadeBody,
  mayReveal,
  type Owner,
  relationOfKnown,
  revealsKeys,
  sayingOf,
} from "./made-log.ts";
import type { Room } from "./room.ts";

const STEPS = 50;
/** A certificate begins that long before it is made. */
const EARLIER_MS = 10 * 60_000;

interface Shown {
  readonly bytes: Bytes;
  readonly made: MadeBundle;
  /** Every event that was seen to come to it. */
  readonly seen: ReadonlySet<Made>;
}

export const bundles: Room<BundleStep> = {
  name: "bundles",
  about: "what bundles say at which time, joined, pinned and registered, beside the rules of protocol/identity.md",
  draw: (draws) => {
    const next = 1 + draws.below(2);
    return [{ do: "owner", next, nextThreshold: 1 + draws.below(next) }, ...Array.from({ length: STEPS }, () => drawBundleStep(draws))];
  },
  run: async (steps, { hash, draws }) => {
    const crypto = createCheapCrypto(hash, draws("chance"));
    const instances: SigningKey[] = [];
    for (let index = 0; index < INSTANCES; index++) instances.push(await crypto.signatures.load(hash.sha256(utf8(`instance ${index}`))));
    const publicKeys = instances.map(({ publicKey }) => publicKey);
    let owner: Owner | undefined;
    let nowMs = BEGINS_MS;
    const clock = { wallMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => undefined };
    const made: Made[] = [];
    const certificates: MadeCertificate[] = [];
    const records: MadeRecord[] = [];
    const shown: Shown[] = [];
    let peers = createPeers({ host: { crypto, clock } });
    let pinned: Shown | undefined;
    const registered = new Map<"agent" | "relay", Shown>();
    const registrar = createRegistrar({ host: { clock, crypto }, held: (_, role) => registered.get(role)?.bytes ?? EMPTY });

    const read = async (bytes: Bytes, bundle: MadeBundle, atMs: number): Promise<VerifiedIdentity | undefined> => {
      const refused = refusalOfBundle(owner as Owner, bundle);
      const said = readingOf0(bundle, atMs, refused);
      const idRaw = (owner as Owner).idRaw;
      const wanted = refused !== "" ? refused : said?.speaks === true ? "nothing" : "certificate-expired";
      expectAlike("a bundle", await codeOf(() => verifyBundle(crypto, bytes, atMs, idRaw)), wanted);
      expectAlike("a bundle of another", await codeOf(() => readIdentity(crypto, bytes, atMs, publicKeys[0])), "bad-signature");
      if (said === undefined) return undefined;
      const identity = await readIdentity(crypto, bytes, atMs, idRaw);
      expectReading(identity, bundle, said);
      if (said.speaks) expectAlike("a bundle read again", await readVerified(crypto, bytes, atMs, idRaw), identity);
      expectAlike("the head of a bundle", headOf(crypto, bytes), {
        logSeq: identityBundle.decode(bytes).log.length - 1,
        logHead: (bundle.known.fork?.[0] ?? bundle.known.common).hash,
      });
      const changesMs = changesAtMs(identity, atMs);
      for (let ms = atMs; ms < Math.min(changesMs, atMs + 8 * TICK_MS); ms += TICK_MS)
        expectAlike(`what is said ${ms - atMs} ms later, before anything changes,`, summary(readingOf(bundle, ms)), summary(said));
      return identity;
    };
    const readingOf0 = (bundle: MadeBundle, atMs: number, refused: string): Reading | undefined =>
      refused === "" ? readingOf(bundle, atMs) : undefined;
    const expectReading = (
      identity: VerifiedIdentity,
      { known, records: own }: MadeBundle,
      said: Reading,
      all: readonly Holding[] = said.holdings,
    ): void => {
      const { sizeBytes: _, ...log } = identity.log;
      const { sizeBytes: __, ...expected } = sayingOf(owner, known.common);
      expectAlike("the log of a bundle", log, expected);
      expectAlike(
        "what a bundle says",
        { ...summary(identity), id: identity.id, logHead: identity.logHead, logSeq: identity.logSeq },
        { ...summary(said), id: agentIdText((owner as Owner).idRaw), logHead: known.common.hash, logSeq: known.common.seq },
      );
      expectAlike(
        "the certificates",
        identity.certificates,
        all.map((each) => ({ ...each.said, validUntilMs: each.untilMs, hash: hash.sha256(certificate.encode(each.said)) })),
      );
      expectAlike(
        "the records",
        identity.records,
        own.map((each) => each.said),
      );
      expectAlike("the record version", identity.recordVersion, Math.max(0, ...own.map((each) => each.said.recordVersion)));
    };
    const joinedOf = (one: Shown, other: Shown): { readonly known: Known; readonly seen: ReadonlySet<Made> } => {
      const seen = new Set([...one.seen, ...other.seen]);
      return { known: knownOf(seen), seen };
    };
    /** What somebody who holds one is told of the other, and holds then. */
    const join = async (one: Shown, other: Shown, atMs: number): Promise<Shown | undefined> => {
      if (equalBytes(one.bytes, other.bytes)) return other;
      const { known, seen } = joinedOf(one, other);
      const both = merged(owner as Owner, one.made, other.made, known);
      const before = await readIdentity(crypto, one.bytes, atMs);
      const identity = await mergeIdentities(crypto, before, await readIdentity(crypto, other.bytes, atMs), atMs);
      expectReading(identity, both, readingOf(both, atMs), both.all);
      return { bytes: identity.bundle, made: both, seen };
    };

    for (const step of steps) {
      if (step.do === "owner") {
        owner ??= await createOwner(crypto, "agent", { first: 1, firstThreshold: 1, ...step });
        if (made.length === 0) made.push(owner.inception);
      }
      if (owner === undefined) continue;
      if ("atMs" in step) nowMs = BEGINS_MS + step.atMs;
      const eventAt = (back: number): Made => made[made.length - 1 - (back % made.length)] as Made;
      if (step.do === "make") {
        const before = eventAt(step.back);
        if (isRetired(before) || (revealsKeys({ kind: step.kind } as MadeBody) && !mayReveal(before))) continue;
        made.push(await owner.make(before, drawnBody(step.kind, step.what, before, publicKeys, 3), before.claimedAtMs + TICK_MS, 0));
      } else if (step.do === "certify") {
        const last = eventAt(step.back);
        const said: Certificate = {
          version: step.wrong === "needs-newer-verifier" ? 2 : step.wrong === "needs-older-version" ? 0 : 1,
          agentId: step.wrong === "of another" ? (publicKeys[0] as Bytes) : owner.idRaw,
          instanceKey: publicKeys[step.instance] as Bytes,
          scopes: step.scopes,
          notBeforeMs: BEGINS_MS + step.fromMs,
          notAfterMs: BEGINS_MS + step.fromMs + (step.wrong === "malformed" ? -1 : step.lifeMs),
          controlSeq: step.seq % (last.seq + 2),
          extensions: [],
        };
        certificates.push(
          await certify(crypto, owner, last, said, {
            keyIndex: step.key,
            wrong: step.wrong === "of another" ? "bad-signature" : step.wrong,
          }),
        );
        await expectSigned(last, step);
      } else if (step.do === "record") {
        const said = recordOf(owner, publicKeys[step.instance] as Bytes, step);
        const record = await sayRecord(
          crypto,
          instances[step.instance] as SigningKey,
          said,
          step.wrong === "of another" ? "bad-signature" : step.wrong,
        );
        if (step.wrong === "")
          expectAlike("a signed record", await signRecord(crypto, instances[step.instance] as SigningKey, said), record.encoded);
        records.push(record);
      } else if (step.do === "show") {
        const seen = new Set(step.logs.map(eventAt));
        const known = knownOf(seen);
        const pick = <Item>(items: readonly Item[], backs: readonly number[]): readonly Item[] =>
          items.length === 0 ? [] : backs.map((back) => items[items.length - 1 - (back % items.length)] as Item);
        const bundle: MadeBundle = {
          known,
          ...shownOf({ certificates: pick(certificates, step.certificates), records: pick(records, step.records) }),
        };
        const parts = { certificates: pick(certificates, step.certificates), records: pick(records, step.records) };
        const bytes = encodeBundle({
          ...branchesOf(known),
          certificates: parts.certificates.map((each) => each.encoded),
          records: parts.records.map((each) => each.encoded),
        });
        const expected = identityBundle.encode({
          ...branchesOf(known),
          certificates: bundle.certificates.map((each) => each.encoded),
          records: bundle.records.map((each) => each.encoded),
        });
        expectAlike("the bytes of a bundle", bytes, expected);
        if ((await read(bytes, bundle, nowMs)) === undefined) continue;
        shown.push({ bytes, made: bundle, seen });
        await expectProofOnly(known, bundle);
        for (const said of readingOf(bundle, nowMs).holdings) expectHolding(said);
        await expectActing(bundle, bytes);
      }
      const shownAt = (back: number): Shown | undefined => shown[shown.length - 1 - (back % Math.max(1, shown.length))];
      if (step.do === "join") {
        const [one, other] = [shownAt(step.one), shownAt(step.other)];
        if (one === undefined || other === undefined) continue;
        const [a, b] = [await readIdentity(crypto, one.bytes, nowMs), await readIdentity(crypto, other.bytes, nowMs)];
        const relation = relationOfKnown(other.made.known, one.made.known, joinedOf(one, other).known);
        expectAlike("what one bundle is to another", relateIdentities(b, a), relation);
        const isBack = relation === "behind" || relation === "outranked" || hasOlderRecord(one.made, other.made);
        expectAlike("an older bundle", await codeOf(async () => refuseRollback(a, b)), isBack ? "record-rolled-back" : "nothing");
        const both = await join(one, other, nowMs);
        const turned = await join(other, one, nowMs);
        expectAlike(
          "joined the other way round",
          identityBundle.decode(both?.bytes as Bytes),
          identityBundle.decode(turned?.bytes as Bytes),
        );
        if (both !== undefined) shown.push(both);
      } else if (step.do === "learn") {
        const all = step.at.map(shownAt).filter((each) => each !== undefined);
        const before = pinned;
        let other: Shown | undefined;
        const learnt: ReturnType<typeof peers.learn>[] = [];
        const wanted: (Shown | undefined)[] = [];
        const identities: VerifiedIdentity[] = [];
        for (const each of all) identities.push(await readIdentity(crypto, each.bytes, nowMs));
        for (const identity of identities) learnt.push(peers.learn(identity));
        for (const each of all) {
          const relation =
            before === undefined ? "same" : relationOfKnown(each.made.known, before.made.known, joinedOf(each, before).known);
          const isOther = before !== undefined && !equalBytes(before.bytes, each.bytes);
          const isBack = isOther && (relation === "behind" || relation === "outranked" || hasOlderRecord(before.made, each.made));
          if (isBack) {
            wanted.push(undefined);
            continue;
          }
          let joined: Shown = each;
          for (const one of [before, other]) if (one !== undefined) joined = (await join(one, joined, nowMs)) ?? joined;
          other = joined;
          wanted.push(joined);
        }
        const kept = [];
        for (const [index, each] of learnt.entries()) {
          const want = wanted[index];
          if (want === undefined) expectAlike("an older identity is learnt", await codeOf(() => each), "record-rolled-back");
          else {
            const [planned] = await each;
            expectAlike("what is kept of who was learnt", planned?.payload, want.bytes);
            kept.push(planned);
          }
        }
        if (other === undefined) continue;
        for (const planned of step.isTurned ? kept.toReversed() : kept)
          if (planned !== undefined) peers.apply(planned.kept, planned.payload);
        const bytes = peers.bundle(owner.idRaw) as Bytes;
        if (step.isTurned && !equalBytes(bytes, other.bytes)) {
          // Kept in another order, certificates may be missing; the log and what is newest must not be.
          const least = wanted.find((each) => each !== undefined && equalBytes(each.bytes, bytes));
          expectAlike("the pinned log", least && shapeOf(least.made.known), shapeOf(other.made.known));
          pinned = least ?? other;
        } else pinned = other;
        await expectPinned();
      } else if (step.do === "restart") {
        const again = createPeers({ host: { crypto, clock } });
        for (const { kept, payload } of peers.restate()) again.apply(kept, payload);
        peers = again;
        await expectPinned();
      } else if (step.do === "serve") {
        const offered = shownAt(step.back);
        if (offered === undefined || !readingOf(offered.made, nowMs).speaks) continue;
        const held = registered.get(step.role);
        const identity = await registrar.verify(offered.bytes, owner.idRaw, step.role);
        const judged = await registrar.judge(identity, step.role);
        const both = held === undefined ? offered : await join(held, offered, nowMs);
        if (both === undefined) continue;
        const reading = readingOf(both.made, nowMs);
        const relation = held === undefined ? "same" : relationOfKnown(offered.made.known, held.made.known, both.made.known);
        const isFirst = held === undefined || equalBytes(held.bytes, offered.bytes);
        const verdict = isFirst
          ? ""
          : reading.frozen
            ? "identity-forked"
            : relation === "behind" || relation === "outranked"
              ? "record-rolled-back"
              : "";
        expectAlike(
          "a registration",
          { verdict: judged.registration.verdict, standing: judged.registration.standing, bundle: judged.registration.bundle },
          { verdict, standing: reading.frozen ? "frozen" : reading.retired ? "retired" : "open", bundle: both.bytes },
        );
        const all = !isFirst && "all" in both.made ? (both.made as ReturnType<typeof merged>).all : reading.holdings;
        const acting = all.filter((each) => holdsAt(each, nowMs) && mayOpen(each, reading));
        expectAlike(
          "instances that may open sessions",
          judged.registration.instances,
          acting.map((each) => each.said.instanceKey),
        );
        const instance = publicKeys[step.instance] as Bytes;
        const judgedBy = reading.frozen ? readingOf(offered.made, nowMs) : { ...reading, holdings: all };
        const refused =
          step.role === "relay" && reading.frozen
            ? "identity-forked"
            : whyNot(judgedBy, instance, step.role === "agent" ? "mail" : "relay", nowMs);
        expectAlike("an instance that comes", await codeOf(() => registrar.admit(identity, instance, step.role)), refused);
        registered.set(step.role, both);
        expectAlike("what is held", registrar.held(owner.idRaw, step.role), both.bytes);
        const later = readingOf(both.made, nowMs);
        if (later.frozen && step.role === "agent")
          expectAlike(
            "a session of a frozen agent",
            (await registrar.certifiedUntil(owner.idRaw, instance, step.role).catch(() => 0)) > 0,
            true,
          );
        else if (later.speaks)
          expectAlike(
            "a session that goes on",
            await codeOf(() => registrar.certifiedUntil((owner as Owner).idRaw, instance, step.role)),
            whyNot(later, instance, step.role === "agent" ? "mail" : "relay", nowMs),
          );
      }
    }

    async function expectPinned(): Promise<void> {
      if (pinned === undefined || owner === undefined) return;
      expectAlike("what is pinned", peers.bundle(owner.idRaw), pinned.bytes);
      const said = readingOf(pinned.made, nowMs);
      const identity = await peers.load(owner.idRaw);
      expectAlike("somebody speaks for who is pinned", identity !== undefined, said.speaks);
      if (identity !== undefined) expectAlike("what the pinned one says", summary(identity), summary(said));
      expectAlike(
        "the trouble with who is pinned",
        peers.trouble(owner.idRaw),
        said.frozen ? "frozen" : isRetired(pinned.made.known.common) ? "retired" : undefined,
      );
      const newest = pinned.made.records.map((each) => each.said).sort((a, b) => b.recordVersion - a.recordVersion);
      const [home] = (newest.find(({ homes }) => homes.length > 0)?.homes ?? []).toSorted((a, b) => a.preference - b.preference);
      const only = sayingOf(owner, pinned.made.known.common)["homes"] as (typeof newest)[0]["homes"] | undefined;
      const isOpen = only === undefined || home === undefined || only.some(({ relayId }) => equalBytes(relayId, home.relayId));
      expectAlike("what the pinned one claims", peers.claims(owner.idRaw), { name: newest[0]?.name, home: isOpen ? home : only?.[0] });
    }

    /** A writer makes the same bytes, or says that the agent has ended. */
    async function expectSigned(last: Made, { key, instance, scopes, lifeMs }: Extract<BundleStep, { do: "certify" }>): Promise<void> {
      const [scope = "mail"] = scopes;
      const keys = (owner as Owner).keysAt(last.position);
      const controlKey = keys[key % keys.length] as SigningKey;
      const log = await verifyLog(crypto, branchesOf({ common: last, fork: undefined }).log);
      const wish = { crypto, controlKey, log, instanceKey: publicKeys[instance] as Bytes, scope, nowMs, lifeMs };
      if (isRetired(last))
        return expectAlike("a certificate of a retired agent", await codeOf(() => signCertificate(wish)), "identity-retired");
      const said = {
        version: 1,
        agentId: log.idRaw,
        instanceKey: wish.instanceKey,
        scopes: [scope],
        notBeforeMs: Math.max(0, nowMs - EARLIER_MS),
        notAfterMs: nowMs + lifeMs,
        controlSeq: last.seq,
        extensions: [],
      };
      const expected = await certify(crypto, owner as Owner, last, said, { keyIndex: key, wrong: "" });
      expectAlike("a signed certificate", await signCertificate(wish), expected.encoded);
      expectAlike("the hash of a certificate", certificateHash(hash, said), hash.sha256(certificate.encode(said)));
    }

    function expectHolding(each: Holding): void {
      const said = { ...each.said, validUntilMs: each.untilMs, hash: hash.sha256(certificate.encode(each.said)) };
      for (const atMs of [
        each.said.notBeforeMs - 1,
        each.said.notBeforeMs,
        each.untilMs,
        each.untilMs + 1,
        each.said.notAfterMs,
        each.said.notAfterMs + 1,
      ]) {
        expectAlike("a certificate holds", validAt(said, atMs), holdsAt(each, atMs));
        let code = "";
        try {
          refuseInvalid(said, atMs);
        } catch (error) {
          ({ code } = error as { code: string });
        }
        expectAlike("why a certificate does not hold", code, refusalAt(each, atMs));
      }
    }

    async function expectActing(bundle: MadeBundle, bytes: Bytes): Promise<void> {
      const identity = await readIdentity(crypto, bytes, nowMs);
      for (const key of publicKeys)
        for (const scope of ["mail", "relay"] as const) {
          const refused = whyNoCertificate(readingOf(bundle, nowMs).holdings, key, scope, nowMs);
          const code = await codeOf(async () => certifiedInstance(identity, key, scope, nowMs));
          expectAlike(`a certificate for ${scope}`, code, refused);
        }
    }

    /** More than proves a fork, or one log as if it were two, is no bundle. */
    async function expectProofOnly({ common, fork }: Known, bundle: MadeBundle): Promise<void> {
      const certified = { certificates: bundle.certificates.map((each) => each.encoded), records: [] };
      const branches = branchesOf({ common, fork });
      const more = made.find(({ before, said }) => fork !== undefined && before === fork[1] && !revealsKeys(said));
      const wrong =
        fork === undefined
          ? { log: branches.log, rival: branches.log.slice(-1) }
          : more === undefined
            ? { log: [...branches.log.slice(0, common.seq + 1), ...branches.rival], rival: branches.log.slice(common.seq + 1) }
            : { log: branches.log, rival: [...branches.rival, more.signed[0] as Bytes] };
      expectAlike(
        "what proves no fork",
        await codeOf(() => readIdentity(crypto, encodeBundle({ ...wrong, ...certified }), nowMs)),
        "malformed",
      );
    }
  },
};

const shapeOf = ({ common, fork }: Known): unknown => [common.hash, fork?.map((each) => each.hash)];

function summary(said: Pick<VerifiedIdentity, "frozen" | "retired" | "name" | "inboxKey" | "homes">): object {
  const { frozen, retired, name, inboxKey, homes } = said;
  return { frozen, retired, name, inboxKey, homes };
}

/** Who may open a session: old keys that have some time left may not, but for what is left of an agent that is frozen or retired. */
const mayOpen = ({ untilMs, said }: Holding, { frozen, retired }: Reading): boolean => frozen || retired || untilMs === said.notAfterMs;

function whyNoCertificate(holdings: readonly Holding[], instance: Bytes, scope: "mail" | "relay", atMs: number): string {
  const own = holdings.filter(({ said }) => equalBytes(said.instanceKey, instance) && said.scopes.includes(scope));
  if (own.some((each) => holdsAt(each, atMs))) return "nothing";
  const codes = own.map((each) => refusalAt(each, atMs));
  return codes.includes("instance-revoked") ? "instance-revoked" : (codes[0] ?? "bad-signature");
}

function whyNot(reading: Reading, instance: Bytes, scope: "mail" | "relay", atMs: number): string {
  const refused = whyNoCertificate(reading.holdings, instance, scope, atMs);
  if (refused !== "nothing") return refused;
  const acting = reading.holdings.filter((each) => mayOpen(each, reading));
  if (!acting.some(({ said }) => equalBytes(said.instanceKey, instance))) return "instance-revoked";
  return whyNoCertificate(acting, instance, scope, atMs);
}
