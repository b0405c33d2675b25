/**
 * Packs the packages as they are published: JavaScript and declarations of what their entries and commands reach, a launcher where there
 * is one, the documents; no TypeScript, no tests. Each is put together in a folder of its own, so that the checkout stays as it is.
 *
 *   npm run pack                   writes perdure-<version>.tgz, perdure-pace-<version>.tgz and perdure-turboquant-<version>.tgz into the current folder
 *   npm run pack -- turboquant     ... only that of packages/turboquant
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runNpm } from "../packages/perdure/bin/bring-node.mjs";
import { publishedPage } from "./published-page.ts";
import { ROOT, runTool, toolPath } from "./tool.ts";

/** What a manifest does not say of a package. Paths start at the root of the repository. */
interface Parts {
  readonly folder: string;
  /** Plain JavaScript, copied as it is. */
  readonly launcher: readonly string[];
  /** What the launcher loads. */
  readonly launched: readonly string[];
  readonly documents: readonly string[];
}

const PARTS = {
  perdure: {
    folder: "packages/perdure",
    launcher: ["bin/perdure.mjs", "bin/bring-node.mjs"],
    launched: ["./src/cli/main.ts"],
    documents: ["README.md", "CHANGELOG.md", "LICENSE"],
  },
  pace: {
    folder: "packages/pace",
    launcher: [],
    launched: [],
    documents: ["packages/pace/README.md", "LICENSE"],
  },
  turboquant: {
    folder: "packages/turboquant",
    launcher: [],
    launched: [],
    documents: ["packages/turboquant/README.md", "LICENSE"],
  },
} as const satisfies Readonly<Record<string, Parts>>;

export type PackageName = keyof typeof PARTS;
export const PACKAGES = Object.keys(PARTS) as readonly PackageName[];
const COMPILE_DEADLINE_MS = 180_000;

/** A path into `src/`, or conditions that lead to one. */
type Target = string | { readonly [condition: string]: Target };
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, Target>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly private?: boolean;
  readonly scripts?: unknown;
  readonly devDependencies?: unknown;
}

/** Writes the tarball into `destination` and gives its path. */
export async function pack(destination: string, name: PackageName = "perdure"): Promise<string> {
  const parts: Parts = PARTS[name];
  const source = join(ROOT, parts.folder);
  const manifest = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as Manifest;
  const stage = mkdtempSync(join(tmpdir(), "perdure-pack-"));
  try {
    const commands = Object.values(manifest.bin ?? {}).filter((path) => path.endsWith(".ts"));
    await compile(source, stage, [...Object.values(manifest.exports).flatMap(filesOf), ...commands, ...parts.launched]);
    for (const file of parts.launcher) cpSync(join(source, file), join(stage, file));
    for (const { file, text } of packedDocuments(name)) writeFileSync(join(stage, file), text);
    writeFileSync(join(stage, "package.json"), `${JSON.stringify(published(manifest, parts), null, 2)}\n`);
    const { code, output } = await runNpm(["pack", "--pack-destination", resolve(destination)], stage);
    if (code !== 0) throw new Error(`npm pack failed:\n${output}`);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  return join(resolve(destination), `${manifest.name.replace(/^@/, "").replace("/", "-")}-${manifest.version}.tgz`);
}

/** As they lie in the package: links lead to what is in it. */
export function packedDocuments(name: PackageName): readonly { readonly file: string; readonly text: string }[] {
  const { documents }: Parts = PARTS[name];
  const packed = new Map(documents.map((path) => [path, basename(path)]));
  return documents.map((page) => {
    const text = readFileSync(join(ROOT, page), "utf8");
    return { file: basename(page), text: page.endsWith(".md") ? publishedPage(text, { page, packed }) : text };
  });
}

/** Only what the entries reach is emitted; a test is reached by none. */
async function compile(source: string, stage: string, entries: readonly string[]): Promise<void> {
  const compilerOptions = {
    rootDir: join(source, "src"),
    outDir: join(stage, "dist"),
    typeRoots: [join(ROOT, "node_modules/@types")],
    composite: false,
    incremental: false,
    sourceMap: false,
  };
  const project = join(stage, "tsconfig.json");
  const files = [...new Set(entries)].map((path) => join(source, path));
  writeFileSync(project, JSON.stringify({ extends: join(ROOT, "tsconfig.base.json"), compilerOptions, files }));
  const { code, output } = await runTool(toolPath("typescript", "tsc"), ["-p", project], { deadlineMs: COMPILE_DEADLINE_MS });
  rmSync(project);
  if (code !== 0) throw new Error(`the package does not compile:\n${output}`);
}

function filesOf(target: Target): readonly string[] {
  return typeof target === "string" ? [target] : Object.values(target).flatMap(filesOf);
}

function published(
  { private: _, scripts: __, devDependencies: ___, exports, bin = {}, ...rest }: Manifest,
  { launcher, documents }: Parts,
): object {
  const targets = Object.entries(exports).map(([name, target]) => [name, builtTarget(target)]);
  const commands = Object.entries(bin).map(([name, path]) => [name, path.endsWith(".ts") ? `${builtPath(path)}.js` : path]);
  return {
    ...rest,
    ...(commands.length === 0 ? {} : { bin: Object.fromEntries(commands) }),
    exports: Object.fromEntries(targets),
    files: [...launcher, "dist", ...documents.map((path) => basename(path))],
  };
}

function builtTarget(target: Target): Target {
  if (typeof target !== "string")
    return Object.fromEntries(Object.entries(target).map(([condition, inner]) => [condition, builtTarget(inner)]));
  return { types: `${builtPath(target)}.d.ts`, default: `${builtPath(target)}.js` };
}

function builtPath(path: string): string {
  return path.replace(/^\.\/src\/(.*)\.ts$/, "./dist/$1");
}

function isPackageName(name: string): name is PackageName {
  return Object.hasOwn(PARTS, name);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const wanted = process.argv.slice(2);
    const unknown = wanted.find((name) => !isPackageName(name));
    if (unknown !== undefined) throw new Error(`there is no package ${unknown}; there are ${PACKAGES.join(", ")}`);
    for (const name of (wanted.length > 0 ? wanted : PACKAGES).filter(isPackageName))
      process.stdout.write(`${await pack(process.env["INIT_CWD"] ?? process.cwd(), name)}\n`);
  } catch (error) {
    process.stderr.write(`perdure: cannot pack\n   why: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
