/** Tests of a product that has the mistake `PERDURE_PLANT` in it; without it the tests are as ever. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { applyEdit, editsOf, PRODUCT_FOLDER } from "../lab/planting.ts";
import { findMadeMistake } from "./incidents/entries.ts";

const planted = process.env["PERDURE_PLANT"] ?? "";
const mistake = findMadeMistake(planted);
if (planted !== "" && mistake === undefined) throw new Error(`there is no mistake "${planted}"`);
const edits = mistake === undefined ? [] : editsOf(mistake);

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  plugins: [
    {
      name: "planted",
      enforce: "pre",
      transform(code, id) {
        const here = edits.filter(({ file }) => id.split("?")[0] === fileURLToPath(new URL(file, PRODUCT_FOLDER)));
        return here.length === 0 ? undefined : { code: here.reduce(applyEdit, code), map: null };
      },
    },
  ],
  // What a planted source became must not be found by a run without it.
  test: {
    fsModuleCache: false,
    include: ["packages/*/src/**/*.test.ts", "packages/*/test/**/*.test.ts", "lab/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
