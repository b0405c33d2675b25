/** Rules about who imports whom: rooms only downwards, no circles, no test code in products, nothing of Node in browsers. */
import { mayImport, NODE_ENTRIES, NODE_FOLDERS, NODE_PACKAGES, PACKAGE_HOMES, ROOMS } from "./rooms.ts";
import { type Import, resolved, type SourceFile } from "./source-file.ts";
import type { Violation } from "./violation.ts";

/** Test code may reach up (a port's test may use a relay); what it may not do is be part of a product or of a circle. */
export function arrowViolations(files: readonly SourceFile[]): readonly Violation[] {
  return [
    ...files.flatMap((file) => file.imports.flatMap((one) => wrongArrow(files, file, one))),
    ...circles(files),
    ...nodeInBrowsers(files),
  ];
}

function wrongArrow(files: readonly SourceFile[], from: SourceFile, one: Import): readonly Violation[] {
  const broken = (rule: string, what: string): readonly Violation[] => [{ rule, where: `${from.path}:${one.line}`, what }];
  if (one.specifier === undefined) {
    return from.isTest ? [] : broken("computed-import", "import() of something that is not a plain string cannot be checked");
  }
  const path = resolved(from, one.specifier);
  if (path === undefined) return from.isTest ? [] : wrongPackage(from, one.specifier, broken);
  const target = files.find((file) => file.path === path);
  if (path.startsWith("../")) return from.isTest ? [] : broken("outside", `${one.specifier} leaves the source folder`);
  if (target === undefined) return broken("missing", `${one.specifier} does not exist`);
  if (from.isTest) return [];
  if (target.isTest) return broken("test-code", `${target.path} is test code`);
  if (ROOMS[from.room] === undefined) return broken("unknown-room", `${from.room || from.path} is not in the table of rooms`);
  if (mayImport(from.room, target.room)) return [];
  return broken(
    "upward-import",
    `${from.room} (${ROOMS[from.room]?.rank}) must not import ${target.room} (${ROOMS[target.room]?.rank ?? "unknown"}): ${target.path}`,
  );
}

function wrongPackage(
  from: SourceFile,
  specifier: string,
  broken: (rule: string, what: string) => readonly Violation[],
): readonly Violation[] {
  if (specifier.startsWith("node:")) {
    const allowed = NODE_FOLDERS.some((folder) => from.path.startsWith(folder));
    return allowed ? [] : broken("node-import", `${specifier} outside ${NODE_FOLDERS.join(" and ")}`);
  }
  const name = packageName(specifier);
  if (name === "perdure") return broken("self-import", "a room imports rooms by relative path, not through the package");
  const home = PACKAGE_HOMES[name];
  return home === undefined || from.path.startsWith(home) ? [] : broken("package-home", `${name} is used in ${home} only`);
}

function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Tarjan's strongly connected components over every import, erased ones too: a circle of types is a circle to its reader. */
function circles(files: readonly SourceFile[]): readonly Violation[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const order = new Map<string, { readonly index: number; low: number }>();
  const stack: string[] = [];
  const found: Violation[] = [];
  const visit = (file: SourceFile): number => {
    const entry = { index: order.size, low: order.size };
    order.set(file.path, entry);
    stack.push(file.path);
    for (const next of targets(file, byPath, () => true)) {
      const known = order.get(next.path);
      if (known === undefined) entry.low = Math.min(entry.low, visit(next));
      else if (stack.includes(next.path)) entry.low = Math.min(entry.low, known.index);
    }
    if (entry.low === entry.index) {
      const members = stack.splice(stack.indexOf(file.path));
      const circular = members.length > 1 || targets(file, byPath, () => true).some((next) => next.path === file.path);
      if (circular) found.push({ rule: "circle", where: members[0] ?? file.path, what: `these import each other: ${members.join(", ")}` });
    }
    return entry.low;
  };
  for (const file of files) if (!order.has(file.path)) visit(file);
  return found;
}

function targets(file: SourceFile, byPath: ReadonlyMap<string, SourceFile>, follows: (one: Import) => boolean): readonly SourceFile[] {
  return file.imports.filter(follows).flatMap((one) => byPath.get((one.specifier && resolved(file, one.specifier)) ?? "") ?? []);
}

/** Everything a browser could load, followed through every import that is not erased. */
function nodeInBrowsers(files: readonly SourceFile[]): readonly Violation[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const cameFrom = new Map<SourceFile, SourceFile | undefined>(files.filter(isBrowserEntry).map((file) => [file, undefined]));
  const found: Violation[] = [];
  for (const file of cameFrom.keys()) {
    for (const one of file.imports) {
      const needsNode =
        one.kind !== "type" &&
        one.specifier !== undefined &&
        (one.specifier.startsWith("node:") || NODE_PACKAGES.includes(packageName(one.specifier)));
      if (needsNode)
        found.push({
          rule: "node-in-browser",
          where: `${file.path}:${one.line}`,
          what: `a browser would load ${one.specifier} by way of ${way(file, cameFrom)}`,
        });
    }
    if (file.tokens.some((token) => token.kind === "name" && token.text === "Buffer")) {
      found.push({ rule: "node-in-browser", where: file.path, what: "Buffer exists only in Node; use Uint8Array" });
    }
    for (const next of targets(file, byPath, (one) => one.kind !== "type")) if (!cameFrom.has(next)) cameFrom.set(next, file);
  }
  return found;
}

function isBrowserEntry(file: SourceFile): boolean {
  if (file.isTest || NODE_ENTRIES.includes(file.path)) return false;
  return ROOMS[file.room]?.inBrowsers === true || /^host\/([^/]+|browser\/.+)\.ts$/.test(file.path);
}

function way(file: SourceFile, cameFrom: ReadonlyMap<SourceFile, SourceFile | undefined>): string {
  const before = cameFrom.get(file);
  return before === undefined ? file.path : `${way(before, cameFrom)} > ${file.path}`;
}
