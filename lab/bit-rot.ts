/**
 * Bytes on a disk that change by themselves, one at a time, and are put right again: by who mends the disk after a while, or when a
 * program finds the damage and does not start. So a town with rot owes no more than what was found damaged while it was.
 */
import { ONLY_SYNCED, type StoredFile, type World } from "../packages/perdure/src/host/simulated/index.ts";

export interface BitRot {
  /** Changes a byte that is on the platter of a host's disk, picked by a number; what it gives puts it right. */
  strike(host: string, pick: number): (() => void) | undefined;
  /** Puts everything on a host's disk right; false when nothing was wrong there. */
  mend(host: string): boolean;
  isRotten(host: string): boolean;
}

interface Spot {
  readonly path: string;
  readonly file: StoredFile;
  readonly offset: number;
  readonly mask: number;
  /** What it reads as since. */
  readonly rotten: number;
}

export function createBitRot(world: Pick<World, "disk">): BitRot {
  const spots = new Map<string, Set<Spot>>();

  const putRight = (host: string, spot: Spot): void => {
    if (!spots.get(host)?.delete(spot)) return;
    const { disk } = world.disk(host);
    // Written anew in the meantime, or gone: then the damage is gone too.
    if (disk.file(spot.path, false) !== spot.file || spot.file.current.bytes[spot.offset] !== spot.rotten) return;
    disk.rot(spot.path, spot.offset, spot.mask);
  };

  return {
    strike: (host, pick) => {
      const { disk } = world.disk(host);
      const sizes = [...disk.image(ONLY_SYNCED)].map(([path, bytes]) => ({ path, bytes: bytes.length })).filter(({ bytes }) => bytes > 0);
      const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
      if (total === 0) return undefined;
      // Small files are few bytes of a disk, and the keys lie in them: half of the time every file is as likely.
      let at = pick % total;
      let place = sizes.find(({ bytes }) => (at -= bytes) < 0) as { readonly path: string; readonly bytes: number };
      let offset = at + place.bytes;
      if (pick % 2 === 1) {
        place = sizes[pick % sizes.length] as typeof place;
        offset = pick % place.bytes;
      }
      const mask = 1 << (pick % 8);
      const file = disk.file(place.path, false) as StoredFile;
      disk.rot(place.path, offset, mask);
      const spot: Spot = { path: place.path, file, offset, mask, rotten: file.current.bytes[offset] as number };
      spots.set(host, (spots.get(host) ?? new Set()).add(spot));
      return () => putRight(host, spot);
    },
    mend: (host) => {
      const all = [...(spots.get(host) ?? [])];
      for (const spot of all.reverse()) putRight(host, spot);
      return all.length > 0;
    },
    isRotten: (host) => (spots.get(host)?.size ?? 0) > 0,
  };
}
