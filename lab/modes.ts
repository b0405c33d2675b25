/** What the lab does besides running seeds and showing one: each by a word of its own, and with words of its own beside it. */
import { parseArgs } from "node:util";
import { runAround } from "./around-report.ts";
import { wholeNumber } from "./command.ts";
import { findControl, huntControls, rateControls } from "./controls.ts";
import { countCrashImages } from "./crash-images.ts";
import { findMistake } from "./mistakes/index.ts";
import { huntPlanted } from "./planted.ts";
import { findHost, PORT_CRASH_HOSTS, walkPortCrashes } from "./port-crash.ts";
import { visitRooms } from "./rooms/visits.ts";
import { soak } from "./soak-report.ts";

export interface Mode {
  /** As it is written, `--` included. */
  readonly word: string;
  /** Lines for `--help`, each ending in a newline. */
  readonly help: string;
  /** `words` are all the others. Gives the exit code. */
  run(words: readonly string[], say: (line: string) => void): Promise<number>;
}

export const MODES: readonly Mode[] = [
  {
    word: "--planted",
    help: "  --planted         each mistake of lab/mistakes in turn: how many of --seeds N it takes; placebos, none of which may; --only A,B; --keep\n",
    run: async (words, print) => {
      const { values } = parseArgs({
        args: [...words],
        options: { seeds: { type: "string", default: "20" }, only: { type: "string" }, keep: { type: "boolean", default: false } },
      });
      const seeds = wholeNumber("seeds", values.seeds);
      const only = values.only?.split(",").map(findMistake);
      return (await huntPlanted({ seeds, only, keep: values.keep, print })) ? 0 : 1;
    },
  },
  {
    word: "--controls",
    help: "  --controls        each defence switched off in turn: the same, within the seeds it says; --only A,B; --rate N: by how many of N towns\n",
    run: async (words, print) => {
      const { values } = parseArgs({ args: [...words], options: { only: { type: "string" }, rate: { type: "string" } } });
      const options = { only: values.only?.split(",").map(findControl), print };
      if (values.rate === undefined) return (await huntControls(options)) ? 0 : 1;
      return (await rateControls(options, wholeNumber("rate", values.rate))) ? 0 : 1;
    },
  },
  {
    word: "--port-crash",
    help: "  --port-crash      a relay and an agent die in every call of their ports, running and opening; --seed S, --only HOST, --every N\n",
    run: async (words, print) => {
      const { values } = parseArgs({
        args: [...words],
        options: { seed: { type: "string", default: "1" }, only: { type: "string" }, every: { type: "string", default: "1" } },
      });
      const hosts = values.only === undefined ? PORT_CRASH_HOSTS : values.only.split(",").map(findHost);
      const all = await walkPortCrashes({
        seed: wholeNumber("seed", values.seed, 0),
        hosts,
        every: wholeNumber("every", values.every),
        print,
      });
      return all.every(({ broken, calls }) => broken.length === 0 && calls > 0) ? 0 : 1;
    },
  },
  {
    word: "--crash-images",
    help: "  --crash-images N  so many images of what a loss of power leaves of a log, each opened; --from S\n",
    run: async (words, print) => {
      const [count = "", ...rest] = words;
      const { values } = parseArgs({ args: rest, options: { from: { type: "string", default: "1" } } });
      return (await countCrashImages(wholeNumber("crash-images", count), wholeNumber("from", values.from, 0), print)) ? 0 : 1;
    },
  },
  {
    word: "--around",
    help: "  --around N        with --replay FILE: N variants of it, moments moved and durations changed, until one breaks; --plant ID, --out FILE\n",
    run: runAround,
  },
  {
    word: "--rooms",
    help: "  --rooms           one room of the product at a time beside a reference: --seeds N, --seed S, --only A,B, --plant ID\n",
    run: visitRooms,
  },
  {
    word: "--days",
    help: "  --days N          one town for days, a message per agent and minute: --relays 5, --agents 50, --seed S\n",
    run: soak,
  },
];
