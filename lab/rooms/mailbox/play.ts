/** Steps as what goes into the relay's machine, and the same said to the reference; what comes out of both is compared line by line. */
import type { Registration, RelayInput, RelayOutput } from "../../../packages/perdure/src/protocol/delivery/mailbox-events.ts";
import { ALL_RELAY_DEFENCES } from "../../../packages/perdure/src/protocol/delivery/mailbox-events.ts";
import { createMailboxes, type Mailboxes, type MailboxesOptions } from "../../../packages/perdure/src/protocol/delivery/mailboxes.ts";
import { type Bytes, concat, EMPTY, equalBytes, hex, readU64, utf8, viewOf, wholePiece } from "../../../packages/perdure/src/wire/bytes.ts";
import {
  decodeEnvelope,
  ENVELOPE_HEADER_BYTES,
  type Envelope,
  encodeEnvelope,
  SUITE_UNSEALED,
  SUITE_X25519_AES256GCM,
} from "../../../packages/perdure/src/wire/envelope.ts";
import { decodeKept, decodeKeptMail } from "../../../packages/perdure/src/wire/kept-relay.ts";
import { parted } from "../room.ts";
import type { Identity, Letter } from "./books.ts";
import type { Limits } from "./doors.ts";
import { checkFacts, digestIn, inOrder, passText, reasonOf } from "./lines.ts";
import { type Copy, createHeldLog, keyOf } from "./log.ts";
import { createReference, type Reference } from "./reference.ts";
import type { Session, Wanted } from "./sessions.ts";
import { AGENTS, FLAWS, INSTANCES, type OfSession, type Shown, type Step } from "./steps.ts";
import { createWord } from "./word.ts";

export interface Play {
  take(step: Step): void;
  readonly machine: Mailboxes;
  readonly reference: Reference;
  readonly names: readonly string[];
  idOf(name: string): Bytes;
  linkOf(number: number): Bytes;
}

type Sha256 = (bytes: Bytes) => Bytes;
type Of<Kind extends Step["do"]> = Extract<Step, { readonly do: Kind }>;

const START_MS = 1_800_000_000_000;
const NOTICE = utf8("it was not read in time");

export function createPlay(sha256: Sha256, limits: Limits, machineLimits: MailboxesOptions["limits"]): Play {
  const names = Array.from({ length: AGENTS }, (_, index) => `a${index}`);
  const ids = new Map<string, Bytes>();
  const idOf = (name: string): Bytes => {
    const id = ids.get(name) ?? sha256(utf8(name));
    ids.set(name, id);
    return id;
  };
  const relayId = idOf("the relay");
  const nameOf = new Map(names.map((name) => [hex(idOf(name)), name]));
  const linkOf = (number: number): Bytes => new Uint8Array(8).fill(number);
  const reference = createReference(limits);
  const log = createHeldLog();
  const word = createWord(sha256, relayId, (idRaw) => nameOf.get(hex(idRaw)));
  const generations: Bytes[] = [new Uint8Array(8)];
  const passes = new Map<string, Map<number, Bytes>>();
  const heldPass = new Map<string, number>();
  let sessions = 0;
  let seq = 0;
  let wallMs = START_MS;
  let monotonicMs = 0;
  let machine: Mailboxes;
  let records: readonly Bytes[] = [];
  let copy: { readonly log: Copy; readonly books: Reference["durable"] } | undefined;
  const noticeStreams = new Map<string, string>();

  const generation = (): Bytes => generations.at(-1) as Bytes;
  const start = (): void => {
    generations.push(sha256(utf8(`life ${generations.length}`)).slice(0, 8));
    machine = createMailboxes({
      relayId,
      generation: generation(),
      passKey: sha256(utf8("the key of all passes")),
      sha256,
      limits: machineLimits,
      defences: ALL_RELAY_DEFENCES,
    });
    log.recover(machine, wallMs);
  };
  start();

  const lineOf = (output: RelayOutput): string | undefined => {
    switch (output.kind) {
      case "fact":
        return undefined;
      case "append":
        return output.later === true ? "append later" : "append";
      case "welcome": {
        const { epoch, tail, settledFloor, linkUpTo, linkRefused, contactsVersion, pass } = output.standing;
        notePass(output.session, pass);
        const where = `epoch ${epoch} tail ${tail} floor ${settledFloor}`;
        return `welcome ${output.session} ${where} link ${linkUpTo} refused ${linkRefused.join(",")} contacts ${contactsVersion} pass ${passText(pass)}`;
      }
      case "deliver": {
        const at = (index: number): string => `deliver ${output.session} @${output.position + index}`;
        return output.envelopes.map((bytes, index) => `${at(index)} ${digestIn(bytes, sha256)} ${output.storedAtMs}`).join("\n");
      }
      case "behind":
        return `behind ${output.session}`;
      case "ack":
        return `ack ${output.session} up to ${output.upTo}`;
      case "refuse":
        return `refuse ${output.session} #${output.linkSeq} ${reasonOf(output)}`;
      case "goodbye":
        return `goodbye ${output.session} ${reasonOf(output)}`;
      case "position":
        return `position ${output.session} epoch ${output.epoch} floor ${output.settledFloor} tail ${output.tail}`;
      case "proof":
        return `proof ${output.session} ${word.proof(output.proof)}`;
      case "sign":
        return word.sign(output.statement);
      case "published":
        return `published ${output.session} ${output.verdict}`;
      case "alarm":
        return `alarm ${names.find((name) => machine.state.agents.get(hex(idOf(name)))?.id === output.agent) ?? output.agent}`;
      case "release": {
        const mail = log.mailAt([...output.places]).map((each) => each.replace(/^[0-9a-f]+/, (id) => nameOf.get(id) ?? id));
        log.release([...output.places]);
        return mail.length === 0 ? undefined : `release ${mail.sort().join(" ")}`;
      }
      default:
        return output.kind;
    }
  };
  const notePass = (session: number, pass: Bytes): void => {
    const attached = reference.sessions.get(session);
    const who = attached ?? coming;
    if (pass.length === 0 || who === undefined) return;
    const key = `${who.agent} ${who.instance}`;
    const number = readU64(viewOf(pass), 0) ?? 0;
    const known = passes.get(key) ?? new Map<number, Bytes>();
    passes.set(key, known.set(number, pass.slice()));
    heldPass.set(key, number);
  };
  let coming: { readonly agent: string; readonly instance: string } | undefined;

  /** The lines that leave; what was appended is in `records`. */
  const feed = (input: RelayInput, small?: ReadonlySet<string>): readonly string[] => {
    records = [];
    const lines: string[] = [];
    const outputs = machine.step(input, wallMs, monotonicMs);
    if (input.kind !== "handed-over") checkFacts(outputs);
    for (const output of outputs) {
      if (output.kind === "append") {
        records = output.records.map(wholePiece);
        const at = log.append(output.ticket, records);
        const said = machine.step({ kind: "appended", ticket: output.ticket, ...at }, wallMs, monotonicMs);
        if (said.length > 0) parted("appending says something");
      }
      const line = lineOf(output);
      if (line !== undefined) lines.push(...line.split("\n"));
    }
    const freed = new Set(outputs.flatMap((output) => (output.kind === "release" ? [...output.places].map(keyOf) : [])));
    for (const key of small ?? []) if (!freed.has(key)) parted(`a durable record of small state at ${key} is not released`);
    return lines;
  };
  const same = (got: readonly string[], wanted: readonly string[], what: string): void => {
    const [ours, theirs] = [inOrder(got), inOrder(wanted)];
    if (ours !== theirs) parted(`${what}: the relay says\n  ${ours}\nand not\n  ${theirs}`);
  };

  const find = ({ who, back }: OfSession): number => {
    const theirs = [...reference.sessions.values()].filter(({ agent }) => agent === names[who]);
    const open = theirs.filter(({ over }) => !over);
    // Now and then one whose frames count no more.
    const chosen = back === 0 && open.length > 0 ? open : theirs;
    return chosen.at(-1 - Math.min(back, Math.max(0, chosen.length - 1)))?.number ?? 0;
  };
  const identityOf = (agent: string, shown: Shown): Omit<Wanted, "ticket"> => {
    const { change, name, large, stale, verdict, instances } = shown;
    const known = reference.live.agents.get(agent)?.identity;
    const replaces = stale ? "something else" : (known?.bundle ?? "");
    const all = { replaces, verdict, instances: instances.map((index) => `${agent} i${index}`) };
    if (known !== undefined && !change) return { ...all, identity: known };
    const version = (known?.version ?? 0) + 1;
    // Who comes for the first time is seldom in trouble.
    const standing = change ? shown.standing : "open";
    const text = `${agent} v${version} n${name} ${standing}`;
    const bundle = large && change ? text.padEnd(limits.bundleBytes + (name % 2 === 0 ? 1 : limits.bundleBytes + 1), "x") : text;
    return { ...all, identity: { bundle, version, standing, name: name === 0 ? undefined : `n${name}` } satisfies Identity };
  };
  const registrationOf = (agent: string, { identity, replaces, instances, verdict }: Omit<Wanted, "ticket">): Registration => ({
    idRaw: idOf(agent),
    bundle: utf8(identity.bundle),
    name: identity.name,
    recordVersion: identity.version,
    replaces: utf8(replaces),
    verdict: verdict as Registration["verdict"],
    standing: identity.standing,
    instances: instances.map(idOf),
  });

  const attach = (step: Of<"attach">): void => {
    const agent = names[step.who] as string;
    const instance = `${agent} i${step.instance}`;
    const key = `${agent} ${instance}`;
    const session = ++sessions;
    const held = heldPass.get(key) ?? 0;
    const wantedPass = step.pass === "older" ? Math.max(1, held - step.back) : held;
    const known = passes.get(key)?.get(wantedPass);
    let [pass, number] = known === undefined ? [EMPTY, 0] : [known, wantedPass];
    if (step.pass === "none") [pass, number] = [EMPTY, 0];
    else if (step.pass === "noise") [pass, number] = [sha256(utf8("noise")), -1];
    else if (step.pass === "cut" && known !== undefined) [pass, number] = [known.slice(0, -1), -1];
    else if (step.pass === "other") {
      const other = [...passes]
        .find(([each]) => each !== key)?.[1]
        .values()
        .next().value;
      if (other !== undefined) [pass, number] = [other, -1];
    }
    const shown = identityOf(agent, step.shown);
    const next = reference.live.agents.get(agent)?.next ?? 1;
    const position = step.have === "nothing" ? 0 : Math.max(0, next - 1 - (step.back - 1) * 2);
    coming = { agent, instance };
    const got = feed({
      kind: "attach",
      session,
      role: "agent",
      registration: registrationOf(agent, shown),
      link: linkOf(step.link),
      consume: step.consume,
      ticket: ticketOf(step.ticket),
      instanceKey: idOf(instance),
      pass,
      have: { generation: generationOf(step.have), position },
    });
    const havePosition = step.have === "here" ? position : 0;
    const { link, consume } = step;
    const ticket = ticketOf(step.ticket);
    same(got, reference.attach({ ...shown, session, agent, link, consume, instance, ticket, pass: number, havePosition }), "attach");
    coming = undefined;
    if (!step.through || !reference.sessions.has(session)) return;
    sync(Number.POSITIVE_INFINITY);
    ready(session);
    confirm(session, true);
    sync(Number.POSITIVE_INFINITY);
  };
  const generationOf = (which: "here" | "before" | "nothing"): Bytes =>
    which === "here" ? generation() : which === "before" ? (generations.at(-2) as Bytes) : new Uint8Array(8);
  const ticketOf = (number: number): string => (number === 0 ? "" : `ticket ${number}`);
  const ready = (session: number): void => {
    if (reference.sessions.get(session)?.welcomed === true) same(feed({ kind: "ready", session }), reference.ready(session), "ready");
  };
  const confirm = (session: number, right: boolean): void => {
    const attached = reference.sessions.get(session);
    const known = passes.get(`${attached?.agent} ${attached?.instance}`);
    const number = right ? (attached?.pass ?? 0) : (attached?.pass ?? 0) - 1;
    const pass = known?.get(number);
    if (attached?.welcomed !== true || pass === undefined) return;
    same(feed({ kind: "confirm", session, pass }), reference.confirm(session, number), "confirm");
  };
  const sync = (batches: number): void => {
    const done = log.sync(batches);
    if (done !== undefined) same(feed({ kind: "synced", ticket: done.ticket }, done.small), reference.sync(batches), "sync");
  };

  const envelopeOf = (step: Of<"mail">, from: string): Envelope =>
    encodeEnvelope(
      {
        class: step.flaw === "notice" ? "notice" : step.class,
        from: idOf(step.flaw === "from" ? "somebody else" : from),
        to: idOf(names[step.to] as string),
        stream: new Uint8Array(8).fill(7),
        seq: ++seq,
        expiresAtMs: Math.max(1, wallMs + step.livesMs),
        inboxKeyId: new Uint8Array(8),
        suite: step.flaw === "notice" ? SUITE_UNSEALED : SUITE_X25519_AES256GCM,
      },
      new Uint8Array(step.words).fill(seq),
      sha256,
    );
  const mail = (step: Of<"mail">): void => {
    const session = find(step);
    const attached = reference.sessions.get(session);
    if (attached === undefined) return;
    const { agent: from, link } = attached;
    const upTo = reference.live.agents.get(from)?.links.get(link)?.upTo ?? 0;
    const linkSeq = { next: upTo + 1, again: upTo, older: upTo - 1, leap: upTo + 2 }[step.seq];
    if (linkSeq < 1) return;
    const envelope = envelopeOf(step, from);
    const bytes = step.flaw === "noise" ? utf8("no envelope") : envelope.bytes;
    const letter: Letter = {
      digest: hex(envelope.digest),
      author: from,
      class: step.class,
      size: bytes.length,
      expiresAtMs: envelope.expiresAtMs,
      storedAtMs: wallMs,
    };
    const home = step.flaw.startsWith("relay") ? idOf("another relay") : step.flaw === "own-relay" ? relayId : undefined;
    const hopLimit = step.flaw === "hops" ? 0 : step.flaw.endsWith("hops") || step.flaw === "own-relay" ? 1 : 8;
    const got = feed({ kind: "mails", session, mails: [{ linkSeq, hopLimit, home, envelope: bytes }] });
    const to = names[step.to] as string;
    const flaw = FLAWS[step.flaw];
    same(got, reference.mail({ session, seq: linkSeq, size: bytes.length, letter, to, flaw }), "mail");
  };

  const settle = (step: Of<"settle">): void => {
    const session = find(step);
    const attached = reference.sessions.get(session);
    if (attached === undefined) return;
    const book = reference.live.agents.get(attached.agent);
    const last = (book?.next ?? 1) - 1;
    const floor = Math.max(0, last - step.floor);
    const ranges = step.ranges.map(([first, end]) => [Math.max(1, last - first), Math.max(1, last - end)] as const);
    const epoch = Math.max(0, (book?.epoch ?? 0) + step.epoch);
    const got = feed({ kind: "settle", session, settle: { generation: generationOf(step.generation), epoch, floor, ranges } });
    const asked = [[1, floor] as const, ...ranges].flatMap(([first, end]) =>
      Array.from({ length: Math.max(0, end - first + 1) }, (_, index) => first + index),
    );
    same(got, reference.settle(session, asked, step.generation === "here" && epoch === book?.epoch), "settle");
  };
  const pull = (step: Of<"pull">): void => {
    const session = find(step);
    const due = machine.nextFor(session, step.bytes);
    const lines = due.map(({ position, storedAtMs, sizeBytes, place }) => {
      const kept = decodeKeptMail(log.read(place));
      if (kept.position !== position || kept.storedAtMs !== storedAtMs) parted(`the record of ${position} is about ${kept.position}`);
      return `@${position} ${hex(decodeEnvelope(kept.envelope).digest)} ${storedAtMs} ${sizeBytes}`;
    });
    const wanted = reference.next(session, step.bytes);
    if (lines.join("\n") !== wanted.join("\n"))
      parted(`session ${session} gets next\n  ${lines.join("\n  ")}\nand not\n  ${wanted.join("\n  ")}`);
    for (const { position } of due.slice(0, step.hands))
      same(feed({ kind: "handed-over", session, positions: [position] }), reference.handedOver(session, position), "handed over");
  };
  const contacts = (step: Of<"contacts">): void => {
    const session = find(step);
    const agent = reference.sessions.get(session)?.agent;
    if (agent === undefined) return;
    const version = (reference.live.agents.get(agent)?.known?.version ?? 0) + 1;
    const { open } = step;
    const home = step.elsewhere ? idOf("another relay") : relayId;
    const entries = step.contacts.toReversed().map((index) => concat(idOf(names[index] as string).slice(0, 8), home.slice(0, 8)));
    const input = {
      contacts: concat(...entries, step.half ? new Uint8Array(3) : EMPTY),
      blocked: concat(...step.blocked.toReversed().map((index) => idOf(names[index] as string).slice(0, 8))),
    };
    const got = feed({ kind: "contacts", session, version, open, ...input });
    const known = (numbers: readonly number[]): readonly string[] => numbers.map((index) => names[index] as string);
    const list = { version, open, contacts: step.elsewhere ? [] : known(step.contacts), blocked: known(step.blocked) };
    same(got, reference.contacts(session, step.half ? undefined : list), "contacts");
  };
  /** What was written for the sender of mail that ended, looked at. */
  const noticeOf = (to: string, number: number): Letter => {
    const mails = records.flatMap((record) => {
      const kept = decodeKept(record);
      return kept.kind === "mail" ? [decodeEnvelope(kept.mail.envelope)] : [];
    });
    const [notice] = mails;
    if (notice === undefined || mails.length !== 1) return parted(`${mails.length} notices for ${to} are written`);
    const stream = hex(notice.stream);
    const key = `${to} in ${hex(generation())}`;
    const isRight =
      notice.class === "notice" &&
      equalBytes(notice.from, relayId) &&
      nameOf.get(hex(notice.to)) === to &&
      equalBytes(notice.body, NOTICE) &&
      notice.seq === number &&
      notice.expiresAtMs === wallMs + limits.noticeExpiryMs &&
      (noticeStreams.get(stream) ?? key) === key;
    if (!isRight) parted(`the notice for ${to} is another one`);
    noticeStreams.set(stream, key);
    const { expiresAtMs } = notice;
    return { digest: hex(notice.digest), author: undefined, class: "notice", size: notice.bytes.length, expiresAtMs, storedAtMs: wallMs };
  };
  const end = (agent: string, position: number, ending: "expired" | "lost", tells: boolean): void => {
    const notice = tells ? NOTICE : undefined;
    const got = feed({ kind: "end", agent: hex(idOf(agent)), position, ending, notice });
    same(got, reference.end(agent, position, tells ? noticeOf : undefined, ENVELOPE_HEADER_BYTES + NOTICE.length), ending);
  };
  const overdue = (step: Of<"overdue">): void => {
    const beforeMs = wallMs - limits.expiryGraceMs;
    const wanted = reference.overdue(beforeMs);
    const found = machine.overdue(beforeMs, step.limit);
    const lines = found.map(({ agent, position, digest: _, ...due }) => {
      const envelope = due.mail.place === undefined ? undefined : decodeEnvelope(decodeKeptMail(log.read(due.mail.place)).envelope);
      return `${nameOf.get(hex(agent.idRaw))}@${position} ${envelope === undefined ? "" : hex(envelope.digest)} ${due.wantsNotice}`;
    });
    if (lines.length !== Math.min(step.limit, wanted.length) || lines.some((line) => !wanted.includes(line)))
      parted(`overdue is\n  ${lines.join("\n  ")}\nand not\n  ${wanted.join("\n  ")}`);
    for (const { agent, position, wantsNotice } of found)
      end(nameOf.get(hex(agent.idRaw)) as string, position, "expired", step.tells && wantsNotice);
  };
  const signed = (): void => {
    const signature = new Uint8Array(64).fill(9);
    const { underWay } = reference;
    const got = feed({ kind: "signed", signature });
    const leaves =
      underWay === undefined || underWay.written !== undefined ? [] : word.written(records, signature, underWay.covers, digestOf);
    same(got, reference.signed(word.newest, leaves), "signed");
  };
  const digestOf = (agent: string, link: number, number: number): string | undefined =>
    reference.live.agents.get(agent)?.links.get(link)?.taken.get(number);
  const begin = (books: Reference["durable"]): void => {
    reference.begin(books);
    start();
  };

  return {
    names,
    reference,
    idOf,
    linkOf,
    get machine() {
      return machine;
    },
    take: (step) => {
      const session = "back" in step && "who" in step ? find(step as OfSession) : 0;
      reference.at(wallMs, monotonicMs);
      switch (step.do) {
        case "attach":
          return attach(step);
        case "crowd":
          for (let index = 0; index < step.count; index++) attach({ ...step.attach, instance: INSTANCES + index });
          return;
        case "ready":
          return ready(session);
        case "confirm":
          return confirm(session, true);
        case "confirm-wrong":
          return confirm(session, false);
        case "confirm-due":
          return same(feed({ kind: "confirm-due", session }), reference.confirmDue(session), step.do);
        case "detach":
          return same(feed({ kind: "detach", session }), reference.detach(session), step.do);
        case "publish": {
          const attached: Session | undefined = reference.sessions.get(session);
          if (attached === undefined) return;
          const shown = identityOf(attached.agent, step.shown);
          const got = feed({ kind: "publish", session, registration: registrationOf(attached.agent, shown) });
          return same(got, reference.publish(session, { ...shown, ticket: "" }), step.do);
        }
        case "mail":
          for (let sent = 0; sent < step.count; sent++) mail(step);
          return;
        case "settle":
          return settle(step);
        case "pull":
          return pull(step);
        case "block":
          return same(feed({ kind: "blocked", session, blocked: step.blocked }), reference.block(session, step.blocked), step.do);
        case "contacts":
          return contacts(step);
        case "issue": {
          const [text, expiresAtMs] = [ticketOf(step.ticket + 1), wallMs + step.livesMs];
          const got = feed({ kind: "issue-ticket", hash: sha256(utf8(text)), expiresAtMs, uses: step.uses });
          return same(got, reference.issue(text, expiresAtMs, step.uses), step.do);
        }
        case "ban": {
          const agent = names[step.who] as string;
          const got = feed({ kind: "ban", agentId: idOf(agent), banned: step.banned, why: "äh".repeat(200) });
          return same(got, reference.ban(agent, step.banned, "äh".repeat(200)), step.do);
        }
        case "wait":
          wallMs += step.wallMs;
          monotonicMs += step.ms;
          return;
        case "sync":
          return sync(step.batches);
        case "restate":
          log.restate(machine.snapshot(), step.behind, step.removing);
          return reference.restated(step.behind);
        case "compact":
          return log.compact(step.nth);
        case "copy":
          copy = { log: log.copy(), books: structuredClone(reference.durable) };
          return;
        case "crash":
          if (step.copied && copy !== undefined) {
            log.restore(copy.log);
            return begin(copy.books);
          }
          log.crash(step.more);
          reference.crash(step.more);
          return start();
        case "trouble": {
          const trouble = step.on ? { code: "disk-full" as const, why: "the disk is full", afterMs: limits.troubleMs } : undefined;
          return same(feed({ kind: "trouble", trouble }), reference.trouble(trouble?.code), step.do);
        }
        case "distrust":
          return same(feed({ kind: "distrust-disk" }), reference.distrust(), step.do);
        case "statement-due":
          return same(feed({ kind: "statement-due" }), reference.statementDue(), step.do);
        case "signed":
          return signed();
        case "not-signed":
          return same(feed({ kind: "not-signed" }), reference.notSigned(), step.do);
        case "overdue":
          return overdue(step);
        case "lose": {
          const agent = names[step.who] as string;
          return end(agent, (reference.live.agents.get(agent)?.next ?? 1) - 1 - step.back, "lost", step.tells);
        }
      }
    },
  };
}
