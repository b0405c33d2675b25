/**
 * Bytes on a disk that change by themselves, one at a time, and are put right again: by who mends the disk after a while, or when a
 * program finds the damage and does not start. So a town with rot owes no more than what was found damaged while it was. The one place is
 * spared where a log does not promise to find it: `unguarded`.
 */
import { ONLY_SYNCED, type World } from "../packages/perdure/src/host/simulated/index.ts";
import { unguarded } from "./log-bytes.ts";

export interface BitRot {
  /** Changes a byte that is on the platter of a host's disk, picked by a number; what it gives puts it right. */
  strike(host: string, pick: number): (() => void) | undefined;
  /** Puts everything on a host's disk right; false when nothing was wrong there. */
  mend(host: string): boolean;
  isRotten(host: string): boolean;
}

interface Spot {
  readonly path: string;
  readonly offset: number;
  readonly mask: number;
  /** What stood around it: a loss of power makes other files of the same content, a program may write the place anew. */
  readonly around: string;
}

const SEGMENT = /\/(\d{6,10})\.log$/;
/** Bytes on both sides of a spot that tell whether it is still what was struck. */
const AROUND_BYTES = 16;

export function createBitRot(world: Pick<World, "disk">): BitRot {
  const spots = new Map<string, Set<Spot>>();

  /** Bytes around a place as they would be if nothing had rotted; `undefined` when the file is gone. */
  const around = (host: string, path: string, offset: number): string | undefined => {
    const current = world.disk(host).disk.file(path, false)?.current;
    if (current === undefined) return undefined;
    const from = Math.max(0, offset - AROUND_BYTES);
    const bytes = current.bytes.slice(from, Math.min(current.size, offset + AROUND_BYTES));
    for (const spot of spots.get(host) ?? [])
      if (spot.path === path && spot.offset >= from && spot.offset < from + bytes.length)
        bytes[spot.offset - from] = (bytes[spot.offset - from] as number) ^ spot.mask;
    return bytes.join();
  };

  const putRight = (host: string, spot: Spot): void => {
    const now = around(host, spot.path, spot.offset);
    // Written anew in the meantime, or gone: then the damage is gone too.
    if (spots.get(host)?.delete(spot) === true && now === spot.around) world.disk(host).disk.rot(spot.path, spot.offset, spot.mask);
  };

  return {
    strike: (host, pick) => {
      const { disk } = world.disk(host);
      const sizes = [...disk.image(ONLY_SYNCED)].map(([path, bytes]) => ({ path, bytes: bytes.length })).filter(({ bytes }) => bytes > 0);
      const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
      if (total === 0) return undefined;
      // Small files are few bytes of a disk, and the keys lie in them: half of the time every file is as likely.
      let left = pick % total;
      const index = sizes.findIndex(({ bytes }) => {
        left -= bytes;
        return left < 0;
      });
      const place = sizes[pick % 2 === 0 ? index : pick % sizes.length] as { readonly path: string; readonly bytes: number };
      const offset = pick % 2 === 0 ? left + place.bytes : pick % place.bytes;
      if (isUnguarded(disk.image(ONLY_SYNCED), place.path, offset)) return undefined;
      const mask = 1 << (pick % 8);
      const spot: Spot = { path: place.path, offset, mask, around: around(host, place.path, offset) as string };
      disk.rot(place.path, offset, mask);
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

function isUnguarded(image: ReadonlyMap<string, Uint8Array>, path: string, offset: number): boolean {
  const found = SEGMENT.exec(path);
  if (found === null) return false;
  const folder = path.slice(0, found.index);
  const newest = [...image.keys()].filter((each) => SEGMENT.exec(each)?.index === folder.length && each.startsWith(folder)).sort();
  if (newest.at(-1) !== path) return false;
  const range = unguarded(Buffer.from(image.get(path) as Uint8Array), Number(found[1]));
  return range !== undefined && offset >= range.from && offset < range.to;
}
