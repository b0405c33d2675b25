/**
 * Whose turn it is where several take of one thing, so that who needs much does not wait for ever behind others who need little.
 *
 * A seat is *short* while it needs more than is there, or than others leave of it. For every unit that another takes meanwhile as much is put aside for it, up to what it needs, and who comes
 * leaves that much: of those who are short only for who was so before him. Who had room and did not take it gave his turn away; the next time half as much is put aside for each unit.
 * Seats of a lower rank leave room to those of a higher one, and never the other way round.
 */
export interface Turns {
  /** `rank`: of who waits there first; none where nobody does. */
  seat(rank: () => number | undefined): Seat;
}

export interface Seat {
  /** Units that it leaves to others; `canBe`: only to those whose needs can be met. */
  leaves(canBe?: (needs: number) => boolean): number;
  /** It needs so many, and they are not there, or are others'. */
  short(units: number): void;
  /** What it needs is there. */
  there(): void;
  /** `isIt`: what it was short of is taken; not by a small one that went before. */
  took(units: number, isIt: boolean): void;
}

interface Place {
  readonly rank: () => number | undefined;
  needs: number;
  aside: number;
  /** Times that it had room and did not take it. */
  wasted: number;
  hadRoom: boolean;
}

/**
 * `isGradual`: room is left as it is put aside, which is right for what comes back with time. What is given back by those who have it is left all at once, when all of it is
 * due: part of it would lie idle.
 */
export function createTurns(isGradual: boolean): Turns {
  /** Who is short, the longest first. */
  const short = new Set<Place>();

  const goesBefore = (one: Place, other: Place): boolean => {
    const rank = one.rank();
    // Gates come and go.
    if (rank === undefined) short.delete(one);
    return rank !== undefined && rank <= (other.rank() ?? rank);
  };

  return {
    seat: (rank) => {
      const place: Place = { rank, needs: 0, aside: 0, wasted: 0, hadRoom: false };
      return {
        leaves: (canBe = () => true) => {
          let sum = 0;
          for (const other of short) {
            if (other === place) break;
            if ((isGradual || other.aside >= other.needs) && goesBefore(other, place) && canBe(other.needs)) sum += other.aside;
          }
          return sum;
        },
        short: (units) => {
          if (place.hadRoom) {
            place.hadRoom = false;
            place.aside = 0;
            place.wasted++;
          }
          place.needs = units;
          place.aside = Math.min(place.aside, units);
          short.add(place);
        },
        there: () => {
          if (short.delete(place)) place.hadRoom = true;
        },
        took: (units, isIt) => {
          if (short.size > 0)
            for (const other of short)
              if (other !== place && goesBefore(other, place)) other.aside = Math.min(other.needs, other.aside + units / 2 ** other.wasted);
          if (!isIt) return;
          short.delete(place);
          [place.needs, place.aside, place.wasted, place.hadRoom] = [0, 0, 0, false];
        },
      };
    },
  };
}
