/** What a relay has written down, as the reference keeps it: plain lists that are cloned whole. A record is a change of them. */

export interface Letter {
  /** Of its envelope, in hexadecimal digits. */
  readonly digest: string;
  /** Who wrote it; absent for the relay itself. */
  readonly author: string | undefined;
  readonly class: "mail" | "receipt" | "notice";
  readonly size: number;
  readonly expiresAtMs: number;
  readonly storedAtMs: number;
}

export interface Passes {
  readonly given: number;
  readonly confirmed: number;
  readonly clonedAtMs: number;
}

export interface LinkBook {
  upTo: number;
  readonly refused: number[];
  /** Digests by number. */
  readonly taken: Map<number, string>;
  readonly stated: Set<number>;
}

export interface Identity {
  readonly bundle: string;
  readonly name: string | undefined;
  readonly version: number;
  readonly standing: "open" | "frozen" | "retired";
}

export interface Known {
  readonly version: number;
  readonly open: boolean;
  readonly contacts: readonly string[];
  readonly blocked: readonly string[];
}

export interface AgentBook {
  identity: Identity;
  known: Known | undefined;
  next: number;
  epoch: number;
  readonly waiting: Map<number, Letter>;
  readonly settled: Set<number>;
  readonly links: Map<number, LinkBook>;
  readonly passes: Map<string, Passes>;
  proofs: string[];
}

export interface Books {
  readonly agents: Map<string, AgentBook>;
  readonly tickets: Map<string, { readonly expiresAtMs: number; readonly uses: number }>;
  readonly bans: Map<string, string>;
  statement: { readonly number: number; readonly hash: string };
}

export type Fact = (books: Books) => void;

export const createBooks = (): Books => ({
  agents: new Map(),
  tickets: new Map(),
  bans: new Map(),
  statement: { number: 0, hash: "00".repeat(32) },
});

export const agentIn = ({ agents }: Books, name: string): AgentBook => {
  const book = agents.get(name);
  if (book === undefined) throw new RangeError(`the reference knows no ${name}`);
  return book;
};

export const linkIn = (books: Books, name: string, link: number): LinkBook => {
  const { links } = agentIn(books, name);
  const book = links.get(link) ?? { upTo: 0, refused: [], taken: new Map<number, string>(), stated: new Set<number>() };
  links.set(link, book);
  return book;
};

/** The last position below which nothing waits. */
export function floorOf({ settled }: AgentBook): number {
  let floor = 0;
  while (settled.has(floor + 1)) floor++;
  return floor;
}

export const registered =
  (name: string, identity: Identity): Fact =>
  ({ agents }) => {
    const book = agents.get(name);
    if (book !== undefined) book.identity = identity;
    else
      agents.set(name, {
        identity,
        known: undefined,
        next: 1,
        epoch: 0,
        waiting: new Map(),
        settled: new Set(),
        links: new Map(),
        passes: new Map(),
        proofs: [],
      });
  };

export const stored =
  (owner: string, position: number, letter: Letter): Fact =>
  (books) => {
    const book = agentIn(books, owner);
    book.next = position + 1;
    book.waiting.set(position, letter);
  };

export const gone =
  (owner: string, positions: readonly number[]): Fact =>
  (books) => {
    const book = agentIn(books, owner);
    for (const position of positions) {
      book.waiting.delete(position);
      book.settled.add(position);
    }
  };

/** A number of a link is used up, by mail or by a refusal. */
export const used =
  (name: string, link: number, seq: number, digest: string | undefined): Fact =>
  (books) => {
    const book = linkIn(books, name, link);
    book.upTo = seq;
    if (digest === undefined) book.refused.push(seq);
    else book.taken.set(seq, digest);
  };

/** Whom somebody knows; nothing for who is not there. */
export const knownTo =
  (name: string, known: Known | undefined): Fact =>
  ({ agents }) => {
    const book = agents.get(name);
    if (book !== undefined) book.known = known;
  };

export interface Taken {
  readonly agent: string;
  readonly link: number;
  readonly seq: number;
}

/** Mail that no statement is about. */
export function unstated({ agents }: Books): readonly Taken[] {
  return [...agents].flatMap(([agent, { links }]) =>
    [...links].flatMap(([link, { taken, stated }]) =>
      [...taken.keys()].filter((seq) => !stated.has(seq)).map((seq) => ({ agent, link, seq })),
    ),
  );
}

/** Instances of one agent that are remembered. */
const CHAINS = 16;

/** Passes of an instance only go on, in whatever order they are read. */
export const chained =
  (name: string, instance: string, { given, confirmed, clonedAtMs }: Passes): Fact =>
  (books) => {
    const { passes } = agentIn(books, name);
    const known = passes.get(instance) ?? { given: 0, confirmed: 0, clonedAtMs: 0 };
    // The one used last stands last.
    passes.delete(instance);
    passes.set(instance, {
      given: Math.max(given, known.given),
      confirmed: Math.max(confirmed, known.confirmed),
      clonedAtMs: Math.max(clonedAtMs, known.clonedAtMs),
    });
    if (passes.size <= CHAINS) return;
    const others = [...passes].filter(([each]) => each !== instance);
    const [forgotten] = others.find(([, each]) => each.clonedAtMs === 0) ?? others[0] ?? [instance];
    passes.delete(forgotten);
  };

/** A consumer came: its number only rises. */
export const raised =
  (name: string, epoch: number): Fact =>
  (books) => {
    const book = agentIn(books, name);
    book.epoch = Math.max(book.epoch, epoch);
  };

/** What is said of who is who, and of the doors, as it is known now. */
export function restatementOf({ agents, tickets, bans }: Books): Fact {
  const facts = [...agents].flatMap(([name, { identity, known, passes, epoch }]) => [
    registered(name, identity),
    knownTo(name, known),
    raised(name, epoch),
    ...[...passes].map(([instance, chain]) => chained(name, instance, chain)),
  ]);
  const doors = structuredClone({ tickets, bans });
  return (books) => {
    for (const fact of facts) fact(books);
    books.tickets.clear();
    for (const [ticket, each] of doors.tickets) books.tickets.set(ticket, each);
    books.bans.clear();
    for (const [agent, why] of doors.bans) books.bans.set(agent, why);
  };
}

/** Durable mail whose time is over, and whether somebody can be told. */
export function overdueIn({ agents }: Books, durable: Books, beforeMs: number): readonly string[] {
  return [...agents].flatMap(([agent, { waiting }]) =>
    [...waiting]
      .filter(([position, { expiresAtMs }]) => expiresAtMs <= beforeMs && position < (durable.agents.get(agent)?.next ?? 1))
      .map(([position, letter]) => `${agent}@${position} ${letter.digest} ${letter.class === "mail" && letter.author !== undefined}`),
  );
}

/** The first of them, until they are that much. */
export function upToBytes(due: readonly (readonly [number, Letter])[], bytes: number): readonly string[] {
  let left = bytes;
  const lines: string[] = [];
  for (const [position, { size, digest, storedAtMs }] of due) {
    if (left <= 0) break;
    lines.push(`@${position} ${digest} ${storedAtMs} ${size}`);
    left -= size;
  }
  return lines;
}
