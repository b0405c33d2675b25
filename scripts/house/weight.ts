/** What an install brings: few direct dependencies, few bytes, and a lockfile that works everywhere and names no registry. */
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Violation } from "./violation.ts";

export const MOST_DEPENDENCIES = 15;
export const MOST_INSTALL_BYTES = 25_000_000;

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
interface Locked extends Manifest {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly version?: string;
  readonly integrity?: string;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}
type Lock = Readonly<Record<string, Locked>>;

export function weightViolations(root: string): readonly Violation[] {
  const locks = ["package-lock.json", "bench/package-lock.json"].filter((path) => existsSync(join(root, path)));
  const packages = readdirSync(join(root, "packages")).map((name) => `packages/${name}`);
  return [...packages.flatMap((path) => dependencyViolations(root, path)), ...locks.flatMap((path) => lockViolations(root, path))];
}

function dependencyViolations(root: string, path: string): readonly Violation[] {
  const manifest = JSON.parse(readFileSync(join(root, path, "package.json"), "utf8")) as Manifest;
  const direct = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
  const where = `${path}/package.json`;
  const found: Violation[] = [];
  if (direct.length > MOST_DEPENDENCIES)
    found.push({ rule: "dependencies", where, what: `${direct.length} direct dependencies; ${MOST_DEPENDENCIES} are allowed` });
  const bytes = installBytes(root, direct);
  if (bytes > MOST_INSTALL_BYTES)
    found.push({ rule: "weight", where, what: `an install weighs ${bytes} bytes; ${MOST_INSTALL_BYTES} are allowed` });
  return found;
}

/** Bytes in node_modules of these packages and of everything they need, each once. */
export function installBytes(root: string, names: readonly string[]): number {
  const lock = lockAt(root, "package-lock.json");
  const reached = new Set<string>();
  const visit = (name: string, from: string): void => {
    const path = lookUp(lock, name, from);
    if (path === undefined || reached.has(path)) return;
    reached.add(path);
    const { dependencies, optionalDependencies, peerDependencies } = lock[path] ?? {};
    for (const next of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) visit(next, path);
  };
  for (const name of names) visit(name, "");
  return [...reached].reduce((sum, path) => sum + folderBytes(join(root, path)), 0);
}

/** Node's own search: the nearest node_modules upwards. */
function lookUp(lock: Lock, name: string, from: string): string | undefined {
  const parents = from.split(/(?<=.)\/(?=node_modules\/)/);
  const paths = parents.map((_, at) => `${parents.slice(0, parents.length - at).join("/")}/node_modules/${name}`);
  return [...paths, `node_modules/${name}`].find((path) => lock[path] !== undefined);
}

function folderBytes(path: string): number {
  if (!existsSync(path)) return 0;
  const own = lstatSync(path);
  if (!own.isDirectory()) return own.size;
  const names = readdirSync(path).filter((name) => name !== "node_modules");
  return names.reduce((sum, name) => sum + folderBytes(join(path, name)), 0);
}

function lockAt(root: string, path: string): Lock {
  return (JSON.parse(readFileSync(join(root, path), "utf8")) as { readonly packages: Lock }).packages;
}

/** A platform's binary that is not locked makes `npm ci` fail on every platform. */
function lockViolations(root: string, where: string): readonly Violation[] {
  const lock = lockAt(root, where);
  return Object.entries(lock).flatMap(([path, locked]) => {
    const found: Violation[] = [];
    if (/^[a-z+]+:\/\//i.test(locked.resolved ?? ""))
      found.push({ rule: "lock-address", where, what: `${path} carries an address: ${locked.resolved}` });
    if (/(^|\/)node_modules\//.test(path) && locked.link !== true && locked.integrity === undefined)
      found.push({ rule: "lock-hash", where, what: `${path} carries no hash` });
    for (const name of Object.keys(locked.optionalDependencies ?? {})) {
      if (lookUp(lock, name, path) === undefined)
        found.push({ rule: "lock-incomplete", where, what: `${path} needs ${name} on some platform, which is not locked` });
    }
    return found;
  });
}
