/**
 * Somebody looks after what goes wrong: a ledger of incidents in a world of its own, written by a process that is killed now and then and
 * loses its power, told of causes, fixes and guards, and compared with a list kept beside it.
 *
 *   incidents   what was written is there, and nothing else; each is where its owner said it is; what is changed on the disk is noticed
 */
import type { Hash, SigningKey } from "../packages/perdure/src/host/crypto.ts";
import type { Host } from "../packages/perdure/src/host/host.ts";
import { createWorld, type Draws } from "../packages/perdure/src/host/simulated/index.ts";
import { dividendOf } from "../packages/perdure/src/protocol/incidents/dividend.ts";
import { fingerprintOf } from "../packages/perdure/src/protocol/incidents/fingerprint.ts";
import type { Incident } from "../packages/perdure/src/protocol/incidents/incident.ts";
import {
  MAX_INCIDENTS,
  MAX_INCIDENTS_OF_PEERS,
  type OwnersEntry,
  type Sighting,
} from "../packages/perdure/src/protocol/incidents/incident-book.ts";
import { openIncidentKeeper } from "../packages/perdure/src/protocol/incidents/keeper.ts";
import { addToLedger, LEDGER_BYTES, readLedger } from "../packages/perdure/src/protocol/incidents/ledger-file.ts";
import { isPerdureError } from "../packages/perdure/src/wire/error.ts";
import { InvariantBroken } from "./ledger.ts";

const FOLDER = "home";
const FILE = `${FOLDER}/incidents/ledger.jsonl`;
const STEPS = 24;
const THINGS = 6;
const SETTING = { name: "ackTimeoutMs", value: 3000, unit: "ms", origin: "file" } as const;

type Kept = Pick<
  Incident,
  "kind" | "state" | "detectedBy" | "firstMs" | "lastMs" | "count" | "recurrences" | "cause" | "fix" | "guard" | "reproduction"
> & {
  readonly ofPeers: boolean;
  readonly times: readonly number[];
};

function fail(what: string): never {
  throw new InvariantBroken("incidents", what);
}

export async function keepIncidents(seed: number, hash: Hash): Promise<void> {
  const world = createWorld({ seed: `incidents ${seed}`, hash, cryptoOrder: "at-once" });
  const draws = world.draws("desk");
  let host = world.host("desk", {});
  const key = await world.complete(host.crypto.signatures.load(draws.bytes(32)));
  const list = new Map<string, Kept>();
  let forgotten = 0;

  const forget = (among: readonly (readonly [string, Kept])[]): void => {
    const closed = among.filter(([, { state }]) => state === "closed");
    const [oldest] = [...(closed.length > 0 ? closed : among)].sort(([, one], [, other]) => one.lastMs - other.lastMs);
    if (oldest !== undefined) list.delete(oldest[0]);
    forgotten++;
  };
  /** What others bring about pushes out its like: first of the kind there is most of, and last what somebody said something of. */
  const forgetOfPeers = (): boolean => {
    const theirs = [...list].filter(([, { ofPeers }]) => ofPeers);
    const untold = theirs.filter(([, { state, cause, fix, recurrences }]) => state === "open" && cause + fix === "" && recurrences === 0);
    const kinds = [...new Set(untold.map(([, { kind }]) => kind))].map((kind) => untold.filter(([, each]) => each.kind === kind));
    const most = kinds.find((those) => kinds.every((others) => others.length <= those.length));
    forget(most ?? theirs);
    return theirs.length > 0;
  };
  const see = (seen: Sighting): void => {
    const known = list.get(seen.fingerprint);
    if (known !== undefined) {
      const guardedAtMs = known.times[3] ?? 0;
      // What was seen shortly before the guard may be written down after it.
      const isLate = seen.lastMs <= guardedAtMs && seen.lastMs > guardedAtMs - 120_000;
      const isBack = (known.state === "guarded" || known.state === "closed") && !isLate;
      list.set(seen.fingerprint, {
        ...known,
        count: known.count + seen.count,
        firstMs: Math.min(known.firstMs, seen.firstMs),
        lastMs: Math.max(known.lastMs, seen.lastMs),
        ...(isBack ? { state: "open", recurrences: known.recurrences + 1, times: [...known.times.slice(0, 4), 0] } : {}),
      });
      return;
    }
    const ofPeers = [...list.values()].filter((each) => each.ofPeers).length;
    const isFull = list.size >= MAX_INCIDENTS;
    if (seen.ofPeers) {
      if ((isFull || ofPeers >= MAX_INCIDENTS_OF_PEERS) && !forgetOfPeers()) return;
    } else if (isFull) forget([...list]);
    const { kind, detectedBy, firstMs, lastMs, count } = seen;
    const texts = { cause: "", fix: "", guard: "", reproduction: "" };
    list.set(seen.fingerprint, {
      kind,
      detectedBy,
      firstMs,
      lastMs,
      count,
      state: "open",
      recurrences: 0,
      ...texts,
      ofPeers: seen.ofPeers,
      times: [0, 0, 0, 0, 0],
    });
  };
  /** What the list says the ledger must answer: nothing, or that it cannot be. */
  const say = (entry: OwnersEntry): boolean => {
    const [print, known] = [...list].find(([each]) => each.startsWith(entry.id)) ?? [];
    if (print === undefined || known === undefined) return false;
    const [diagnosed = 0, fixed = 0, reproduced = 0, guarded = 0, closed = 0] = known.times;
    const put = (other: Partial<Kept>): boolean => list.set(print, { ...known, ...other }) === list;
    switch (entry.what) {
      case "note":
        if (entry.cause.trim() === "" && entry.fix === "") return false;
        return put({
          ...(entry.cause.trim() === "" ? {} : { cause: entry.cause.trim() }),
          ...(entry.fix === "" ? {} : { fix: entry.fix }),
          times: [
            entry.cause.trim() === "" ? diagnosed : diagnosed || entry.atMs,
            entry.fix === "" ? fixed : fixed || entry.atMs,
            reproduced,
            guarded,
            closed,
          ],
        });
      case "reproduced":
        return (
          known.state === "open" &&
          put({ state: "reproduced", reproduction: entry.by, times: [diagnosed, fixed, entry.atMs, guarded, closed] })
        );
      case "guarded":
        if (entry.guard.trim() === "" || (known.state !== "open" && known.state !== "reproduced")) return false;
        return put({ state: "guarded", guard: entry.guard.trim(), times: [diagnosed, fixed, reproduced, entry.atMs, closed] });
      case "closed":
        return known.state === "guarded" && put({ state: "closed", times: [diagnosed, fixed, reproduced, guarded, entry.atMs] });
    }
  };

  const big = draws.chance(0.15);
  for (let step = 0; step < STEPS; step++) {
    await world.run({ untilMs: world.nowMs + 1 + draws.below(5000) });
    const nowMs = host.clock.wallMs();
    const roll = draws.below(10);
    if (roll < 5 || list.size === 0) {
      const burst = big ? 60 + draws.below(60) : 1 + draws.below(3);
      const seen = Array.from({ length: burst }, (_, nth) => sighting(hash, draws, Math.round(nowMs), big ? `${step} ${nth}` : ""));
      for (const each of seen) see(each);
      await world.complete(addToLedger(host, FOLDER, key, seen));
    } else if (roll < 9) {
      const [print = ""] = [...list.keys()].filter((_, index) => index >= draws.below(list.size));
      const entry = word(draws, print.slice(0, 4 + draws.below(20)), Math.round(nowMs));
      if ([...list.keys()].filter((each) => each.startsWith(entry.id)).length > 1) continue;
      const may = say(entry);
      const code = await world.complete(
        addToLedger(host, FOLDER, key, [entry]).then(
          () => "",
          (error: unknown) => (isPerdureError(error) ? error.code : String(error)),
        ),
      );
      if ((code === "") !== may) fail(`${JSON.stringify(entry)} was ${may ? `refused: ${code}` : "taken"}`);
      if (!may && code !== "bad-argument" && code !== "not-found") fail(`${JSON.stringify(entry)} was refused with ${code}`);
    } else {
      world.crash("desk", { keep: draws.chance(0.5) ? "synced" : "random" });
      host = world.host("desk", {});
    }
    if (step % 6 === 5 || step === STEPS - 1) await compare(world, host, list, forgotten, key);
  }
  await changedOnDisk(world, host, draws);
  await runAndDie(world, draws);
}

/** What differs from time to time is left out of what makes two the same. */
function sighting(hash: Hash, draws: Draws, nowMs: number, name: string): Sighting {
  const thing = draws.below(THINGS);
  const letters = [...name].map((each) => (each === " " ? "-" : "abcdefghij"[Number(each)])).join("");
  const what = name === "" ? ["sync", "relay", "link", "key", "mail", "clock"][thing] : `${letters} ${"x".repeat(200)}`;
  const symptom = `${what} of ${draws.u32().toString(16).padStart(8, "0")} at 10.0.${draws.below(200)}.1:${1 + draws.below(60_000)} took ${draws.below(9000)} ms, see /srv/a${draws.below(99)}/b`;
  const firstMs = nowMs - draws.below(1000);
  return {
    what: "seen",
    fingerprint: fingerprintOf(hash, `kind-${thing % 2}`, symptom),
    kind: `kind-${thing % 2}`,
    symptom,
    detectedBy: (["monitor", "test", "user"] as const)[draws.below(3)] ?? "monitor",
    firstMs,
    lastMs: nowMs,
    count: 1 + draws.below(5),
    settings: [SETTING],
    ofPeers: name !== "" && draws.chance(0.4),
  };
}

function word(draws: Draws, id: string, atMs: number): OwnersEntry {
  switch (draws.below(6)) {
    case 0:
      return { what: "note", id, atMs, cause: draws.chance(0.7) ? " a mistake " : " ", fix: draws.chance(0.5) ? "a line" : "" };
    case 1:
      return { what: "reproduced", id, atMs, by: "seed 7" };
    case 2:
    case 3:
      return { what: "guarded", id, atMs, guard: draws.chance(0.9) ? "a test " : "  " };
    default:
      return { what: "closed", id, atMs };
  }
}

type DeskWorld = ReturnType<typeof createWorld>;

async function compare(world: DeskWorld, host: Host, list: ReadonlyMap<string, Kept>, forgotten: number, key: SigningKey): Promise<void> {
  const { book, damage, torn, first, last, lines, signedBy } = await world.complete(readLedger(host, FOLDER));
  if (damage !== undefined || torn) fail(`what was written reads as ${damage ?? "torn"}`);
  if (list.size > 0 && (last - first !== lines - 1 || signedBy !== Buffer.from(key.publicKey).toString("hex")))
    fail(`lines ${first} to ${last} are ${lines}, signed by ${signedBy}`);
  if (book.forgotten !== forgotten) fail(`${book.forgotten} gave way, and not ${forgotten}`);
  const shown = book.incidents.map((each) => [each.fingerprint, told(each)] as const);
  const known = [...list].map(([print, { times, ...each }]) => {
    const [diagnosedAtMs = 0, fixedAtMs = 0, reproducedAtMs = 0, guardedAtMs = 0, closedAtMs = 0] = times;
    return [print, told({ ...each, diagnosedAtMs, fixedAtMs, reproducedAtMs, guardedAtMs, closedAtMs })] as const;
  });
  for (const [index, [print, is]] of known.entries())
    if (shown[index]?.[0] !== print || shown[index]?.[1] !== is) fail(`the ledger shows ${shown[index]?.[1]}, and it is ${is}`);
  if (shown.length !== known.length) fail(`the ledger shows ${shown.length} incidents, and there are ${known.length}`);
  for (const { id, fingerprint, settings } of book.incidents) {
    if (!fingerprint.startsWith(id) || id.length !== 12) fail(`${fingerprint} is called ${id}`);
    if (JSON.stringify(settings) !== JSON.stringify([SETTING])) fail(`${id} was seen under ${JSON.stringify(settings)}`);
  }
  checkDividend(book.incidents);
  const file = await world.complete(host.files.open(FILE, "read").catch(() => undefined));
  if (file === undefined) return;
  const size = await world.complete(file.size());
  await world.complete(file.close());
  if (size > 3 * LEDGER_BYTES) fail(`the ledger has ${size} bytes`);
}

const COMPARED = [
  "kind",
  "state",
  "detectedBy",
  "firstMs",
  "lastMs",
  "count",
  "recurrences",
  "cause",
  "fix",
  "guard",
  "reproduction",
  "diagnosedAtMs",
  "fixedAtMs",
  "reproducedAtMs",
  "guardedAtMs",
  "closedAtMs",
] as const;

function told(each: Pick<Incident, (typeof COMPARED)[number]>): string {
  return JSON.stringify(COMPARED.map((name) => each[name]));
}

/** Counted again, one after the other. */
function checkDividend(incidents: readonly Incident[]): void {
  const shown = dividendOf(incidents);
  let [occurrences, recurrences, ours] = [0, 0, 0];
  const states: Record<string, number> = { open: 0, reproduced: 0, guarded: 0, closed: 0 };
  for (const each of incidents) {
    occurrences += each.count;
    recurrences += each.recurrences;
    if (each.detectedBy !== "user") ours++;
    states[each.state] = (states[each.state] ?? 0) + 1;
  }
  const took = (until: (each: Incident) => number, among: readonly Incident[]): number | undefined => {
    const times = among.filter((each) => until(each) !== 0).map((each) => Math.max(0, until(each) - each.firstMs));
    times.sort((one, other) => one - other);
    if (times.length === 0) return undefined;
    return times.length % 2 === 1
      ? times[(times.length - 1) / 2]
      : ((times[times.length / 2 - 1] as number) + (times[times.length / 2] as number)) / 2;
  };
  const guards = incidents.filter((each) => each.guardedAtMs !== 0).sort((one, other) => one.firstMs - other.firstMs);
  const half = (guards.length - (guards.length % 2)) / 2;
  const [older, newer] = [took((each) => each.guardedAtMs, guards.slice(0, half)), took((each) => each.guardedAtMs, guards.slice(half))];
  const counted = {
    incidents: incidents.length,
    states,
    occurrences,
    recurrences,
    foundByUs: incidents.length === 0 ? undefined : ours / incidents.length,
    medianToDiagnosisMs: took((each) => each.diagnosedAtMs, incidents),
    medianToFixMs: took((each) => each.fixedAtMs, incidents),
    medianToGuardMs: took((each) => each.guardedAtMs, incidents),
    trend: half === 0 ? undefined : { olderMs: older, newerMs: newer },
  };
  if (JSON.stringify(shown) !== JSON.stringify(counted))
    fail(`the dividend is ${JSON.stringify(counted)}, shown is ${JSON.stringify(shown)}`);
}

/** A byte is changed: before the last line it is damage, in it what a crash may leave; a line taken out of the middle is damage as well. */
async function changedOnDisk(world: DeskWorld, host: Host, draws: Draws): Promise<void> {
  const file = await world.complete(host.files.open(FILE, "write").catch(() => undefined));
  if (file === undefined) return;
  const size = await world.complete(file.size());
  const bytes = await world.complete(file.read(0, size));
  const starts = [0, ...[...bytes.keys()].filter((at) => bytes[at] === 10 && at + 1 < size).map((at) => at + 1)];
  if (starts.length > 2 && starts.length < 400) {
    // Without the end of the line before it the last line would be longer, and not finished.
    const at = draws.below((starts.at(-1) as number) - 1);
    const was = bytes[at] as number;
    await world.complete(file.write(at, Uint8Array.of(was ^ (1 << draws.below(7)))));
    const { damage, torn } = await world.complete(readLedger(host, FOLDER));
    if (damage === undefined || torn) fail(`byte ${at} of ${size} was changed, and the ledger reads as ${torn ? "torn" : "whole"}`);
    await world.complete(file.write(at, Uint8Array.of(was)));
    const lastLine = starts.at(-1) as number;
    // A longer one came with the whole file.
    if (size - lastLine > 65_536) return await world.complete(file.close());
    await world.complete(file.write(lastLine + 3, Uint8Array.of((bytes[lastLine + 3] as number) ^ 1)));
    const cut = await world.complete(readLedger(host, FOLDER));
    if (cut.damage !== undefined || !cut.torn || cut.lines !== starts.length - 1)
      fail(`a last line that was not finished reads as ${cut.damage}`);
  }
  await world.complete(file.close());
}

async function closed(keeper: AsyncDisposable): Promise<void> {
  await keeper[Symbol.asyncDispose]();
}

/** A process that notes what goes wrong while it runs, and is killed: the next one says so. */
async function runAndDie(world: DeskWorld, draws: Draws): Promise<void> {
  const notes = 1 + draws.below(80);
  const settings = [SETTING, { name: "pingEveryMs", value: 15_000, unit: "ms", origin: "default" }];
  const begin = async () => {
    const host = world.host("worker", {});
    const key = await world.complete(host.crypto.signatures.load(new Uint8Array(32).fill(9)));
    return { host, keeper: await world.complete(openIncidentKeeper({ host, folder: FOLDER, key: () => key, settings: () => settings })) };
  };
  const first = await begin();
  const letters = (nth: number): string => [...String(nth)].map((each) => "abcdefghij"[Number(each)]).join("");
  for (let nth = 0; nth < notes; nth++) first.keeper.add({ kind: "disk", symptom: `${letters(nth)} and pingEveryMs is ${nth}` });
  first.keeper.add({ kind: "disk", symptom: `${letters(0)} and pingEveryMs is 12345` });
  await world.run({ untilMs: world.nowMs + 3000 });
  world.crash("worker", { keep: "synced" });
  const second = await begin();
  await world.complete(closed(second.keeper));
  const { book } = await world.complete(readLedger(second.host, FOLDER));
  const most = Math.min(notes, 64);
  const disk = book.incidents.filter(({ kind }) => kind === "disk");
  if (disk.length !== most) fail(`${notes} different things were noted, ${disk.length} are kept`);
  const count = disk.reduce((sum, each) => sum + each.count, 0);
  if (count !== most + 1) fail(`${most + 1} times something was noted, ${count} are counted`);
  for (const each of disk) {
    const names = each.settings.map(({ name }) => name).join(" ");
    if (names !== "pingEveryMs ackTimeoutMs") fail(`${each.symptom} was seen under ${names}`);
    if (each.detectedBy !== "monitor" || each.lastMs < each.firstMs) fail(`an incident is ${JSON.stringify(each)}`);
  }
  const exits = book.incidents.filter(({ kind }) => kind === "exit");
  if (exits.length !== 1 || exits[0]?.count !== 1) fail(`a process was killed once, ${exits.length} such incidents are there`);
  const third = await begin();
  await world.complete(closed(third.keeper));
  const after = (await world.complete(readLedger(third.host, FOLDER))).book.incidents.find(({ kind }) => kind === "exit");
  if (after?.count !== 1) fail(`a process that closed its folder is taken for one that was killed: ${after?.count}`);
}
