/**
 * The identity of an agent in folders: its own, copies a thief has, and older ones that were put back, each of which goes on by itself, sees what
 * others hold of it, and is opened again after a loss of power.
 */
import { createCheapCrypto } from "../../packages/perdure/src/host/simulated/cheap-crypto.ts";
import { healthyDisk } from "../../packages/perdure/src/host/simulated/disk-files.ts";
import { createDisk, createMemoryFiles, type Draws, ONLY_SYNCED } from "../../packages/perdure/src/host/simulated/index.ts";
import { identityPath, readKept } from "../../packages/perdure/src/identity/custody.ts";
import { createIdentity, lookAtIdentity, type OwnIdentity, openIdentity } from "../../packages/perdure/src/identity/own-identity.ts";
import { readIdentity } from "../../packages/perdure/src/identity/verify.ts";
import { readWhole, replaceFile } from "../../packages/perdure/src/identity/whole-file.ts";
import { createSettings } from "../../packages/perdure/src/settings/register.ts";
import { type Bytes, equalBytes, hex } from "../../packages/perdure/src/wire/bytes.ts";
import { type Home, identityEvent, signedEvent } from "../../packages/perdure/src/wire/identity.ts";
import { relayOf } from "./drawn-events.ts";
import {
  adopted,
  baseOf,
  borneOut,
  certified,
  type Folder,
  holdsUntilMs,
  homesIn,
  inForceAt,
  isRetired,
  isRevoked,
  LIVES,
  type ModelCertificate,
  nextGeneration,
  refusedInStage,
  renewed,
  rotationOn,
  said,
  shownBy,
  stageOf,
  standingOf,
  stillRival,
} from "./folder-model.ts";
import { codeOf, expectAlike } from "./likeness.ts";
import { BEGINS_MS, logOf, type Made, type MadeBody, revealsKeys, sayingOf } from "./made-log.ts";
import { parted, type Room } from "./room.ts";

const CHANGES = ["join", "move", "revoke", "replace", "homes", "anchor", "rotate", "retire", "renew", "open", "adopt"] as const;

/** `at` is a folder; numbers beyond what there is begin again. */
export type FolderStep =
  | { readonly do: "create"; readonly custody: "together" | "split" }
  /** All of a folder as it lies there, to another place. */
  | { readonly do: "copy"; readonly at: number; readonly to: number }
  | { readonly do: "wait"; readonly ms: number }
  | {
      readonly do: (typeof CHANGES)[number];
      readonly at: number;
      readonly what: number;
      readonly page: boolean;
      readonly fails: "" | "writes" | "syncs";
    };

const STEPS = 26;
const FOLDERS = 3;
const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;
const WAITS = [0, 0, MINUTE_MS, 10 * MINUTE_MS, DAY_MS, 8 * DAY_MS, 12 * DAY_MS, 40 * DAY_MS, -MINUTE_MS, -DAY_MS];
const PAGE = "away/page";
/** Beyond that a log is full soon, which is another room's matter. */
const LOG_BYTES = 9 * 1024;
const KINDS_OF: Partial<Record<(typeof CHANGES)[number], "join" | "move" | "control" | "rotate" | "retire">> = {
  join: "join",
  move: "move",
  revoke: "control",
  replace: "control",
  homes: "control",
  anchor: "control",
  rotate: "rotate",
  retire: "retire",
};

interface Place {
  readonly own: OwnIdentity;
  readonly model: Folder;
}

export const folders: Room<FolderStep> = {
  name: "folders",
  about: "an agent's own folder, copies of it and older ones, beside the table of its life",
  draw: (draws) => [
    { do: "create", custody: draws.chance(0.7) ? "together" : "split" },
    ...(draws.chance(0.7) ? [drawChange(draws, "join", 0)] : []),
    ...Array.from({ length: 1 + draws.below(2) }, (_, index): FolderStep => ({ do: "copy", at: 0, to: 1 + index })),
    ...Array.from({ length: STEPS }, () => drawStep(draws)),
  ],
  run: async (steps, { hash, draws }) => {
    const random = draws("machine");
    const crypto = createCheapCrypto(hash, random);
    const settings = createSettings();
    const faults = healthyDisk();
    const disk = createDisk();
    const files = createMemoryFiles(disk, faults);
    let nowMs = BEGINS_MS * 1000;
    const clock = { wallMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => undefined };
    const log = { write: () => undefined };
    const host = { crypto, random, files, clock, log } as unknown as Parameters<typeof createIdentity>[0]["host"];
    const folderOf = (at: number): string => `folder-${at % FOLDERS}`;
    const places: (Place | undefined)[] = [];
    const events = new Map<string, Made>();
    const instances: Bytes[] = [];
    const instanceOf = (key: Bytes): number => {
      const known = instances.findIndex((each) => equalBytes(each, key));
      return known >= 0 ? known : instances.push(key) - 1;
    };

    /** The events of a log that are there for the first time, each of which must be what it is expected to be. */
    const grown = (base: Made | undefined, signed: readonly Bytes[], bodies: readonly MadeBody[]): Made => {
      let tip = base;
      for (const [index, body] of bodies.entries()) {
        const bytes = signed[(base?.seq ?? -1) + 1 + index];
        if (bytes === undefined) return parted(`the log has no ${body.kind} at its end`);
        const { event: encoded } = signedEvent.decode(bytes);
        const event = identityEvent.decode(encoded);
        const position: number = (tip?.position ?? 0) + (revealsKeys(body) ? 1 : 0);
        const eventHash = hash.sha256(encoded);
        const rest = { claimedAtMs: nowMs, position, event, encoded, hash: eventHash, signed: [bytes] };
        // Two folders that say the same at the same moment write one event.
        const made: Made = events.get(hex(eventHash)) ?? { before: tip, seq: (tip?.seq ?? -1) + 1, said: body, ...rest };
        expectAlike("an event that was written before", [made.before === tip, made.said], [true, body]);
        tip = made;
        events.set(hex(eventHash), made);
      }
      expectAlike("the number of events", signed.length, (tip?.seq ?? -1) + 1);
      return tip as Made;
    };

    const expectPlace = async ({ own, model }: Place, at: number): Promise<void> => {
      const { idRaw: _, sizeBytes: __, ...log } = own.log;
      const { idRaw: ___, sizeBytes: ____, ...expected } = sayingOf(undefined, model.tip);
      expectAlike("the log of a folder", log, expected);
      const instanceKey = instances[model.instance] as Bytes;
      const certificate = model.certificates.at(-1) as ModelCertificate;
      expectAlike("a folder", summaryOf(own), {
        standing: standingOf(model),
        stage: stageOf(model),
        custody: model.custody,
        adoptedFromSeq: model.adoptedFrom,
        instance: {
          publicKey: instanceKey,
          scope: "mail",
          notAfterMs: certificate.endsMs,
          validUntilMs: holdsUntilMs(model.tip, certificate, instanceKey),
          revoked: isRevoked(model.tip, instanceKey),
        },
        homes: model.homes,
        generations: model.generations.map(({ number, madeAtMs, destroyAtMs }) => ({ generation: number, madeAtMs, destroyAtMs })),
        inboxKey: { generation: model.generations.at(-1)?.number, notAfterMs: model.recordUntilMs },
      });
      const ends = new Map(
        model.certificates.map((each) => [each.instance, holdsUntilMs(model.tip, each, instances[each.instance] as Bytes)]),
      );
      expectAlike(
        "the instances of a folder",
        own.instances.map(({ publicKey, validUntilMs }) => [instanceOf(publicKey), validUntilMs]),
        [...ends],
      );
      // What a folder shows is what anybody reads in it.
      const shown = await readIdentity(crypto, own.bundle(), nowMs, own.idRaw);
      expectAlike("what a folder shows is frozen", shown.frozen, shownBy(model).length === 2);
      expectAlike("the record a folder shows", shown.recordVersion, model.recordVersion);
      for (const { keyId } of own.generations)
        expectAlike("a key it has", [own.inboxSecret(keyId) !== undefined, own.isDestroyed(keyId)], [true, false]);
      const onDisk = await lookAtIdentity({ host, folder: folderOf(at), settings });
      expectAlike(
        "what lies on the disk",
        [summaryOf(onDisk), onDisk.bundle(), onDisk.certificateHash],
        [summaryOf(own), own.bundle(), own.certificateHash],
      );
    };

    for (const step of steps) {
      if (step.do === "wait") {
        nowMs = Math.max(BEGINS_MS * 1000, nowMs + step.ms);
        continue;
      }
      if (step.do === "create") {
        if (places[0] !== undefined) continue;
        const own = await createIdentity({
          host,
          folder: folderOf(0),
          role: "mail",
          custody: step.custody,
          settings,
          ...(step.custody === "split" ? { recoveryPath: PAGE } : {}),
        });
        const kept = await readKept(files, hash, folderOf(0));
        const tip = grown(undefined, kept?.log ?? [], [{ kind: "inception" }]);
        const instance = instanceOf(own.instanceKey.publicKey);
        const certificates = [{ instance, beginsMs: nowMs - LIVES.early, endsMs: nowMs + LIVES.certificate, controlSeq: 0, under: tip }];
        const first = {
          tip,
          rival: undefined,
          custody: step.custody,
          adoptedFrom: undefined,
          homes: [],
          recordVersion: 1,
          recordUntilMs: nowMs + LIVES.record,
        };
        places[0] = { own, model: { ...first, instance, certificates, ...nextGeneration({ generations: [], destroyed: [] }, nowMs) } };
        await expectPlace(places[0], 0);
        continue;
      }
      const at = step.at % FOLDERS;
      const place = places[at];
      if (place === undefined) continue;
      if (step.do === "copy") {
        const bytes = await readWhole(files, identityPath(folderOf(at)), 1 << 20);
        const to = step.to % FOLDERS;
        if (to === at || bytes === undefined) continue;
        await replaceFile(files, identityPath(folderOf(to)), bytes);
        places[to] = { own: await lookAtIdentity({ host, folder: folderOf(to), settings }), model: place.model };
      } else {
        const next = await change(step, place, at);
        if (next === undefined) continue;
        places[at] = next;
      }
      // A loss of power takes nothing of what was said to be done.
      disk.crash(ONLY_SYNCED);
      const changed = step.do === "copy" ? step.to % FOLDERS : at;
      if (places[changed] !== undefined) await expectPlace(places[changed], changed);
    }

    async function change(
      step: Extract<FolderStep, { do: (typeof CHANGES)[number] }>,
      { own, model }: Place,
      at: number,
    ): Promise<Place | undefined> {
      const { what, page } = step;
      const [a, b, c] = [what & 0xff, (what >>> 8) & 0xff, (what >>> 16) & 0xff];
      const kind = KINDS_OF[step.do];
      if (
        kind !== undefined &&
        [model.tip, baseOf(model)].some((tip) => logOf(tip).reduce((sum, each) => sum + each.length, 0) > LOG_BYTES)
      )
        return undefined;
      const home: Home = { relayId: relayOf(a), url: `wss://relay-${a % 6}.example/${b % 2}`, preference: 0 };
      const isHome = model.homes.some(({ relayId }) => equalBytes(relayId, home.relayId));
      const isAllowed = homesIn(model.tip)?.some(({ relayId }) => equalBytes(relayId, home.relayId)) ?? true;
      let refused = kind === undefined || (kind === "join" && isHome) ? "" : refusedInStage(model, kind);
      let bodies: readonly MadeBody[] = [];
      let base = model.tip;
      let next: Folder = model;
      let work: () => Promise<unknown>;
      let answer: unknown;
      switch (step.do) {
        case "join":
          refused ||= isAllowed ? "" : "bad-argument";
          next = { ...model, homes: [home], ...said(model, nowMs) };
          work = () => own.setHome(home, nowMs);
          break;
        case "move":
          bodies = isAllowed ? [] : [{ kind: "home-set", homes: [home] }];
          next = { ...model, homes: [home], ...said(model, nowMs), certificates: certified(model, model.tip, model.instance, nowMs) };
          work = () => own.moveHome(home, nowMs);
          break;
        case "revoke": {
          const instance = a % instances.length;
          const instanceKey = instances[instance] as Bytes;
          refused ||= instance === model.instance ? "bad-argument" : "";
          bodies = [{ kind: "instance-revoke", instance: instanceKey, voidFromMs: nowMs - b * MINUTE_MS, reason: "lost" }];
          next = { ...model, ...nextGeneration(model, nowMs), ...said(model, nowMs) };
          work = () => own.revokeInstance({ instanceKey, voidFromMs: nowMs - b * MINUTE_MS, reason: "lost", nowMs });
          break;
        }
        case "replace": {
          const voidFromMs = nowMs + (a % 2 === 0 ? LIVES.oldKeys : -b * MINUTE_MS);
          bodies = actingIn(model).map((instance) => ({
            kind: "instance-revoke",
            instance: instances[instance] as Bytes,
            voidFromMs,
            reason: "replaced",
          }));
          next = { ...model, ...nextGeneration(model, nowMs), ...said(model, nowMs) };
          work = () => (a % 2 === 0 ? own.replaceInstance(nowMs) : own.replaceInstance(nowMs, voidFromMs));
          break;
        }
        case "homes": {
          const homes = Array.from({ length: a % 3 }, (_, index) => ({ ...home, relayId: relayOf(b + index) }));
          bodies = [{ kind: "home-set", homes }];
          work = () => own.setHomesInLog(homes, nowMs);
          break;
        }
        case "anchor":
          bodies = [{ kind: "anchor", root: new Uint8Array(32).fill(a), about: `of ${b}` }];
          work = () => own.anchor({ root: new Uint8Array(32).fill(a), about: `of ${b}`, nowMs });
          break;
        case "rotate": {
          const untilMs = nowMs + (a % 2 === 0 ? LIVES.oldKeys : -b * MINUTE_MS);
          const voidFromSeq = c % 2 === 0 ? undefined : b % (model.tip.seq + 3);
          const body = rotationOn(model, { voidFromSeq, untilMs });
          const changesCustody = c % 5 === 1;
          const isPaged = changesCustody && model.custody === "together";
          const custody = isPaged ? "split" : changesCustody ? "together" : model.custody;
          const hasKeys = page || model.custody === "together";
          if (refused === "" && standingOf(model) === "superseded" && !hasKeys) refused = "instance-revoked";
          refused ||= await whyNoKeys(model, page);
          // Nothing follows a retirement, whoever made it.
          refused ||= isRetired(baseOf(model)) ? "identity-retired" : body === undefined ? "bad-argument" : "";
          bodies = body === undefined ? [] : [body];
          base = baseOf(model);
          next = { ...model, custody, adoptedFrom: undefined, ...nextGeneration(model, nowMs), ...said(model, nowMs) };
          work = () =>
            own.rotate({
              nowMs,
              ...(page ? { recoveryPath: PAGE } : {}),
              ...(a % 2 === 0 ? {} : { oldKeysUntilMs: untilMs }),
              ...(voidFromSeq === undefined ? {} : { voidFromSeq }),
              ...(isPaged ? { newRecoveryPath: PAGE } : changesCustody ? { custody } : {}),
            });
          answer = body === undefined ? undefined : { seq: base.seq + 1, custody };
          break;
        }
        case "retire": {
          const untilMs = nowMs + (a % 2 === 0 ? 30 * DAY_MS : -b * MINUTE_MS);
          refused ||= await whyNoKeys(model, page);
          refused ||= isRetired(baseOf(model)) ? "identity-retired" : "";
          base = baseOf(model);
          bodies = [{ kind: "retire", untilMs, successor: new Uint8Array(), reason: "over" }];
          work = () =>
            own.retire({
              nowMs,
              reason: "over",
              ...(page ? { recoveryPath: PAGE } : {}),
              ...(a % 2 === 0 ? {} : { oldKeysUntilMs: untilMs }),
            });
          break;
        }
        case "renew":
        case "open": {
          const [then, isNews] = renewed(model, nowMs, isRevoked(model.tip, instances[model.instance] as Bytes));
          next = then;
          answer = step.do === "renew" ? isNews : undefined;
          work = () => (step.do === "renew" ? own.renewIfDue(nowMs) : openIdentity({ host, folder: folderOf(at), settings }));
          break;
        }
        case "adopt": {
          const other = places[a % FOLDERS];
          if (other === undefined) return undefined;
          const seen = adopted(model, shownBy(other.model));
          next = seen.folder;
          answer = seen.adoption;
          if (seen.adoption === "continued") {
            const shown = await readIdentity(crypto, other.own.bundle(), nowMs);
            const offered = shown.certificates.map((each) => certificateOf(each, other.model));
            const news = borneOut(next.tip, offered).filter((each) => !model.certificates.some((one) => sameCertificate(one, each)));
            next = { ...next, certificates: [...news, ...model.certificates].slice(-8) };
          }
          work = () => own.adopt(other.own.bundle(), nowMs);
          break;
        }
      }
      const before = await readWhole(files, identityPath(folderOf(at)), 1 << 20);
      const isChange = step.do !== "renew" && step.do !== "open" && !(step.do === "adopt" && answer === "nothing");
      if (isChange && refused === "" && step.fails !== "") {
        faults[step.fails === "writes" ? "failWrites" : "failSyncs"] = 1;
        expectAlike(`${step.do} on a disk that fails`, await codeOf(work), "disk-failed");
        expectAlike("what lies there after a failure", await readWhole(files, identityPath(folderOf(at)), 1 << 20), before);
        return { own: await lookAtIdentity({ host, folder: folderOf(at), settings }), model };
      }
      let said0: unknown;
      const code = await codeOf(async () => {
        said0 = await work();
      });
      expectAlike(`${step.do} in a folder that is ${stageOf(model)}`, code, refused === "" ? "nothing" : refused);
      if (refused !== "") return { own, model };
      if (answer !== undefined) expectAlike(`the answer to ${step.do}`, said0, answer);
      const current = step.do === "open" ? (said0 as OwnIdentity) : own;
      if (bodies.length > 0) {
        const kept = await readKept(files, hash, folderOf(at));
        const tip = grown(base, kept?.log ?? [], bodies);
        next = { ...next, tip, rival: stillRival(tip, next.rival) };
        if (step.do === "retire") next = { ...next, certificates: borneOut(tip, model.certificates) };
      }
      if (step.do === "replace" || step.do === "rotate") {
        const instance = instanceOf(current.instanceKey.publicKey);
        expectAlike("the new instance is new", instance, instances.length - 1);
        next = { ...next, instance, certificates: certified(model, next.tip, instance, nowMs) };
      }
      return { own: current, model: next };
    }

    /** This instance, and others that the keys in force certified and nobody revoked. */
    function actingIn({ tip, certificates, instance }: Folder): readonly number[] {
      const others = certificates
        .filter((each) => each.controlSeq >= inForceAt(tip).seq && holdsUntilMs(tip, each, instances[each.instance] as Bytes) > nowMs)
        .map((each) => each.instance)
        .filter((each) => each !== instance && !isRevoked(tip, instances[each] as Bytes));
      return [instance, ...new Set(others)];
    }

    async function whyNoKeys({ custody }: Folder, page: boolean): Promise<string> {
      if (!page) return custody === "together" ? "" : "bad-argument";
      return (await readWhole(files, PAGE, 1 << 16)) === undefined ? "not-found" : "";
    }

    function certificateOf(
      {
        instanceKey,
        notBeforeMs,
        notAfterMs,
        controlSeq,
      }: { readonly instanceKey: Bytes; readonly notBeforeMs: number; readonly notAfterMs: number; readonly controlSeq: number },
      of: Folder,
    ): ModelCertificate {
      const instance = instanceOf(instanceKey);
      const found = of.certificates.find(
        (each) =>
          each.instance === instance && each.beginsMs === notBeforeMs && each.endsMs === notAfterMs && each.controlSeq === controlSeq,
      );
      return found ?? parted("a folder shows a certificate that it does not have");
    }
  },
};

const sameCertificate = (a: ModelCertificate, b: ModelCertificate): boolean =>
  a.instance === b.instance && a.endsMs === b.endsMs && a.controlSeq === b.controlSeq && a.under.position === b.under.position;

function summaryOf(own: OwnIdentity): unknown {
  const { standing, stage, custody, adoptedFromSeq, instance, inboxKey } = own;
  const generations = own.generations.map(({ generation, madeAtMs, destroyAtMs }) => ({ generation, madeAtMs, destroyAtMs }));
  const { generation, notAfterMs } = inboxKey;
  return { standing, stage, custody, adoptedFromSeq, instance, homes: own.homes(), generations, inboxKey: { generation, notAfterMs } };
}

function drawStep(draws: Draws): FolderStep {
  const at = draws.below(FOLDERS);
  if (draws.chance(0.06)) return { do: "copy", at, to: draws.below(FOLDERS) };
  if (draws.chance(0.15)) return { do: "wait", ms: WAITS[draws.below(WAITS.length)] as number };
  const change = draws.chance(0.3) ? "adopt" : (CHANGES[draws.below(CHANGES.length - 1)] as (typeof CHANGES)[number]);
  // An agent that has ended shows little more.
  return drawChange(draws, change === "retire" && draws.chance(0.7) ? "anchor" : change, at);
}

function drawChange(draws: Draws, change: (typeof CHANGES)[number], at: number): FolderStep {
  const fails = draws.chance(0.05) ? "writes" : draws.chance(0.05) ? "syncs" : "";
  return { do: change, at, what: draws.u32(), page: draws.chance(0.15), fails };
}
