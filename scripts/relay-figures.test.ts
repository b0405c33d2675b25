import { expect, test } from "vitest";
import { newestResult, readPicture, readReadme, renderPicture, renderReadme } from "./relay-figures.ts";

test("the README and its picture show the newest whole result (run `node scripts/relay-figures.ts`)", () => {
  const newest = newestResult();
  expect(newest).toBeDefined();
  if (newest === undefined) return;
  expect(readReadme()).toContain("<!-- relay figures -->");
  expect(readReadme()).toBe(renderReadme(readReadme(), newest.file, newest.result));
  expect(readPicture()).toBe(renderPicture(newest.result));
  const other = readReadme().replace(/x JetStream, cpu/, "x JetStream");
  expect(renderReadme(other, newest.file, newest.result)).not.toBe(other);
});
