import { expect, it } from "vitest";
import { createEncoder } from "../codec/encoder.ts";
import { shapeOf } from "../codec/shape.ts";
import { Arena } from "../kernels/arena.ts";
import { createKernels } from "../kernels/load.ts";
import { Blocks, widthOf } from "./blocks.ts";
import { Middles } from "./middles.ts";
import { createListPlace } from "./question.ts";

const dim = 40;

function created() {
  const kernels = createKernels();
  const arena = new Arena(kernels.memory);
  const blocks = new Blocks(dim, arena);
  const width = widthOf(shapeOf(dim, 4, 4), 4, 4);
  const encoder = createEncoder({ dim, seed: 0n, scale: "unbiased", shape: width.shape, center: undefined }, kernels, arena);
  const middles = new Middles({ dim, blocks, encoder, kernels, place: createListPlace(arena, blocks.lookStride), width });
  return { arena, blocks, width, middles };
}

it("a middle of vectors that cancel each other has a cosine of zero to everything", () => {
  const { blocks, width, middles } = created();
  const group = blocks.newGroup(1);
  const [one, opposite] = [0x0f, 0xf0].map((byte) => {
    const slot = blocks.take(width, group);
    blocks.putSigns(slot, new Uint8Array(blocks.signStride).fill(byte));
    return slot;
  }) as [number, number];
  middles.add([one]);
  middles.add([one, opposite]);
  middles.add([]);
  const query = Float32Array.from({ length: dim }, (_, at) => (at % 8 < 4 ? -1 : 1));
  const cosines = [...middles.cosinesTo(query)];
  expect(cosines[0]).toBeCloseTo(1, 1);
  expect(cosines.slice(1).map(Math.abs)).toEqual([0, 0]);
});

it("middles that are forgotten leave their memory to others", () => {
  const { arena, middles } = created();
  const used = [40, 60, 64].map((count) => {
    middles.forget();
    for (let nth = 0; nth < count; nth++) middles.add([]);
    expect(middles.cosinesTo(new Float32Array(dim).fill(1)).length).toBe(count);
    return arena.usedBytes;
  });
  expect(used).toEqual([used[0], used[0], used[0]]);
});
