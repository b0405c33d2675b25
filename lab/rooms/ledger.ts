/**
 * The ledger of incidents in its folder: read once more by the words of `protocol/incidents.md`, beside a list of what was written, while
 * processes die, several keys sign, the lock is busy, the disk fails, and somebody changes what lies there.
 */
import type { SigningKey } from "../../packages/perdure/src/host/crypto.ts";
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import type { LedgerEntry, OwnersEntry, Sighting } from "../../packages/perdure/src/protocol/incidents/incident-book.ts";
import { addToLedger, LEDGER_BYTES, readLedger } from "../../packages/perdure/src/protocol/incidents/ledger-file.ts";
import { concat, fromHex, hex, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { createFolderMachine } from "./folder-machine.ts";
import { settled } from "./hand-clock.ts";
import { createIncidentList, difference, fingerprintAgain, type KeptList } from "./incident-list.ts";
import { parted, type Room } from "./room.ts";

type Damage = "flip" | "without" | "swapped" | "twice" | "unfinished" | "cut" | "junk" | "foreign";

type Step =
  | {
      readonly do: "add";
      readonly things: readonly number[];
      readonly key: number;
      readonly words: OwnersEntry["what"] | undefined;
      readonly big: number;
    }
  | { readonly do: "busy"; readonly tries: number }
  | { readonly do: "fail"; readonly after: number }
  | { readonly do: "power" }
  | { readonly do: "damage"; readonly how: Damage; readonly at: number };

const STEPS = 15;
const PATH = "home/incidents/ledger.jsonl";
const ASIDE = "home/incidents/ledger.damaged";
const THINGS = 6;
/** What is written in place is no longer than this, and never the first line. */
const APPENDED_BYTES = 65_536;
/** Without the one that makes a letter a capital: hexadecimal digits say the same then. */
const BITS = [1, 2, 4, 8, 16, 64] as const;

/** Where lines end in junk: before it, in it, from its end. */
const JUNK_LINES = [[], [0], [-1], [0, -1]] as const;

/** A line as it was added, and what the list was behind it. */
interface Line {
  readonly entries: string;
  readonly by: string;
  readonly behind: KeptList;
  /** Keys that signed this line or what it restates, in their order. */
  readonly signers: readonly string[];
}

export const ledger: Room<Step> = {
  name: "ledger",
  about: "the file of incidents under kills, several keys, full disks and changes, read by the words of the protocol",
  draw: (draws) => {
    const isBig = draws.chance(0.03);
    return Array.from({ length: isBig ? 8 : STEPS }, () => drawStep(draws, isBig));
  },
  run: async (steps, { hash, draws }) => {
    const machine = createFolderMachine(hash, draws("machine"));
    const { host, disk, clock } = machine;
    const { signatures } = host.crypto;
    const keys = await Promise.all([1, 2, 3].map((fill) => signatures.load(new Uint8Array(32).fill(fill))));
    const list = createIncidentList();
    const nothing = list.kept();
    let lines: Line[] = [];
    /** Number of the first line there, and of the last. */
    let [first, last] = [0, 0];
    let harm: "damage" | "torn" | undefined;

    /** What lies there, by the words of the protocol. */
    const readAgain = async (): Promise<void> => {
      const bytes = disk.read(PATH) ?? new Uint8Array(0);
      const text = new TextDecoder().decode(bytes);
      const found = text === "" ? [] : text.slice(0, -1).split("\n");
      if (found.length !== lines.length || (found.length > 0 && !text.endsWith("\n")))
        parted(`the file has ${found.length} lines, and not ${lines.length}`);
      let before = "0".repeat(64);
      for (const [at, line] of found.entries()) {
        const [body = "", signature = ""] = line.split("\t");
        const said = JSON.parse(body) as { n: number; prev: string; by: string; entries: unknown };
        const due = lines[at] as Line;
        if (said.n !== first + at || said.by !== due.by) parted(`line ${first + at} is line ${said.n} of ${said.by}`);
        if ((at > 0 || first === 1) && said.prev !== before) parted(`line ${said.n} does not name the one before it`);
        if (due.entries !== "" && JSON.stringify(said.entries) !== due.entries)
          parted(`line ${said.n} says ${JSON.stringify(said.entries).slice(0, 200)}`);
        const over = utf8(`perdure/incident-ledger/1\n${body}`);
        if (!(await signatures.verify(fromHex(said.by) as Uint8Array, over, fromHex(signature) as Uint8Array)))
          parted(`line ${said.n} is not signed`);
        before = hex(hash.sha256(utf8(line)));
      }
    };
    const compare = async (where: string): Promise<void> => {
      const found = await readLedger(host, "home");
      const isDamaged = found.damage !== undefined;
      if (isDamaged !== (harm === "damage") || found.torn !== (harm === "torn"))
        parted(`after ${where} it reads as ${found.damage ?? (found.torn ? "torn" : "whole")}, and is ${harm ?? "whole"}`);
      const parts = difference(list, found.book.incidents, found.book.forgotten);
      if (parts !== undefined) parted(`after ${where}: ${parts}`);
      const [is, due] = [
        [found.lines, found.first, found.last, found.signedBy, ...found.signers],
        [lines.length, lines.length === 0 ? 0 : first, last, lines.at(-1)?.by ?? "", ...new Set(lines.flatMap(({ signers }) => signers))],
      ];
      if (is.join() !== due.join()) parted(`after ${where} the ledger has ${is.join(" ")}, and not ${due.join(" ")}`);
      if (harm === undefined) await readAgain();
      if (machine.isLocked) parted(`after ${where} the folder is locked`);
    };

    const add = async (step: Extract<Step, { readonly do: "add" }>): Promise<void> => {
      const key = keys[step.key] as SigningKey;
      const nowMs = clock.wallMs();
      const before = list.kept();
      const entries: LedgerEntry[] = step.things.map((thing) => seenOf(thing, nowMs, step.big));
      let due: string | undefined;
      for (const entry of entries) list.see(entry as Sighting);
      const [print] = [...list.listed.keys()].slice(step.things[0]);
      if (step.words !== undefined && print !== undefined) {
        const entry = wordOf(step.words, print.slice(0, 12), nowMs);
        entries.push(entry);
        due = list.say(entry);
      }
      const [end, firstBytes] = [wholeBytes(disk.read(PATH), lines.length), lineBytes(disk.read(PATH))];
      const isBusy = machine.busyFor >= 100;
      // Whoever writes beside this one comes before it or after it.
      const work = addToLedger(host, "home", key, entries).then(
        ({ book, damage }) => ({ code: undefined, book, damage }),
        (error: unknown) => ({ code: isPerdureError(error) ? error.code : String(error), book: undefined, damage: undefined }),
      );
      await settled();
      await clock.pass(6000);
      machine.busyFor = 0;
      const { code, book, damage } = await work;
      if (code === "disk-failed") {
        // What was not synced is gone with the power: all is as before.
        disk.restart();
        return list.restore(before);
      }
      const wanted = isBusy ? "folder-in-use" : due;
      if (code !== wanted) parted(`adding ${entries.map(({ what }) => what).join(", ")} is ${code ?? "done"}, and not ${wanted ?? "done"}`);
      if (code !== undefined) return list.restore(before);
      if ((damage !== undefined) !== (harm === "damage"))
        parted(`who adds is told ${damage ?? "of no damage"}, and there is ${harm ?? "none"}`);
      const parts = book === undefined ? "there is no book" : difference(list, book.incidents, book.forgotten);
      if (parts !== undefined) parted(`the book after it: ${parts}`);
      const body = { n: last + 1, prev: "0".repeat(64), by: hex(key.publicKey), entries };
      const added = utf8(JSON.stringify(body)).length + 1 + 128 + 1;
      const isLong = end + added > LEDGER_BYTES && end > 2 * firstBytes;
      const by = hex(key.publicKey);
      const signers = [...new Set([...lines.flatMap((line) => line.signers), by])];
      last++;
      if (harm === "damage" || isLong) {
        if (harm === "damage" && disk.read(ASIDE) === undefined) parted("what was damaged is not put aside");
        // Of keys only those that are not the one that signs make it longer.
        const others = lines.flatMap((line) => line.signers).some((each) => each !== by);
        lines = [{ entries: "", by, behind: list.kept(), signers: others ? signers : [by] }];
        first = last;
      } else {
        if (lines.length === 0) first = last;
        lines.push({ entries: JSON.stringify(entries), by, behind: list.kept(), signers: [by] });
      }
      harm = undefined;
    };
    const cutTo = (count: number): void => {
      lines = lines.slice(0, count);
      last = count === 0 ? 0 : first + count - 1;
      if (count === 0) first = 0;
      list.restore(lines.at(-1)?.behind ?? nothing);
    };
    const damage = async (how: Damage, at: number): Promise<void> => {
      const bytes = disk.read(PATH);
      if (bytes === undefined || lines.length === 0 || harm !== undefined) return;
      const starts = [0, ...[...bytes.keys()].filter((place) => bytes[place] === 10).map((place) => place + 1)];
      const cut = starts.slice(0, -1).map((start, nth) => bytes.slice(start, starts[nth + 1]));
      const nth = at % cut.length;
      const isLast = nth === cut.length - 1;
      const whole = (parts: readonly Uint8Array[]): void => disk.put(PATH, concat(...parts));
      const line = cut[nth] as Uint8Array;
      switch (how) {
        case "flip": {
          const place = (at >>> 8) % (line.length - 1);
          const changed = line.slice();
          changed[place] = (line[place] as number) ^ (BITS[at % BITS.length] as number);
          whole([...cut.slice(0, nth), changed, ...cut.slice(nth + 1)]);
          harm = isLast ? harmOf(changed, nth) : "damage";
          return cutTo(nth);
        }
        case "without":
          whole([...cut.slice(0, nth), ...cut.slice(nth + 1)]);
          // That the newest lines are missing nobody can see; nor that those before one that restates all are.
          if (!isLast) harm = "damage";
          return cutTo(nth);
        case "swapped":
          if (isLast) return;
          whole([...cut.slice(0, nth), cut[nth + 1] as Uint8Array, line, ...cut.slice(nth + 2)]);
          harm = "damage";
          return cutTo(nth);
        case "twice":
          whole([...cut.slice(0, nth + 1), line, ...cut.slice(nth + 1)]);
          harm = "damage";
          return cutTo(nth + 1);
        case "unfinished": {
          const part = line.subarray(0, 1 + ((at >>> 8) % (line.length - 1)));
          whole([...cut, part]);
          harm = harmOf(part, cut.length);
          return;
        }
        case "junk": {
          const length = [1, 300, APPENDED_BYTES, APPENDED_BYTES + 1][at & 3] as number;
          const rest = new Uint8Array(length).fill(7);
          for (const place of JUNK_LINES[(at >>> 2) % JUNK_LINES.length] as readonly number[])
            rest[place < 0 ? length + place : place] = 10;
          whole([...cut, rest]);
          harm = harmOf(rest, cut.length);
          return;
        }
        case "cut": {
          const last1 = cut.at(-1) as Uint8Array;
          const left = (at >>> 8) % last1.length;
          whole([...cut.slice(0, -1), last1.subarray(0, left)]);
          harm = left === 0 ? undefined : harmOf(last1.subarray(0, left), cut.length - 1);
          return cutTo(cut.length - 1);
        }
        case "foreign": {
          // Somebody with another key writes on: the line holds, and its key is named.
          const prev = hex(hash.sha256((cut.at(-1) as Uint8Array).slice(0, -1)));
          const key = keys[2] as SigningKey;
          const seen = seenOf(5, clock.wallMs(), 0);
          const body = JSON.stringify({ n: last + 1, prev, by: hex(key.publicKey), entries: [seen] });
          const signature = await signatures.sign(key, utf8(`perdure/incident-ledger/1\n${body}`));
          whole([...cut, utf8(`${body}\t${hex(signature)}\n`)]);
          list.see(seen);
          last++;
          lines.push({ entries: JSON.stringify([seen]), by: hex(key.publicKey), behind: list.kept(), signers: [hex(key.publicKey)] });
        }
      }
    };

    for (const step of steps) {
      clock.jump(1000);
      if (step.do === "add") await add(step);
      else if (step.do === "busy") machine.busyFor = step.tries;
      else if (step.do === "fail") disk.failAfter(step.after);
      else if (step.do === "power") disk.restart();
      else await damage(step.how, step.at);
      await compare(step.do);
    }
  },
};

function drawStep(draws: Draws, isBig: boolean): Step {
  const roll = draws.below(20);
  if (roll < 13 || isBig) {
    const words = (["note", "reproduced", "guarded", "closed"] as const)[draws.below(4)];
    return {
      do: "add",
      things: Array.from({ length: draws.below(4) }, () => draws.below(THINGS)),
      key: draws.chance(0.8) ? 0 : 1,
      words: draws.chance(0.4) ? words : undefined,
      big: isBig && draws.chance(0.6) ? 40 + draws.below(60) : 0,
    };
  }
  if (roll === 13) return { do: "busy", tries: draws.chance(0.5) ? 98 + draws.below(4) : draws.below(20) };
  if (roll === 14) return { do: "fail", after: draws.below(12) };
  if (roll === 15) return { do: "power" };
  const how = (["flip", "flip", "without", "swapped", "twice", "unfinished", "cut", "junk", "foreign"] as const)[draws.below(9)] as Damage;
  return { do: "damage", how, at: draws.u32() };
}

function seenOf(thing: number, nowMs: number, big: number): Sighting {
  const kind = `kind-${thing % 2}`;
  const symptom = `thing ${"abcdefgh"[thing]}`;
  const name = "n".repeat(64);
  return {
    what: "seen",
    fingerprint: fingerprintAgain(kind, symptom),
    kind,
    symptom,
    detectedBy: "monitor",
    firstMs: nowMs - 10,
    lastMs: nowMs,
    count: 1 + thing,
    // What is too much is written all the same: it is the reader who takes so many.
    settings: Array.from({ length: big * 10 }, (_, nth) => ({ name, value: nth, unit: "ms", origin: "file" })),
    ofPeers: thing === 3,
  };
}

function wordOf(what: OwnersEntry["what"], id: string, atMs: number): OwnersEntry {
  if (what === "note") return { what, id, atMs, cause: "a mistake", fix: "" };
  if (what === "reproduced") return { what, id, atMs, by: "seed 7" };
  return what === "guarded" ? { what, id, atMs, guard: "a test" } : { what, id, atMs };
}

/** What the bytes behind so many lines are, by the words of the protocol. */
function harmOf(rest: Uint8Array, linesBefore: number): "damage" | "torn" {
  const isInPlace = linesBefore > 0 && rest.length <= APPENDED_BYTES;
  return isInPlace && !rest.subarray(0, -1).includes(10) ? "torn" : "damage";
}

function wholeBytes(bytes: Uint8Array | undefined, lines: number): number {
  let at = 0;
  for (let line = 0; line < lines && bytes !== undefined; line++) at = bytes.indexOf(10, at) + 1;
  return at;
}

function lineBytes(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : bytes.indexOf(10) + 1;
}
