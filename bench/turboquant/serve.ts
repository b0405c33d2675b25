/**
 * One system with one set, in a process of its own: `serve.ts SYSTEM FOLDER SET`, SET as JSON. It does what its parent orders and answers
 * each order once: a system that ends its process ends no other.
 */
import process from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import { CATALOGUE } from "./catalogue.ts";
import { baseRows, readQueries, type Settled } from "./opened-set.ts";
import type { SearchSystem, Way } from "./system.ts";

export type Order =
  | { readonly do: "build" }
  /** Queries `from` to `until` - 1, with every way. */
  | { readonly do: "search"; readonly from: number; readonly until: number }
  | { readonly do: "add" };

export interface Built {
  readonly told: string;
  readonly ways: readonly { readonly name: string; readonly asked?: number }[];
  readonly insertMs: number;
  /** Of all threads. */
  readonly insertProcessorMs: number;
  readonly residentBytes: number;
  readonly diskBytes?: number;
  readonly toldBytes?: number;
}

export interface Searched {
  readonly way: string;
  /** Of every single one. */
  readonly ms: readonly number[];
  readonly processorMs: number;
  /** By query. */
  readonly ids: readonly (readonly number[])[];
  /** By query, where the system says. */
  readonly expected?: readonly number[];
}

export interface Added {
  readonly ms: number;
  /** The search right after it had it first. */
  readonly visible: boolean;
}

export type Answer =
  | { readonly built: Built }
  | { readonly searched: readonly Searched[] }
  | { readonly added: Added | undefined }
  | { readonly failed: string };

const WARM_UP_MS = 400;
const WARM_UP_QUERIES = 50;
/** What a way gets in a turn: it goes through its queries so often, but once at least. */
const TURN_MS = 40;
const MOST_PASSES = 5;

// biome-ignore lint/suspicious/noExplicitAny: each system has its own forms of queries and answers, which only itself sees.
type AnyWay = Way<any, any>;

interface Served {
  readonly system: SearchSystem;
  readonly ways: readonly AnyWay[];
}

async function build(name: string, folder: string, set: Settled): Promise<{ readonly served: Served; readonly built: Built }> {
  const entry = CATALOGUE.find((each) => each.name === name);
  if (entry === undefined) throw new Error(`there is no system ${name}`);
  const system = await entry.open(set, folder);
  await collectGarbage();
  const before = process.memoryUsage().rss;
  let [insertMs, processorMicros] = [0, 0];
  const timed = async <Result>(act: () => Result | Promise<Result>): Promise<Result> => {
    const [at, cpu] = [performance.now(), process.cpuUsage()];
    const result = await act();
    const { user, system } = process.cpuUsage(cpu);
    insertMs += performance.now() - at;
    processorMicros += user + system;
    return result;
  };
  for (const { first, rows } of baseRows(set)) await timed(() => system.insert(first, rows));
  const ways = await timed(() => system.finish());
  await collectGarbage();
  const diskBytes = system.diskBytes?.();
  const toldBytes = system.toldBytes?.();
  const built: Built = {
    told: system.told,
    ways: ways.map(({ name, asked }) => ({ name, ...(asked === undefined ? {} : { asked }) })),
    insertMs,
    insertProcessorMs: processorMicros / 1000,
    residentBytes: process.memoryUsage().rss - before,
    ...(diskBytes === undefined ? {} : { diskBytes }),
    ...(toldBytes === undefined ? {} : { toldBytes }),
  };
  return { served: { system, ways }, built };
}

/** Code is compiled and what is looked at is in memory before anything is timed. */
async function warmUp(ways: readonly AnyWay[], queries: readonly Float32Array[]): Promise<void> {
  for (const way of ways) {
    const startedAt = performance.now();
    for (const query of queries.slice(0, WARM_UP_QUERIES)) {
      await way.search(way.prepare(query));
      if (performance.now() - startedAt > WARM_UP_MS) break;
    }
  }
}

async function searchBy(way: AnyWay, queries: readonly Float32Array[]): Promise<Searched> {
  const prepared = queries.map((query) => way.prepare(query));
  const ms: number[] = [];
  const ids: (readonly number[])[] = [];
  const expected: number[] = [];
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  for (let pass = 0; pass < MOST_PASSES && (pass === 0 || performance.now() - startedAt < TURN_MS); pass++)
    for (const query of prepared) {
      const at = performance.now();
      const answer = way.search(query);
      const found = answer instanceof Promise ? await answer : answer;
      ms.push(performance.now() - at);
      if (pass > 0) continue;
      ids.push(way.ids(found));
      if (way.expected !== undefined) expected.push(way.expected(found));
    }
  const { user, system } = process.cpuUsage(cpu);
  return { way: way.name, ms, processorMs: (user + system) / 1000, ids, ...(way.expected === undefined ? {} : { expected }) };
}

/** A vector like none other, and the way to it. */
async function addOne({ system, ways }: Served, { dim, count }: Settled): Promise<Added | undefined> {
  if (system.add === undefined) return undefined;
  const vector = new Float32Array(dim);
  for (let at = 0; at < dim; at++) vector[at] = (at % 3 === 0 ? 1 : -1) / Math.sqrt(dim);
  const at = performance.now();
  await system.add(count, vector);
  const ms = performance.now() - at;
  for (const way of ways) if (way.ids(await way.search(way.prepare(vector)))[0] === count) return { ms, visible: true };
  return { ms, visible: false };
}

/** Twice: what native objects hold is let go of after the first. */
async function collectGarbage(): Promise<void> {
  for (let time = 0; time < 2; time++) {
    globalThis.gc?.();
    await turn();
  }
}

/** Results are kept and shown: where on this machine something was looked for is nobody's business. */
function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/ imported from .*/s, "");
}

async function serve([name = "", folder = "", set = ""]: readonly string[]): Promise<void> {
  const settled = JSON.parse(set) as Settled;
  const queries = readQueries(settled);
  let served: Served | undefined;
  const obey = async (order: Order): Promise<Answer> => {
    if (order.do === "build") {
      const done = await build(name, folder, settled);
      served = done.served;
      await warmUp(done.served.ways, queries);
      return { built: done.built };
    }
    if (served === undefined) throw new Error("nothing is built yet");
    if (order.do === "add") return { added: await addOne(served, settled) };
    const searched: Searched[] = [];
    for (const way of served.ways) searched.push(await searchBy(way, queries.slice(order.from, order.until)));
    return { searched };
  };
  process.on("message", (order: Order) => {
    obey(order).then(
      (answer) => process.send?.(answer),
      (error: unknown) => process.send?.({ failed: reasonOf(error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
}

await serve(process.argv.slice(2));
