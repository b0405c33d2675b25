/** Mutants against the tests of their own folder, one run of the tests each. The file itself is never touched. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { PLANTED_VARIABLE, PRODUCT_FOLDER } from "../planting.ts";
import type { Mutant } from "./generate.ts";

/** Tests of a folder that take longer than this hang, milliseconds. */
const PATIENCE_MS = 180_000;

type Place = Pick<Mutant, "file" | "start" | "end" | "put">;

/**
 * Whether a test fails, or the tests do not end, and do without the mutant: those that bear the name of the file first. Where its folder
 * has none, those of anywhere that come to the file.
 */
export async function testsNotice(mutant: Place): Promise<boolean> {
  const notice = async (words: readonly string[]): Promise<boolean> => !(await pass(mutant, words)) && (await pass(undefined, words));
  const folder = new URL(`${dirname(mutant.file)}/`, PRODUCT_FOLDER);
  const tests = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));
  if (tests.length === 0) return await notice(["related", "--run", fileURLToPath(new URL(mutant.file, PRODUCT_FOLDER))]);
  const own = tests.filter((name) => name.startsWith(`${basename(mutant.file, ".ts")}.`));
  for (const part of [own, tests.filter((name) => !own.includes(name))]) {
    const paths = part.map((name) => fileURLToPath(new URL(name, folder)));
    if (paths.length > 0 && (await notice(["run", ...paths]))) return true;
  }
  return false;
}

async function pass(planted: Place | undefined, words: readonly string[]): Promise<boolean> {
  const config = fileURLToPath(new URL("../planted-tests.config.ts", import.meta.url));
  // Towns of the lab have noticed nothing, and are no tests of a folder.
  const once = ["--bail", "1", "--maxWorkers", "1", "--reporter", "dot", "--passWithNoTests"];
  const args = [...words, "--config", config, "--exclude", "lab/**", ...once];
  const child = spawn(process.execPath, ["node_modules/vitest/vitest.mjs", ...args], {
    cwd: fileURLToPath(new URL("../../", import.meta.url)),
    env: { ...process.env, [PLANTED_VARIABLE]: JSON.stringify(planted === undefined ? null : placeOf(planted)) },
    stdio: "ignore",
    timeout: PATIENCE_MS,
    killSignal: "SIGKILL",
  });
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  return code === 0;
}

const placeOf = ({ file, start, end, put }: Place): Place => ({ file, start, end, put });
