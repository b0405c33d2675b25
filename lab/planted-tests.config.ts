/** The tests of a product with something planted in it, which {@link PLANTED_VARIABLE} has as JSON; without it they are as ever. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { applyEdit, editsOf, PLANTED_VARIABLE, type Planted, PRODUCT_FOLDER } from "./planting.ts";

const planted = JSON.parse(process.env[PLANTED_VARIABLE] ?? "null") as Planted | null;
const edits = (planted === null ? [] : editsOf(planted)).map((edit) => ({ edit, path: fileURLToPath(new URL(edit.file, PRODUCT_FOLDER)) }));

export default defineConfig({
  root: fileURLToPath(new URL("../", import.meta.url)),
  plugins: [
    {
      name: "planted",
      enforce: "pre",
      transform(code, id) {
        const here = edits.filter(({ path }) => id.split("?")[0] === path);
        return here.length === 0 ? undefined : { code: here.reduce((source, { edit }) => applyEdit(source, edit), code), map: null };
      },
    },
  ],
  // What a planted source became must not be found by a run without it.
  test: {
    fsModuleCache: false,
    setupFiles: [fileURLToPath(new URL("planted-draws.ts", import.meta.url))],
    include: ["packages/*/src/**/*.test.ts", "packages/*/test/**/*.test.ts", "lab/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
