/**
 * What partitions are called in metrics. Whoever calls chooses models and keys, and so names of partitions; each name makes series that a store of metrics keeps for
 * weeks. So the first so many have their own names, and all others one together.
 */
export const OTHERS = "(others)";

export interface PartitionLabels {
  of(partition: string): string;
}

/** Longer ones are cut; two that are alike so far count together. */
const LONGEST = 200;

export function createPartitionLabels(most: number): PartitionLabels {
  const known = new Set<string>();
  return {
    of: (partition) => {
      const name = partition.slice(0, LONGEST);
      if (known.has(name)) return name;
      if (known.size >= most) return OTHERS;
      known.add(name);
      return name;
    },
  };
}
