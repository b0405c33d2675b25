/**
 * The agent itself: its state on disk, the machines over it, and the connection to its relay, behind the interface the
 * SDK uses. Everything here is wiring; each part says what must hold in its own file.
 *
 *   submit -> store -> sealer -> relay link -> (ack, statement, receipt, notice) -> steps
 *   relay link -> arrivals -> store -> claims -> (completion, receipt, drafts) -> store -> settle
 */

import { sleep } from "../host/deadline.ts";
import { rarely } from "../host/points.ts";
import { createContactBook } from "../protocol/contacts/contact-book.ts";
import { createLoopGuard } from "../protocol/contacts/loop-guard.ts";
import { isTerminal } from "../protocol/delivery/delivery-lattice.ts";
import { createInbox } from "../protocol/delivery/inbox.ts";
import { positionsRecord } from "../protocol/delivery/inbox-restatement.ts";
import type { Incoming } from "../protocol/delivery/incoming.ts";
import { createMailboxCursor } from "../protocol/delivery/mailbox-cursor.ts";
import { createOutbox } from "../protocol/delivery/outbox.ts";
import type { Outgoing, OutgoingPart } from "../protocol/delivery/outgoing.ts";
import { connectSession, openLineKeeper, parseRelayAddress } from "../protocol/link/index.ts";
import { FIXED } from "../settings/fixed.ts";
import { listSettings } from "../settings/register.ts";
import { type Bytes, EMPTY, equalBytes, hex } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import type { Home } from "../wire/identity.ts";
import { agentIdBytes, messageIdText, STREAM_BYTES } from "../wire/ids.ts";
import type { Kept, KeptStep, PayloadAt } from "../wire/kept-agent.ts";
import { createAddresses } from "./addresses.ts";
import { createAdmission } from "./admission.ts";
import { type AgentStore, openAgentStore } from "./agent-store.ts";
import { createAlertLog } from "./alert-log.ts";
import { createArrivals } from "./arrivals.ts";
import { createAttachPasses, keepPass } from "./attach-passes.ts";
import { createAutomatic } from "./automatic.ts";
import { createBell } from "./bell.ts";
import { createClaims, WORK } from "./claims.ts";
import { createContactCalls } from "./contact-calls.ts";
import { createContactTeller } from "./contact-teller.ts";
import type { CreateEngine, Engine, MailView } from "./core.ts";
import { createEndings } from "./endings.ts";
import { evidenceFile } from "./evidence-file.ts";
import { conflictRecords } from "./evidence-records.ts";
import { createHomes } from "./homes.ts";
import { createHousekeeping } from "./housekeeping.ts";
import { createIdentityCalls } from "./identity-calls.ts";
import { hasLastMile } from "./last-mile.ts";
import { createLookups } from "./lookups.ts";
import { createMissingProofs } from "./missing-proofs.ts";
import { parseRecipient } from "./outgoing-records.ts";
import { createPeerHeed, retiredSteps } from "./peer-standing.ts";
import { createPeers } from "./peers.ts";
import type { Planned } from "./planned.ts";
import { createPublication } from "./publication.ts";
import { createReceipts } from "./receipts.ts";
import { refusalText } from "./refusal-text.ts";
import { openRelayLink, type RelayLink } from "./relay-link.ts";
import { createRelayNames } from "./relay-names.ts";
import { createSealer } from "./sealer.ts";
import { createStatementChecks } from "./statement-checks.ts";
import { createSubmissions, NO_DRAFTS, writtenTo } from "./submissions.ts";
import { mailView, type OutgoingNames, outgoingView, recipientOf, type SenderView } from "./views.ts";
import { createWaitingRequests } from "./waiting-requests.ts";

const LAST_MILE_LOOK_MS = 20;
/** Rings for who watches a box. */
const LISTED = "listed";
/** How late a settle is that a point makes late. */
const LATE_MS = 300;
const ALL_DEFENCES = { dedupe: true, floor: true, contacts: true, loopGuard: true, reseal: true };

export const createEngine: CreateEngine = async (options) => {
  const { host, folder, own, settings } = options;
  const { clock, log } = host;
  const defences = options.defences ?? ALL_DEFENCES;
  const closing = new AbortController();
  const outbox = createOutbox({ limits: settings, drawStream: () => host.random.bytes(STREAM_BYTES) });
  const cursor = createMailboxCursor(defences);
  const inbox = createInbox({ limits: settings, defences, cursor });
  const book = createContactBook();
  const peers = createPeers({ host, keeps: (idRaw) => book.standing(idRaw) !== "none" });
  const named = (name: string): Bytes | undefined => peers.named(name)?.idRaw;
  const passes = createAttachPasses();
  const guard = createLoopGuard({ limits: settings, named, enabled: defences.loopGuard });
  const automatic = createAutomatic({ host, settings, guard, outbox, peers });
  const receipts = createReceipts({ host, outbox });
  const endings = createEndings({ host, limits: settings, inbox, receipts });
  const outgoingBell = createBell(clock, "a step of a message");
  const mailBell = createBell(clock, "mail");
  let store: AgentStore | undefined;
  let link: RelayLink | undefined;
  const theStore = (): AgentStore => store as AgentStore;

  /** Keeps what was found out and must not be lost to a full disk; only closing the agent gives it up. */
  const keep = (records: readonly Planned[] | (() => readonly Planned[]), what: string): Promise<void> =>
    theStore()
      .commit({ onFailure: "try-again", plan: () => ({ records: typeof records === "function" ? records() : records, result: undefined }) })
      .catch((error: unknown) => log.write("warn", "agent.not-kept", { what, why: String(error) }));

  const { relayIdRaw, url: relayUrl } = parseRelayAddress(options.relayAddress);
  if (relayIdRaw === undefined) throw new PerdureError("bad-argument", "the address of the agent's relay names no relay id");
  const hint = (idRaw: Bytes): Home | undefined => {
    const entry = book.find(idRaw);
    return entry === undefined || entry.homeId.length === 0 ? undefined : { relayId: entry.homeId, url: entry.homeUrl, preference: 0 };
  };
  const homes = createHomes({ peers, ownRelayIdRaw: relayIdRaw, hint });
  const names: OutgoingNames = { named, elsewhere: homes.elsewhere };
  const addressOf = (idRaw: Bytes): string | undefined => addresses.of(idRaw);
  const senderView = (from: Bytes): SenderView => ({
    standing: book.standing(from) === "contact" ? "contact" : "none",
    fromAddress: addressOf(from),
  });
  const relayNames = createRelayNames({ host, settings, peers, store: theStore, closing: closing.signal });
  const lookups = createLookups({
    host,
    settings,
    peers,
    homes,
    ownRelayIdRaw: relayIdRaw,
    relayNames,
    store: theStore,
    send: (frame) => link?.send(frame) ?? false,
    tell: (home, again) => link?.tell(home, again) ?? false,
    firstDial: () => link?.firstDial ?? Promise.resolve(),
    closing: closing.signal,
  });
  const addresses = createAddresses({
    host,
    settings,
    peers,
    homes,
    ownRelayUrl: relayUrl,
    lookups,
    relayNames,
    isContact: (idRaw) => book.standing(idRaw) === "contact",
  });
  const sealer = createSealer({
    host,
    settings,
    own,
    outbox,
    store: theStore,
    lookups,
    reseals: defences.reseal !== false,
    closing: closing.signal,
    writtenTo: (idRaw) => writtenTo(book, idRaw, clock.wallMs()),
    onRetired: (recipient, messages) => keep(() => retiredSteps(messages, recipient, clock.wallMs()), "the end of messages"),
    onSealed: () => link?.pump(),
  });
  const claims = createClaims({
    host,
    settings,
    inbox,
    outbox,
    peers,
    endings,
    stopped: automatic.stopped,
    senderView,
    store: theStore,
    bell: mailBell,
    closing: closing.signal,
  });
  const submissions = createSubmissions({ host, settings, outbox, names, lookups, automatic, book, own, store: theStore });
  const requests = createWaitingRequests({ inbox, endings });
  const admission = createAdmission({ host, settings, book, guard, inbox, outbox, peers, requests, enabled: defences.contacts });
  const teller = createContactTeller({
    host,
    book,
    homeOf: (idRaw) => homes.elsewhere(idRaw)?.relayId ?? relayIdRaw,
    keep,
    send: (frame) => link?.send(frame) ?? false,
  });
  const ownHome = (): Home => own.homes()[0] ?? { relayId: relayIdRaw, url: parseRelayAddress(options.relayAddress).url, preference: 0 };
  const contactCalls = createContactCalls({
    host,
    settings,
    own,
    home: ownHome,
    book,
    guard,
    inbox,
    outbox,
    peers,
    lookups,
    claims,
    requests,
    names,
    addressOf,
    store: theStore,
  });
  const identityCalls = createIdentityCalls({
    host,
    own,
    settings,
    tell: () => publication.show(),
    isCopied: () => link?.alert?.code === "cloned",
  });
  const statements = createStatementChecks({
    host,
    ownIdRaw: own.idRaw,
    outbox,
    homes,
    lookups,
    onProven: (plan) => void keep(plan, "a statement"),
    onConflict: (relay, number, conflict) => void keep(() => conflictRecords(host, outbox, relay, number, conflict), "a conflict"),
  });
  const arrivals = createArrivals({
    host,
    own,
    inbox,
    outbox,
    cursor,
    peers,
    homes,
    lookups,
    receipts,
    admission,
    automatic,
    store: theStore,
    onSettled: () => settle(),
    onUnkept: (error) => {
      log.write("error", "agent.mail-not-kept", { why: String(error) });
      link?.restart("disk-full", "what was delivered could not be kept");
    },
    onUnread: () => link?.restart("disk-failed", "what was delivered could not be judged"),
  });

  const settle = (): void => {
    if (rarely(host.points, "settle-late")) clock.after(LATE_MS, () => link?.settle());
    else link?.settle();
  };

  const onAcked = (parts: readonly OutgoingPart[], relayIdRaw: Uint8Array): void => {
    if (rarely(host.points, "session-anew")) link?.renew();
    const whole = new Set<Outgoing>();
    for (const part of parts) if (part.of.parts.every((each) => each.acked)) whole.add(part.of);
    if (parts.some(({ unfit }) => unfit !== "")) sealer.kick();
    const records = [...whole].map(
      ({ head: { stream, seq, class: kind } }): Planned =>
        kind === "receipt"
          ? { kept: { kind: "forgotten", head: { stream, seq } } }
          : {
              kept: {
                kind: "step",
                head: { stream, seq, state: "accepted", atMs: clock.wallMs(), by: relayIdRaw, proof: "none", detail: "", evidence: EMPTY },
              },
            },
    );
    if (records.length > 0) void keep(records, "an acknowledgement");
  };

  const stepped = (step: KeptStep): void => {
    const outgoing = outbox.find(messageIdText(step.stream, step.seq));
    if (outgoing === undefined || outgoing.steps.at(-1) !== step) return;
    if (step.proof === "receipt") sealer.confirmed(outgoing);
    outgoingBell.ring(outgoing.id);
    log.write("debug", "agent.step", {
      id: outgoing.id,
      state: step.state,
      proof: step.proof,
      digest: hex(outgoing.parts[0]?.digest ?? EMPTY),
    });
  };

  /** Whether a record may change what the relay is told of contacts. */
  const isListed = (kept: Kept): boolean =>
    kept.kind === "contact" || kept.kind === "policy" || (kept.kind === "peer" && book.standing(kept.head.id) === "contact");

  const heedPeer = createPeerHeed({ clock, log, peers, outbox, keep, arrivals: () => arrivals, sealer, redeliver: () => link?.renew() });

  const onApplied = (records: readonly Planned[]): void => {
    for (const { kept } of records) {
      if (kept.kind === "peer") heedPeer(kept.head.id);
      if (kept.kind === "step") stepped(kept.head);
      else if (kept.kind === "forgotten") outgoingBell.ring(messageIdText(kept.head.stream, kept.head.seq));
      else if (kept.kind === "contact") addresses.prove(kept.head.id);
      else if (kept.kind === "peer" && book.standing(kept.head.id) === "contact") addresses.prove(kept.head.id);
      else if (kept.kind === "received") {
        addresses.prove(kept.head.from);
        const { inReplyTo } = kept.head.head;
        if (inReplyTo !== undefined) mailBell.ring(messageIdText(inReplyTo.stream, inReplyTo.seq));
      }
    }
    const kinds = new Set(records.map(({ kept }) => kept.kind));
    if (kinds.has("queued") || kinds.has("peer") || kinds.has("keyRetired")) sealer.kick();
    if (kinds.has("received") || kinds.has("put") || kinds.has("completed") || kinds.has("passed")) {
      mailBell.ring(LISTED);
      mailBell.ring(WORK, 1);
    }
    if (kinds.has("completed") || kinds.has("put") || kinds.has("passed")) settle();
    if (records.some(({ kept }) => isListed(kept))) teller.look();
    housekeeping.look();
  };

  const publication = createPublication({
    host,
    settings,
    own,
    link: () => link,
    onJudged: () => alertLog.look(),
    closing: closing.signal,
  });
  const alertLog = createAlertLog({ log, publication, link: () => link });
  const housekeeping = createHousekeeping({
    host,
    settings,
    own,
    outbox,
    inbox,
    claims,
    sealer,
    missingProofs: createMissingProofs({ outbox, homes, isConnected: () => link?.status.connected === true, ask: lookups.refresh }),
    store: theStore,
    keep,
    provenMs: () => Math.min(clock.wallMs(), link?.relayNowMs ?? 0),
    onRenewed: () => void publication.publish().catch((error: unknown) => log.write("warn", "agent.not-published", { why: String(error) })),
  });
  store = await openAgentStore({
    host,
    folder,
    settings,
    outbox,
    inbox,
    peers,
    contacts: [book, guard, passes],
    closing: receipts.closing,
    reopen: receipts.reopen,
    onApplied,
  });
  outbox.replayed();

  const lines = await openLineKeeper({ host, folder, settings, surroundings: options.surroundings, owner: "agent" });
  link = openRelayLink({
    connect: options.connect ?? connectSession,
    host,
    settings,
    lines,
    own,
    address: options.relayAddress,
    outbox,
    cursor,
    passes: {
      newest: (instanceKey) => passes.newest(relayIdRaw, instanceKey),
      keep: (instanceKey, pass) => keepPass({ log, store: theStore() }, { relayId: relayIdRaw, instanceKey, pass }),
    },
    readEnvelope: sealer.readEnvelope,
    isOutdated: sealer.isOutdated,
    sealAnew: sealer.sealAnew,
    homeOf: (part) => homes.elsewhere(part.to),
    onWelcome: (welcome) => {
      const known = equalBytes(cursor.generation, welcome.generation);
      // Known before the first delivery of the new generation is judged; kept with the next records, or found out again.
      cursor.begin(welcome.generation, known || welcome.settledFloor === 0 ? [] : [[1, welcome.settledFloor]]);
      cursor.attach();
      cursor.relaySettled(welcome.generation, welcome.settledFloor);
      if (!known) void keep([{ kept: positionsRecord(cursor) }], "a generation");
      sealer.connected();
      teller.connected(welcome.contactsVersion);
    },
    onAcked: (parts, relay) => onAcked(parts, relay.idRaw),
    onRefused: (part, refusal) => {
      part.of.trouble = refusalText(refusal, clock.wallMs());
      if (refusal.code === "identity-retired") void lookups.refresh(part.to).catch(() => undefined);
      log.write("info", "agent.relay-refused", { id: part.of.id, code: refusal.code, hint: refusal.hint });
    },
    onFrame: (frame, relay, window, linkId) => {
      if (frame.name === "found") lookups.found(frame.payload);
      else if (frame.name === "statement") statements.take(frame.payload, relay, window, linkId);
      else if (frame.name === "published") publication.take(frame.payload);
      else if (frame.name === "deliver") {
        if (!arrivals.take(frame.payload, relay)) link?.restart("too-busy", "more was delivered than this agent can keep up with");
      } else throw new PerdureError("malformed", `a relay does not send ${frame.name}`);
    },
    onPublished: publication.take,
    onApart: () => lookups.apart(),
    onFailed: alertLog.apart,
  });
  sealer.kick();
  housekeeping.look();
  log.write("debug", "agent.opened", { id: own.id, folder, waiting: inbox.waiting, outgoing: outbox.openMessages });

  const found = (id: Parameters<Engine["outgoing"]>[0]): Outgoing => {
    const outgoing = outbox.find(id);
    if (outgoing !== undefined && outgoing.head.class === "mail") return outgoing;
    throw new PerdureError("unknown-message", `no message ${id} was sent from here, or it is forgotten`, {
      hint: "`perdure trace` lists what is known.",
    });
  };
  const view = (outgoing: Outgoing): ReturnType<typeof outgoingView> => outgoingView(outgoing, names);
  const evidence: Engine["evidence"] = async (id) => {
    const outgoing = found(id);
    const to = recipientOf(outgoing, names) ?? EMPTY;
    const read = (at: PayloadAt): Promise<Bytes> => theStore().read(at);
    return await evidenceFile({ crypto: host.crypto, own, evidence: outbox.evidence, read, outgoing, to, toBundle: peers.bundle(to) });
  };
  const within = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, closing.signal]);
  const viewOf = (incoming: Incoming): MailView => mailView(incoming, senderView(incoming.from));
  const mails: Engine["mails"] = async (box, afterArrival, limit) => inbox.listed(box, afterArrival, limit).map(viewOf);

  const isUnderWay = (): boolean => link?.status.connected === true && hasLastMile({ host, outbox, peers, relayIdRaw });
  let disposed: Promise<void> | undefined;
  const dispose = async (): Promise<void> => {
    const untilMs = clock.monotonicMs() + FIXED.lastMileMs.value;
    while (isUnderWay() && clock.monotonicMs() < untilMs) await sleep(clock, LAST_MILE_LOOK_MS);
    closing.abort(new PerdureError("aborted", "this agent is closed"));
    outgoingBell.close();
    mailBell.close();
    housekeeping.close();
    claims.close();
    theStore().giveUp();
    await arrivals.idle();
    await sealer.idle();
    await link?.close();
    await lines.close();
    await statements.idle();
    await addresses.idle();
    await teller.idle();
    await housekeeping.idle();
    await publication.idle();
    await keep([{ kept: positionsRecord(cursor) }], "positions");
    await theStore().idle();
    await theStore()[Symbol.asyncDispose]();
    log.write("debug", "agent.closed", { id: own.id });
  };

  return {
    submit: async (submission) => {
      const queued = await submissions.submit(submission);
      if (submission.asks) claims.asks(submission.client, queued.id);
      return queued;
    },
    outgoing: async (id) => view(found(id)),
    async outgoingAfter(id, have, signal) {
      for (;;) {
        const outgoing = found(id);
        if (outgoing.steps.length > have || isTerminal(outgoing.state)) return view(outgoing);
        await outgoingBell.wait(id, signal);
      }
    },
    evidence,
    outgoings: async (limit) =>
      [...outbox.all()]
        .filter((outgoing) => outgoing.head.class === "mail")
        .sort((a, b) => b.head.sentAtMs - a.head.sentAtMs)
        .slice(0, limit)
        .map(view),
    mails,
    async mailsAfter(box, afterArrival, limit, signal) {
      for (;;) {
        const listed: readonly MailView[] = await mails(box, afterArrival, limit);
        if (listed.length > 0) return listed;
        await mailBell.wait(LISTED, signal);
      }
    },
    mail: async (key) => viewOf(claims.find(key)),
    async readPart(key, part) {
      const kept = claims.find(key).have.get(part);
      if (kept === undefined) throw new PerdureError("bad-argument", `message ${key.id} has no part ${part}`);
      return await theStore().read(kept.at);
    },
    claim: (client, signal) => {
      alertLog.served();
      return claims.claim(client, within(signal));
    },
    answer: (client, to, signal) => claims.answer(client, to, within(signal)),
    adopt: async (client, claim) => claims.adopt(client, claim),
    async complete(completion) {
      const cause = inbox.find(`${hex(agentIdBytes(completion.from))}/${completion.id}`);
      const drafts =
        cause === undefined || completion.drafts.length === 0 ? () => NO_DRAFTS : await submissions.prepare(cause, completion.drafts);
      await claims.complete(completion, drafts);
    },
    release: claims.release,
    finish: claims.finish,
    retry: claims.retry,
    ...contactCalls,
    ...identityCalls,
    acceptChange: async (name) => (await lookups.acceptChange(parseRecipient(name))).id,
    leave: async (client) => claims.leave(client),
    status: async () => ({
      id: own.id,
      name: own.name,
      folder,
      relay: alertLog.shown((link as RelayLink).status),
      limits: lines.limits,
      custody: own.custody,
      waiting: inbox.waiting,
      requests: inbox.requests,
      failed: inbox.failed,
      failedDropped: endings.failedDropped,
      outgoing: outbox.openMessages,
      strangers: book.policy.strangers,
      paused: [...guard.pauses()].length,
      conflicts: outbox.evidence.conflicts.length,
      alerts: alertLog.alerts,
    }),
    surroundings: async () => options.surroundings(),
    settings: async () => listSettings(settings, {}, link?.status.negotiated),
    [Symbol.asyncDispose]: () => (disposed ??= dispose()),
  };
};
