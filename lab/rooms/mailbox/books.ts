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
