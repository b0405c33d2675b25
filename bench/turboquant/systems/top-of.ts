/** The few best of many, for systems that only score. */
export interface TopOf {
  see(id: number, score: number): void;
  /** Best first. */
  ids(): readonly number[];
}

export function createTopOf(count: number): TopOf {
  const ids: number[] = [];
  const scores: number[] = [];
  return {
    see: (id, score) => {
      if (ids.length === count && score <= (scores[count - 1] as number)) return;
      let place = Math.min(ids.length, count - 1);
      for (; place > 0 && score > (scores[place - 1] as number); place--) {
        ids[place] = ids[place - 1] as number;
        scores[place] = scores[place - 1] as number;
      }
      ids[place] = id;
      scores[place] = score;
    },
    ids: () => ids,
  };
}
