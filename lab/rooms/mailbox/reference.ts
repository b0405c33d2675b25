/**
 * What a relay does with sessions, mail and settles, said in lists. Books hold what is known now and what is durable; a step writes facts
 * and says what leaves; facts and effects come true in order when their batch is durable. Each thing that leaves is one line of words.
 */
import {
  agentIn,
  type Books,
  chained,
  createBooks,
  type Fact,
  floorOf,
  gone,
  type Known,
  knownTo,
  type Letter,
  linkIn,
  overdueIn,
  raised,
  restatementOf,
  stored,
  unstated,
  upToBytes,
  used,
} from "./books.ts";
import { createShop, type Limits, reasonText } from "./doors.ts";
import { createEntering } from "./entering.ts";
import type { Attaching, Batch, Effect, Leaf, Mailing, Reader, Session, UnderWay, Wanted } from "./sessions.ts";

export type Reference = ReturnType<typeof createReference>;

export function createReference(limits: Limits) {
  let durable: Books = createBooks();
  let live: Books = createBooks();
  let batches: Batch[] = [];
  let lines: string[] = [];
  let facts: Fact[] = [];
  let effects: Effect[] = [];
  let awaited = false;
  let sessions = new Map<number, Session>();
  let readers = new Map<string, Reader>();
  let notices = new Map<string, number>();
  let underWay: UnderWay | undefined;
  let distrusts = false;
  let nowMs = 0;
  let shop = createShop(limits, () => live);

  const say = (line: string): void => void lines.push(line);
  const write = (fact: Fact, later = false): void => {
    fact(live);
    facts.push(fact);
    if (!later) awaited = true;
  };
  const sessionsOf = (agent: string): Session[] => [...sessions.values()].filter((each) => each.agent === agent && !each.over);
  const durableTail = (owner: string): number => (durable.agents.get(owner)?.next ?? 1) - 1;
  const openTail = (owner: string): number => (distrusts ? durableTail(owner) : agentIn(live, owner).next - 1);
  const syncedOf = ({ agent, link }: Session): number => durable.agents.get(agent)?.links.get(link)?.upTo ?? 0;

  const leave = (session: Session): void => {
    session.over = true;
    if (readers.get(session.agent)?.session === session.number) readers.delete(session.agent);
  };
  const sendAway = (session: Session, words: string): void => {
    leave(session);
    say(`goodbye ${session.number} ${words}`);
  };
  const wake = (owner: string): void => {
    const reader = readers.get(owner);
    if (reader?.ready === true && !reader.blocked && reader.cursor < openTail(owner)) say(`behind ${reader.session}`);
  };
  const answer = ({ number, agent }: Session): void => {
    const book = agentIn(live, agent);
    say(`position ${number} epoch ${book.epoch} floor ${floorOf(book)} tail ${durableTail(agent)}`);
  };
  const welcome = (session: Session): void => {
    if (session.over || !sessions.has(session.number)) return;
    const book = agentIn(live, session.agent);
    const synced = syncedOf(session);
    const refused = (durable.agents.get(session.agent)?.links.get(session.link)?.refused ?? []).slice(-limits.keptRefusals);
    session.welcomed = true;
    say(
      `welcome ${session.number} epoch ${session.consume ? book.epoch : 0} tail ${durableTail(session.agent)} floor ${floorOf(book)} ` +
        `link ${synced} refused ${refused.join(",")} contacts ${book.known?.version ?? 0} pass ${session.pass}`,
    );
  };
  const beginReading = (session: Session): void => {
    const reader = readers.get(session.agent);
    if (!session.ready || !session.mayRead || reader?.session !== session.number) return;
    reader.ready = true;
    wake(session.agent);
  };
  const acknowledge = (by: Session): void => {
    const isGone = by.over || sessions.get(by.number) !== by;
    const holder = isGone ? sessionsOf(by.agent).find(({ link }) => link === by.link) : by;
    if (holder !== undefined) say(`ack ${holder.number} up to ${syncedOf(holder)}`);
  };
  const confirmed = (session: Session): void => {
    session.mayRead = true;
    beginReading(session);
  };
  const published = ({ session, verdict, over }: Extract<Effect, { kind: "published" }>): void => {
    say(`published ${session} ${verdict}`);
    if (over) say(`goodbye ${session} instance-revoked never 0`);
  };

  const endStep = (): readonly string[] => {
    const waits = awaited || effects.some(({ kind }) => kind !== "let-go");
    const before = lines;
    lines = [];
    if (facts.length > 0) {
      before.push(waits ? "append" : "append later");
      batches.push({ facts, effects });
    } else if (batches.length > 0) {
      batches.at(-1)?.effects.push(...effects);
      if (waits) before.push("hurry");
    } else
      for (const effect of effects) {
        if (effect.kind === "attached") welcome(effect.session);
        else if (effect.kind === "confirmed") confirmed(effect.session);
        else if (effect.kind === "published") published(effect);
        else if (effect.kind === "let-go" && effect.session !== undefined) answer(effect.session);
      }
    before.push(...lines);
    [lines, facts, effects, awaited] = [[], [], [], false];
    return before;
  };

  const letGoOf = (owner: string, positions: readonly number[]): readonly string[] =>
    positions.filter((position) => agentIn(live, owner).waiting.has(position)).map((position) => `${owner}@${position}`);

  /** Lets go of what was asked for, as far as it is durable. False when that is nothing new. */
  const grant = (session: Session, reader: Reader): boolean => {
    const book = agentIn(live, session.agent);
    const tail = durableTail(session.agent);
    const due = [...reader.asked].filter((position) => position <= tail && !book.settled.has(position));
    if (due.length === 0) return false;
    effects.push({ kind: "let-go", mail: letGoOf(session.agent, due), session });
    write(gone(session.agent, due), true);
    return true;
  };

  const keep = (owner: string, letter: Letter): void => {
    const position = agentIn(live, owner).next;
    write(stored(owner, position, letter));
    effects.push({ kind: "stored", owner });
    const reader = readers.get(owner);
    if (reader === undefined) return;
    if (reader.ready && !reader.blocked && position <= openTail(owner) && reader.cursor === position - 1) {
      say(`deliver ${reader.session} @${position} ${letter.digest} ${letter.storedAtMs}`);
      reader.cursor = position;
    } else wake(owner);
  };

  const { enrol, usePass } = createEntering({
    live: () => live,
    shop: () => shop,
    nowMs: () => nowMs,
    sessionsOf,
    say,
    write,
    sendAway,
  });

  const reference = {
    get live() {
      return live;
    },
    get durable() {
      return durable;
    },
    get sessions(): ReadonlyMap<number, Session> {
      return sessions;
    },
    get underWay() {
      return underWay;
    },
    durableTail,
    syncedOf,
    reader: (agent: string) => readers.get(agent),
    at: (wallMs: number, monotonicMs: number) => {
      nowMs = wallMs;
      shop.at(monotonicMs);
    },
    trouble: (code: string | undefined) => {
      shop.trouble = code;
      return endStep();
    },
    distrust: () => {
      distrusts = true;
      return endStep();
    },
    attach: (input: Attaching): readonly string[] => {
      const { session: number, agent, link, instance } = input;
      const turnAway = (words: string): readonly string[] => {
        say(`goodbye ${number} ${words}`);
        return endStep();
      };
      if (link === 0) return turnAway("malformed never 0");
      if (live.bans.has(agent)) return turnAway(`blocked after ${limits.blockedMs}`);
      const isKnown = live.agents.has(agent);
      const replaces = (other: Session): boolean => other.link === link || (input.consume && other.consume);
      if (isKnown && sessionsOf(agent).filter((other) => !replaces(other)).length >= limits.sessions)
        return turnAway("too-busy after 1000");
      if (!isKnown && shop.trouble !== undefined) return turnAway(`${shop.trouble} after ${limits.troubleMs}`);
      if (!enrol(number, agent, input)) return endStep();
      const consume = input.consume && agentIn(live, agent).identity.standing !== "frozen";
      const pass = consume ? usePass(agent, instance, input.pass) : 0;
      if (pass === undefined) return turnAway("cloned never 0");
      for (const other of sessionsOf(agent))
        if (replaces(other)) {
          other.over = true;
          say(`goodbye ${other.number} fenced after 1000`);
        }
      const session: Session = {
        number,
        agent,
        link,
        consume,
        instance,
        verdict: input.verdict,
        pass,
        confirmed: !consume,
        mayRead: !consume,
        welcomed: false,
        ready: false,
        unacked: 0,
        tooFast: 0,
        over: false,
      };
      sessions.set(number, session);
      if (consume) {
        const cursor = Math.min(input.havePosition, agentIn(live, agent).next - 1);
        readers.set(agent, { session: number, cursor, ready: false, blocked: false, asked: new Set() });
        write(raised(agent, agentIn(live, agent).epoch + 1));
      }
      effects.push({ kind: "attached", session });
      return endStep();
    },
    ready: (number: number): readonly string[] => {
      const session = sessions.get(number);
      if (session === undefined || session.over) return endStep();
      if (session.verdict !== "") say(`published ${number} ${session.verdict}`);
      for (const proof of agentIn(live, session.agent).proofs) say(`proof ${number} ${proof}`);
      session.ready = true;
      beginReading(session);
      return endStep();
    },
    confirm: (number: number, pass: number): readonly string[] => {
      const session = sessions.get(number);
      if (session === undefined || session.over || session.confirmed || pass !== session.pass) return endStep();
      const { agent, instance } = session;
      const chain = agentIn(live, agent).passes.get(instance);
      if (chain === undefined || pass < chain.confirmed) return endStep();
      session.confirmed = true;
      write(chained(agent, instance, { ...chain, confirmed: pass }));
      effects.push({ kind: "confirmed", session });
      return endStep();
    },
    confirmDue: (number: number): readonly string[] => {
      const session = sessions.get(number);
      if (session !== undefined && !session.over && !session.confirmed) sendAway(session, "timed-out after 1000");
      return endStep();
    },
    detach: (number: number): readonly string[] => {
      const session = sessions.get(number);
      sessions.delete(number);
      if (session !== undefined && readers.get(session.agent)?.session === number) readers.delete(session.agent);
      return endStep();
    },
    publish: (number: number, wanted: Wanted): readonly string[] => {
      const session = sessions.get(number);
      if (session === undefined) return endStep();
      if (shop.trouble !== undefined) say(`goodbye ${number} ${shop.trouble} after ${limits.troubleMs}`);
      else if (enrol(number, session.agent, wanted)) {
        const standing = agentIn(live, session.agent).identity.standing;
        const over = !session.over && standing !== "frozen" && !wanted.instances.includes(session.instance);
        if (over) leave(session);
        effects.push({ kind: "published", session: number, verdict: wanted.verdict, over });
      }
      return endStep();
    },
    mail: (input: Mailing): readonly string[] => {
      const session = sessions.get(input.session);
      if (session === undefined || session.over) return endStep();
      const { agent, link } = session;
      const { upTo } = linkIn(live, agent, link);
      const { seq, size, letter, to } = input;
      if (seq <= upTo) {
        if (seq <= syncedOf(session)) acknowledge(session);
        return endStep();
      }
      if (seq !== upTo + 1 || seq > syncedOf(session) + limits.windowFrames || session.unacked + size > 2 * limits.windowBytes) {
        say(`goodbye ${input.session} malformed now 0`);
        return endStep();
      }
      session.unacked += size;
      effects.push({ kind: "used", session, size });
      const tooFast = shop.mailRate(agent, size);
      session.tooFast = tooFast === undefined ? 0 : session.tooFast + 1;
      if (session.tooFast > 2 * limits.windowFrames && tooFast !== undefined) {
        session.over = true;
        say(`goodbye ${input.session} ${reasonText(tooFast)}`);
      }
      const reason = tooFast ?? shop.admits(agent, to, size, letter, input.flaw, nowMs);
      write(used(agent, link, seq, reason === undefined ? letter?.digest : undefined));
      if (reason !== undefined) say(`refuse ${input.session} #${seq} ${reasonText(reason)}`);
      else if (letter !== undefined) keep(to, letter);
      return endStep();
    },
    settle: (number: number, asked: readonly number[], isOurs: boolean): readonly string[] => {
      const session = sessions.get(number);
      if (session === undefined) return endStep();
      const reader = readers.get(session.agent);
      const counts = isOurs && session.consume && session.confirmed && !session.over && reader?.session === number;
      if (!counts || reader === undefined) {
        answer(session);
        return endStep();
      }
      const { next } = agentIn(live, session.agent);
      for (const position of asked) if (position >= 1 && position < next) reader.asked.add(position);
      // What is not durable is answered when it is.
      const isAwaited = [...reader.asked].some((position) => position > durableTail(session.agent));
      if (!grant(session, reader) && !isAwaited) effects.push({ kind: "let-go", mail: [], session });
      return endStep();
    },
    /** What the reader of that session gets next. */
    next: (number: number, room: number): readonly string[] => {
      const session = sessions.get(number);
      const reader = session === undefined ? undefined : readers.get(session.agent);
      if (session === undefined || reader?.session !== number || !reader.ready || reader.blocked) return [];
      const tail = openTail(session.agent);
      const due = [...agentIn(live, session.agent).waiting].filter(([position]) => position > reader.cursor && position <= tail);
      if (due.length === 0) reader.cursor = Math.max(reader.cursor, tail);
      return upToBytes(due, room);
    },
    handedOver: (number: number, position: number): readonly string[] => {
      const reader = readers.get(sessions.get(number)?.agent ?? "");
      if (reader?.session === number) reader.cursor = Math.max(reader.cursor, position);
      return endStep();
    },
    block: (number: number, blocked: boolean): readonly string[] => {
      const agent = sessions.get(number)?.agent ?? "";
      const reader = readers.get(agent);
      if (reader?.session !== number) return endStep();
      reader.blocked = blocked;
      wake(agent);
      return endStep();
    },
    contacts: (number: number, known: Known | undefined): readonly string[] => {
      const session = sessions.get(number);
      if (session === undefined || session.over) return endStep();
      const { agent } = session;
      if (known === undefined) say(`goodbye ${number} malformed never 0`);
      else if (shop.trouble === undefined) write(knownTo(agent, known));
      else agentIn(live, agent).known = known;
      return endStep();
    },
    issue: (ticket: string, expiresAtMs: number, uses: number): readonly string[] => {
      for (const [each, { expiresAtMs: until }] of live.tickets) if (until <= nowMs) live.tickets.delete(each);
      if (uses === 0) write(({ tickets }) => void tickets.delete(ticket));
      else if (live.tickets.has(ticket) || live.tickets.size < limits.openTickets)
        write(({ tickets }) => void tickets.set(ticket, { expiresAtMs, uses }));
      return endStep();
    },
    ban: (agent: string, banned: boolean, why: string): readonly string[] => {
      if (!banned) write(({ bans }) => void bans.delete(agent));
      else if (live.bans.has(agent) || live.bans.size < limits.keptBans) {
        write(({ bans }) => void bans.set(agent, why));
        for (const each of sessionsOf(agent)) {
          each.over = true;
          say(`goodbye ${each.number} blocked after ${limits.blockedMs}`);
        }
      }
      return endStep();
    },
    overdue: (beforeMs: number): readonly string[] => overdueIn(live, durable, beforeMs),
    end: (
      agent: string,
      position: number,
      noticeOf: ((to: string, seq: number) => Letter) | undefined,
      noticeBytes: number,
    ): readonly string[] => {
      const letter = live.agents.get(agent)?.waiting.get(position);
      if (letter === undefined || position > durableTail(agent)) return endStep();
      effects.push({ kind: "let-go", mail: letGoOf(agent, [position]), session: undefined });
      write(gone(agent, [position]));
      if (noticeOf === undefined || letter.author === undefined) return endStep();
      if (shop.fullBox(letter.author, noticeBytes) !== undefined) return endStep();
      const seq = (notices.get(letter.author) ?? 0) + 1;
      notices.set(letter.author, seq);
      keep(letter.author, noticeOf(letter.author, seq));
      return endStep();
    },
    statementDue: (): readonly string[] => {
      const covers = unstated(live);
      if (underWay === undefined && covers.length > 0) {
        underWay = { number: live.statement.number + 1, covers, written: undefined };
        say(`sign ${underWay.number} after ${live.statement.hash} at ${nowMs}`);
      }
      return endStep();
    },
    notSigned: (): readonly string[] => {
      if (underWay?.written === undefined) underWay = undefined;
      return endStep();
    },
    /** It was signed; the leaves have been looked at. */
    signed: (hash: string, leaves: readonly Leaf[]): readonly string[] => {
      if (underWay === undefined || underWay.written !== undefined) return endStep();
      awaited = true;
      const { number, covers } = underWay;
      const fact: Fact = (books) => {
        books.statement = { number, hash };
        for (const { agent, link, seq } of covers) linkIn(books, agent, link).stated.add(seq);
        for (const [index, { agent }] of leaves.entries()) {
          const book = agentIn(books, agent);
          book.proofs = [...book.proofs, proofOf(hash, index)].slice(-limits.keptProofs);
        }
      };
      underWay.written = { fact, hash, leaves };
      facts.push(fact);
      effects.push({ kind: "stated" });
      return endStep();
    },
    sync: (count: number): readonly string[] => {
      const done = batches.splice(0, count);
      const acked = new Set<Session>();
      const answered = new Set<Session>();
      const risen = new Set<string>();
      const released: string[] = [];
      const inTurn = function* (): Generator<Effect> {
        for (const batch of done) {
          for (const fact of batch.facts) fact(durable);
          yield* batch.effects;
        }
      };
      for (const effect of inTurn()) {
        if (effect.kind === "used") {
          effect.session.unacked -= effect.size;
          acked.add(effect.session);
        } else if (effect.kind === "stored") risen.add(effect.owner);
        else if (effect.kind === "let-go") {
          released.push(...effect.mail);
          if (effect.session !== undefined) answered.add(effect.session);
        } else if (effect.kind === "attached") welcome(effect.session);
        else if (effect.kind === "confirmed") confirmed(effect.session);
        else if (effect.kind === "published") published(effect);
        else tellSenders();
      }
      for (const session of acked) acknowledge(session);
      for (const owner of risen) {
        if (distrusts) wake(owner);
        const reader = readers.get(owner);
        const session = reader === undefined ? undefined : sessions.get(reader.session);
        if (reader !== undefined && session !== undefined) grant(session, reader);
      }
      for (const session of answered) if (sessions.has(session.number)) answer(session);
      if (released.length > 0) say(`release ${released.sort().join(" ")}`);
      return endStep();
    },
    /** A restatement says who is who, also where the record of that waits, or could not be written. */
    restated: (behind: number): void => {
      const fact = restatementOf(live);
      const at = Math.min(behind, batches.length) - 1;
      const batch = batches[at];
      if (batch === undefined) fact(durable);
      else batches[at] = { ...batch, facts: [...batch.facts, fact] };
    },
    crash: (more: number): void => {
      for (const fact of batches.slice(0, more).flatMap((batch) => batch.facts)) fact(durable);
      reference.begin(durable);
    },
    begin: (books: Books): void => {
      durable = structuredClone(books);
      live = structuredClone(books);
      batches = [];
      sessions = new Map();
      readers = new Map();
      notices = new Map();
      underWay = undefined;
      distrusts = false;
      shop = createShop(limits, () => live);
    },
  };
  return reference;

  function tellSenders(): void {
    if (underWay?.written === undefined) return;
    const { fact, hash, leaves } = underWay.written;
    underWay = undefined;
    fact(live);
    for (const [index, { agent, link }] of leaves.entries()) {
      const theirs = sessionsOf(agent);
      const session = theirs.find((each) => each.link === link) ?? theirs[0];
      if (session !== undefined) say(`proof ${session.number} ${proofOf(hash, index)}`);
    }
  }
}

/** The name of a proof: its statement, and which leaf. */
const proofOf = (hash: string, index: number): string => `${hash.slice(0, 16)}.${index}`;
