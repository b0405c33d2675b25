import { describe, expect, it } from "vitest";
import { NO_PAINT } from "../paint.ts";
import { reportHolds, reportLines, type TrialReport } from "./report.ts";

const HOLDING: TrialReport = {
  name: "my.pdf",
  bytes: 2_411_724,
  parts: 10,
  sha256In: "aa",
  sha256Out: "aa",
  handled: 1,
  lost: 0,
  killed: [
    { relay: "relay A", pid: 1, atMs: 0, moment: "5 of 10 parts acknowledged, part 6 on its way", nextPid: 2 },
    { relay: "relay B", pid: 5, atMs: 0, moment: "@desk had begun with it", nextPid: 6 },
  ],
  deskPids: [3, 4],
  longestGapMs: 900,
  longestGapAfter: "kill -9 1",
  totalMs: 3000,
  trouble: undefined,
};

describe("the report of a trial", () => {
  it("holds only when every line holds", () => {
    expect(reportHolds(HOLDING)).toBe(true);
    const broken: Partial<TrialReport>[] = [
      { sha256Out: "bb" },
      { sha256Out: undefined },
      { handled: 0 },
      { handled: 2 },
      { lost: 1 },
      { killed: [] },
      { killed: HOLDING.killed.slice(0, 1) },
      { killed: HOLDING.killed.map((death) => ({ ...death, nextPid: undefined })) },
      { trouble: "timed out" },
    ];
    for (const change of broken) expect(reportHolds({ ...HOLDING, ...change }), JSON.stringify(change)).toBe(false);
  });

  it("names both relays, their processes and where the message was", () => {
    const text = reportLines(HOLDING, NO_PAINT).join("\n");
    expect(text).toContain("process 1 killed (SIGKILL)");
    expect(text).toContain("5 of 10 parts acknowledged, part 6 on its way");
    expect(text).toContain("process 2 went on from its folder");
    expect(text).toMatch(/relay B +process 5 killed/);
    expect(text).toContain("sent         my.pdf, 2.3 MB (2,411,724 bytes) in 10 parts");
  });

  it("says so when nothing came out", () => {
    expect(reportLines({ ...HOLDING, sha256Out: undefined }, NO_PAINT).join("\n")).toContain("NOT equal");
  });
});
