/** A process that changes an index in a file all the time, until it is killed; and what the file may hold then. */
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { createVectorIndex, type VectorIndex } from "../search/vector-index.ts";
import type { StoredIndex } from "../store/stored-index.ts";
import { createNormals, randomVector } from "../test-vectors.ts";
import { openVectorIndexAt } from "./vector-index-at.ts";

export const OPTIONS = { dim: 96, bits: 4, originals: true };
const IDS = 300;

/** What was added last under an id, and how it was cut since. */
interface State {
  readonly version: string;
  readonly cuts: readonly number[];
}

export type States = ReadonlyMap<number, State>;

interface Change {
  readonly what: "add" | "remove" | "truncate";
  readonly ids: readonly number[];
  readonly bits: number;
  readonly version: string;
}

/** The nth thing that is done in a round: the same in the process that does it and in the one that checks. */
function changeOf(round: number, nth: number): Change {
  const normal = createNormals(round * 100_003 + nth);
  const below = (limit: number): number => Math.floor(Math.abs(normal()) * 1e6) % limit;
  const kind = below(100);
  const some = Array.from({ length: kind < 10 ? 30 : 1 }, () => below(IDS));
  const what = kind < 60 ? "add" : kind < 85 ? "remove" : "truncate";
  return { what, ids: what === "truncate" && kind === 99 ? [...Array(IDS).keys()] : some, bits: 1 + below(3), version: `${round} ${nth}` };
}

function vectorOf(id: number, version: string): Float32Array {
  const [round = 0, nth = 0] = version.split(" ").map(Number);
  return randomVector(OPTIONS.dim, createNormals(1 + id + 1009 * nth + 1_000_003 * round));
}

function change(index: VectorIndex | StoredIndex, { what, ids, bits, version }: Change): void {
  if (what === "truncate") index.truncate(bits, ids);
  else for (const id of ids) what === "add" ? index.add(id, vectorOf(id, version)) : index.remove(id);
}

function changed(states: States, { what, ids, bits, version }: Change): States {
  const next = new Map(states);
  for (const id of ids) {
    const state = states.get(id);
    if (what === "add") next.set(id, { version, cuts: [] });
    else if (what === "remove") next.delete(id);
    else if (state !== undefined && bits < (state.cuts.at(-1) ?? OPTIONS.bits)) next.set(id, { ...state, cuts: [...state.cuts, bits] });
  }
  return next;
}

/** Says in a log of everything that it is begun, and of every sync what it was for, when it is done. */
export async function changeUntilKilled(path: string, round: number): Promise<void> {
  const index = await openVectorIndexAt(path, OPTIONS);
  const log = (line: string): void => appendFileSync(`${path}.log`, `${line}\n`);
  let syncs: Promise<void> = Promise.resolve();
  for (let nth = 0; ; nth++) {
    log(`begun ${nth}`);
    change(index, changeOf(round, nth));
    if (nth % 3 === 0) syncs = index.sync().then(() => log(`synced ${nth}`));
    if (nth % 40 === 39) await index.compact();
    if (nth % 7 === 0) await syncs;
    else await new Promise(setImmediate);
  }
}

export interface Round {
  /** What is in the file now. */
  readonly states: States;
  readonly begun: number;
  readonly synced: number;
  /** Ids with which something is that cannot be. */
  readonly wrong: readonly number[];
  /** The same hits as from an index that was built anew from what must be there. */
  readonly isSameAsAnew: boolean;
}

/** `lives`: how many syncs the process is let do before it is killed, `more` milliseconds later. */
export async function killedRound(path: string, round: number, before: States, lives: number, more: number): Promise<Round> {
  rmSync(`${path}.log`, { force: true });
  const module = JSON.stringify(new URL("test-killed-index.ts", import.meta.url).href);
  const script = `const { changeUntilKilled } = await import(${module}); await changeUntilKilled(process.argv[1], ${round});`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, path], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  while (child.exitCode === null && said(path, "synced").length < lives) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, more));
  child.kill("SIGKILL");
  await ended;
  const [begun, synced] = [said(path, "begun").at(-1) ?? -1, Math.max(-1, ...said(path, "synced"))];
  return { ...(await foundIn(path, round, before, synced, begun)), begun, synced };
}

function said(path: string, what: string): readonly number[] {
  if (!existsSync(`${path}.log`)) return [];
  const lines = readFileSync(`${path}.log`, "utf8").split("\n").slice(0, -1);
  return lines.filter((line) => line.startsWith(what)).map((line) => Number(line.split(" ")[1]));
}

async function foundIn(path: string, round: number, before: States, synced: number, begun: number) {
  const possible: States[] = [];
  let now = before;
  for (let nth = 0; nth <= begun; nth++) {
    if (nth - 1 >= synced) possible.push(now);
    now = changed(now, changeOf(round, nth));
  }
  possible.push(now);
  const expected = createVectorIndex(OPTIONS);
  const keyOf = (id: number, state: State): string => `${id} ${JSON.stringify(state)}`;
  for (let id = 0; id < IDS; id++)
    for (const states of possible) {
      const state = states.get(id);
      if (state !== undefined && !expected.has(keyOf(id, state))) build(expected, keyOf(id, state), id, state);
    }
  await using index = await openVectorIndexAt(path, OPTIONS);
  const states = new Map<number, State>();
  const wrong: number[] = [];
  for (let id = 0; id < IDS; id++) {
    const found = index.get(id);
    const isIt = (state: State | undefined): boolean =>
      state === undefined ? found === undefined : isEqual(found, expected.get(keyOf(id, state)));
    const match = possible.find((each) => isIt(each.get(id)))?.get(id);
    if (match !== undefined) states.set(id, match);
    else if (!possible.some((each) => isIt(each.get(id)))) wrong.push(id);
  }
  return { states, wrong, isSameAsAnew: isSame(index, states) };
}

function isEqual(one: Float32Array | undefined, other: Float32Array | undefined): boolean {
  return one !== undefined && other !== undefined && one.every((value, at) => value === other[at]);
}

function build(index: VectorIndex, key: string | number, id: number, { version, cuts }: State): void {
  index.add(key, vectorOf(id, version));
  for (const bits of cuts) index.truncate(bits, [key]);
}

function isSame(one: StoredIndex, states: States): boolean {
  const other = createVectorIndex(OPTIONS);
  for (const [id, state] of states) build(other, id, id, state);
  for (let nth = 0; nth < 20; nth++) {
    const query = randomVector(OPTIONS.dim, createNormals(nth + 1));
    const [left, right] = [one, other].map((index) => index.search(query, { k: 10, candidates: IDS }).hits);
    if (JSON.stringify(left) !== JSON.stringify(right)) return false;
  }
  return one.size === other.size;
}
