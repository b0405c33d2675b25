import { describe, expect, it } from "vitest";
import { createPace } from "../pace.ts";
import { seededRandom } from "../testing/draws.ts";
import { createWorkBench, HOUR_MS } from "../testing/work-bench.ts";
import { letIn } from "./let-in.ts";
import { task } from "./task.ts";

const SERVICE = "https://service.example";
const LIMIT = 5;

/** Lets five calls in each hour, and says 429 until the next. */
function hourlyService(time: { now(): number }): { readonly asked: string[]; readonly refused: string[]; readonly fetch: typeof fetch } {
  const asked: string[] = [];
  const refused: string[] = [];
  let hour = 0;
  let left = LIMIT;
  return {
    asked,
    refused,
    fetch: async (input) => {
      const path = new URL(String(input)).pathname;
      const now = Math.floor(time.now() / HOUR_MS);
      if (now > hour) [hour, left] = [now, LIMIT];
      if (left-- > 0) {
        asked.push(path);
        return new Response("text");
      }
      refused.push(path);
      return new Response("", { status: 429, headers: { "retry-after": `${Math.ceil(((hour + 1) * HOUR_MS - time.now()) / 1000)}` } });
    },
  };
}

describe("work through the gate of a service with a quota for the hour", () => {
  it.each([
    ["that its owner told", { quotas: { [SERVICE]: [{ limit: LIMIT, windowMs: HOUR_MS, shape: "window" as const }] } }],
    ["that nobody told", {}],
  ])("%s goes on hour by hour, at the step where it was, and asks for nothing twice", async (_, policy) => {
    const { time, disk, open } = createWorkBench();
    const service = hourlyService(time);
    const pace = createPace(policy, { clock: time, random: seededRandom(2), fetch: service.fetch });
    const page = async (name: string, signal: AbortSignal): Promise<string> =>
      await (
        await letIn(await pace.with({ class: "background", deadlineMs: 10_000 }).fetch(`${SERVICE}/${name}`, { signal }), time)
      ).text();
    const start = async (): Promise<Awaited<ReturnType<typeof open>>> => {
      const work = await open({ atOnce: 2 });
      work.handle(
        "read",
        task({
          version: 1,
          steps: ["first", "second"].map((step) => ({ name: step, run: ({ input, signal }) => page(`${input}/${step}`, signal) })),
        }),
      );
      return work;
    };
    let work = await start();
    for (let nth = 0; nth < 8; nth++) await work.defer("read", `page-${nth}`, { key: `page ${nth}` });
    // A new process each hour, killed where no call is under way.
    for (let hour = 0; hour < 5; hour++) {
      await time.runSettled(hour * HOUR_MS + HOUR_MS / 2);
      disk.crash();
      work = await start();
    }
    await time.runSettled(6 * HOUR_MS);
    expect(work.list("done").length).toBe(8);
    expect(service.asked.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7].flatMap((nth) => [`/page-${nth}/first`, `/page-${nth}/second`]));
    expect(service.refused.length).toBeLessThan(15);
    pace.close();
  });
});
