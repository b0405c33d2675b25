import { describe, expect, test } from "vitest";
import { createJournal } from "./journal.ts";
import type { RelayOutput } from "./mailbox-events.ts";
import { Places } from "./places.ts";

const RECORD = Uint8Array.of(1);
const LET_GO = { kind: "let-go", places: new Places(), attachment: undefined } as const;
const STATED = { kind: "stated", signature: RECORD } as const;
const kinds = (outputs: readonly RelayOutput[]): readonly string[] =>
  outputs.map((output) => (output.kind === "append" && output.later === true ? "append later" : output.kind));

describe("a turn's records", () => {
  test("wait when all of them may, and not with one that may not", () => {
    const journal = createJournal();
    journal.recordLater(RECORD);
    expect(kinds(journal.endTurn().outputs)).toEqual(["append later"]);
    journal.recordLater(RECORD);
    journal.record(RECORD);
    expect(kinds(journal.endTurn().outputs)).toEqual(["append"]);
    journal.recordLater(RECORD);
    journal.whenDurable(STATED);
    expect(kinds(journal.endTurn().outputs)).toEqual(["append"]);
  });

  test("are hurried by a later step without records that somebody waits for, and by no other", () => {
    const journal = createJournal();
    journal.recordLater(RECORD);
    journal.endTurn();
    journal.whenDurable(LET_GO);
    expect(journal.endTurn()).toEqual({ outputs: [], atOnce: [] });
    journal.whenDurable(STATED);
    expect(journal.endTurn()).toEqual({ outputs: [{ kind: "hurry" }], atOnce: [] });
    expect(journal.durable(1).effects).toEqual([LET_GO, STATED]);
  });

  test("of which none is under way hurry nothing", () => {
    const journal = createJournal();
    journal.whenDurable(STATED);
    expect(journal.endTurn()).toEqual({ outputs: [], atOnce: [STATED] });
  });
});
