import { readFileSync } from "node:fs";

export function readText(path: string | URL): string {
  return readFileSync(path, "utf8");
}
