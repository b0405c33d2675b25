/** Inputs to begin with, from the case files: what is valid there and what is refused. */
import { readdirSync, readFileSync } from "node:fs";
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import { bytesOf, type Json } from "../scripts/case-value.ts";

const FOLDER = new URL("../protocol/cases/", import.meta.url);
/** Longer ones only slow the search down: what they show is shown by their being too long. */
const MOST_SEED_BYTES = 16 * 1024;

export interface CaseSeeds {
  /** The bytes of all cases of a shape. */
  ofShape(name: string): readonly Bytes[];
  /** The bytes of the cases of a shape that are read. */
  validOfShape(name: string): readonly Bytes[];
  /** The logs of agents that are valid or refused. */
  readonly logs: readonly (readonly Bytes[])[];
  /** The bytes under these keys in a file, at any depth. */
  ofFile(file: string, keys: readonly string[], under?: string): readonly Bytes[];
}

export function readCaseSeeds(): CaseSeeds {
  const files = new Map<string, Json>();
  for (const name of readdirSync(FOLDER)) {
    if (name.endsWith(".json")) files.set(name.slice(0, -".json".length), JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as Json);
  }
  const logs = fieldsOf(files.get("agent-log") ?? null);
  const casesOf = (name: string): Json => {
    for (const [file, content] of files) {
      const cases = file.startsWith("shapes-") ? fieldsOf(content)[name] : undefined;
      if (cases !== undefined) return cases;
    }
    return null;
  };
  return {
    logs: [logs["valid"], logs["invalid"]]
      .flatMap((cases) => (Array.isArray(cases) ? cases : []) as readonly Json[])
      .flatMap((each) => {
        const log = fieldsOf(each)["log"];
        return Array.isArray(log) ? [log.map((event: Json) => bytesOf(event))] : [];
      }),
    ofShape: (name) => gather(casesOf(name), ["bytes"]),
    validOfShape: (name) => gather(fieldsOf(casesOf(name))["valid"] ?? null, ["bytes"]),
    ofFile(file, keys, under) {
      const content = files.get(file) ?? null;
      return gather(under === undefined ? content : (fieldsOf(content)[under] ?? null), keys);
    },
  };
}

function fieldsOf(json: Json): Readonly<Record<string, Json>> {
  return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as Readonly<Record<string, Json>>) : {};
}

function gather(json: Json, keys: readonly string[]): readonly Bytes[] {
  if (Array.isArray(json)) return json.flatMap((each: Json) => gather(each, keys));
  return Object.entries(fieldsOf(json)).flatMap(([key, value]) => {
    if (!keys.includes(key)) return gather(value, keys);
    const bytes = bytesOf(value);
    return bytes.length <= MOST_SEED_BYTES ? [bytes] : [];
  });
}
