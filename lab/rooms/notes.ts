/**
 * What a running process notes as gone wrong, until it lies in the ledger: at what moment, how much of it, of whom, and what is left out, beside a list
 * of what waits. Processes are killed or closed, disks fail.
 */
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { fingerprintOf } from "../../packages/perdure/src/protocol/incidents/fingerprint.ts";
import type { SettingThen } from "../../packages/perdure/src/protocol/incidents/incident.ts";
import type { Sighting } from "../../packages/perdure/src/protocol/incidents/incident-book.ts";
import { openIncidentKeeper } from "../../packages/perdure/src/protocol/incidents/keeper.ts";
import { readLedger } from "../../packages/perdure/src/protocol/incidents/ledger-file.ts";
import { createFolderMachine } from "./folder-machine.ts";
import { settled } from "./hand-clock.ts";
import { createIncidentList, difference } from "./incident-list.ts";
import { parted, type Room, type RoomTools } from "./room.ts";

type Step =
  | {
      readonly do: "add";
      readonly first: number;
      readonly count: number;
      readonly kind: number;
      readonly ofPeers: boolean;
      readonly long: boolean;
    }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "flush" | "close" | "kill" | "fail" };

const STEPS = 36;
const FOLDER = "home";
const LEDGER = `${FOLDER}/incidents/ledger.jsonl`;
const MARK = `${FOLDER}/incidents/running`;
const EXIT = "the process before this one ended without closing the folder: killed, crashed, or without power";
const ROWS: readonly SettingThen[] = [
  { name: "ackTimeoutMs", value: 3000, unit: "ms", origin: "file" },
  { name: "pingEveryMs", value: 15_000, unit: "ms", origin: "default" },
  { name: "diskFullBytes", value: 5, unit: "bytes", origin: "fixed" },
  ...Array.from({ length: 16 }, (_, nth) => ({ name: `set${nth}`, value: nth, unit: "ms", origin: "env" })),
];

export const notes: Room<Step> = {
  name: "notes",
  about: "what a process notes as gone wrong until it is in its ledger, beside a list of what waits",
  draw: (draws) => Array.from({ length: STEPS }, () => drawStep(draws)),
  run: (steps, tools) => runNotes(steps, tools),
};

function drawStep(draws: Draws): Step {
  const roll = draws.below(40);
  if (roll < 20) {
    const isCrowd = draws.chance(0.15);
    return {
      do: "add",
      first: draws.below(isCrowd ? 200 : 6),
      count: isCrowd ? 10 + draws.below(40) : 1,
      kind: draws.below(3),
      ofPeers: draws.chance(0.5),
      long: draws.chance(0.05),
    };
  }
  if (roll < 35)
    return { do: "wait", ms: draws.chance(0.6) ? ([999, 1, 1000, 59_000, 60_000, 58_999][draws.below(6)] as number) : draws.below(5_000) };
  return { do: (["flush", "close", "kill", "fail"] as const)[draws.below(4)] ?? "flush" };
}

async function runNotes(steps: readonly Step[], tools: RoomTools): Promise<void> {
  const machine = createFolderMachine(tools.hash, tools.draws("machine"));
  const { clock, disk, host, logged } = machine;
  const key = await host.crypto.signatures.load(new Uint8Array(32).fill(5));
  const list = createIncidentList();
  const logDue: string[] = [];
  let isFailing = false;
  /** Only what was written to is read again. */
  let isWritten = false;
  let lastBytes = 0;
  /** What waits, in the order in which it was seen first. */
  let waiting: Sighting[] = [];
  let known = new Set<string>();
  let left = 0;
  let dueMs = Number.POSITIVE_INFINITY;
  let peersFromMs = Number.NEGATIVE_INFINITY;
  const open = () => openIncidentKeeper({ host, folder: FOLDER, key: () => key, settings: () => ROWS });
  let keeper = await open();

  const see = (kind: string, whole: string, ofPeers: boolean): void => {
    const symptom = whole.slice(0, 300);
    const fingerprint = fingerprintOf(tools.hash, kind, symptom);
    const nowMs = clock.wallMs();
    const before = waiting.find((each) => each.fingerprint === fingerprint);
    if (before === undefined && !makeRoom(kind, ofPeers)) {
      left++;
      return;
    }
    const names = (name: string): boolean => symptom.includes(name);
    const settings = [
      ...ROWS.filter(({ name }) => names(name)),
      ...ROWS.filter(({ name, origin }) => !names(name) && origin !== "default" && origin !== "fixed"),
    ];
    if (before === undefined)
      waiting.push({
        what: "seen",
        fingerprint,
        kind,
        symptom,
        detectedBy: "monitor",
        firstMs: nowMs,
        lastMs: nowMs,
        count: 1,
        settings: settings.slice(0, 16),
        ofPeers,
      });
    else
      waiting = waiting.map((each) =>
        each === before ? { ...before, lastMs: Math.max(before.lastMs, nowMs), count: before.count + 1 } : each,
      );
    const now = clock.monotonicMs();
    if (ofPeers) {
      dueMs = Math.min(dueMs, Math.max(now + 1000, peersFromMs));
      return;
    }
    dueMs = Math.min(dueMs, now + (known.has(fingerprint) ? 60_000 : 1000));
    known.add(fingerprint);
    if (known.size > 64) known = new Set();
  };
  /** Who makes noise of one kind keeps out noise of that kind alone. */
  const makeRoom = (kind: string, ofPeers: boolean): boolean => {
    if (!ofPeers) return waiting.length < 64;
    const theirs = waiting.filter((each) => each.ofPeers);
    if (waiting.length < 64 && theirs.length < 48) return true;
    const kinds = [...new Set(theirs.map((each) => each.kind))].map((each) => theirs.filter((other) => other.kind === each));
    const most = kinds.find((those) => kinds.every((others) => others.length <= those.length));
    const mine = theirs.filter((each) => each.kind === kind).length;
    if (most === undefined || mine + 1 >= most.length) return false;
    waiting = waiting.filter((each) => each !== most.at(-1));
    left++;
    return true;
  };
  const write = (): void => {
    dueMs = Number.POSITIVE_INFINITY;
    if (waiting.length === 0) return;
    if (waiting.some(({ ofPeers }) => ofPeers)) peersFromMs = clock.monotonicMs() + 60_000;
    if (left > 0) logDue.push("incidents.left-out");
    left = 0;
    if (isFailing) logDue.push("incidents.not-kept");
    else for (const each of waiting) list.see(each);
    isWritten = true;
    waiting = [];
  };
  const begin = async (wasClosed: boolean): Promise<void> => {
    [waiting, known, left, dueMs, peersFromMs] = [[], new Set(), 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    clock.forget();
    keeper = await open();
    if (!wasClosed) see("exit", EXIT, false);
  };
  const compare = async (where: string): Promise<void> => {
    const bytes = disk.read(LEDGER)?.length ?? 0;
    if (isWritten || bytes !== lastBytes) {
      [isWritten, lastBytes] = [false, bytes];
      const { book, damage, torn } = await readLedger(host, FOLDER);
      if (damage !== undefined || torn) parted(`after ${where} the ledger is ${damage ?? "torn"}`);
      const parts = difference(list, book.incidents, book.forgotten);
      if (parts !== undefined) parted(`after ${where}: ${parts}`);
    }
    const [found, due] = [logged.splice(0).join(), logDue.splice(0).join()];
    if (found !== due) parted(`after ${where} it says: ${found}, and not: ${due}`);
    if (clock.timers !== (dueMs === Number.POSITIVE_INFINITY ? 0 : 1)) parted(`after ${where} ${clock.timers} timers are set`);
  };

  for (const step of steps) {
    switch (step.do) {
      case "add":
        for (let nth = step.first; nth < step.first + step.count; nth++) {
          const name = [...String(nth)].map((each) => "abcdefghij"[Number(each)]).join("");
          const symptom = `${name} ${nth % 4 === 0 ? "and pingEveryMs" : ""} took ${nth} ms${step.long ? "l".repeat(400) : ""}`;
          keeper.add({ kind: `kind-${step.kind}`, symptom, ...(step.ofPeers ? { ofPeers: true } : {}) });
          see(`kind-${step.kind}`, symptom, step.ofPeers);
        }
        break;
      case "wait": {
        const untilMs = clock.monotonicMs() + step.ms;
        if (dueMs <= untilMs) {
          await clock.pass(dueMs - clock.monotonicMs());
          await settled();
          write();
          await compare("what was due");
        }
        await clock.pass(untilMs - clock.monotonicMs());
        break;
      }
      case "flush":
        await keeper.flush();
        write();
        break;
      case "fail":
        isFailing = !isFailing;
        if (isFailing) disk.failAfter(0);
        else disk.restart();
        break;
      case "close":
        if (isFailing) break;
        await keeper[Symbol.asyncDispose]();
        write();
        await compare("the end");
        if (disk.read(MARK) !== undefined) parted("the mark of who runs is left");
        keeper.add({ kind: "late", symptom: "too late" });
        await begin(true);
        break;
      case "kill":
        if (isFailing) break;
        await begin(false);
    }
    await settled();
    await compare(step.do);
    if (!isFailing && disk.read(MARK) === undefined) parted(`after ${step.do} nothing says that somebody runs`);
  }
}
