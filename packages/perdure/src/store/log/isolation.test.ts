/** A byte of a small log is another one, each byte in turn: whatever lies outside the batch it belongs to is read as ever. */

import { beforeAll, describe, expect, it } from "vitest";
import { silentLog } from "../../host/log.ts";
import { createNodeHash } from "../../host/node/hash.ts";
import { createDisk, createMemoryFiles, createWorld, EVERYTHING } from "../../host/simulated/index.ts";
import { type Bytes, equalBytes, fromUtf8, utf8 } from "../../wire/bytes.ts";
import { isPerdureError } from "../../wire/error.ts";
import { INDEX_FILES } from "./index-files.ts";
import { openRecordLog } from "./open-log.ts";
import type { RecordAt } from "./record-log.ts";
import type { LogDamage } from "./recover-log.ts";
import { batchBytes, decodeBatchHeader, decodeSegmentHeader, segmentName } from "./segment-format.ts";
import { preparedWithin } from "./spare-segments.ts";

const FOLDER = "log";
/** An owner whose segments have no index yet. */
const INDEXED = {
  by: { recall: async () => () => ({ count: 0, bytes: 0 }), recalled: () => {}, reread: () => true, needed: async () => [] },
  files: INDEX_FILES,
};
type Image = ReadonlyMap<string, Bytes>;

interface Told {
  readonly text: string;
  readonly at: RecordAt;
}

interface Opening {
  readonly told: readonly Told[];
  readonly damages: readonly LogDamage[];
  /** What the folder holds when it was closed again. */
  readonly after: Image;
}

async function openImage(image: Image, isolates = true): Promise<Opening> {
  const disk = createDisk(image);
  const told: Told[] = [];
  const damages: LogDamage[] = [];
  const { clock, random } = createWorld({ seed: "isolation", hash: createNodeHash() }).host("a");
  const log = await openRecordLog({
    files: createMemoryFiles(disk),
    clock,
    random,
    log: silentLog,
    folder: FOLDER,
    magic: "relay",
    segmentBytes: 1200,
    diskRetryMs: 10,
    replay: (record, at) => void told.push({ text: fromUtf8(record), at }),
    onDamage: isolates ? (damage) => void damages.push(damage) : undefined,
    snapshot: () => [utf8("small state")],
  });
  await log[Symbol.asyncDispose]();
  return { told, damages, after: disk.image(EVERYTHING) };
}

/** A few segments, some of which are prepared files, with batches of one to three records. */
async function made(prepared: boolean): Promise<Image> {
  const world = createWorld({ seed: `made ${prepared}`, hash: createNodeHash() });
  await world.complete(
    (async () => {
      const log = await openRecordLog({
        ...world.host("a"),
        folder: FOLDER,
        magic: "relay",
        segmentBytes: 1200,
        prepared: prepared ? preparedWithin(100_000) : undefined,
        diskRetryMs: 10,
        replay: () => {},
        snapshot: () => [utf8("small state")],
      });
      for (let batch = 0; batch < 22; batch++) {
        const records = Array.from({ length: 1 + (batch % 3) }, (_, nth) => utf8(`${batch}.${nth} `.padEnd(60 + 7 * nth, "x")));
        await log.append(records).synced;
        await world.host("a").clock.after(1, () => {});
      }
      await log[Symbol.asyncDispose]();
    })(),
  );
  return world.disk("a").disk.image(EVERYTHING);
}

/** Where each batch of a file lies. */
function batchesIn(name: string, bytes: Bytes): readonly { readonly from: number; readonly to: number }[] {
  const segment = Number.parseInt(name.slice(FOLDER.length + 1), 10);
  const header = decodeSegmentHeader(bytes.subarray(0, 512));
  if (typeof header === "string") throw new Error("no segment");
  const batches: { from: number; to: number }[] = [];
  for (let at = 64; ; ) {
    const batch = decodeBatchHeader({ logId: header.logId, segment, offset: at }, bytes.subarray(at, at + 32));
    if (batch === undefined) return batches;
    const to = at + batchBytes(batch.bodyBytes, 0);
    batches.push({ from: at, to });
    at = to;
  }
}

function flipped(image: Image, name: string, offset: number, mask: number): Image {
  const bytes = (image.get(name) as Bytes).slice();
  bytes[offset] = (bytes[offset] as number) ^ mask;
  return new Map(image).set(name, bytes);
}

const isLog = (name: string): boolean => name.endsWith(".log");
const isRecord = ({ text }: Told): boolean => text !== "small state";
const placeOf = ({ at, text }: Told): string => `${at.segment}:${at.offset} ${text}`;

describe.each([
  ["files that grow", false],
  ["files that were prepared", true],
])("%s", (_, prepared) => {
  let image: Image = new Map();
  let whole: readonly Told[] = [];
  let names: readonly string[] = [];

  beforeAll(async () => {
    image = await made(prepared);
    whole = (await openImage(image)).told;
    names = [...image.keys()].filter(isLog).sort();
  });

  it("is of several segments, and nothing is damaged", async () => {
    expect(names.length).toBeGreaterThan(2);
    expect((await openImage(image)).damages).toEqual([]);
  });

  it("each byte in turn: refused with file and byte, or read outside of the batch that is damaged", { timeout: 120_000 }, async () => {
    let [refused, isolated, unseen, kept] = [0, 0, 0, 0];
    for (const name of names) {
      const bytes = image.get(name) as Bytes;
      const batches = batchesIn(name, bytes);
      const end = batches.at(-1)?.to ?? 0;
      const segment = Number.parseInt(name.slice(FOLDER.length + 1), 10);
      for (let offset = 0; offset < end; offset++) {
        const damagedImage = flipped(image, name, offset, 1 << (offset % 8));
        const opened = await openImage(damagedImage).catch((error: unknown) => {
          if (!isPerdureError(error) || error.code !== "log-damaged") throw error;
          expect(error.message).toContain(segmentName(segment));
          expect(error.hint).not.toBe("");
          return undefined;
        });
        if (opened === undefined) {
          // Only what says what the log consists of, or restates the small state.
          expect([name, offset < (batches[0]?.to ?? 0)]).toEqual([names.at(-1), true]);
          refused++;
          continue;
        }
        const struck = batches.find(({ from, to }) => offset >= from && offset < to);
        const told = new Set(opened.told.map(placeOf));
        expect(whole.map(placeOf).filter((each) => told.has(each))).toEqual(opened.told.map(placeOf));
        const isStruck = ({ at }: Told): boolean =>
          struck !== undefined && at.segment === segment && at.offset >= struck.from && at.offset < struck.to;
        expect(whole.filter((each) => !isStruck(each) && !told.has(placeOf(each)))).toEqual([]);
        const missing = whole.length - told.size;
        if (opened.damages.length === 0) {
          // Padding, or the last batch of a file that was prepared: torn and rotten look alike there.
          expect(missing === 0 || (prepared && name === names.at(-1) && struck === batches.at(-1))).toBe(true);
          unseen++;
          continue;
        }
        isolated++;
        const [damage] = opened.damages as readonly [LogDamage];
        expect(opened.damages.length).toBe(1);
        expect([damage.segment, damage.from <= offset, damage.to > offset]).toEqual([segment, true, true]);
        // One more where it was the list of segments in a file that another follows.
        if (damage.lostRecords !== undefined) expect([missing, missing + 1]).toContain(damage.lostRecords);
        if (missing > 0) expect(damage.lostRecords).not.toBe(0);
        kept += struck === undefined ? 0 : whole.filter(isStruck).length - missing;
        // What was read is kept, and is read once more.
        if (offset % 37 === 0) {
          const again = (await openImage(opened.after)).told.filter(isRecord).map(placeOf);
          expect(again).toEqual(opened.told.filter(isRecord).map(placeOf));
        }
      }
    }
    expect(refused).toBeGreaterThan(0);
    expect(isolated).toBeGreaterThan(10 * unseen);
    expect(kept).toBeGreaterThan(0);
  });

  it("does not open at all for who does not ask for that, and changes nothing", async () => {
    const name = names[0] as string;
    const { from } = batchesIn(name, image.get(name) as Bytes)[1] as { readonly from: number };
    const damaged = flipped(image, name, from + 50, 1);
    await expect(openImage(damaged, false)).rejects.toMatchObject({ code: "log-damaged", message: expect.stringContaining(name) });
  });

  it("an empty first sector is damage where more than the first batch lies behind it, also where it is the only file", async () => {
    const newest = names.at(-1) as string;
    const bytes = image.get(newest) as Bytes;
    expect(batchesIn(newest, bytes).length).toBeGreaterThan(1);
    const blank = bytes.slice().fill(0, 0, 512);
    const alone = new Map([...image, [newest, blank] as const].filter(([name]) => name === newest || !isLog(name)));
    for (const damaged of [new Map(image).set(newest, blank), alone])
      for (const isolates of [true, false])
        await expect(openImage(damaged, isolates)).rejects.toMatchObject({ code: "log-damaged", message: expect.stringContaining(newest) });
  });

  it("a closed segment is read around damage later as well, for who asks for that", async () => {
    const disk = createDisk(image);
    const [name] = names as readonly [string];
    const { clock, random } = createWorld({ seed: "isolation", hash: createNodeHash() }).host("a");
    const open = { files: createMemoryFiles(disk), clock, random, log: silentLog, folder: FOLDER, magic: "relay" };
    const sized = { segmentBytes: 1200, diskRetryMs: 10, replay: () => {}, snapshot: () => [] };
    for (const isolates of [true, false]) {
      const log = await openRecordLog({ ...open, ...sized, indexed: INDEXED, onDamage: isolates ? () => {} : undefined });
      const read = async (): Promise<readonly string[]> => {
        const texts: string[] = [];
        await log.readClosed(1, (record) => void texts.push(fromUtf8(record)));
        return texts;
      };
      const before = await read();
      const { from } = batchesIn(name, image.get(name) as Bytes)[1] as { readonly from: number };
      disk.rot(name, from + 50, 1);
      if (isolates) expect([before.length > (await read()).length, (await read()).length > 0]).toEqual([true, true]);
      else await expect(read()).rejects.toMatchObject({ code: "log-damaged" });
      disk.rot(name, from + 50, 1);
      await log[Symbol.asyncDispose]();
    }
  });

  it("a sector of what it was before, and a file that is cut short", async () => {
    const [name] = names as readonly [string];
    const bytes = image.get(name) as Bytes;
    const blank = bytes.slice().fill(0, 512, 1024);
    const cut = bytes.slice(0, 700);
    for (const damaged of [blank, cut]) {
      const opened = await openImage(new Map(image).set(name, damaged));
      const told = new Set(opened.told.map(placeOf));
      const elsewhere = whole.filter(({ at }) => at.segment !== 1);
      expect(elsewhere.filter((each) => !told.has(placeOf(each)))).toEqual([]);
      expect(opened.told.map(placeOf).filter((each) => !whole.map(placeOf).includes(each))).toEqual([]);
      expect(opened.damages.some(({ lostRecords }) => lostRecords !== 0)).toBe(true);
      expect(equalBytes(opened.after.get(name) as Bytes, damaged)).toBe(true);
    }
  });
});
