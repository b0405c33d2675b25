import { expect, it } from "vitest";
import { RELAXED, SIMD } from "../src/kernels/built.ts";
import { buildKernels } from "./build.ts";

it("kernels are built from their source, byte for byte", async () => {
  const text = await buildKernels();
  for (const module of [SIMD, RELAXED]) expect(text).toContain(`"${module}"`);
  expect(SIMD).not.toBe(RELAXED);
}, 60_000);
