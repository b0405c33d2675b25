/** The header fields of an answer, by their names in small letters. */
export interface Fields {
  get(name: string): string | null;
}

/**
 * `Headers` of any realm and what looks like it, a map, or a record. Those of the engine are copied, once for all the names that are looked for: each `get` of theirs checks and folds its name anew.
 * Of what comes several times, as `set-cookie` does, the copy has the last.
 */
export function fieldsOf(headers: unknown): Fields {
  if (headers instanceof Headers) return inMap(new Map(headers));
  if (typeof headers !== "object" || headers === null) return inMap(new Map());
  if (isLookedUp(headers) && !(headers instanceof Map)) return { get: (name) => textOf(headers.get(name)) };
  const record = new Map<string, string>();
  const all: Iterable<readonly [unknown, unknown]> = headers instanceof Map ? headers : Object.entries(headers);
  for (const [name, value] of all) if (typeof name === "string" && typeof value === "string") record.set(name.toLowerCase(), value);
  return inMap(record);
}

function isLookedUp(headers: object): headers is { get(name: string): unknown } {
  return typeof (headers as Fields).get === "function";
}

/** Those of some clients (axios) say `undefined` of what is not there. */
function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function inMap(fields: ReadonlyMap<string, string>): Fields {
  return { get: (name) => fields.get(name) ?? null };
}
