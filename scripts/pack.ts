/**
 * Packs the network package as it is published: JavaScript and declarations of what its entries reach, the launcher, the
 * documents; no TypeScript, no tests. It is put together in a folder of its own, so that the checkout stays as it is.
 *
 *   npm run pack                writes perdure-<version>.tgz into the current folder
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runNpm } from "../packages/perdure/bin/bring-node.mjs";
import { ROOT, runTool, toolPath } from "./tool.ts";

const SOURCE = join(ROOT, "packages/perdure");
const COMMAND = "./src/cli/main.ts";
const LAUNCHER = ["perdure.mjs", "bring-node.mjs"];
const DOCUMENTS = ["README.md", "CHANGELOG.md", "LICENSE"];
const COMPILE_DEADLINE_MS = 180_000;

/** A path into `src/`, or conditions that lead to one. */
type Target = string | { readonly [condition: string]: Target };
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, Target>>;
  readonly private?: boolean;
  readonly scripts?: unknown;
}

/** Writes the tarball into `destination` and gives its path. */
export async function pack(destination: string): Promise<string> {
  const source = JSON.parse(readFileSync(join(SOURCE, "package.json"), "utf8")) as Manifest;
  const stage = mkdtempSync(join(tmpdir(), "perdure-pack-"));
  try {
    await compile(stage, [...Object.values(source.exports).flatMap(filesOf), COMMAND]);
    mkdirSync(join(stage, "bin"));
    for (const file of LAUNCHER) cpSync(join(SOURCE, "bin", file), join(stage, "bin", file));
    for (const file of DOCUMENTS) cpSync(join(ROOT, file), join(stage, file));
    writeFileSync(join(stage, "package.json"), `${JSON.stringify(published(source), null, 2)}\n`);
    const { code, output } = await runNpm(["pack", "--pack-destination", resolve(destination)], stage);
    if (code !== 0) throw new Error(`npm pack failed:\n${output}`);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  return join(resolve(destination), `${source.name}-${source.version}.tgz`);
}

/** Only what the entries reach is emitted; a test is reached by none. */
async function compile(stage: string, entries: readonly string[]): Promise<void> {
  const compilerOptions = {
    rootDir: join(SOURCE, "src"),
    outDir: join(stage, "dist"),
    typeRoots: [join(ROOT, "node_modules/@types")],
    composite: false,
    incremental: false,
    sourceMap: false,
  };
  const project = join(stage, "tsconfig.json");
  const files = [...new Set(entries)].map((path) => join(SOURCE, path));
  writeFileSync(project, JSON.stringify({ extends: join(ROOT, "tsconfig.base.json"), compilerOptions, files }));
  const { code, output } = await runTool(toolPath("typescript", "tsc"), ["-p", project], { deadlineMs: COMPILE_DEADLINE_MS });
  rmSync(project);
  if (code !== 0) throw new Error(`the package does not compile:\n${output}`);
}

function filesOf(target: Target): readonly string[] {
  return typeof target === "string" ? [target] : Object.values(target).flatMap(filesOf);
}

function published({ private: _, scripts: __, exports, ...rest }: Manifest): object {
  const targets = Object.entries(exports).map(([name, target]) => [name, builtTarget(target)]);
  return { ...rest, exports: Object.fromEntries(targets), files: ["bin", "dist", ...DOCUMENTS] };
}

function builtTarget(target: Target): Target {
  if (typeof target !== "string")
    return Object.fromEntries(Object.entries(target).map(([condition, inner]) => [condition, builtTarget(inner)]));
  const path = target.replace(/^\.\/src\/(.*)\.ts$/, "./dist/$1");
  return { types: `${path}.d.ts`, default: `${path}.js` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.stdout.write(`${await pack(process.env["INIT_CWD"] ?? process.cwd())}\n`);
  } catch (error) {
    process.stderr.write(`perdure: cannot pack\n   why: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
