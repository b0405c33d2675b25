import { planeStride, valuesIn } from "../codec/quantizer.ts";
import type { Arena } from "../kernels/arena.ts";
import type { Blocks, Width } from "./blocks.ts";

/** What the code in a slot stands for, rotated and without its scale: as codes of this width have it, which may be fewer bits than are there. */
export function codeValues(dim: number, blocks: Blocks, arena: Arena, slot: number, { shape }: Width): Float32Array {
  const { u8 } = arena.views;
  const rest = blocks.restAt(slot);
  const planes = shape.planes.map((count, plane) => {
    if (plane === 0) return blocks.signsOf(slot);
    const at = rest + (plane - 1) * blocks.signStride;
    return u8.subarray(at, at + planeStride(count));
  });
  return valuesIn(shape, dim, planes);
}
