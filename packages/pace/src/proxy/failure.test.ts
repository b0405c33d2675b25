import { describe, expect, it } from "vitest";
import { type FailureCode, failureAnswer } from "./failure.ts";

function fieldsOf(code: FailureCode, availableInMs?: number): Readonly<Record<string, string>> {
  return Object.fromEntries(failureAnswer({ code, message: "no", hint: "Later.", availableInMs }).fields);
}

describe("a client is told by a failure", () => {
  it.each<[FailureCode, number | undefined]>([
    ["quota-spent", undefined],
    ["quota-spent", Number.POSITIVE_INFINITY],
    ["too-late", Number.POSITIVE_INFINITY],
    ["bad-argument", undefined],
    ["body-too-large", undefined],
    ["not-found", undefined],
    ["bad-request", undefined],
    ["wrong-host", undefined],
    ["no-upgrade", undefined],
    ["loop", undefined],
  ])("that it need not ask again: %s, there is room in %s ms", (code, availableInMs) => {
    const fields = fieldsOf(code, availableInMs);
    expect([fields["x-should-retry"], fields["retry-after"], fields["retry-after-ms"]]).toEqual(["false", undefined, undefined]);
  });

  it.each<[FailureCode, number | undefined, string | undefined, string | undefined]>([
    ["too-late", 1500.2, "2", "1501"],
    ["deadline", 0, "1", "1"],
    ["quota-spent", 60_000, "60", "60000"],
    ["queue-full", undefined, "1", undefined],
    ["shed", undefined, "1", undefined],
    ["closed", undefined, "1", undefined],
    ["attempts-spent", undefined, "1", undefined],
    // These may be over at any time.
    ["unreachable", undefined, undefined, undefined],
    ["no-answer", undefined, undefined, undefined],
    ["fault", undefined, undefined, undefined],
  ])("when to ask again: %s, there is room in %s ms", (code, availableInMs, seconds, ms) => {
    const fields = fieldsOf(code, availableInMs);
    expect([fields["x-should-retry"], fields["retry-after"], fields["retry-after-ms"]]).toEqual([undefined, seconds, ms]);
  });
});
