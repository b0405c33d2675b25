import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readIndexFile } from "./index-reader.ts";
import { openIndexFile } from "./index-writer.ts";
import { createMemoryFile } from "./memory-file.ts";
import type { VectorId } from "./segment.ts";
import { anyHeader, anyId, anyIds, testColumns } from "./test-columns.ts";
import { narrower, type Row, rowsIn, rowsOf } from "./test-rows.ts";

type Step =
  | { readonly do: "append"; readonly ids: readonly VectorId[]; readonly seed: number; readonly replacing: boolean }
  | { readonly do: "remove"; readonly ids: readonly VectorId[] }
  | { readonly do: "truncate"; readonly which: number; readonly bits: number; readonly seed: number }
  | { readonly do: "sync" | "close" | "reopen" | "compact" };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("append" as const), ids: anyIds, seed: fc.nat(1000), replacing: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), ids: fc.array(anyId, { minLength: 1, maxLength: 20 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("truncate" as const),
      which: fc.nat(10),
      bits: fc.nat(28).map((quarters) => 1 + quarters / 4),
      seed: fc.nat(1000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("sync" as const, "close" as const, "reopen" as const, "compact" as const) }) },
);

describe("the file of an index", () => {
  it("holds what was done to it, whatever that was", async () => {
    await fc.assert(
      fc.asyncProperty(anyHeader, fc.array(anyStep, { maxLength: 12 }), async (header, steps) => {
        let file = createMemoryFile();
        let writer = await openIndexFile(file, header);
        /** What should be there: the rows of each segment. */
        let model: (readonly Row[])[] = [];
        const without = (ids: readonly VectorId[]): void => {
          model = model.map((rows) => rows.filter(({ id }) => !ids.includes(id)));
        };
        for (const step of steps) {
          if (step.do === "append") {
            const columns = testColumns(header, step.ids, { seed: step.seed });
            await writer.append(columns, step.replacing ? step.ids : []);
            if (step.replacing) without(step.ids);
            model.push(rowsOf(header, columns));
          } else if (step.do === "remove") {
            await writer.remove(step.ids);
            without(step.ids);
          } else if (step.do === "truncate") {
            const at = writer.segments.length === 0 ? 0 : step.which % writer.segments.length;
            const segment = writer.segments[at];
            if (segment === undefined || step.bits >= segment.bits) continue;
            const { rows, count } = await writer.readColumns(segment);
            const scales = testColumns(header, model[at]?.map(({ id }) => id) ?? [], { seed: step.seed }).scales;
            expect(scales.length).toBe(count);
            await writer.truncateSegment(segment, step.bits, scales, rows);
            model[at] = model[at]?.map((row, nth) => narrower(header, row, step.bits, scales[nth] as number)) ?? [];
          } else if (step.do === "sync") await writer.sync();
          else if (step.do === "close") await writer.close();
          else if (step.do === "reopen") {
            writer = await openIndexFile(file, header);
            expect(writer.tail).toBeUndefined();
          } else {
            const into = createMemoryFile();
            await writer.compact(into);
            file = into;
            const last = new Map(model.flat().map((row) => [row.id, row]));
            // An id in two segments may be in one now: the later one counts.
            expect(new Map((await rowsIn(file)).map((row) => [row.id, row]))).toEqual(last);
            model = [];
            for (const segment of writer.segments) model.push(rowsOf(header, await writer.readColumns(segment)));
          }
        }
        expect(await rowsIn(file)).toEqual(model.flat());
        await writer.close();
        expect(await rowsIn(file)).toEqual(model.flat());
        expect((await readIndexFile(file)).header).toEqual(header);
      }),
      { numRuns: 150 },
    );
  });
});
