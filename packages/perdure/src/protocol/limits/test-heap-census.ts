/**
 * Every map, set and list that can be reached in this process, closures included: what a flood leaves behind shows, wherever it is
 * kept. The garbage is collected first, so what is found is held by somebody.
 */
import { Session } from "node:inspector/promises";

export interface Found {
  readonly kind: "Map" | "Set" | "Array";
  readonly size: number;
  /** The first entry, to recognise it by. */
  readonly first: string;
}

export interface Census extends Disposable {
  /** What is larger than `above` and was not there, or smaller, when it was looked at last; largest first. */
  grown(above: number): Promise<readonly Found[]>;
}

/** Run where the objects are: `this` is all of one kind, `before` what they were. */
const COUNT = `function (kind, above, begin) {
  const before = (globalThis[Symbol.for("perdure.census")] ??= new WeakMap());
  const found = [];
  for (const each of this) {
    let size;
    try { size = kind === "Array" ? each.length : each.size; } catch { continue; }
    if (begin) { if (size > 0) before.set(each, size); continue; }
    if (size <= above || size <= (before.get(each) ?? 0)) continue;
    let first = "";
    try { const [one] = each; first = String(Array.isArray(one) ? one[0] : typeof one === "object" && one !== null ? Object.keys(one) : one); } catch {}
    before.set(each, size);
    found.push({ kind, size, first: first.slice(0, 80) });
  }
  return found;
}`;

export async function beginCensus(): Promise<Census> {
  const session = new Session();
  session.connect();

  const count = async (kind: Found["kind"], above: number, begin: boolean): Promise<readonly Found[]> => {
    const objectGroup = "census";
    const { result } = await session.post("Runtime.evaluate", { expression: `${kind}.prototype`, objectGroup });
    const queried: unknown = await session.post("Runtime.queryObjects", { prototypeObjectId: result.objectId as string, objectGroup });
    const { objects } = queried as { readonly objects: { readonly objectId: string } };
    const counted = await session.post("Runtime.callFunctionOn", {
      functionDeclaration: COUNT,
      objectId: objects.objectId,
      arguments: [{ value: kind }, { value: above }, { value: begin }],
      returnByValue: true,
    });
    await session.post("Runtime.releaseObjectGroup", { objectGroup });
    return counted.result.value as readonly Found[];
  };

  const all = async (above: number, begin: boolean): Promise<readonly Found[]> => {
    const found: Found[] = [];
    for (const kind of ["Map", "Set", "Array"] as const) found.push(...(await count(kind, above, begin)));
    return found.sort((a, b) => b.size - a.size);
  };

  await all(0, true);
  return { grown: (above) => all(above, false), [Symbol.dispose]: () => session.disconnect() };
}
