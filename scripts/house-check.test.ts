// biome-ignore-all lint/suspicious/noTemplateCurlyInString: planted code has templates
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { mayImport, ROOMS } from "./house/rooms.ts";
import { sourceFile } from "./house/source-file.ts";
import { tokensOf } from "./house/tokens.ts";
import { houseViolations } from "./house-check.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const SOURCES = "packages/perdure/src/";
const SOUND: Readonly<Record<string, string>> = {
  "package-lock.json": JSON.stringify({ packages: { "": {} } }),
  "packages/perdure/package.json": JSON.stringify({ dependencies: { ws: "1.0.0" } }),
  "scripts/empty.ts": "export {};",
  "lab/empty.ts": "export {};",
  "bench/empty.ts": "export {};",
  "fuzz/empty.ts": "export {};",
  "packages/perdure/test/empty.ts": "export {};",
  "packages/pace/src/empty.ts": "export {};",
  "packages/turboquant/src/empty.ts": "export {};",
  "packages/turboquant/test/empty.ts": "export {};",
  "packages/turboquant/page/empty.ts": "export {};",
  "packages/pace/package.json": JSON.stringify({}),
  "packages/turboquant/package.json": JSON.stringify({}),
  [`${SOURCES}wire/ids.ts`]: "export type Id = string;\nexport const id = 1;\n",
  [`${SOURCES}host/clock.ts`]:
    'import type { Id } from "../wire/ids.ts";\nexport const at = (): Id => String(Date.now() + performance.now());\n',
  [`${SOURCES}host/node/net.ts`]:
    'import { createServer } from "node:net";\nimport { WebSocket } from "ws";\nexport { createServer, WebSocket };\n',
  [`${SOURCES}relay/mailbox.ts`]: 'import { id } from "../wire/ids.ts";\nexport { at } from "../host/clock.ts";\nexport const box = id;\n',
  [`${SOURCES}agent/index.ts`]: 'export { createServer } from "../host/node/net.ts";\n',
  [`${SOURCES}cli/main.ts`]: 'import process from "node:process";\nimport { box } from "../relay/mailbox.ts";\nprocess.exit(box);\n',
  [`${SOURCES}wire/ids.test.ts`]:
    'import { join } from "node:path";\nimport { box } from "../relay/mailbox.ts";\nexport const x = [join, box, Date.now()];\n',
};

/** Rules broken by a sound tree with these files put into it. */
function broken(planted: Readonly<Record<string, string>>): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), "house-"));
  folders.push(root);
  for (const [path, text] of Object.entries({ ...SOUND, ...planted })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return [...new Set(houseViolations(root).map(({ rule }) => rule))];
}

const inRoom = (path: string, text: string): readonly string[] => broken({ [SOURCES + path]: text });

test("a sound tree breaks nothing", () => expect(broken({})).toEqual([]));

test("the table of rooms has no circle", () => {
  const names = Object.keys(ROOMS);
  for (const a of names) for (const b of names) if (a !== b) expect(mayImport(a, b) && mayImport(b, a), `${a} and ${b}`).toBe(false);
});

describe("imports", () => {
  test.each([
    ["upwards", "wire/up.ts", 'import { box } from "../relay/mailbox.ts"; export default box;', "upward-import"],
    [
      "upwards for a type only",
      "wire/up.ts",
      'import type { box } from "../relay/mailbox.ts"; export type B = typeof box;',
      "upward-import",
    ],
    ["upwards by re-export", "wire/up.ts", 'export * from "../relay/mailbox.ts";', "upward-import"],
    ["upwards, lazily", "wire/up.ts", 'export const load = () => import("../relay/mailbox.ts");', "upward-import"],
    ["upwards, for its effect", "wire/up.ts", 'import "../relay/mailbox.ts";', "upward-import"],
    [
      "from the relay to the agent",
      "relay/a.ts",
      'import { createServer } from "../agent/index.ts"; export default createServer;',
      "upward-import",
    ],
    ["from the agent to the relay", "agent/a.ts", 'import { box } from "../relay/mailbox.ts"; export default box;', "upward-import"],
    ["from a room not in the table", "attic/a.ts", 'import { id } from "../wire/ids.ts"; export default id;', "unknown-room"],
    ["of itself", "wire/a.ts", 'export * from "./a.ts";', "circle"],
    ["computed at run time", "relay/a.ts", "export const load = (name: string) => import(name);", "computed-import"],
    ["of a file that is not there", "relay/a.ts", 'import "./b.ts";', "missing"],
    ["of test code", "relay/a.ts", 'import "../wire/ids.test.ts";', "test-code"],
    ["out of the source folder", "relay/a.ts", 'import "../../test/empty.ts";', "outside"],
    ["of the package itself", "relay/a.ts", 'import { openAgent } from "perdure"; export default openAgent;', "self-import"],
    ["of Node outside its folders", "relay/a.ts", 'import { readFile } from "node:fs"; export default readFile;', "node-import"],
    ["of a socket library outside host", "relay/a.ts", 'import { WebSocket } from "ws"; export default WebSocket;', "package-home"],
  ])("%s", (_, path, text, rule) => expect(inRoom(path, text)).toContain(rule));

  test("a circle of files in one room, closed by a type", () => {
    const files = {
      [`${SOURCES}relay/a.ts`]: 'import "./b.ts"; export type A = 1;',
      [`${SOURCES}relay/b.ts`]: 'import type { A } from "./a.ts"; export type B = A;',
    };
    expect(broken(files)).toEqual(["circle"]);
  });

  test("Node reached from a browser's room through a file that may use it", () => {
    expect(inRoom("agent/mail.ts", 'export { createServer } from "../host/node/net.ts";')).toEqual(["node-in-browser"]);
  });

  test("a type from Node's side does not load it", () => {
    expect(
      inRoom("agent/mail.ts", 'import type { createServer } from "../host/node/net.ts"; export type C = typeof createServer;'),
    ).toEqual([]);
  });

  test("Buffer in a browser's room", () => expect(inRoom("wire/a.ts", "export const x = Buffer.alloc(1);")).toEqual(["node-in-browser"]));
});

describe("what is ambient", () => {
  test.each([
    "Date.now()",
    "Date?.now()",
    "new Date()",
    "new Date",
    "Date()",
    "performance.now()",
    "setTimeout(f, 1)",
    "[setInterval]",
    "setImmediate(f)",
    "AbortSignal.timeout(1)",
    "Math.random()",
    "crypto.subtle",
    "crypto.getRandomValues(x)",
    "crypto.randomUUID()",
    "fetch('x')",
    "new WebSocket('ws://x')",
    "process.env",
    "globalThis",
    "require('fs')",
    "`now: ${Date.now()}`",
    "`${{ a: `${Math.random()}` }}`",
    "4 / 2 /* x */ / Date.now()",
  ])("%s", (code) => expect(inRoom("relay/a.ts", `export const x = ${code};`)).toEqual(["ambient"]));

  test.each([
    "clock.setTimeout(f, 1)",
    "new Date(at)",
    "host.crypto.hash.sha256(x)",
    "crypto.hash.sha256(x)",
    "app.fetch(request)",
    '"Date.now()"',
    "'it\\'s Date.now()'",
    "`Date.now() \\${Date.now()}`",
    "/Date.now()/.test(x)",
    "/[/]Date.now()/u",
    "1 // Date.now()",
    "1 /* Date.now() */",
    "AbortSignal.any([signal])",
    "Math.max(1, 2)",
  ])("but not %s", (code) => expect(inRoom("relay/a.ts", `export const x = ${code}\n;`)).toEqual([]));

  test("the command may use the process, but not the time", () => {
    expect(inRoom("cli/a.ts", "export const x = process.pid;")).toEqual([]);
    expect(inRoom("cli/a.ts", "export const x = Date.now();")).toEqual(["ambient"]);
  });

  test("in the pace as well, but in its host", () => {
    expect(broken({ "packages/pace/src/gate/a.ts": "export const x = Date.now();" })).toEqual(["ambient"]);
    expect(broken({ "packages/pace/src/host/node/a.ts": "export const x = Date.now();" })).toEqual([]);
  });
});

describe("text", () => {
  test("a file too long", () => expect(inRoom("relay/a.ts", "export {};\n".repeat(501))).toEqual(["too-long"]));
  test("a promise of work", () => expect(inRoom("relay/a.ts", `export {}; // ${"TO"}DO: this`)).toEqual(["promise"]));
  test.each([
    [`open("/${"tmp"}/a")`, ["machine-path"]],
    [`(see /${"root"}/b)`, ["machine-path"]],
    [`open("./${"tmp"}/a", "of/${"work"}/b")`, []],
  ])("a path of one machine: %s", (line, found) => expect(inRoom("relay/a.ts", `export const x = 1; // ${line}`)).toEqual(found));
  test.each(["only", "skip", "todo"])("a test with .%s", (word) =>
    expect(inRoom("relay/a.test.ts", `test.${word}("x");`)).toEqual(["test-not-run"]),
  );
  test("these hold outside the rooms too", () => expect(broken({ "lab/a.ts": `it.${"skip"}("x");` })).toEqual(["test-not-run"]));
});

describe("weight", () => {
  const lock = (packages: object): Readonly<Record<string, string>> => ({ "package-lock.json": JSON.stringify({ packages }) });

  test("too many direct dependencies", () => {
    const dependencies = Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`d${at}`, "1.0.0"]));
    expect(broken({ "packages/perdure/package.json": JSON.stringify({ dependencies }) })).toEqual(["dependencies"]);
  });

  test("too many bytes, found in what a dependency needs", () => {
    const locked = {
      "node_modules/ws": { integrity: "i", dependencies: { big: "1.0.0" } },
      "node_modules/ws/node_modules/big": { integrity: "i" },
    };
    expect(broken({ ...lock(locked), "node_modules/ws/node_modules/big/blob": "x".repeat(25_000_001) })).toEqual(["weight"]);
  });

  test("a registry's address", () => {
    expect(broken(lock({ "node_modules/ws": { integrity: "i", resolved: "https://registry.example/ws.tgz" } }))).toEqual(["lock-address"]);
  });

  test("a package without a hash", () => expect(broken(lock({ "node_modules/ws": { version: "1.0.0" } }))).toEqual(["lock-hash"]));

  test("a platform's binary that is not locked", () => {
    expect(broken(lock({ "node_modules/ws": { integrity: "i", optionalDependencies: { "ws-mac": "1.0.0" } } }))).toEqual([
      "lock-incomplete",
    ]);
  });
});

describe("deadlines", () => {
  test.each([
    "await dial({ timeoutMs: 5000 });",
    "const call = {\n  timeoutMs: CALL_TIMEOUT_MS,\n};",
    "await dial({ timeoutMs:\n  5000 });",
    "await dial({ signal, timeoutMs: options.timeoutMs ?? 5_000 });",
    "await dial({ timeoutMs: Math.min(leftMs, 30e3) });",
    "const timeoutMs = 5 * 1000;\nawait dial({ timeoutMs });",
    "const patience = 5000;\nawait dial({ timeoutMs: patience });",
    "const patience = 5000;\nconst more = patience * 2;\nawait dial({ timeoutMs: more });",
    "function dial({ timeoutMs = 5000 }: Dial) {}",
    'await dial({ "timeoutMs": 5000 });',
  ])("of the file's own are broken: %s", (text) => {
    expect(inRoom("relay/owner-call.ts", text)).toContain("unlisted-wait");
    expect(inRoom("cli/owner-call.ts", text)).not.toContain("unlisted-wait");
    expect(inRoom("relay/owner-call.test.ts", text)).not.toContain("unlisted-wait");
  });

  test.each([
    "settings.dialTimeoutMs",
    "FIXED.ownerCallMs.value",
    "options.timeoutMs ?? settings.askTimeoutMs",
    "Math.max(0, leftMs)",
    "words.waitSeconds * 1000",
    "SETTINGS.callTimeoutMs.value, tries: 5",
  ])("named elsewhere are sound: %s", (value) =>
    expect(inRoom("relay/owner-call.ts", `await dial({ timeoutMs: ${value} });`)).not.toContain("unlisted-wait"),
  );
});

describe("reading a file", () => {
  test("every way to import", () => {
    const text = [
      'import a, { b as c } from "1";',
      'import type { d } from "2";',
      'import * as e from "3";',
      'import "4";',
      'export { f } from "5";',
      'export type { g } from "6";',
      'export * as h from "7";',
      'const i = import("8");',
      'import { type j } from "9";',
      'import type from "10";',
      'import k from "11" with { type: "json" };',
      'export { l }; const from = "no";',
      'export type M = "no"; export const n = { from: "no" };',
      "console.log(import.meta.url); obj.import('no');",
    ].join("\n");
    const kinds = sourceFile("wire/x.ts", text).imports.map(({ specifier, kind }) => `${specifier} ${kind}`);
    expect(kinds).toEqual([
      "1 value",
      "2 type",
      "3 value",
      "4 value",
      "5 value",
      "6 type",
      "7 value",
      "8 lazy",
      "9 value",
      "10 value",
      "11 value",
    ]);
  });

  test("a token knows its line, also after templates and comments", () => {
    const tokens = tokensOf("#!/x\n/* a\n b */ `c\n d` // e\nname");
    expect(tokens.at(-1)).toEqual({ kind: "name", text: "name", line: 5 });
  });

  test("an end inside a string, a template or a comment ends the reading", () => {
    for (const text of ['"a', "`a", "/* a", "/a", "`${", "'\\"]) expect(tokensOf(text).length).toBeLessThan(4);
  });
});

describe("bounds", () => {
  const factory = (line: string): string => `export function createStore() {\n${line}\n  return { rows: () => rows.size };\n}\n`;
  test.each([
    ["a map of a factory", "relay/store.ts", factory("  const rows = new Map<string, number>();")],
    ["a set with a comment that names none", "agent/store.ts", factory("  /** The rows. */\n  const rows = new Set<string>();")],
    [
      "a list of an opener",
      "store/store.ts",
      'export async function openStore() {\n  let rows: string[] = [];\n  return () => rows.push("");\n}\n',
    ],
    [
      "a map of what gives a function, whatever its name",
      "host/names.ts",
      "export function names(salt: string): (text: string) => string {\n  const known = new Map<string, string>();\n  return (text) => known.get(text) ?? salt;\n}\n",
    ],
    ["a map of a state", "protocol/state.ts", "export const state = () => ({\n  rows: new Map(),\n});\n"],
    ["a set of a module", "host/cache.ts", "const seen = new Set<string>();\nexport const size = () => seen.size;\n"],
  ])("%s without one is found", (_what, path, text) => expect(inRoom(path, text)).toEqual(["no-bound"]));

  test.each([
    ["named above", "relay/store.ts", factory("  // bound: relayPeers\n  const rows = new Map<string, number>();")],
    [
      "named in the comment above",
      "relay/store.ts",
      factory("  /** The rows. bound: `keys` */\n  const rows = new Map<string, number>();"),
    ],
    [
      "of a function that hands nothing out",
      "relay/sum.ts",
      "export function sum() {\n  const rows = new Map();\n  return rows.size;\n}\n",
    ],
    [
      "deeper inside",
      "relay/store.ts",
      "export function createStore() {\n  return () => {\n    const rows = new Set<string>();\n    return rows;\n  };\n}\n",
    ],
    ["of a test", "relay/store.test.ts", factory("  const rows = new Map<string, number>();")],
    ["with its rows in it", "relay/table.ts", 'export const rows: ReadonlySet<string> = new Set(["a"]);\n'],
  ])("one %s is fine", (_what, path, text) => expect(inRoom(path, text)).toEqual([]));
});
