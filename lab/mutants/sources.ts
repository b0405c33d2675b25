/** The rooms of the product that are mutated, and what of them is no part of it. */
import { readdirSync, readFileSync } from "node:fs";
import { PRODUCT_FOLDER } from "../planting.ts";
import { type Mutant, mutantsOf } from "./generate.ts";

export const MUTATED_ROOMS = ["protocol", "store"] as const;

/** Names below `packages/perdure/src/`, sorted. Tests, and what only tests use, are left out. */
export function mutatedFiles(): readonly string[] {
  return MUTATED_ROOMS.flatMap((room) =>
    readdirSync(new URL(`${room}/`, PRODUCT_FOLDER), { recursive: true, encoding: "utf8" })
      .map((name) => `${room}/${name.replaceAll("\\", "/")}`)
      .filter(isProduct),
  ).sort();
}

function isProduct(name: string): boolean {
  const base = name.slice(name.lastIndexOf("/") + 1);
  return base.endsWith(".ts") && !base.endsWith(".test.ts") && !base.startsWith("test-") && base !== "crash-recorder.ts";
}

/** All of them, in the order of their files and places. */
export function allMutants(files: readonly string[] = mutatedFiles()): readonly Mutant[] {
  return files.flatMap((file) => mutantsOf(file, readFileSync(new URL(file, PRODUCT_FOLDER), "utf8")));
}
