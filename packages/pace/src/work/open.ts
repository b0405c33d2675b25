import { checkFunction, checkMethods, checkText } from "../argument.ts";
import type { Clock } from "../host/clock.ts";
import { systemClock } from "../host/node/clock.ts";
import { openFolder } from "../host/node/folder.ts";
import { systemRandom } from "../host/node/random.ts";
import type { Random } from "../host/random.ts";
import { openShelf } from "./shelf.ts";
import { createWork, type Work, type WorkOptions } from "./work.ts";

/**
 * Opens the work that is kept in a folder, which this process has to itself until it closes it.
 * Throws `bad-argument`, `in-use`, `disk-full`, `disk-failed`.
 */
export async function openWork(
  path: string,
  options: WorkOptions = {},
  { clock = systemClock, random = systemRandom }: { readonly clock?: Clock; readonly random?: Random } = {},
): Promise<Work> {
  checkText("the path of the work", path, "my-work");
  checkMethods("clock", clock, ["now", "date", "wake"]);
  checkFunction("random", random);
  const folder = await openFolder(path);
  try {
    return await createWork({ shelf: await openShelf(folder), clock, random }, options);
  } catch (error) {
    await folder.close();
    throw error;
  }
}
