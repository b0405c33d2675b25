import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "packages/*/test/**/*.test.ts",
      "packages/*/kernels/*.test.ts",
      "lab/**/*.test.ts",
      "fuzz/**/*.test.ts",
      "scripts/**/*.test.ts",
      "bench/**/*.test.ts",
    ],
    // Three files at once, on two cores: tests of processes and sockets mostly wait, and with two a third of the machine had nothing to do.
    maxWorkers: 3,
    // Two thirds of what a command of a test does is stripping types and compiling: kept by content, for all that are started from here.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL(".runtime/compiled/", import.meta.url)) },
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
