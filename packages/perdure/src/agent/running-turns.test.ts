import { expect, test } from "vitest";
import { createNodeScope } from "../host/node/scope.ts";
import type { MailView } from "./core.ts";
import { createRunningTurns } from "./running-turns.ts";
import { TEST_SENDER } from "./test-core.ts";

const mail = { from: TEST_SENDER, thread: "a".repeat(32), depth: 3 } as MailView;
const one = {};
const other = {};

test("code that a handler calls, however late, is caused by its mail while the handler runs", async () => {
  const turns = createRunningTurns(createNodeScope());
  const seen = await turns.during(one, mail, async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return await Promise.all([1, 2].map(async () => turns.cause(one)));
  });
  expect(seen).toEqual([mail, mail]);
  expect(turns.cause(one)).toBeUndefined();
});

test("two handlers at once do not see each other", async () => {
  const turns = createRunningTurns(createNodeScope());
  const depths = await Promise.all(
    [1, 2, 3].map((depth) =>
      turns.during(one, { ...mail, depth }, async () => {
        await new Promise((resolve) => setTimeout(resolve, 5 - depth));
        return turns.cause(one)?.depth;
      }),
    ),
  );
  expect(depths).toEqual([1, 2, 3]);
});

test("an agent of the same process is as deep, in a thread of its own", async () => {
  const scope = createNodeScope();
  const [mine, theirs] = [createRunningTurns(scope), createRunningTurns(scope)];
  const seen = await mine.during(one, mail, async () => theirs.cause(other));
  expect(seen).toEqual({ from: TEST_SENDER, thread: "", depth: 3 });
});

test("what outlives its handler is caused by nothing", async () => {
  const turns = createRunningTurns(createNodeScope());
  let late: unknown = "not asked";
  const { promise, resolve } = Promise.withResolvers<void>();
  await turns.during(one, mail, async () => {
    setTimeout(() => {
      late = turns.cause(one);
      resolve();
    }, 5);
  });
  await promise;
  expect(late).toBeUndefined();
});

test("where the machine cannot tell, everything is by one's own will", async () => {
  const turns = createRunningTurns(undefined);
  expect(await turns.during(one, mail, async () => turns.cause(one))).toBeUndefined();
});
