import { createHash } from "node:crypto";

/** As a content security policy names a script: "sha256-…". */
export function scriptHashOf(script: string): string {
  return `sha256-${createHash("sha256").update(script).digest("base64")}`;
}
