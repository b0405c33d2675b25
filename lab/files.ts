/** Files the lab is given and writes; errors say what to do. */
import { accessSync, constants, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
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

/** Writes a file that was looked at before what goes into it was worked out. */
export type OpenFile = (path: string) => (text: string) => void;

/** Throws what {@link writeFile} would, where that can be seen before anything is written: hours of work are not thrown away then. */
export const fileToWrite: OpenFile = (path) => {
  try {
    if (existsSync(path)) {
      if (statSync(path).isDirectory()) throw Object.assign(new Error("it is a folder"), { code: "EISDIR" });
      accessSync(path, constants.W_OK);
    } else {
      const folder = dirname(path);
      if (!statSync(folder).isDirectory()) throw Object.assign(new Error(`${folder} is no folder`), { code: "ENOTDIR" });
      accessSync(folder, constants.W_OK);
    }
  } catch (error) {
    throw notWritten(path, error);
  }
  return (text) => writeFile(path, text);
};

/** `not-found` where its folder is missing, `bad-argument` where it is a folder, `permission-denied` for whatever else keeps it from being written. */
export function writeFile(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw notWritten(path, error);
  }
}

function notWritten(path: string, cause: unknown): PerdureError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = `${path} cannot be written: ${message}`;
  if (code === "EISDIR") return new PerdureError("bad-argument", why, { hint: "Name a file in it.", cause });
  if (code === "ENOENT" || code === "ENOTDIR")
    return new PerdureError("not-found", why, { hint: `Make the folder ${dirname(path)} first, or name a file somewhere else.`, cause });
  return new PerdureError("permission-denied", why, { hint: "Name a place where you may write.", cause });
}
