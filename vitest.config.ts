import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "packages/*/test/**/*.test.ts",
      "lab/**/*.test.ts",
      "fuzz/**/*.test.ts",
      "scripts/**/*.test.ts",
    ],
    // Two files at once: tests of processes and sockets mostly wait, and all of them together took half of the time.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
