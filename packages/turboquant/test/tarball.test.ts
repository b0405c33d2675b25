/** The package as it is published, in a project of somebody else's. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT, toolPath } from "../../../scripts/tool.ts";
import { CONSUMER_OPTIONS, type Consumer, createConsumer, SLOW_MS } from "../../perdure/test/test-consumer.ts";

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const NAME = "@perdure/turboquant";
const SOURCE = JSON.parse(readFileSync(join(ROOT, "packages/turboquant/package.json"), "utf8")) as Manifest;

let consumer: Consumer;
beforeAll(async () => {
  consumer = await createConsumer("turboquant");
}, SLOW_MS);
afterAll(() => consumer?.remove());

test("holds JavaScript, declarations and the documents, and nothing else", () => {
  const files = readdirSync(consumer.installed, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) =>
    join(entry.parentPath, entry.name)
      .slice(consumer.installed.length + 1)
      .replaceAll("\\", "/"),
  );
  expect(paths.filter((path) => !/^dist\/.*\.(js|d\.ts)$/.test(path)).sort()).toEqual(["LICENSE", "README.md", "package.json"]);
  expect(paths.filter((path) => /\.test\.|(^|\/)test-/.test(path))).toEqual([]);
});

test("brings what its manifest names, and nothing of ours", () => {
  const modules = join(consumer.folder, "node_modules");
  expect(readdirSync(modules).filter((name) => !name.startsWith("."))).toEqual(["@perdure", ...Object.keys(SOURCE.dependencies)].sort());
  expect(readdirSync(join(modules, "@perdure"))).toEqual(["turboquant"]);
});

test("every entry can be imported", () => {
  const entries = Object.keys(SOURCE.exports);
  const script = `for (const entry of ${JSON.stringify(entries)}) console.log(entry, Object.keys(await import(entry.replace(".", "${NAME}"))).length > 0);`;
  expect(consumer.run(process.execPath, ["--input-type=module", "--eval", script])).toBe(
    entries.map((entry) => `${entry} true\n`).join(""),
  );
});

test("its threads start", () => {
  const script = `
    import { createParallelIndex } from "${NAME}/node";
    const index = await createParallelIndex({ dim: 8, threads: 2 });
    await index.add("one", [1, 2, 3, 4, 5, 6, 7, 8]);
    console.log((await index.search([1, 2, 3, 4, 5, 6, 7, 8])).hits[0].id, (await index.stats()).shares.length);`;
  writeFileSync(join(consumer.folder, "threads.mjs"), script);
  expect(consumer.run(process.execPath, ["threads.mjs"])).toBe("one 2\n");
});

test("its types are found and say what the functions take, without those of Node", () => {
  const code = [
    `import { createQuantizer, type Quantizer } from "${NAME}";`,
    "const quantizer: Quantizer = createQuantizer({ dim: 4, bits: 8 });",
    "export const score: number = quantizer.query([1, 2, 3, 4]).dot(quantizer.encode(Float32Array.of(1, 2, 3, 4)));",
    "// @ts-expect-error A vector is numbers.",
    'quantizer.encode(["1"]);',
  ];
  writeFileSync(join(consumer.folder, "consumer.ts"), code.join("\n"));
  writeFileSync(join(consumer.folder, "tsconfig.json"), JSON.stringify({ compilerOptions: CONSUMER_OPTIONS, files: ["consumer.ts"] }));
  expect(consumer.run(process.execPath, [toolPath("typescript", "tsc"), "-p", consumer.folder])).toBe("");
});

test("its command runs", () => {
  expect(consumer.run(consumer.command, ["--version"])).toBe(`${SOURCE.version}\n`);
  const rows = Array.from({ length: 80 }, (_, row) => [1, 2, 3, 4].map((column) => Math.sin(row * column + column)).join(","));
  writeFileSync(join(consumer.folder, "vectors.csv"), rows.join("\n"));
  const [inspection] = consumer.run(consumer.command, ["inspect", "vectors.csv", "--json"]).split("\n");
  expect(JSON.parse(inspection ?? "")).toMatchObject({ type: "inspection", count: 80, dim: 4, queries: 16 });
});

test("the manifest that is installed leads to files that are there", () => {
  const installed = JSON.parse(readFileSync(join(consumer.installed, "package.json"), "utf8")) as object;
  expect(installed).not.toHaveProperty("private");
  expect(installed).not.toHaveProperty("scripts");
  expect(installed).not.toHaveProperty("devDependencies");
  const paths = JSON.stringify(installed).match(/"(\.\/)?dist\/[^"]*"/g) ?? [];
  expect(paths.length).toBeGreaterThan(1);
  for (const path of paths) expect(existsSync(join(consumer.installed, JSON.parse(path) as string)), path).toBe(true);
});
