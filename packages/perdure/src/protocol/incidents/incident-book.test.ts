import { describe, expect, test } from "vitest";
import { createNodeHash } from "../../host/node/hash.ts";
import { dividendOf } from "./dividend.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { readIncident } from "./incident.ts";
import { createIncidentBook, type IncidentBook, MAX_INCIDENTS, MAX_INCIDENTS_OF_PEERS, type Sighting } from "./incident-book.ts";

const hash = createNodeHash();

function sighting(symptom: string, atMs = 1000, more: Partial<Sighting> = {}): Sighting {
  const kind = more.kind ?? "disk";
  const fingerprint = fingerprintOf(hash, kind, symptom);
  return {
    what: "seen",
    fingerprint,
    kind,
    symptom,
    detectedBy: "monitor",
    firstMs: atMs,
    lastMs: atMs,
    count: 1,
    settings: [],
    ofPeers: false,
    ...more,
  };
}

function bookWith(symptom: string): { readonly book: IncidentBook; readonly id: string } {
  const book = createIncidentBook();
  book.apply(sighting(symptom));
  return { book, id: book.incidents[0]?.id ?? "" };
}

const codeOf = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return (error as { readonly code?: string }).code;
  }
  return "nothing was thrown";
};

describe("states", () => {
  test("open, reproduced, guarded, closed", () => {
    const { book, id } = bookWith("a write failed");
    book.apply({ what: "reproduced", id, atMs: 2000, by: "scenario 7" });
    book.apply({ what: "note", id, atMs: 3000, cause: "no sync", fix: "" });
    expect(() => book.apply({ what: "note", id, atMs: 3500, cause: " ", fix: "" })).toThrow("names a cause or a fix");
    book.apply({ what: "note", id, atMs: 4000, cause: "", fix: "a sync" });
    book.apply({ what: "guarded", id, atMs: 5000, guard: "disk.test.ts" });
    book.apply({ what: "closed", id, atMs: 6000 });
    expect(book.find(id)).toMatchObject({
      state: "closed",
      cause: "no sync",
      fix: "a sync",
      reproduction: "scenario 7",
      guard: "disk.test.ts",
      diagnosedAtMs: 3000,
      fixedAtMs: 4000,
      guardedAtMs: 5000,
      closedAtMs: 6000,
    });
  });

  test("what has no guard is not closed, and a guard has a name", () => {
    const { book, id } = bookWith("a write failed");
    expect(codeOf(() => book.apply({ what: "closed", id, atMs: 1 }))).toBe("bad-argument");
    expect(codeOf(() => book.apply({ what: "guarded", id, atMs: 1, guard: "  " }))).toBe("bad-argument");
    book.apply({ what: "reproduced", id, atMs: 1, by: "a test" });
    expect(codeOf(() => book.apply({ what: "closed", id, atMs: 1 }))).toBe("bad-argument");
    expect(codeOf(() => book.apply({ what: "reproduced", id, atMs: 1, by: "a test" }))).toBe("bad-argument");
    expect(book.find(id).state).toBe("reproduced");
  });

  test.each(["guarded", "closed"] as const)("seen again when %s: open, and counted", (state) => {
    const { book, id } = bookWith("a write failed");
    book.apply({ what: "guarded", id, atMs: 2, guard: "disk.test.ts" });
    if (state === "closed") book.apply({ what: "closed", id, atMs: 3 });
    book.apply(sighting("a write failed", 9000, { count: 4 }));
    expect(book.find(id)).toMatchObject({ state: "open", recurrences: 1, count: 5, lastMs: 9000, guard: "disk.test.ts", closedAtMs: 0 });
    book.apply(sighting("a write failed", 9500));
    expect(book.find(id).recurrences).toBe(1);
  });

  test("what was seen before the guard and written after it is no recurrence; a clock that was set back hides none", () => {
    const { book, id } = bookWith("a write failed");
    book.apply({ what: "guarded", id, atMs: 10_000_000, guard: "disk.test.ts" });
    book.apply(sighting("a write failed", 9_950_000));
    expect(book.find(id)).toMatchObject({ state: "guarded", recurrences: 0, count: 2 });
    book.apply(sighting("a write failed", 9_000_000));
    expect(book.find(id)).toMatchObject({ state: "open", recurrences: 1 });
  });

  test("an entry that makes an incident what it cannot be is refused, and changes nothing", () => {
    const { book, id } = bookWith("a write failed");
    const before = book.incidents;
    const forged = [
      { ...sighting("a write failed"), count: "many" },
      { ...sighting("a write failed"), lastMs: 1e300 },
      { ...sighting("a write failed"), settings: [{ name: 1 }] },
      { what: "guarded", id, atMs: "soon", guard: "x" },
      { what: "note", id, atMs: Number.NaN, cause: "x", fix: "" },
      { what: "kept", incidents: [], ofPeers: [], forgotten: "\u001b[2J" },
    ];
    for (const entry of forged.slice(0, -1))
      expect(
        codeOf(() => book.apply(entry as never)),
        JSON.stringify(entry),
      ).toBe("malformed");
    expect(book.incidents).toEqual(before);
    expect(codeOf(() => book.apply(forged.at(-1) as never))).toBe("malformed");
  });

  test("who is not there, and who could be several", () => {
    const { book, id } = bookWith("a write failed");
    expect(book.find(id.slice(0, 4)).id).toBe(id);
    expect(codeOf(() => book.find("zzzzzz"))).toBe("not-found");
    expect(codeOf(() => book.find(""))).toBe("not-found");
  });
});

describe("fingerprints", () => {
  test.each([
    ["ws://127.0.0.1:4410/: timed-out, waited 300 ms", "wss://relay.example/x: timed-out, waited 7 ms"],
    ["10.1.2.3:55120: bad-handshake, x", "192.168.0.9:1: bad-handshake, x"],
    [
      "message 0f0e0d0c0b0a0908.17 of ag1abcdef234567 cannot be read back",
      "message 1112131415161718.1 of ag1zyxwvu765432 cannot be read back",
    ],
    ["/home/anna/agent/log/000001.log is damaged at byte 12", "/srv/x/log/000044.log is damaged at byte 4096"],
  ])("the same: %s", (one, other) => {
    expect(fingerprintOf(hash, "peer", one)).toBe(fingerprintOf(hash, "peer", other));
  });

  test("another kind or another symptom is another incident", () => {
    expect(fingerprintOf(hash, "peer", "disk-full")).not.toBe(fingerprintOf(hash, "disk", "disk-full"));
    expect(fingerprintOf(hash, "disk", "disk-failed")).not.toBe(fingerprintOf(hash, "disk", "disk-full"));
  });
});

describe("bounds", () => {
  const word = (index: number): string => [...String(index)].map((digit) => "abcdefghij"[Number(digit)]).join("");

  test("what others bring about keeps out nothing of the owner's", () => {
    const { book, id } = bookWith("a write failed");
    for (let index = 0; index < 1000; index++)
      book.apply(sighting(`lies about ${word(index)}`, 2000 + index, { kind: "peer", ofPeers: true }));
    expect(book.incidents).toHaveLength(MAX_INCIDENTS_OF_PEERS + 1);
    expect(book.find(id).kind).toBe("disk");
    expect(book.forgotten).toBe(1000 - MAX_INCIDENTS_OF_PEERS);
  });

  test("a full book of the owner's has no place for what others bring about", () => {
    const book = createIncidentBook();
    for (let index = 0; index < MAX_INCIDENTS; index++) book.apply(sighting(word(index), 1000 + index));
    const before = book.incidents;
    for (let index = 0; index < 200; index++) book.apply(sighting(`lies ${word(index)}`, 5000, { kind: "peer", ofPeers: true }));
    expect(book.incidents).toEqual(before);
    expect(book.forgotten).toBe(200);
  });

  test("who makes noise wipes out neither what another did nor the guard against himself", () => {
    const book = createIncidentBook();
    const ofPeer = (symptom: string, atMs: number, kind = "peer") => book.apply(sighting(symptom, atMs, { kind, ofPeers: true }));
    ofPeer("relay ag1abc signed two statements", 1, "link");
    ofPeer("bad-handshake, he came with nonsense", 2);
    const [accused, guarded] = book.incidents.map(({ id }) => id) as [string, string];
    book.apply({ what: "guarded", id: guarded, atMs: 10, guard: "a test" });
    book.apply({ what: "closed", id: guarded, atMs: 20 });
    for (let index = 0; index < 1000; index++) ofPeer(`says ${word(index)}`, 2000 + index);
    expect(book.find(accused).state).toBe("open");
    ofPeer("bad-handshake, he came with nonsense", 900_000);
    expect(book.find(guarded)).toMatchObject({ state: "open", recurrences: 1 });
    expect(book.incidents).toHaveLength(MAX_INCIDENTS_OF_PEERS);
  });

  test("closed ones give way first", () => {
    const book = createIncidentBook();
    for (let index = 0; index < MAX_INCIDENTS; index++) book.apply(sighting(word(index), 1000 + index));
    const newest = book.incidents.at(-1)?.id ?? "";
    book.apply({ what: "guarded", id: newest, atMs: 1, guard: "a test" });
    book.apply({ what: "closed", id: newest, atMs: 1 });
    book.apply(sighting("one more", 5000));
    expect(book.incidents).toHaveLength(MAX_INCIDENTS);
    expect(codeOf(() => book.find(newest))).toBe("not-found");
    expect(book.forgotten).toBe(1);
  });

  test("a restated book is the same book", () => {
    const { book, id } = bookWith("a write failed");
    book.apply({ what: "guarded", id, atMs: 2, guard: "disk.test.ts" });
    for (let index = 0; index < 70; index++) book.apply(sighting(word(index), 2000, { ofPeers: true }));
    const again = createIncidentBook();
    again.apply(JSON.parse(JSON.stringify(book.restate())));
    expect(again.incidents).toEqual(book.incidents);
    expect(again.restate()).toEqual(book.restate());
  });
});

test("an incident is read back, and not with a field that is none", () => {
  const { book } = bookWith("a write failed");
  const [incident] = book.incidents;
  expect(readIncident(JSON.parse(JSON.stringify(incident)))).toEqual(incident);
  for (const wrong of [
    { mood: "bad" },
    { id: "000000000000" },
    { state: "guarded" },
    { count: 0 },
    { firstMs: -1 },
    { detectedBy: "nobody" },
  ])
    expect(
      codeOf(() => readIncident({ ...incident, ...wrong })),
      JSON.stringify(wrong),
    ).toBe("malformed");
});

test("dividend: medians, who found it, and whether we learn", () => {
  const book = createIncidentBook();
  const took = [40, 30, 20, 10];
  for (const [index, hours] of took.entries()) {
    const firstMs = 1000 + index;
    book.apply(sighting("abcd"[index] ?? "", firstMs, { detectedBy: index === 0 ? "user" : "test" }));
    book.apply({ what: "guarded", id: book.incidents.at(-1)?.id ?? "", atMs: firstMs + hours, guard: "a test" });
  }
  expect(dividendOf(book.incidents)).toMatchObject({
    incidents: 4,
    states: { open: 0, reproduced: 0, guarded: 4, closed: 0 },
    foundByUs: 0.75,
    medianToDiagnosisMs: undefined,
    medianToGuardMs: 25,
    trend: { olderMs: 35, newerMs: 15 },
  });
  expect(dividendOf([])).toMatchObject({ incidents: 0, foundByUs: undefined, medianToGuardMs: undefined, trend: undefined });
});
