/** Random calls to files, made to a host and to files in memory alike; what they give must be the same. */
import { codeOf } from "../../src/host/conformance/subject.ts";
import type { Files, OpenFile } from "../../src/host/files.ts";
import { createDisk } from "../../src/host/simulated/disk.ts";
import { createMemoryFiles } from "../../src/host/simulated/disk-files.ts";
import type { Draws } from "../../src/host/simulated/draws.ts";

const NAMES = ["a", "b", "sub/c"];
const MOST_HANDLES = 4;
/** About two blocks and a half of a page's files. */
const MOST_OFFSET = 160_000;

interface Pair {
  readonly ours: OpenFile;
  readonly model: OpenFile;
  readonly writes: boolean;
}

/** Each line is a call whose results differ. */
export async function compareFiles(files: Files, folder: string, draws: Draws, steps: number): Promise<readonly string[]> {
  const model = createMemoryFiles(createDisk());
  const open: Pair[] = [];
  const different: string[] = [];
  const path = (): string => `${folder}/${NAMES[draws.below(NAMES.length)]}`;

  const both = async <Value>(what: string, call: (on: Files) => Promise<Value>): Promise<readonly [Value, Value] | undefined> => {
    const settled = await Promise.allSettled([call(files), call(model)]);
    const codes = await Promise.all(
      settled.map((each) => (each.status === "rejected" ? codeOf(Promise.reject(each.reason)) : Promise.resolve("ok"))),
    );
    if (codes[0] !== codes[1]) different.push(`${what}: ${codes.join(" and ")}`);
    const [ours, theirs] = settled;
    return ours.status === "fulfilled" && theirs.status === "fulfilled" ? [ours.value, theirs.value] : undefined;
  };
  const same = async (what: string, ours: Promise<unknown>, theirs: Promise<unknown>): Promise<void> => {
    const [a, b] = (await Promise.all([ours, theirs])).map((value) => (value instanceof Uint8Array ? value.join() : JSON.stringify(value)));
    if (a !== b) different.push(`${what}: ${a?.slice(0, 60)} and ${b?.slice(0, 60)}`);
  };
  const closeOne = async (): Promise<void> => {
    const [pair] = open.splice(draws.below(open.length), 1);
    await Promise.all([pair?.ours.close(), pair?.model.close()]);
  };

  for (let step = 0; step < steps; step++) {
    const kind = draws.below(12);
    const pair = open[draws.below(Math.max(1, open.length))];
    if (kind < 2 || pair === undefined) {
      if (open.length >= MOST_HANDLES) await closeOne();
      const [at, mode] = [path(), draws.below(3) === 0 ? "read" : "write"] as const;
      const opened = await both(`${step} open ${at} to ${mode}`, (on) => on.open(at, mode));
      if (opened !== undefined) open.push({ ours: opened[0], model: opened[1], writes: mode === "write" });
    } else if (kind < 6 && pair.writes) {
      const [offset, length] = [draws.below(MOST_OFFSET), draws.below(3) === 0 ? draws.below(140_000) : draws.below(200)];
      const bytes = new Uint8Array(length).fill(1 + draws.below(255));
      await same(`${step} write`, pair.ours.write(offset, bytes), pair.model.write(offset, bytes));
    } else if (kind < 9) {
      const [offset, length] = [draws.below(MOST_OFFSET), draws.below(MOST_OFFSET)];
      await same(`${step} read ${length} from ${offset}`, pair.ours.read(offset, length), pair.model.read(offset, length));
      await same(`${step} size`, pair.ours.size(), pair.model.size());
    } else if (kind === 9) {
      await same(`${step} sync`, pair.ours.sync(), pair.model.sync());
      await same(`${step} list`, files.list(folder), model.list(folder));
    } else if (kind === 10) await closeOne();
    else {
      // What is open under a name that goes is closed first: what a write to it then does differs between machines.
      while (open.length > 0) await closeOne();
      const [from, to] = [path(), path()];
      if (draws.below(2) === 0) await both(`${step} remove ${from}`, (on) => on.remove(from));
      else if (from !== to) await both(`${step} rename ${from} to ${to}`, (on) => on.rename(from, to));
    }
  }
  while (open.length > 0) await closeOne();
  await same("list at the end", files.list(folder), model.list(folder));
  return different;
}
