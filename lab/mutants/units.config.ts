/** The tests, with a mutant in the product. */
import { defineConfig, mergeConfig } from "vitest/config";
import tests from "../../vitest.config.ts";
import { applyEdit, type Cut, PRODUCT_FOLDER } from "../planting.ts";
import { MUTANT_VARIABLE } from "./units.ts";

const cut = JSON.parse(process.env[MUTANT_VARIABLE] ?? "null") as Cut | null;
if (cut === null) throw new Error(`${MUTANT_VARIABLE} names no mutant`);
const path = new URL(cut.file, PRODUCT_FOLDER).pathname;

export default mergeConfig(
  tests,
  defineConfig({
    plugins: [
      { name: "mutant", enforce: "pre", transform: (code: string, id: string) => (id === path ? applyEdit(code, cut) : undefined) },
    ],
  }),
);
