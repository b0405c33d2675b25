import { expect, test } from "vitest";
import { createConsoleLog } from "./console-log.ts";

function written(json: boolean, use: (log: ReturnType<typeof createConsoleLog>) => void): string[] {
  const lines: string[] = [];
  use(createConsoleLog({ write: (line) => lines.push(line), level: "info", json }));
  return lines;
}

test("people get time, level, event and fields; undefined ones are left out", () => {
  const [line] = written(false, (log) =>
    log.write("info", "relay.started", { address: "ws://127.0.0.1:4410/#ag1x", agents: 3, ready: true, missing: undefined }),
  );
  expect(line).toMatch(/^\d\d:\d\d:\d\d info relay\.started address=ws:\/\/127\.0\.0\.1:4410\/#ag1x agents=3 ready=true$/);
});

test("machines get one JSON object per line", () => {
  const [line] = written(true, (log) => log.write("warn", "disk.stuck", { why: "EIO" }));
  expect(JSON.parse(line as string)).toMatchObject({
    type: "log",
    level: "warn",
    event: "disk.stuck",
    fields: { why: "EIO" },
    time: expect.stringMatching(/Z$/),
  });
});

test("events below the level are left out", () => {
  expect(written(false, (log) => log.write("debug", "noise"))).toEqual([]);
});

test("a field cannot end the line, pass for another field or steer the terminal", () => {
  const [line] = written(false, (log) => log.write("info", "mail", { name: "a b=c\n\u001b[2J\u009b\u202e" }));
  expect(line).toContain('name="a b=c\\n\\u001b[2J\\u009b\\u202e"');
});
