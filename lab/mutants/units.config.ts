/** The tests of the product, with a mutant in it. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { applyEdit, type Cut, PRODUCT_FOLDER } from "../planting.ts";
import { MUTANT_VARIABLE } from "./units.ts";

const cut = JSON.parse(process.env[MUTANT_VARIABLE] ?? "null") as Cut | null;
if (cut === null) throw new Error(`${MUTANT_VARIABLE} names no mutant`);
const path = fileURLToPath(new URL(cut.file, PRODUCT_FOLDER));

export default defineConfig({
  root: fileURLToPath(new URL("../../", import.meta.url)),
  plugins: [
    {
      name: "mutant",
      enforce: "pre",
      transform: (code, id) => (id.split("?")[0] === path ? { code: applyEdit(code, cut), map: null } : undefined),
    },
  ],
  // What a mutated source became must not be found by a run without it.
  test: {
    fsModuleCache: false,
    include: ["packages/*/src/**/*.test.ts", "packages/*/test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
