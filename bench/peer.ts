/** Packages that only the benchmark needs, and that not every platform has a binary of. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const INSTALLED = new URL("node_modules/", import.meta.url);

/** Not by name at the place of use: types and checks of the house do without what is installed for benchmarks alone. */
export async function loadPeer<Peer>(name: string): Promise<Peer> {
  return (await import(name)) as Peer;
}

/** Where a file of an installed package lies. */
export function peerFile(name: string, file: string): string {
  return fileURLToPath(new URL(`${name}/${file}`, INSTALLED));
}

export function peerVersion(name: string): string | undefined {
  const path = peerFile(name, "package.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { readonly version: string }).version : undefined;
}
