/** Files the lab is given and writes; errors say what to do. */
import { readFileSync, writeFileSync } from "node:fs";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";

/** `not-found` for whatever keeps it from being read. */
export function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new PerdureError("not-found", `${path} cannot be read: ${(error as Error).message}`, {
      hint: "--shrink writes such files, and perdure doctor --bundle.",
      cause: error,
    });
  }
}

/** `permission-denied` for whatever keeps it from being written. */
export function writeFile(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new PerdureError("permission-denied", `${path} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}
