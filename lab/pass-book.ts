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

export function createPassBook(): PassBook {
  /** Who confirmed, oldest first, by instance. */
  let confirmations = new Map<string, string[]>();
  const readers = new Map<string, string>();
  const known = new Map<string, number>();
  const pictures = new Map<string, Picture>();
  return {
    picture: () => new Map([...confirmations].map(([instance, by]) => [instance, by.length])),
    begin: (lineage, picture) => void pictures.set(lineage, picture),
    attached: (lineage, instance) => {
      const all = confirmations.get(instance) ?? [];
      const from = known.get(`${lineage} ${instance}`) ?? pictures.get(lineage)?.get(instance) ?? 0;
      const overlooked = all.slice(from).find((by) => by !== lineage);
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
    },
  };
}
