/** As much of vitest as the conformance suites use, for a page: tests are collected, and run when somebody asks for one. */
export interface Collected {
  readonly name: string;
  readonly body: () => Promise<void> | void;
}

const groups: string[] = [];
export const collected: Collected[] = [];

export function describe(name: string, body: () => void): void {
  groups.push(name);
  body();
  groups.pop();
}

export function test(name: string, body: () => Promise<void> | void): void {
  collected.push({ name: [...groups, name].join(" > "), body });
}

interface Matchers {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toMatchObject(expected: Readonly<Record<string, unknown>>): void;
  toHaveLength(length: number): void;
  toBeUndefined(): void;
  toBeDefined(): void;
  toBeGreaterThan(than: number): void;
  toBeGreaterThanOrEqual(than: number): void;
}

type Later = { readonly [Name in keyof Matchers]: (...expected: Parameters<Matchers[Name]>) => Promise<void> };

export function expect(actual: unknown): Matchers & { readonly not: Matchers; readonly rejects: Later } {
  return {
    ...matchers(actual, true),
    not: matchers(actual, false),
    rejects: {
      ...(Object.fromEntries(
        Object.keys(matchers(undefined, true)).map((name) => [
          name,
          async (...expected: readonly unknown[]) => {
            const error: unknown = await (actual as Promise<unknown>).then(
              () => fail("a rejection", "a value"),
              (cause: unknown) => cause,
            );
            (matchers(error, true) as unknown as Record<string, (...values: readonly unknown[]) => void>)[name]?.(...expected);
          },
        ]),
      ) as unknown as Later),
    },
  };
}

/** Equal to every value of that class. */
class Any {
  readonly of: StringConstructor;
  constructor(of: StringConstructor) {
    this.of = of;
  }
}
expect.any = (of: StringConstructor): Any => new Any(of);

function matchers(actual: unknown, wanted: boolean): Matchers {
  const check = (holds: boolean, expected: unknown): void => {
    if (holds !== wanted) fail(`${wanted ? "" : "not "}${text(expected)}`, text(actual));
  };
  return {
    toBe: (expected) => check(Object.is(actual, expected), expected),
    toEqual: (expected) => check(same(actual, expected), expected),
    toMatchObject: (expected) =>
      check(
        Object.entries(expected).every(([name, value]) => same((actual as Readonly<Record<string, unknown>>)[name], value)),
        expected,
      ),
    toHaveLength: (length) => check((actual as { readonly length: number }).length === length, `length ${length}`),
    toBeUndefined: () => check(actual === undefined, undefined),
    toBeDefined: () => check(actual !== undefined, "something"),
    toBeGreaterThan: (than) => check((actual as number) > than, `> ${than}`),
    toBeGreaterThanOrEqual: (than) => check((actual as number) >= than, `>= ${than}`),
  };
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (b instanceof Any) return typeof a === b.of.name.toLowerCase();
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const [left, right] = [Object.entries(a), Object.entries(b)];
  return left.length === right.length && left.every(([name, value]) => same(value, (b as Readonly<Record<string, unknown>>)[name]));
}

function text(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes(${[...value.subarray(0, 32)].join(" ")}${value.length > 32 ? " …" : ""})`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return JSON.stringify(value) ?? String(value);
}

function fail(expected: string, actual: string): never {
  throw new Error(`expected ${expected}, got ${actual}`);
}
