import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bytes, hex } from "../packages/perdure/src/wire/bytes.ts";
import { isPerdureError, PerdureError } from "../packages/perdure/src/wire/error.ts";
import { type Finding, runCampaign } from "./campaign.ts";
import { type Coverage, isOurs, openCoverage } from "./coverage.ts";
import type { Decoder } from "./decoder.ts";
import { behindAMaze, plantedDecoders } from "./planted.ts";
import { fuzzRelayPort } from "./relay-port.ts";

const SEED = 20_261;
const crashes = new URL("crashes/", import.meta.url);
const shown = ({ decoder, kind, why, input }: Finding): string => `${kind} in ${decoder}: ${why} (${hex(input.subarray(0, 64))})`;

let coverage: Coverage;
let decoders: readonly Decoder[] = [];
beforeAll(async () => {
  coverage = openCoverage((url) => isOurs(url) || url.includes("/fuzz/planted"));
  const { listDecoders } = await import("./decoders.ts");
  decoders = await listDecoders();
});
afterAll(() => coverage[Symbol.dispose]());

describe("a short campaign over every decoder", () => {
  it("finds nothing", async () => {
    const tallies = await runCampaign({ decoders, inputs: 25_000, seed: SEED });
    expect(tallies.flatMap((tally) => tally.findings).map(shown)).toEqual([]);
    for (const tally of tallies) expect(tally.inputs, `inputs of ${tally.name}`).toBeGreaterThan(0);
  }, 180_000);

  it("finds nothing in files of vector indexes, where most is to be found", async () => {
    const [tally] = await runCampaign({ decoders: decoders.filter(({ name }) => name === "index file"), inputs: 5000, seed: SEED });
    expect(tally?.findings.map(shown)).toEqual([]);
    // Both ways are gone: inputs that are read, and those that are not.
    expect(tally?.read).toBeGreaterThan(1000);
    expect(tally?.read).toBeLessThan(4000);
  }, 60_000);

  it("finds nothing in files of vectors that other programs wrote", async () => {
    const tallies = await runCampaign({
      decoders: decoders.filter(({ name }) => name.startsWith("vectors as ")),
      inputs: 6000,
      seed: SEED,
    });
    expect(tallies.flatMap((tally) => tally.findings).map(shown)).toEqual([]);
    expect(tallies).toHaveLength(3);
    for (const { read, inputs } of tallies) {
      expect(read).toBeGreaterThan(inputs / 50);
      expect(read).toBeLessThan(inputs * 0.9);
    }
  }, 60_000);

  it("makes the same inputs of the same seed", async () => {
    const inputsOf = async (seed: number): Promise<readonly string[]> => {
      const seen: string[] = [];
      const listen: Decoder = {
        name: "listener",
        take: (input) => void seen.push(hex(input)),
        seeds: [Uint8Array.of(0x82, 1, 2)],
        maxBytes: 200,
      };
      await runCampaign({ decoders: [listen], inputs: 500, seed });
      return seen;
    };
    expect(await inputsOf(1)).toEqual(await inputsOf(1));
    expect(await inputsOf(1)).not.toEqual(await inputsOf(2));
  });
});

describe("the port of a running relay", () => {
  it("bears a short campaign while honest mail goes on", async () => {
    const report = await fuzzRelayPort({ inputs: 300, seed: SEED });
    expect(report.findings).toEqual([]);
    expect(report.inputs).toBeGreaterThanOrEqual(300);
    expect(Object.keys(report.kinds)).toHaveLength(6);
    expect(report.honestMessages).toBeGreaterThan(1);
  }, 180_000);
});

describe("what a campaign found once", () => {
  it("is borne by every decoder", async () => {
    for (const name of existsSync(crashes) ? readdirSync(crashes) : []) {
      const input: Bytes = new Uint8Array(readFileSync(new URL(name, crashes)));
      for (const decoder of decoders) {
        try {
          await decoder.take(input);
        } catch (error) {
          if (!isPerdureError(error) || error.code === "internal") expect.fail(`${name} in ${decoder.name}: ${String(error)}`);
        }
      }
    }
  });
});

describe("the fuzzer itself", () => {
  it.each(plantedDecoders().map((each) => [each.kind, each.decoder] as const))("finds a planted bug: %s", async (kind, decoder) => {
    const [tally] = await runCampaign({ decoders: [decoder], inputs: 4000, seed: SEED });
    expect(tally?.findings.map((each) => each.kind)).toContain(kind);
  });

  it("finds a bug behind a maze when coverage steers it, and not without", async () => {
    const [steered] = await runCampaign({ decoders: [behindAMaze()], inputs: 100_000, seed: SEED, coverage });
    expect(steered?.findings.map((each) => each.kind)).toEqual(["threw"]);
    const [blind] = await runCampaign({ decoders: [behindAMaze()], inputs: 100_000, seed: SEED });
    expect(blind?.findings).toEqual([]);
  }, 120_000);

  it("takes a PerdureError for what it is, and `internal` for a bug", async () => {
    const throwing = (code: "malformed" | "internal"): Decoder => ({
      name: code,
      take: () => {
        throw new PerdureError(code, "always");
      },
      seeds: [],
      maxBytes: 100,
    });
    const tallies = await runCampaign({ decoders: [throwing("malformed"), throwing("internal")], inputs: 600, seed: SEED });
    expect(tallies.map((tally) => tally.findings.length)).toEqual([0, 1]);
  });
});
