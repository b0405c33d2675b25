import { describe, expect, it } from "vitest";
import { isPaceError } from "../error.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createRetryBudget } from "./retry-budget.ts";

const SETTINGS = { share: 0.1, burst: 3, oneEveryMs: 1000 };
const HOUR_MS = 3_600_000;

function budgetWith(settings: Partial<typeof SETTINGS> = {}) {
  const time = createVirtualTime();
  const budget = createRetryBudget(time, { ...SETTINGS, ...settings });
  const ends: string[] = [];
  const ask = (name: string, untilMs = HOUR_MS, signal?: AbortSignal): void =>
    void budget.spend(untilMs, signal).then(
      () => ends.push(`${name} leaves at ${time.now()}`),
      (error: unknown) => ends.push(`${name} ${isPaceError(error) ? error.code : String(error)} at ${time.now()}`),
    );
  return { time, budget, ends, ask };
}

describe("the budget for trying again", () => {
  it("is a tenth of the first attempts, and a few that come back with time", async () => {
    const { time, budget, ends, ask } = budgetWith();
    for (const name of ["a", "b", "c", "d"]) ask(name, 0);
    for (let nth = 0; nth < 10; nth++) budget.earned();
    for (const name of ["e", "f"]) ask(name, 0);
    await time.runSettled(999);
    ask("g", 999);
    await time.runSettled(1000);
    ask("h", 1000);
    await time.runSettled(HOUR_MS);
    for (const name of ["i", "j", "k", "l"]) ask(name, HOUR_MS);
    await time.runSettled(HOUR_MS);
    expect(ends.filter((end) => end.includes("leaves")).map((end) => end[0])).toEqual(["a", "b", "c", "e", "h", "i", "j", "k"]);
  });

  it("is had in the order in which they came, each as one comes back", async () => {
    const { time, ends, ask } = budgetWith({ burst: 1 });
    for (const name of ["a", "b", "c"]) ask(name);
    await time.runSettled(5000);
    expect(ends).toEqual(["a leaves at 0", "b leaves at 1000", "c leaves at 2000"]);
  });

  it("sends away at once who would get his later than he can wait for it", async () => {
    const { time, ends, ask } = budgetWith({ burst: 1 });
    ask("a");
    ask("b", 999);
    for (const name of ["c", "d", "e"]) ask(name, 2500);
    await time.runSettled(0);
    expect(ends.sort()).toEqual(["a leaves at 0", "b too-late at 0", "e too-late at 0"]);
  });

  it("is had sooner where first attempts earn it", async () => {
    const { time, budget, ends, ask } = budgetWith({ burst: 1 });
    for (const name of ["a", "b"]) ask(name);
    await time.runSettled(500);
    for (let nth = 0; nth < 5; nth++) budget.earned();
    await time.runSettled(500);
    expect(ends).toEqual(["a leaves at 0", "b leaves at 500"]);
  });

  it("lets the next one move up where one was taken back", async () => {
    const { time, ends, ask } = budgetWith({ burst: 1 });
    const gone = new AbortController();
    ask("a");
    ask("b", HOUR_MS, gone.signal);
    ask("c");
    await time.runSettled(500);
    gone.abort("gone");
    await time.runSettled(5000);
    expect(ends).toEqual(["a leaves at 0", "b gone at 500", "c leaves at 1000"]);
  });

  it("ends with its gate, for those in line and those who come", async () => {
    const { time, budget, ends, ask } = budgetWith({ burst: 1 });
    for (const name of ["a", "b"]) ask(name);
    await time.runSettled(500);
    budget.close();
    ask("c");
    await time.runSettled(5000);
    expect(ends.sort()).toEqual(["a leaves at 0", "b closed at 500", "c closed at 500"]);
  });
});
