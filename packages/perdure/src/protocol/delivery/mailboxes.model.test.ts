/**
 * Random histories against a model that only remembers what was promised: which mail was acknowledged, which settles counted.
 * Crashes keep what was synced and any number of whole batches after it.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bytes, hex, utf8 } from "../../wire/bytes.ts";
import { decodeEnvelope, envelopeId } from "../../wire/envelope.ts";
import { decodeKeptMail } from "../../wire/kept-relay.ts";
import { statement, statementProof } from "../../wire/statement.ts";
import type { RelayDefences, RelayOutput } from "./mailbox-events.ts";
import type { StoredMail } from "./mailbox-state.ts";
import { readLabel } from "./stored-mails.ts";
import { agentId, createTestRelay, envelope, key, type TestRelay } from "./test-relay.ts";

const NAMES = ["alice", "bob", "carol"] as const;
type Name = (typeof NAMES)[number];

type Op =
  | { readonly do: "attach"; readonly who: Name; readonly fresh: boolean; readonly stale: boolean }
  | { readonly do: "detach"; readonly who: Name }
  | { readonly do: "mail"; readonly from: Name; readonly to: Name | "nobody" }
  | { readonly do: "repeat"; readonly from: Name }
  | { readonly do: "pull"; readonly who: Name }
  | {
      readonly do: "settle";
      readonly who: Name;
      readonly part: number;
      readonly wrong: "no" | "generation" | "epoch" | "fenced" | "beyond";
    }
  | { readonly do: "sync" | "rotate" | "state" | "expire" }
  | { readonly do: "crash"; readonly more: number };

const who = fc.constantFrom(...NAMES);
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("mail" as const), from: who, to: fc.constantFrom(...NAMES, "nobody" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("repeat" as const), from: who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("attach" as const), who, fresh: fc.boolean(), stale: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("detach" as const), who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pull" as const), who }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      who,
      part: fc.nat(100),
      wrong: fc.constantFrom(
        "no" as const,
        "no" as const,
        "no" as const,
        "generation" as const,
        "epoch" as const,
        "fenced" as const,
        "beyond" as const,
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("sync" as const, "sync" as const, "rotate" as const, "state" as const, "expire" as const) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const), more: fc.nat(6) }) },
);

interface Reader {
  generation: Bytes;
  /** What it was handed in this generation, by position. */
  readonly had: Map<number, string>;
}

interface Sender {
  session: number;
  link: number;
  linkSeq: number;
  acked: number;
  /** By link sequence number: id, recipient and what the mail was. */
  sent: Map<number, { readonly id: string; readonly to: string; refused: boolean; readonly envelope: ReturnType<typeof envelope> }>;
}

/** Plays a history; throws when a promise is broken. */
function play(ops: readonly Op[], defences: Partial<RelayDefences> = {}): void {
  const relay = createTestRelay(defences);
  const senders = new Map<Name, Sender>();
  const seen = new Map<Name, Reader>();
  const acknowledged = new Map<string, string>();
  const letGo = new Set<string>();
  const statements = new Map<number, string>();
  const generations: Bytes[] = [];
  let sessions = 0;
  let links = 0;
  let seq = 0;
  let fenced = 0;

  const nameOf = (session: number): Name | undefined => [...senders].find(([, sender]) => sender.session === session)?.[0];

  const deliver = (name: Name, position: number, bytes: Bytes): void => {
    const reader = seen.get(name) as Reader;
    if (hex(reader.generation) !== hex(relay.generation)) forget(reader);
    expect(position, "positions rise").toBeGreaterThan([...reader.had.keys()].at(-1) ?? 0);
    reader.had.set(position, envelopeId(decodeEnvelope(bytes)));
  };

  const forget = (reader: Reader): void => {
    reader.generation = relay.generation;
    reader.had.clear();
  };

  const take = (outputs: readonly RelayOutput[]): void => {
    for (const output of outputs) {
      if (output.kind === "ack") {
        const sender = [...senders.values()].find((each) => each.session === output.session);
        if (sender === undefined) continue;
        expect(output.upTo, "nothing is acknowledged that was not sent").toBeLessThanOrEqual(sender.linkSeq);
        for (let linkSeq = sender.acked + 1; linkSeq <= output.upTo; linkSeq++) {
          const sent = sender.sent.get(linkSeq);
          if (sent !== undefined && !sent.refused) acknowledged.set(sent.id, sent.to);
        }
        sender.acked = Math.max(sender.acked, output.upTo);
      } else if (output.kind === "refuse") {
        const sent = [...senders.values()].find((each) => each.session === output.session)?.sent.get(output.linkSeq);
        if (sent !== undefined) sent.refused = true;
      } else if (output.kind === "deliver") {
        const name = nameOf(output.session);
        for (const [index, envelope] of output.envelopes.entries())
          if (name !== undefined) deliver(name, output.position + index, envelope);
      } else if (output.kind === "goodbye" && output.reason.code === "fenced") fenced = output.session;
      else if (output.kind === "proof") {
        const bytes = statementProof.decode(output.proof).statement;
        const { number } = statement.decode(bytes);
        expect(statements.get(number) ?? hex(bytes), "no number twice").toBe(hex(bytes));
        statements.set(number, hex(bytes));
      } else if (output.kind === "release") for (const place of output.places) letGo.add(key(place));
    }
  };

  const attach = (name: Name, fresh: boolean, stale: boolean): void => {
    const before = senders.get(name);
    const link = fresh || before === undefined ? ++links : before.link;
    const session = ++sessions;
    const mine: Reader = seen.get(name) ?? { generation: relay.generation, had: new Map() };
    seen.set(name, mine);
    const known = !stale && hex(mine.generation) === hex(relay.generation);
    if (!known) forget(mine);
    const sender: Sender = link === before?.link ? { ...before, session } : { session, link, linkSeq: 0, acked: 0, sent: new Map() };
    senders.set(name, sender);
    relay.take();
    relay.attach(session, name, {
      link,
      have: { generation: known ? relay.generation : new Uint8Array(8), position: [...mine.had.keys()].at(-1) ?? 0 },
    });
    const outputs = relay.take();
    const welcome = outputs.find((output) => output.kind === "welcome" && output.session === session);
    if (welcome?.kind !== "welcome") throw new Error("no welcome");
    expect(welcome.standing.linkUpTo, "the mark never falls below an acknowledgement").toBeGreaterThanOrEqual(sender.acked);
    take(outputs);
    for (const linkSeq of welcome.standing.linkRefused) {
      const sent = sender.sent.get(linkSeq);
      if (sent !== undefined) sent.refused = true;
    }
    for (let linkSeq = sender.acked + 1; linkSeq <= welcome.standing.linkUpTo; linkSeq++) {
      const sent = sender.sent.get(linkSeq);
      if (sent !== undefined && !sent.refused) acknowledged.set(sent.id, sent.to);
    }
    sender.acked = Math.max(sender.acked, welcome.standing.linkUpTo);
    for (let linkSeq = welcome.standing.linkUpTo + 1; linkSeq <= sender.linkSeq; linkSeq++) {
      const sent = sender.sent.get(linkSeq);
      if (sent !== undefined) take(relay.mail(session, linkSeq, sent.envelope));
    }
  };

  const settle = (name: Name, part: number, wrong: string): void => {
    const sender = senders.get(name);
    const mine = seen.get(name);
    if (sender === undefined || mine === undefined) return;
    const epoch = relay.machine.lookup("agent", agentId(name))?.mailbox.epoch ?? 0;
    if (wrong === "fenced" && fenced === 0) return;
    const upTo = [...mine.had.keys()][Math.floor((part / 101) * mine.had.size)] ?? 0;
    if (wrong === "no") for (const [position, id] of mine.had) if (position <= upTo) settledByAgent.add(`${name} ${id}`);
    if (wrong === "beyond")
      for (const mail of relay.machine.lookup("agent", agentId(name))?.mailbox.stored.values() ?? [])
        settledByAgent.add(`${name} ${idOf(mail)}`);
    take(
      relay.feed({
        kind: "settle",
        session: wrong === "fenced" ? fenced : sender.session,
        settle: {
          generation: wrong === "generation" ? (generations.at(-1) ?? new Uint8Array(8)) : relay.generation,
          epoch: wrong === "epoch" || wrong === "fenced" ? Math.max(0, epoch - 1) : epoch,
          floor: wrong === "beyond" ? upTo + 1_000_000 : wrong === "no" ? upTo : 1_000_000,
          ranges: [],
        },
      }),
    );
  };

  const settledByAgent = new Set<string>();
  const check = (): void => {
    for (const [id, to] of acknowledged) {
      const agent = relay.machine.lookup("agent", agentId(to));
      const waits = [...(agent?.mailbox.stored.values() ?? [])].some((mail) => idOf(mail) === id);
      if (!waits && !settledByAgent.has(`${to} ${id}`) && !ended.has(id)) throw new Error(`acknowledged ${id} to ${to} is gone`);
    }
    for (const agent of relay.machine.state.agents.values()) {
      const { mailbox } = agent;
      for (let position = 1; position < mailbox.nextPosition; position++) {
        expect([position, mailbox.stored.has(position) !== mailbox.settled.has(position)]).toEqual([position, true]);
      }
      for (const mail of mailbox.stored.values()) expect(mail.place !== undefined && relay.released.has(key(mail.place))).toBe(false);
    }
  };
  const ended = new Set<string>();

  for (const each of ops) {
    if (each.do === "attach") attach(each.who, each.fresh, each.stale);
    else if (each.do === "detach") {
      const sender = senders.get(each.who);
      if (sender !== undefined) take(relay.feed({ kind: "detach", session: sender.session }));
    } else if (each.do === "mail") {
      const sender = senders.get(each.from);
      if (sender === undefined || sender.linkSeq - sender.acked >= 64) continue;
      const what = envelope(each.from, each.to, ++seq);
      sender.sent.set(++sender.linkSeq, { id: envelopeId(what), to: each.to, refused: false, envelope: what });
      take(relay.mail(sender.session, sender.linkSeq, what));
    } else if (each.do === "repeat") {
      const sender = senders.get(each.from);
      const sent = sender?.sent.get(sender.linkSeq);
      if (sender !== undefined && sent !== undefined) take(relay.mail(sender.session, sender.linkSeq, sent.envelope));
    } else if (each.do === "pull")
      pull(relay, senders.get(each.who)?.session ?? 0, (position, bytes) => deliver(each.who, position, bytes));
    else if (each.do === "settle") settle(each.who, each.part, each.wrong);
    else if (each.do === "sync") take(relay.sync());
    else if (each.do === "rotate") relay.rotate();
    else if (each.do === "state") {
      take(relay.feed({ kind: "statement-due" }));
      take(relay.feed({ kind: "signed", signature: new Uint8Array(64) }));
    } else if (each.do === "expire") {
      const [overdue] = relay.machine.overdue(Number.MAX_SAFE_INTEGER, 1);
      if (overdue === undefined) continue;
      if (overdue.position <= overdue.agent.mailbox.syncedTail) ended.add(idOf(overdue.mail));
      take(relay.feed({ kind: "end", agent: overdue.agent.key, position: overdue.position, ending: "expired", notice: utf8("notice") }));
    } else if (each.do === "crash") {
      generations.push(relay.generation);
      relay.crash(each.more);
      fenced = 0;
      // A session dies with the relay; the agent comes back with the same link.
      for (const [name, sender] of [...senders]) if (sender.linkSeq > 0) attach(name, false, false);
    }
    relay.take();
    check();
  }
}

function idOf(mail: StoredMail): string {
  return `${hex(readLabel(mail.label).stream)}.${mail.seq}`;
}

function pull(relay: TestRelay, session: number, got: (position: number, bytes: Bytes) => void): void {
  for (let [due] = relay.machine.nextFor(session, 1); due !== undefined; [due] = relay.machine.nextFor(session, 1)) {
    got(due.position, decodeKeptMail(relay.read(due.place)).envelope);
    relay.feed({ kind: "handed-over", session, positions: [due.position] });
  }
}

const history = fc.array(op, { minLength: 20, maxLength: 120 });

/** Whether a broken promise is found with a defence switched off. */
function isCaught(defences: Partial<RelayDefences>): boolean {
  return fc.check(
    fc.property(history, (ops) => play(ops, defences)),
    { numRuns: 400, seed: 7 },
  ).failed;
}

describe("any history of a relay", () => {
  it("keeps what was promised", () => {
    fc.assert(
      fc.property(history, (ops) => play(ops)),
      { numRuns: 400 },
    );
  });

  for (const defence of ["ackAfterSync", "generation", "settleClamp", "epoch"] as const) {
    it(`breaks a promise without ${defence}`, () => {
      expect(isCaught({ [defence]: false })).toBe(true);
    });
  }
});
