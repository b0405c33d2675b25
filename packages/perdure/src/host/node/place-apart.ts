/** Where a file may lie that must not be taken together with a folder: outside of it, in a folder that is there. */
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { PerdureError } from "../../wire/error.ts";
import { fileError, hasSystemCode } from "./file-error.ts";

/**
 * The path of a recovery file as it really is. `bad-argument` when it lies in the folder it protects, also by another name of that
 * folder; `not-found` when the folder it goes into is missing: a disk that is not mounted must not become a folder of this one.
 */
export async function placeApart(path: string, folder: string): Promise<string> {
  const parent = dirname(resolve(path));
  const place = join(await realFolder(parent), basename(resolve(path)));
  if (isInside(await realFolder(resolve(folder)), place) || (await isBelow(dirname(place), folder)))
    throw new PerdureError("bad-argument", `${path} lies in ${folder}, which it protects: whoever takes the folder would have both`, {
      hint: "Name a place outside of that folder for the recovery file, best on another disk.",
    });
  const there = await stat(parent).catch((cause: unknown) => {
    if (!hasSystemCode(cause, "ENOENT")) throw fileError(cause, `look at ${parent}`);
    throw new PerdureError("not-found", `there is no folder ${parent} for the recovery file`, {
      hint: "Is the disk mounted? Make the folder first, or name another place.",
      cause,
    });
  });
  if (!there.isDirectory()) throw new PerdureError("bad-argument", `${parent} is a file`, { hint: "Check the path." });
  return place;
}

/** The path as a process that was started elsewhere has to be told it. */
export function wholePath(path: string): string {
  return resolve(path);
}

function isInside(folder: string, place: string): boolean {
  const way = relative(folder, place);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Links followed as far as the path exists. */
async function realFolder(folder: string): Promise<string> {
  const real = await realpath(folder).catch(() => undefined);
  if (real !== undefined) return real;
  const above = dirname(folder);
  return above === folder ? folder : join(await realFolder(above), relative(above, folder));
}

/** By what the disk calls a folder, which a mount or another spelling of its name does not change. */
async function isBelow(place: string, folder: string): Promise<boolean> {
  const named = await stat(folder, { bigint: true }).catch(() => undefined);
  if (named === undefined || named.ino === 0n) return false;
  for (let at = place; ; at = dirname(at)) {
    const here = await stat(at, { bigint: true }).catch(() => undefined);
    if (here?.ino === named.ino && here.dev === named.dev) return true;
    if (dirname(at) === at) return false;
  }
}
