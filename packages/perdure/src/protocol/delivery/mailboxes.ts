/**
 * The relay's machine: registrations, mailboxes, links, settles, epochs, expiry and statements.
 *
 * A message moves: taken (in the log's memory, handed to a consumer that is up to date) -> durable (acknowledged) -> settled or ended (its
 * record released once that is durable). Inputs and outputs are in `mailbox-events.ts`; every input may come at any time.
 *
 * What always holds, unless a defence is switched off:
 * - Ack implies sync: an `ack` up to n leaves only when everything of that link up to n is durable, refusals included.
 * - A link sequence number is taken or refused once, in order; a repeated one changes nothing, a leap ends the session.
 * - Positions of a mailbox are gapless. A settle counts only from the current consumer, with the current generation and
 *   epoch, and never beyond the durable tail; what it asked beyond is applied as the tail rises.
 * - A record is released only after the settle or ending that lets go of it is durable.
 * - Attaching as consumer raises the epoch; the consumer before is told `fenced`, and its frames count no more.
 * - An instance of which a used attach pass was shown reads no mailbox any more; none reads before it has confirmed its newest one.
 * - A mailbox is handed out in order of position; mail that was refused is nowhere.
 * - Mail of an agent goes into a mailbox here, or into that of the relay it names; mail of a peer goes into a mailbox here. Only
 *   what a peer's forwarder settles, or what ends, leaves the mailbox of that peer.
 * - No share of a mailbox, a route or the store is overdrawn, however many identities its senders have.
 * - Mail of which no row is kept counts, is handed out, settled and ended like any other, once its row was fetched.
 * - Nobody brings mail faster than its rate; who goes on after it was told loses its session.
 */
import { type Bytes, equalBytes, hex } from "../../wire/bytes.ts";
import { encodeKept } from "../../wire/kept-relay.ts";
import { createRelayRates } from "../limits/relay-rates.ts";
import { confirmPass, endUnconfirmed } from "./attach-passes.ts";
import { attach, confirmed, detach, publish, ready, welcome } from "./attaching.ts";
import { createAttachments } from "./attachments.ts";
import { answerPosition, block, noteHandedOver, settle } from "./consuming.ts";
import { becomeDurable, writeStatement } from "./durability.ts";
import { nextDue, nextRun, stillDue } from "./handing-out.ts";
import { closeHoles, type Hole } from "./holes.ts";
import { createIndexRecall, type IndexRecall } from "./index-recall.ts";
import { createJournal } from "./journal.ts";
import { MailRun } from "./mail-run.ts";
import { ALL_RELAY_DEFENCES, type RelayDefences, type RelayInput, type RelayOutput } from "./mailbox-events.ts";
import { claimProofs, replayRecord, rereadMail, restate } from "./mailbox-replay.ts";
import {
  type AgentState,
  createRelayState,
  findAgent,
  findPeer,
  type Mailbox,
  ownerOf,
  type Place,
  type RelayState,
} from "./mailbox-state.ts";
import { hearOfPeer, vouch } from "./meeting.ts";
import { findOverdue, mayRestOverdue, type Overdue, overdueOf } from "./overdue.ts";
import { ban, issueTicket, takeContacts } from "./owners-word.ts";
import { isWanted } from "./peer-state.ts";
import { type Counters, type MailboxLimits, noteLimited, openTail, type RelayMachine } from "./relay-machine.ts";
import { fetchExpiring, restMail, takeRows } from "./resting-mail.ts";
import { answerPublished } from "./standing.ts";
import { abandonStatement, beginStatement } from "./statements.ts";
import type { Due } from "./stored-mails.ts";
import { endMail, takeMails } from "./taking.ts";

export interface MailboxesOptions {
  /** 32 bytes. */
  readonly relayId: Bytes;
  /** Drawn for this start. */
  readonly generation: Bytes;
  /** 32 bytes drawn for this start: what attach passes are made with, unless the log names what an earlier start drew. */
  readonly passKey: Bytes;
  readonly sha256: (bytes: Bytes) => Bytes;
  readonly limits: MailboxLimits;
  readonly defences?: RelayDefences;
  /** Whether anybody takes facts of that name; without it somebody does. */
  readonly wantsFact?: ((event: string) => boolean) | undefined;
}

export interface Mailboxes {
  readonly state: RelayState;
  readonly counters: Counters;
  /** Somebody came up against a limit outside of the machine. */
  noteLimited(name: string): void;
  /**
   * Changes the state at once; what comes of it leaves with the end of the turn. `monotonicMs`: the time of a clock that nobody sets, for
   * rates; the same as `nowMs` where there is none.
   */
  take(input: RelayInput, nowMs: number, monotonicMs?: number): void;
  /** What comes of everything taken since the last turn ended: at most one append, and that comes first. */
  endTurn(): readonly RelayOutput[];
  /** A turn of one input. */
  step(input: RelayInput, nowMs: number, monotonicMs?: number): readonly RelayOutput[];
  /** Applies a record of the log; only before the first step. Returns places nothing needs any more. */
  replay(record: Bytes, place: Place): readonly Place[];
  /** After the replay: so many numbers are given to no statement. */
  skipStatements(numbers: number): void;
  /** Takes the indexes of closed segments, once after everything was replayed. */
  recallIndexes(): IndexRecall;
  /** A record of a segment whose index cannot be read; whether it is needed. */
  reread(record: Bytes, place: Place): boolean;
  /**
   * After the replay of a log in which damage was found, before anything else: ends what is missing, and says what. `unknownBytes` are
   * lost of what no restatement repeats.
   */
  closeHoles(unknownBytes: number): readonly Hole[];
  /** After the replay and before the first step: what must be durable before that. */
  begin(nowMs: number): readonly Bytes[];
  /** The small state, restated. */
  snapshot(): readonly Bytes[];
  /** What the consumer of that session gets next, in order, up to about `maxBytes`; with `after` only what comes behind that. */
  nextFor(session: number, maxBytes: number, after?: number): readonly Due[];
  /** The same as far as their records lie one behind the other, and whether more is due behind them. */
  nextRun(session: number, after: number): { readonly run: MailRun; readonly rest: boolean };
  /** How many of a run are still what the consumer of that session gets next. */
  stillDue(session: number, run: MailRun): number;
  /** Durable mail that expired before `beforeMs`, at most `limit`. */
  overdue(beforeMs: number, limit: number): readonly Overdue[];
  overdueAt(agent: string, position: number): Overdue | undefined;
  /** Whether mail of which there is no row may have expired by then: the input `sweep` fetches it. */
  mayRestOverdue(beforeMs: number): boolean;
  /** An agent registered here, or another relay that was met. */
  lookup(what: "agent" | "name", key: Bytes | string): AgentState | undefined;
  /** What is known of another relay; its bundle is empty before it was met. */
  peer(relayId: Bytes): { readonly urls: readonly string[]; readonly bundle: Bytes } | undefined;
  /** Other relays with what waits for them, those with most first. */
  peers(limit: number): readonly AgentState[];
  /** Those with mail waiting, to be dialled after a start. */
  peersWithMail(): readonly Bytes[];
  agentOf(session: number): AgentState | undefined;
  /** The relay that brought mail of `from` which waits for the agent of that session. */
  bringerOf(session: number, from: Bytes): Bytes | undefined;
  isAttached(agent: AgentState): boolean;
}

export function createMailboxes(options: MailboxesOptions): Mailboxes {
  const { relayId, generation, sha256, limits, defences = ALL_RELAY_DEFENCES } = options;
  const machine: RelayMachine = {
    relayId,
    generation,
    generationText: hex(generation),
    sha256,
    limits,
    defences,
    state: createRelayState(relayId),
    attachments: createAttachments(),
    counters: {
      accepted: 0,
      duplicates: 0,
      delivered: 0,
      settled: 0,
      passedOn: 0,
      relayed: 0,
      expired: 0,
      lost: 0,
      statements: 0,
      // bound: one per error code
      refused: new Map(),
      // bound: one per setting
      limited: new Map(),
    },
    journal: createJournal(options.wantsFact),
    rates: createRelayRates(limits),
    trouble: undefined,
    distrustDisk: false,
  };
  const { state, attachments, journal } = machine;
  const take = (input: RelayInput, nowMs: number, monotonicMs: number = nowMs): void => {
    machine.rates.advance(monotonicMs);
    run(machine, input, nowMs);
  };
  const endTurn = (): readonly RelayOutput[] => {
    const { outputs, atOnce } = journal.endTurn();
    for (const effect of atOnce) {
      if (effect.kind === "attached") welcome(machine, effect.attachment);
      else if (effect.kind === "confirmed") confirmed(machine, effect.attachment);
      else if (effect.kind === "published") answerPublished(machine, effect);
      else if (effect.kind === "let-go" && effect.attachment !== undefined) answerPosition(machine, effect.attachment);
    }
    return atOnce.length === 0 ? outputs : [...outputs, ...journal.endTurn().outputs];
  };
  /** The one that session consumes. */
  const mailboxOf = (session: number): Mailbox | undefined => {
    const mailbox = attachments.get(session)?.agent.mailbox;
    return mailbox?.consumer?.session === session ? mailbox : undefined;
  };
  return {
    state,
    counters: machine.counters,
    noteLimited: (name) => noteLimited(machine.counters, name),
    take,
    endTurn,
    step: (input, nowMs, monotonicMs) => {
      take(input, nowMs, monotonicMs);
      return endTurn();
    },
    replay: (bytes, place) => replayRecord(state, sha256, bytes, place),
    skipStatements: (numbers) => {
      state.statements.number += numbers;
    },
    recallIndexes: () => createIndexRecall(state, sha256),
    reread: (record, place) => rereadMail(state, sha256, record, place),
    closeHoles: (unknownBytes) => {
      const holes = closeHoles(state, unknownBytes);
      for (const { messages } of holes) machine.counters.lost += messages;
      return holes;
    },
    begin: (nowMs) => {
      const records = [encodeKept("start", { generation, atMs: nowMs })];
      if (state.passKey.length > 0) return records;
      state.passKey = options.passKey.slice();
      return [...records, encodeKept("passKey", { key: state.passKey })];
    },
    snapshot: () => {
      claimProofs(state);
      return restate(state);
    },
    nextFor: (session, maxBytes, after = 0) => {
      const mailbox = mailboxOf(session);
      return mailbox === undefined ? [] : nextDue(mailbox, openTail(machine, mailbox), maxBytes, after);
    },
    nextRun: (session, after) => {
      const mailbox = mailboxOf(session);
      return mailbox === undefined ? NO_RUN : nextRun(mailbox, openTail(machine, mailbox), after);
    },
    stillDue: (session, run) => {
      const mailbox = mailboxOf(session);
      return mailbox === undefined ? 0 : stillDue(mailbox, openTail(machine, mailbox), run);
    },
    overdue: (beforeMs, limit) => findOverdue(state, beforeMs, limit),
    overdueAt: (key, position) => {
      const agent = ownerOf(state, key);
      const mail = agent?.mailbox.stored.get(position);
      return agent === undefined || mail === undefined ? undefined : overdueOf(agent, position, mail);
    },
    mayRestOverdue: (beforeMs) => mayRestOverdue(state, beforeMs),
    lookup: (what, key) => {
      if (what === "name") return met(state.names.get(key as string));
      return met(findAgent(state, key as Bytes)) ?? met(findPeer(state, key as Bytes));
    },
    peer: (relayId) => {
      const peer = findPeer(state, relayId);
      return peer?.peer === undefined ? undefined : { urls: peer.peer.urls, bundle: peer.bundle };
    },
    peers: (limit) => [...state.peers.values()].sort((a, b) => b.mailbox.stored.size - a.mailbox.stored.size).slice(0, limit),
    peersWithMail: () => [...state.peers.values()].filter((peer) => isWanted(state, peer)).map(({ idRaw }) => idRaw),
    agentOf: (session) => attachments.get(session)?.agent,
    bringerOf: (session, from) => {
      for (const sender of attachments.get(session)?.agent.mailbox.senders.values() ?? [])
        if (sender.via !== undefined && equalBytes(sender.from, from)) return sender.via.idRaw;
      return undefined;
    },
    isAttached: (agent) => attachments.of(agent).some(({ role }) => role !== "forwarder"),
  };
}

const NO_RUN = { run: new MailRun(), rest: false };

function met(agent: AgentState | undefined): AgentState | undefined {
  return agent !== undefined && agent.bundle.length > 0 ? agent : undefined;
}

function run(machine: RelayMachine, input: RelayInput, nowMs: number): void {
  const { state, journal, sha256, relayId } = machine;
  switch (input.kind) {
    case "attach":
      return attach(machine, input, nowMs);
    case "ready":
      return ready(machine, input.session);
    case "detach":
      return detach(machine, input.session);
    case "confirm":
      return confirmPass(machine, input.session, input.pass);
    case "confirm-due":
      return endUnconfirmed(machine, input.session);
    case "publish":
      return publish(machine, input.session, input.registration, nowMs);
    case "mails":
      return takeMails(machine, input, nowMs);
    case "settle":
      return settle(machine, input.session, input.settle);
    case "contacts":
      return takeContacts(machine, input);
    case "peer":
      return hearOfPeer(machine, input, nowMs);
    case "vouch":
      return vouch(machine, input);
    case "issue-ticket":
      return issueTicket(machine, input, nowMs);
    case "ban":
      return ban(machine, input, nowMs);
    case "appended":
      return journal.placed(input.ticket, input.segment, input.offsets);
    case "synced":
      return becomeDurable(machine, input.ticket);
    case "handed-over":
      return noteHandedOver(machine, input.session, input.positions);
    case "blocked":
      return block(machine, input.session, input.blocked);
    case "trouble":
      machine.trouble = input.trouble;
      return;
    case "distrust-disk":
      machine.distrustDisk = true;
      return;
    case "end":
      return endMail(machine, input, nowMs);
    case "rows":
      return takeRows(machine, input);
    case "rest":
      return restMail(machine, input);
    case "sweep":
      return fetchExpiring(machine, input);
    case "statement-due": {
      const underWay = beginStatement(state.statements, sha256, relayId, nowMs);
      if (underWay !== undefined) journal.emit({ kind: "sign", statement: underWay.bytes });
      return;
    }
    case "signed":
      return writeStatement(machine, input.signature);
    case "not-signed":
      return abandonStatement(state.statements);
  }
}
