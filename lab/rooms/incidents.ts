/** What goes wrong, gathered and looked after: a book of incidents beside a plain list of them, with more kinds of trouble than have a place. */
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { dividendOf } from "../../packages/perdure/src/protocol/incidents/dividend.ts";
import { fingerprintOf } from "../../packages/perdure/src/protocol/incidents/fingerprint.ts";
import type { SettingThen } from "../../packages/perdure/src/protocol/incidents/incident.ts";
import {
  createIncidentBook,
  type IncidentBook,
  type LedgerEntry,
  type OwnersEntry,
  type Sighting,
} from "../../packages/perdure/src/protocol/incidents/incident-book.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { createIncidentList, difference, dividendAgain, fingerprintAgain, type IncidentList, told } from "./incident-list.ts";
import { parted, type Room } from "./room.ts";

type Wrong = "print" | "kind" | "settings" | "times" | "count";

interface Seen {
  readonly do: "see";
  readonly thing: number;
  readonly kind: number;
  readonly ofPeers: boolean;
  readonly detectedBy: Sighting["detectedBy"];
  readonly lastsMs: number;
  readonly count: number;
  /** What varies in its words. */
  readonly varies: number;
  readonly settings: number;
  readonly wrong: Wrong | undefined;
}

interface Said {
  readonly do: "say";
  readonly what: OwnersEntry["what"];
  readonly thing: number;
  readonly digits: number;
  /** Where two begin alike, so far and no further. */
  readonly alike: boolean;
  readonly upper: boolean;
  readonly words: number;
}

type Step = { readonly waitMs: number } & (
  | Seen
  | Said
  | { readonly do: "restate" }
  | { readonly do: "crowd"; readonly count: number; readonly ofPeers: boolean }
);

const STEPS = 80;
const THINGS = 7;
const START_MS = 1_800_000_000_000;
const TEXTS = ["", "  ", "a line", " a test ", "w".repeat(2500)];
const SETTING: SettingThen = { name: "ackTimeoutMs", value: 3000, unit: "ms", origin: "file" };

export const incidents: Room<Step> = {
  name: "incidents",
  about: "a book of what went wrong and what was done about it, beside a plain list",
  draw: (draws) => {
    const crowds = draws.chance(0.12) ? { ofPeers: [0.05, 0.6, 0.95][draws.below(3)] ?? 0 } : undefined;
    return Array.from({ length: STEPS }, () => drawStep(draws, crowds));
  },
  run: async (steps, { hash }) => {
    let book = createIncidentBook();
    const list = createIncidentList();
    let nowMs = START_MS;
    let crowd = 0;
    const enter = (entry: LedgerEntry, due: string | undefined, what: string): void => {
      let code: string | undefined;
      try {
        book.apply(entry);
      } catch (error) {
        if (!isPerdureError(error)) throw error;
        code = error.code;
      }
      if (code !== due) parted(`${what} is ${code ?? "taken"}, and not ${due ?? "taken"}`);
    };
    for (const step of steps) {
      nowMs += step.waitMs;
      if (step.do === "restate") {
        const written = JSON.parse(JSON.stringify(book.restate())) as LedgerEntry;
        book = createIncidentBook();
        book.apply(written);
        compareDividend(book, list);
      } else if (step.do === "crowd") {
        for (let nth = 0; nth < step.count; nth++) {
          const seen = sightingOf({ ...CROWD, ofPeers: step.ofPeers, thing: 100 + ++crowd, kind: crowd % 3 }, nowMs - nth, hash);
          enter(seen, undefined, "one of a crowd");
          list.see(seen);
        }
      } else if (step.do === "say") {
        const entry = entryOf(step, list, nowMs);
        enter(entry, list.say(entry), JSON.stringify(step));
      } else {
        const seen = sightingOf(step, nowMs, hash);
        const isKnown = list.listed.has(seen.fingerprint);
        // Of what is known only what changes it is read once more.
        const isTaken = step.wrong === undefined || (isKnown && (step.wrong === "kind" || step.wrong === "count"));
        enter(seen, isTaken ? undefined : "malformed", JSON.stringify(step));
        if (isTaken) list.see(seen);
      }
      compare(book, list);
    }
    compareDividend(book, list);
  },
};

const CROWD: Omit<Seen, "thing" | "kind" | "ofPeers"> = {
  do: "see",
  detectedBy: "monitor",
  lastsMs: 0,
  count: 1,
  varies: 1,
  settings: 0,
  wrong: undefined,
};

function drawStep(draws: Draws, crowds: { readonly ofPeers: number } | undefined): Step {
  const waitMs = draws.chance(0.2) ? 60_000 * draws.below(4) : 5000 * draws.below(2);
  const roll = draws.below(20);
  if (roll === 0) return { do: "restate", waitMs };
  if (roll < 4 && crowds !== undefined) {
    const ofPeers = draws.chance(crowds.ofPeers);
    return { do: "crowd", waitMs, ofPeers, count: 1 + draws.below(ofPeers ? 32 : 85) };
  }
  if (roll < 11) {
    const words: readonly OwnersEntry["what"][] = ["note", "reproduced", "guarded", "guarded", "closed", "closed"];
    return {
      do: "say",
      waitMs,
      what: words[draws.below(words.length)] as OwnersEntry["what"],
      thing: draws.below(THINGS + 1),
      digits: draws.chance(0.1) ? draws.below(5) : 4 + draws.below(60),
      upper: draws.chance(0.2),
      alike: draws.chance(0.1),
      words: draws.chance(0.3) ? draws.below(TEXTS.length) : 2,
    };
  }
  return {
    do: "see",
    waitMs,
    thing: draws.below(THINGS),
    kind: draws.below(2),
    ofPeers: draws.chance(crowds === undefined ? 0.3 : crowds.ofPeers),
    detectedBy: (["monitor", "test", "user"] as const)[draws.below(3)] ?? "monitor",
    lastsMs: draws.chance(0.3) ? 1000 * (draws.below(300) - 30) : 0,
    count: 1 + draws.below(5),
    varies: draws.u32(),
    settings: draws.chance(0.2) ? 15 + draws.below(3) : draws.below(3),
    wrong: draws.chance(0.06) ? (["print", "kind", "settings", "times", "count"] as const)[draws.below(5)] : undefined,
  };
}

/** What differs from time to time, and by what it is replaced before it is counted as the same. */
function symptomOf({ thing, varies }: Seen): readonly [string, string] {
  const letters = [...String(thing)].map((each) => "abcdefghij"[Number(each)]).join("");
  if (thing >= THINGS) return [`crowd ${letters}`, `crowd ${letters}`];
  const n = varies;
  const hexadecimal = n.toString(16).padStart(8, "0");
  const kinds: readonly (readonly [string, string])[] = [
    [`disk took ${n % 9000} ms`, "disk took N ms"],
    [`relay wss://relay.example:${n % 9000}/#x said no`, "relay U said no"],
    [`agent ag1${"abcdefg234567".repeat(1 + (n % 3))} of 10.0.${n % 200}.1:${n % 60_000} is gone`, "agent A of H is gone"],
    [`page [fe80::${(n % 9999).toString(16)}:1]:${n % 9000} at /srv/a${n % 99}/b-c.d failed`, "page H at P failed"],
    [`key ${hexadecimal}f.${n % 50} is ${(n % 100) / 8 + 0.5} s late`, "key X is N s late"],
    [`long ${"l".repeat(400)}`, `long ${"l".repeat(400)}`],
    [`http://a.example/${n} and ${n % 7}.${n % 5}`, "U and N"],
  ];
  return kinds[thing] as readonly [string, string];
}

function sightingOf(seen: Seen, nowMs: number, hash: Parameters<typeof fingerprintOf>[0]): Sighting {
  const [symptom, same] = symptomOf(seen);
  const kind = `kind-${seen.kind}`;
  const fingerprint = fingerprintOf(hash, kind, symptom);
  if (fingerprint !== fingerprintAgain(kind, same)) parted(`"${symptom}" is not counted as "${same}"`);
  const settings = Array.from({ length: seen.settings }, (_, nth) => ({ ...SETTING, value: nth }));
  const { wrong } = seen;
  return {
    what: "seen",
    fingerprint: wrong === "print" ? `${fingerprint}0` : fingerprint,
    kind: wrong === "kind" ? "k".repeat(65) : kind,
    symptom,
    detectedBy: seen.detectedBy,
    firstMs: wrong === "times" ? -1 : nowMs - Math.max(-1000, seen.lastsMs),
    lastMs: nowMs - Math.max(0, -seen.lastsMs) * 5,
    count: wrong === "count" ? 0 : seen.count,
    settings: wrong === "settings" ? [{ ...SETTING, value: Number.NaN }] : settings,
    ofPeers: seen.ofPeers,
  };
}

function entryOf({ what, thing, digits, upper, alike, words }: Said, list: IncidentList, atMs: number): OwnersEntry {
  const print = [...list.listed.keys()][thing] ?? "f".repeat(64);
  const twin = alike ? twinOf([...list.listed.keys()]) : undefined;
  const said = twin ?? print.slice(0, digits);
  const id = upper ? said.toUpperCase() : said;
  const text = TEXTS[words] as string;
  switch (what) {
    case "note":
      return { what, id, atMs, cause: atMs % 3 === 0 ? "" : text, fix: atMs % 2 === 0 ? "" : text };
    case "reproduced":
      return { what, id, atMs, by: text };
    case "guarded":
      return { what, id, atMs, guard: text };
    case "closed":
      return { what, id, atMs };
  }
}

/** Four digits that two have in common. */
function twinOf(prints: readonly string[]): string | undefined {
  const heads = prints.map((print) => print.slice(0, 4));
  return heads.find((head, nth) => heads.indexOf(head) !== nth);
}

function compare(book: IncidentBook, list: IncidentList): void {
  const shown = book.incidents;
  const parts = difference(list, shown, book.forgotten);
  if (parts !== undefined) parted(parts);
  const [first] = list.listed;
  if (first === undefined) return;
  const [print, listed] = first;
  if (told(book.find(print)) !== told(listed)) parted(`${print} is not found as it is`);
}

function compareDividend(book: IncidentBook, list: IncidentList): void {
  const [dividend, again] = [dividendOf(book.incidents), dividendAgain([...list.listed.values()])];
  if (JSON.stringify(dividend) !== JSON.stringify(again))
    parted(`the dividend is ${JSON.stringify(dividend)}, and not ${JSON.stringify(again)}`);
}
