/** The rooms of the network package, from the ground up. A room imports from lower ranks only, and from what `also` names. */
export interface Room {
  readonly rank: number;
  /** Rooms of the same rank it may import; never in a circle. */
  readonly also?: readonly string[];
  /** Loaded by browsers: nothing it loads may need Node. */
  readonly inBrowsers?: true;
}

export const ROOMS: Readonly<Record<string, Room>> = {
  wire: { rank: 0, inBrowsers: true },
  host: { rank: 0, also: ["wire", "settings"] },
  settings: { rank: 0, also: ["wire"], inBrowsers: true },
  identity: { rank: 1, inBrowsers: true },
  protocol: { rank: 2, inBrowsers: true },
  store: { rank: 2, inBrowsers: true },
  agent: { rank: 3, inBrowsers: true },
  relay: { rank: 3 },
  testing: { rank: 3, also: ["agent", "relay"] },
  bridges: { rank: 4 },
  cli: { rank: 5 },
};

/** Where `node:*` may be imported. */
export const NODE_FOLDERS: readonly string[] = ["host/node/", "cli/"];
/** Files of browser rooms that only Node loads: conditional exports choose them at the entry. */
export const NODE_ENTRIES: readonly string[] = ["agent/index.ts", "agent/node.ts"];
/** Packages that open sockets, hold keys or speak for one bridge only, and the one folder that may. */
export const PACKAGE_HOMES: Readonly<Record<string, string>> = {
  ws: "host/",
  "@hono/node-server": "host/",
  hpke: "host/",
  "@noble/hashes": "host/",
  "@noble/curves": "host/",
  "@modelcontextprotocol/server": "bridges/mcp/",
  zod: "bridges/mcp/",
};
/** Packages that need Node to load. */
export const NODE_PACKAGES: readonly string[] = ["ws", "@hono/node-server"];

export function mayImport(from: string, to: string, rooms: Readonly<Record<string, Room>> = ROOMS): boolean {
  const [importer, imported] = [rooms[from], rooms[to]];
  if (importer === undefined || imported === undefined) return false;
  return from === to || imported.rank < importer.rank || (imported.rank === importer.rank && (importer.also ?? []).includes(to));
}
