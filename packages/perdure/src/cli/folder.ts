/** Which folder is meant when nobody says. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import type { Environment } from "./paint.ts";

/** `--at`, else PERDURE_HOME, else one folder per user. */
export function agentFolder(at: string | undefined, environment: Environment): string {
  return resolve(at ?? nonEmpty(environment["PERDURE_HOME"]) ?? join(userData(environment), "agent"));
}

/** `--at`, else PERDURE_RELAY_HOME, else one folder per user. */
export function relayFolder(at: string | undefined, environment: Environment): string {
  return resolve(at ?? nonEmpty(environment["PERDURE_RELAY_HOME"]) ?? join(userData(environment), "relay"));
}

function userData(environment: Environment): string {
  const set = nonEmpty(environment["XDG_DATA_HOME"]);
  if (set !== undefined) return join(set, "perdure");
  if (process.platform === "win32") return join(nonEmpty(environment["LOCALAPPDATA"]) ?? join(homedir(), "AppData", "Local"), "perdure");
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", "perdure");
  return join(homedir(), ".local", "share", "perdure");
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
