import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { onWholeLines } from "./whole-lines.ts";

test("lines are heard however they are cut, and one that was never finished is not", () => {
  const input = new PassThrough();
  const heard: string[] = [];
  onWholeLines(input, (line) => heard.push(line));
  for (const bytes of [Buffer.from('{"a":'), Buffer.from("1}\n"), Buffer.from('{"b":2}\n{"c":"ä"}\n').subarray(0, 15)]) input.write(bytes);
  input.end(Buffer.from('{"b":2}\n{"c":"ä"}\n{"d":').subarray(15));
  input.read();
  expect(heard).toEqual(['{"a":1}', '{"b":2}', '{"c":"ä"}']);
});
