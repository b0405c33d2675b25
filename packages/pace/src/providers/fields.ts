/** The header fields of an answer, by their names in small letters. */
export interface Fields {
  get(name: string): string | null;
}

/**
 * `Headers` of any realm, or a record. Those of the engine are copied, once for all the names that are looked for: each `get` of theirs checks and folds its name anew.
 * Of what comes several times, as `set-cookie` does, the copy has the last.
 */
export function fieldsOf(headers: unknown): Fields {
  if (headers instanceof Headers) return inMap(new Map(headers));
  if (typeof headers !== "object" || headers === null) return inMap(new Map());
  if (typeof (headers as Fields).get === "function") return headers as Fields;
  const record = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) if (typeof value === "string") record.set(name.toLowerCase(), value);
  return inMap(record);
}

function inMap(fields: ReadonlyMap<string, string>): Fields {
  return { get: (name) => fields.get(name) ?? null };
}
