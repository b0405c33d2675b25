/**
 * Builds the kernels of WebAssembly from `assembly/`, with SIMD and with relaxed SIMD, and writes them as text into `src/kernels/built.ts`.
 *
 *   node packages/turboquant/kernels/build.ts
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { PALEY, type PaleySize } from "../src/codec/paley.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const BUILT = join(HERE, "../src/kernels/built.ts");
const FEATURES = { simd: ["--enable", "simd"], relaxed: ["--enable", "simd", "--enable", "relaxed-simd"] } as const;

/** The text of `built.ts`. */
export async function buildKernels(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "turboquant-kernels-"));
  try {
    const lines = ["// Written by kernels/build.ts from kernels/assembly/; a test builds it again and compares."];
    for (const [name, features] of Object.entries(FEATURES))
      lines.push(
        `export const ${name.toUpperCase()} =`,
        `  "${(await compile(features, join(folder, `${name}.wasm`))).toString("base64")}";`,
      );
    return `${lines.join("\n")}\n`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compile(features: readonly string[], to: string): Promise<Buffer> {
  const options = ["index.ts", "--baseDir", join(HERE, "assembly"), "-O3", "--noAssert", "--importMemory", "--outFile", to, ...features];
  const sources: Readonly<Record<string, string>> = { "paley.ts": paleySource() };
  const { error, stderr } = await asc.main(options, {
    readFile: (name, base) => {
      const made = sources[name];
      if (made !== undefined) return made;
      try {
        return readFileSync(join(base ?? "", name), "utf8");
      } catch {
        return null;
      }
    },
    writeFile: (name, contents) => writeFileSync(name, contents),
  });
  if (error !== null) throw new Error(`the kernels do not compile: ${error.message}\n${stderr.toString()}`);
  return readFileSync(to);
}

/** The matrices of 12 and 20 as additions and subtractions, without a loop: a loop over their signs takes three times as long. */
function paleySource(): string {
  return ([12, 20] as const).map(paleyFunction).join("\n");
}

function paleyFunction(size: PaleySize): string {
  const rows = PALEY[size];
  const sum = (signs: Int8Array): string =>
    [...signs].reduce((so, sign, column) => {
      if (column === 0) return sign === 1 ? "v0" : "f32x4.neg(v0)";
      return `f32x4.${sign === 1 ? "add" : "sub"}(${so}, v${column})`;
    }, "");
  return [
    `/** On coordinates \`step\` bytes apart, ${size} of them, for as many as \`step\` holds. */`,
    `export function across${size}(at: usize, step: usize): void {`,
    "  for (const end = at + step; at < end; at += 16) {",
    ...rows.map((_, column) => `    const v${column} = v128.load(at + ${column} * step);`),
    ...rows.map((signs, row) => `    v128.store(at + ${row} * step, ${sum(signs)});`),
    "  }",
    "}",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(BUILT, await buildKernels());
