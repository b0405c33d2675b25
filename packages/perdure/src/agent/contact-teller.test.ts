import { expect, test } from "vitest";
import { createNodeHost } from "../host/node/index.ts";
import { createContactBook } from "../protocol/contacts/contact-book.ts";
import { idOf } from "../protocol/contacts/test-contacts.ts";
import { hex } from "../wire/bytes.ts";
import { type Contacts, contacts } from "../wire/control.ts";
import type { Frame } from "../wire/frame.ts";
import { type ContactTeller, createContactTeller } from "./contact-teller.ts";
import type { Planned } from "./planned.ts";

const HOME = new Uint8Array(32).fill(1);

interface Bench {
  readonly teller: ContactTeller;
  readonly told: Contacts[];
  home: Uint8Array;
  decide(number: number, standing: "contact" | "blocked" | "none"): void;
  /** What is kept waits while this is true. */
  stuck: boolean;
}

function bench(): Bench {
  const book = createContactBook();
  const told: Contacts[] = [];
  const apply = (records: readonly Planned[]): void => {
    for (const { kept } of records) book.apply(kept);
  };
  const on: Bench = {
    told,
    home: HOME,
    stuck: false,
    decide(number, standing) {
      apply(book.decided({ idRaw: idOf(number), standing, how: "added", name: "", nowMs: 1 }).map((kept) => ({ kept })));
      on.teller.look();
    },
    teller: createContactTeller({
      host: createNodeHost(),
      book,
      homeOf: () => on.home,
      async keep(records) {
        while (on.stuck) await new Promise((resolve) => setTimeout(resolve, 5));
        apply(records());
      },
      send: (frame: Frame) => {
        told.push(contacts.decode(frame.payload));
        return true;
      },
    }),
  };
  return on;
}

const until = (condition: () => boolean): Promise<void> => expect.poll(condition, { timeout: 5000 }).toBe(true);
const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));

test("an empty book is told, once: with no list at all everybody may fill the mailbox", async () => {
  const { teller, told } = bench();
  teller.connected(0);
  await until(() => told.length === 1);
  teller.connected(1);
  await quiet();
  expect(told.map(({ version, open, contacts: known }) => [version, open, known.length])).toEqual([[1, false, 0]]);
  await teller.idle();
});

test("changes in quick succession are told once, with one version more", async () => {
  const on = bench();
  for (let number = 0; number < 5; number++) on.decide(number, "contact");
  await until(() => on.told.length === 1);
  on.decide(0, "blocked");
  await until(() => on.told.length === 2);
  expect(on.told.map(({ version, contacts: known, blocked }) => [version, known.length, blocked.length])).toEqual([
    [1, 5 * 16, 0],
    [2, 4 * 16, 8],
  ]);
  // Back and forth within one look is no change.
  on.decide(1, "none");
  on.decide(1, "contact");
  await quiet();
  expect(on.told).toHaveLength(2);
  await on.teller.idle();
});

test("a relay that has another version is told at once, one that has this version is not", async () => {
  const on = bench();
  on.decide(0, "contact");
  await until(() => on.told.length === 1);
  on.teller.connected(1);
  on.teller.connected(0);
  on.teller.connected(7);
  await quiet();
  expect(on.told.map(({ version }) => version)).toEqual([1, 1, 1]);
  await on.teller.idle();
});

test("a contact that moved house is told of, in a version of its own", async () => {
  const on = bench();
  on.decide(0, "contact");
  await until(() => on.told.length === 1);
  on.home = new Uint8Array(32).fill(2);
  on.teller.look();
  await until(() => on.told.length === 2);
  expect(on.told.map(({ version, contacts: known }) => [version, hex(known.slice(8))])).toEqual([
    [1, "01".repeat(8)],
    [2, "02".repeat(8)],
  ]);
  await on.teller.idle();
});

test("no version is told before it is durable, and what changed meanwhile is told after it", async () => {
  const on = bench();
  on.stuck = true;
  on.decide(0, "contact");
  await quiet();
  on.decide(1, "contact");
  await quiet();
  expect(on.told).toEqual([]);
  on.stuck = false;
  await until(() => on.told.at(-1)?.contacts.length === 32);
  expect(on.told.map(({ version, contacts: known }) => [version, known.length])).toEqual([[1, 32]]);
  await on.teller.idle();
});
