import { describe, expect, it } from "vitest";
import { createIncidents } from "./incidents.ts";

function begin() {
  let nowMs = 0;
  const lines: unknown[] = [];
  const clock = { wallMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => {} };
  const incidents = createIncidents(clock, { write: (_level, _event, fields) => void lines.push(fields) });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { incidents, lines, pass };
}

describe("incidents that peers bring about", () => {
  it("do not push out what the owner must see", () => {
    const { incidents } = begin();
    for (let count = 0; count < 10; count++) incidents.add("disk", `disk ${count}`);
    for (let count = 0; count < 1000; count++) incidents.add("peer", `peer ${count}`);
    expect([incidents.recent.filter(({ kind }) => kind === "disk").length, incidents.recent.length]).toEqual([10, 30]);
    expect(incidents.recent.at(-1)?.what).toBe("peer 999");
    incidents.add("link", "relay ag1abc signed two statements");
    for (let count = 0; count < 1000; count++) incidents.add("peer", `peer ${count}`);
    expect(incidents.recent.filter(({ kind }) => kind === "link").map(({ what }) => what)).toEqual(["relay ag1abc signed two statements"]);
  });

  it("are one line of log a second, which says how many it left out", () => {
    const { incidents, lines, pass } = begin();
    for (let count = 0; count < 100; count++) incidents.add("peer", "again");
    pass(1000);
    incidents.add("peer", "again");
    expect(lines).toEqual([
      { kind: "peer", what: "again" },
      { kind: "peer", what: "again", unsaid: 99 },
    ]);
  });
});

it("incidents of the relay itself are always said and the newest 50 kept", () => {
  const { incidents, lines } = begin();
  for (let count = 0; count < 60; count++) incidents.add("disk", `disk ${count}`);
  expect([incidents.recent.length, incidents.recent[0]?.what, lines.length]).toEqual([50, "disk 10", 60]);
});
