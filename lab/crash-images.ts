/**
 * Many losses of power on one log: workloads from seeds, on files that grow and on prepared ones, on disks that work and that fail, and of
 * each recorded step what the disk may hold then, opened and compared with what had been said to be durable.
 */
import { runWorkload, tryImages } from "../packages/perdure/src/store/log/test-crash-images.ts";

/** Drawn for each step, besides what was written and synced in full. */
const DRAWN_PER_STEP = 4;
const MOST_SHOWN = 10;
const SAY_EVERY = 10;

/** Opens at least so many images; true when none was wrong. */
export async function countCrashImages(wanted: number, firstSeed: number, print: (line: string) => void): Promise<boolean> {
  let images = 0;
  let workloads = 0;
  const wrong: string[] = [];
  for (let seed = firstSeed; images < wanted; seed++)
    for (const prepared of [false, true])
      for (const failing of [false, true]) {
        const name = `crash images ${seed}`;
        const tried = await tryImages(await runWorkload(name, { failing, prepared }), name, DRAWN_PER_STEP);
        images += tried.images;
        workloads++;
        const of = `seed ${seed}, ${prepared ? "prepared files" : "files that grow"}, a disk that ${failing ? "fails" : "works"}`;
        wrong.push(...tried.wrong.map((what) => `${of}, ${what}`));
        if (workloads % SAY_EVERY === 0) print(`${images} images of ${workloads} workloads, ${wrong.length} wrong`);
      }
  for (const what of wrong.slice(0, MOST_SHOWN)) print(what);
  print(`${images} images of ${workloads} workloads: ${wrong.length} wrong`);
  return wrong.length === 0;
}
