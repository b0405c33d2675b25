/** What a relay must know, as facts that were written down one after the other: what survives a crash is the fold of a shorter list. */

export interface Letter {
  readonly id: string;
  readonly bytes: number;
  readonly isMail: boolean;
  /** In hexadecimal digits. */
  readonly from: string;
  /** Where the recipient has a name. */
  readonly to: string | undefined;
  /** The relay that brought it, or the agent here that wrote it; neither for what the relay wrote itself. */
  readonly via: string | undefined;
  readonly author: string | undefined;
  readonly expiresAtMs: number;
}

export interface Box {
  next: number;
  epoch: number;
  readonly stored: Map<number, Letter>;
}

export interface LinkBook {
  upTo: number;
  readonly refused: number[];
}

export interface KnownRelay {
  readonly urls: readonly string[];
  readonly isMet: boolean;
  readonly seenAtMs: number;
}

/** Keys of boxes: "agent NAME" and "relay NAME"; of links: whose, and its number. */
export interface RelayBook {
  readonly boxes: Map<string, Box>;
  readonly links: Map<string, LinkBook>;
  readonly relays: Map<string, KnownRelay>;
  readonly bans: Set<string>;
}

export type Fact =
  | { readonly kind: "letter"; readonly box: string; readonly position: number; readonly letter: Letter }
  | { readonly kind: "used"; readonly link: string; readonly linkSeq: number; readonly refused: boolean }
  | { readonly kind: "gone"; readonly box: string; readonly position: number }
  | { readonly kind: "epoch"; readonly box: string; readonly epoch: number }
  | { readonly kind: "relay"; readonly name: string; readonly known: KnownRelay }
  | { readonly kind: "ban"; readonly name: string; readonly banned: boolean };

export const createRelayBook = (): RelayBook => ({ boxes: new Map(), links: new Map(), relays: new Map(), bans: new Set() });

export function boxOf({ boxes }: RelayBook, key: string): Box {
  const box = boxes.get(key) ?? { next: 1, epoch: 0, stored: new Map() };
  boxes.set(key, box);
  return box;
}

export function linkOf({ links }: RelayBook, key: string): LinkBook {
  const link = links.get(key) ?? { upTo: 0, refused: [] };
  links.set(key, link);
  return link;
}

export function write(book: RelayBook, fact: Fact): void {
  if (fact.kind === "letter") {
    const box = boxOf(book, fact.box);
    box.next = fact.position + 1;
    box.stored.set(fact.position, fact.letter);
  } else if (fact.kind === "used") {
    const link = linkOf(book, fact.link);
    link.upTo = fact.linkSeq;
    if (fact.refused) link.refused.push(fact.linkSeq);
  } else if (fact.kind === "gone") boxOf(book, fact.box).stored.delete(fact.position);
  else if (fact.kind === "epoch") boxOf(book, fact.box).epoch = fact.epoch;
  else if (fact.kind === "relay") book.relays.set(fact.name, fact.known);
  else if (fact.banned) book.bans.add(fact.name);
  else book.bans.delete(fact.name);
}

export const floorOf = ({ next, stored }: Box): number => Math.min(next, ...stored.keys()) - 1;
