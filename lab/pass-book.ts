/**
 * A folder that lives twice is found out: once a copy has said that a newer pass is on its disk, no other copy that does not know of
 * that pass is welcomed as the reader of the mailbox. And nobody else is ever taken for a copy.
 */
export interface PassBook {
  /** What a copy that is made now knows. */
  picture(): Picture;
  /** A process under that lineage begins with what the picture knows. */
  begin(lineage: string, picture: Picture): void;
  /** Welcomed to read; returns the lineage whose newer pass was overlooked, if one was. */
  attached(lineage: string, instance: string): string | undefined;
  confirmed(instance: string): void;
  /** A relay started anew: what it had not yet on its disk it does not know. */
  relayStarted(): void;
}

/** How many passes of each instance were confirmed when it was taken. */
export type Picture = ReadonlyMap<string, number>;

/** The copy, the original once more, the copy once more: then one of both has been found out. */
const MOST_TURNS = 3;

export function createPassBook(): PassBook {
  /** Who confirmed, oldest first, by instance. */
  let confirmations = new Map<string, string[]>();
  const readers = new Map<string, string>();
  const known = new Map<string, number>();
  const pictures = new Map<string, Picture>();
  /** How often another lineage than before came to read, by instance. */
  const turns = new Map<string, number>();
  return {
    picture: () => new Map([...confirmations].map(([instance, by]) => [instance, by.length])),
    begin: (lineage, picture) => void pictures.set(lineage, picture),
    attached: (lineage, instance) => {
      const all = confirmations.get(instance) ?? [];
      const from = known.get(`${lineage} ${instance}`) ?? pictures.get(lineage)?.get(instance) ?? 0;
      const before = readers.get(instance);
      if (before !== undefined && before !== lineage) turns.set(instance, (turns.get(instance) ?? 0) + 1);
      // Whoever takes turns that often had the time to say that its pass is on its disk.
      const overlooked = (turns.get(instance) ?? 0) >= MOST_TURNS ? before : all.slice(from).find((by) => by !== lineage);
      known.set(`${lineage} ${instance}`, all.length);
      readers.set(instance, lineage);
      return overlooked;
    },
    confirmed: (instance) => {
      const reader = readers.get(instance);
      if (reader !== undefined) confirmations.set(instance, [...(confirmations.get(instance) ?? []), reader]);
    },
    relayStarted: () => {
      confirmations = new Map();
      known.clear();
      pictures.clear();
      turns.clear();
    },
  };
}
