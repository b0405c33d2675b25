/** Mutants against the tests of their own folder, one run of the tests each. The file itself is never touched. */
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { PRODUCT_FOLDER } from "../planting.ts";
import type { Mutant } from "./generate.ts";

/** The environment of the tests names the mutant by this. */
export const MUTANT_VARIABLE = "PERDURE_LAB_MUTANT";

/** Tests of a folder that take longer than this hang, milliseconds. */
const PATIENCE_MS = 180_000;

/** Whether a test fails, or the tests do not end. Throws when there are none. */
export async function testsNotice({ file, start, end, put }: Mutant): Promise<boolean> {
  const folder = fileURLToPath(new URL(`${dirname(file)}/`, PRODUCT_FOLDER));
  const config = fileURLToPath(new URL("./units.config.ts", import.meta.url));
  const args = ["run", "--config", config, "--bail", "1", "--maxWorkers", "1", "--reporter", "dot", folder];
  const child = spawn(process.execPath, ["node_modules/vitest/vitest.mjs", ...args], {
    cwd: fileURLToPath(new URL("../../", import.meta.url)),
    env: { ...process.env, [MUTANT_VARIABLE]: JSON.stringify({ file, start, end, put }) },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PATIENCE_MS,
    killSignal: "SIGKILL",
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (said = (said + bytes).slice(-4000)));
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (said.includes("No test files found")) throw new Error(`${folder} has no tests`);
  return code !== 0;
}
