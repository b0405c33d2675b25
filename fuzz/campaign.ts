/**
 * A campaign: mutated inputs for every decoder, steered by which blocks of code they reach.
 *
 * Inputs run in batches. When a batch reached blocks that no input of its decoder reached before, it is halved and run again until
 * the input is found that does, and that one joins the corpus from which the next are made. The same seed gives the same inputs,
 * and against the same code the same corpus.
 *
 * A finding is one of: `threw`, something else than a PerdureError, or one that says `internal`; `differs`, what was read is encoded
 * as other bytes than were given; `slow`; `memory`, more allocated than the input's size justifies.
 */
import { type Bytes, equalBytes } from "../packages/perdure/src/wire/bytes.ts";
import { isPerdureError } from "../packages/perdure/src/wire/error.ts";
import { mutateBytes } from "./byte-mutator.ts";
import { mutateCbor } from "./cbor-mutator.ts";
import { type Coverage, createReach, type Reach } from "./coverage.ts";
import type { Decoder } from "./decoder.ts";
import { createDraws, type Draws } from "./draws.ts";

/** One input takes no longer; looked at three times, so that a pause of the machine is no finding. */
export const SLOW_MS = 250;
/** One input may allocate this, whatever its size: paths, messages and stack traces of errors, what V8 allocates in pages. */
export const FREE_BYTES: number = 4 * 1024 * 1024;
/** ... and this for each of its bytes: an array of one-byte numbers becomes objects, texts that name their place, and their copies. */
export const BYTES_PER_BYTE = 1024;
/** A batch that reached nothing new is followed by one twice as large, else by one half as large: looking costs more than trying. */
const SMALLEST_BATCH = 128;
const LARGEST_BATCH = 4096;
const MEASURED_PER_BATCH = 4;
const MOST_CORPUS = 4096;
const MOST_FINDINGS = 16;

export interface Finding {
  readonly decoder: string;
  readonly kind: "threw" | "differs" | "slow" | "memory";
  readonly why: string;
  readonly input: Bytes;
}

export interface DecoderTally {
  readonly name: string;
  inputs: number;
  /** How many were read without an error. */
  read: number;
  readonly reach: Reach;
  readonly corpus: Bytes[];
  readonly findings: Finding[];
  slowestMs: number;
  mostAllocatedBytes: number;
}

export interface CampaignOptions {
  readonly decoders: readonly Decoder[];
  /** Inputs over all decoders; those that are run again to find out which one was new are not counted. */
  readonly inputs: number;
  readonly seed: number;
  /** Without it inputs are made from the seeds alone. */
  readonly coverage?: Coverage | undefined;
  /** Called before each input, for whoever watches for one that never ends. */
  readonly watching?: ((decoder: Decoder, input: Bytes) => void) | undefined;
  readonly onBatch?: ((done: number, tallies: readonly DecoderTally[]) => void) | undefined;
}

export async function runCampaign(options: CampaignOptions): Promise<readonly DecoderTally[]> {
  const runs = options.decoders.map((decoder, index) => createRun(decoder, options, createDraws(options.seed * 1009 + index)));
  for (const run of runs) await run.begin();
  const shares = options.decoders.reduce((sum, each) => sum + (each.share ?? 1), 0);
  const quotas = new Map(runs.map((run) => [run, Math.ceil((options.inputs * (run.decoder.share ?? 1)) / shares)]));
  let done = 0;
  while (quotas.size > 0) {
    for (const [run, left] of quotas) {
      const tried = await run.batch(left);
      done += tried;
      if (tried < left) quotas.set(run, left - tried);
      else quotas.delete(run);
      options.onBatch?.(
        done,
        runs.map((each) => each.tally),
      );
    }
  }
  return runs.map((run) => run.tally);
}

interface Run {
  readonly decoder: Decoder;
  readonly tally: DecoderTally;
  begin(): Promise<void>;
  /** Tries one batch of at most `most` inputs; how many it were. */
  batch(most: number): Promise<number>;
}

function createRun(decoder: Decoder, { coverage, watching }: CampaignOptions, draws: Draws): Run {
  const tally: DecoderTally = {
    name: decoder.name,
    inputs: 0,
    read: 0,
    reach: createReach(),
    corpus: [],
    findings: [],
    slowestMs: 0,
    mostAllocatedBytes: 0,
  };
  /** What a decoder reads without an error, to make more of. */
  const readable: Bytes[] = [];
  const report = (kind: Finding["kind"], why: string, input: Bytes): void => {
    const known = tally.findings.some((each) => each.kind === kind && each.why === why);
    if (!known && tally.findings.length < MOST_FINDINGS) tally.findings.push({ decoder: decoder.name, kind, why, input: input.slice() });
  };

  /** What one input did wrong, or `undefined`. */
  const judge = async (input: Bytes, counted: boolean): Promise<readonly [Finding["kind"], string] | undefined> => {
    watching?.(decoder, input);
    try {
      const taken = decoder.take(input);
      const encoded = taken instanceof Promise ? await taken : taken;
      if (counted) tally.read++;
      return encoded === undefined || equalBytes(encoded, input) ? undefined : ["differs", "it is encoded as other bytes"];
    } catch (error) {
      return isPerdureError(error) && error.code !== "internal" ? undefined : ["threw", describe(error)];
    }
  };

  const keep = async (input: Bytes): Promise<void> => {
    tally.corpus.push(input);
    try {
      await decoder.take(input);
      readable.push(input);
    } catch {
      // It led somewhere new by being refused.
    }
  };

  const runAll = async (inputs: readonly Bytes[], counted: boolean): Promise<void> => {
    let before = performance.now();
    for (const input of inputs) {
      const wrong = await judge(input, counted);
      const after = performance.now();
      if (wrong !== undefined) report(wrong[0], wrong[1], input);
      if (after - before > SLOW_MS) await confirmSlow(input);
      if (counted) tally.slowestMs = Math.max(tally.slowestMs, after - before);
      before = performance.now();
    }
  };

  const confirmSlow = async (input: Bytes): Promise<void> => {
    let least = Number.POSITIVE_INFINITY;
    for (let time = 0; time < 3; time++) {
      const from = performance.now();
      await judge(input, false);
      least = Math.min(least, performance.now() - from);
    }
    if (least > SLOW_MS) report("slow", `it takes more than ${SLOW_MS} ms`, input);
  };

  const measure = async (input: Bytes): Promise<void> => {
    const allowed = FREE_BYTES + BYTES_PER_BYTE * input.length;
    // A collection in between only makes the difference smaller, and another input shows it then.
    const allocated = await allocatedBy(() => judge(input, false));
    tally.mostAllocatedBytes = Math.max(tally.mostAllocatedBytes, allocated);
    if (allocated <= allowed) return;
    if ((await allocatedBy(() => judge(input, false))) > allowed) report("memory", "it allocates more than its size justifies", input);
  };

  /** Finds the inputs that reach what was not reached before; which ones those are depends on their order. */
  const keepNew = async (inputs: readonly Bytes[], from: Coverage): Promise<void> => {
    if (inputs.length === 0) return;
    await runAll(inputs, false);
    const ran = from.take();
    if (!tally.reach.isNew(ran)) return;
    if (inputs.length > 1) {
      const middle = inputs.length >> 1;
      await keepNew(inputs.slice(0, middle), from);
      return await keepNew(inputs.slice(middle), from);
    }
    tally.reach.add(ran);
    if (tally.corpus.length < MOST_CORPUS) await keep(inputs[0] as Bytes);
  };

  const next = async (): Promise<Bytes> => {
    const choose = (): Bytes => {
      if (readable.length > 0 && draws.oneIn(2)) return draws.pick(readable);
      // Half of the time one of the newest: what it reached is least explored.
      const newest = Math.max(0, tally.corpus.length - 16);
      return draws.oneIn(2) ? draws.pick(tally.corpus) : (tally.corpus[newest + draws.below(tally.corpus.length - newest)] as Bytes);
    };
    const from = choose();
    const mutation = { draws, other: draws.pick(tally.corpus), words: decoder.words ?? [], maxBytes: decoder.maxBytes };
    const changed = (draws.oneIn(2) ? mutateCbor(from, mutation) : undefined) ?? mutateBytes(from, mutation);
    return decoder.repair === undefined || draws.oneIn(4) ? changed : await decoder.repair(changed);
  };

  let size = SMALLEST_BATCH;

  const batch = async (inputs: readonly Bytes[]): Promise<void> => {
    coverage?.take();
    await runAll(inputs, true);
    tally.inputs += inputs.length;
    const ran = coverage?.take() ?? [];
    const grew = coverage !== undefined && tally.reach.isNew(ran);
    size = grew ? Math.max(SMALLEST_BATCH, size >> 1) : Math.min(LARGEST_BATCH, size * 2);
    if (grew) await keepNew(inputs, coverage);
    tally.reach.add(ran);
    for (let time = 0; time < MEASURED_PER_BATCH; time++) await measure(draws.pick(inputs));
  };

  return {
    decoder,
    tally,
    begin: async () => {
      coverage?.take();
      for (const seed of decoder.seeds.length === 0 ? [new Uint8Array(0)] : decoder.seeds) await keep(seed);
      if (coverage !== undefined) tally.reach.add(coverage.take());
    },
    batch: async (most) => {
      const count = Math.min(most, size);
      const inputs: Bytes[] = [];
      for (let made = 0; made < count; made++) inputs.push(await next());
      await batch(inputs);
      return count;
    },
  };
}

async function allocatedBy(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage();
  await work();
  const after = process.memoryUsage();
  return Math.max(0, after.heapUsed - before.heapUsed) + Math.max(0, after.arrayBuffers - before.arrayBuffers);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const at = /\((?:.*\/)?([\w.-]+:\d+:\d+)\)/.exec(error.stack ?? "")?.[1] ?? "";
  return `${error.name}: ${error.message.slice(0, 120)} ${at}`.trim();
}
