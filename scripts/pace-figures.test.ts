import { expect, test } from "vitest";
import { type KeptPace, newestPace, readPaceReadme, renderPace } from "./pace-figures.ts";

test("packages/pace/README.md shows the newest result of pace beside others (run `node scripts/pace-figures.ts`)", () => {
  const readme = readPaceReadme();
  expect(readme).toBe(renderPace(readme, newestPace()));
});

test("who is ahead of ours is marked, and nobody else", () => {
  const score = { median: 0.9, worst: 0.8 };
  const row = { figures: {}, goodputs: [], aheadOfOurs: 0 };
  const result: KeptPace = {
    scenarios: [
      {
        scenario: "step, told, 3",
        what: "",
        instances: 3,
        seeds: 30,
        rows: [
          { ...row, contestant: "pace", score },
          { ...row, contestant: "p-limit", score: { median: 0.95, worst: 0.9 } },
          { ...row, contestant: "p-queue", score: { median: 0.5, worst: 0.4 } },
        ],
        behind: ["p-limit"],
      },
    ],
    twins: {},
    recovery: [],
    settings: {},
    versions: { "p-limit": "7.3.3" },
    conditions: { at: "", changed: false, node: "v24.0.0", processor: "" },
  };
  const shown = renderPace("<!-- pace figures -->\nyesterday\n<!-- end of pace figures -->\n", { file: "a.json", result });
  expect(shown).toContain("| step, told, 3 | **0.900** (0.800) [0.00] | – | – | – | – | **0.950, ahead** | 0.500 | – |");
  expect(shown).not.toContain("yesterday");
});
