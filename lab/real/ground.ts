/**
 * Where the processes of a soak run: two sites, each with a relay. On one network they are apart by nothing but their folders and
 * processes; in network namespaces each site has an own network, and a cable between the two that can be pulled.
 */
import { execFile } from "node:child_process";
import process from "node:process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Site {
  readonly name: string;
  /** Words in front of a command that runs there. */
  readonly prefix: readonly string[];
  /** What its relay is told about where it listens; `port` is 0 the first time it starts on loopback. */
  readonly listenWords: (port: number) => readonly string[];
}

export interface Ground extends AsyncDisposable {
  /** For people. */
  readonly what: string;
  readonly sites: readonly [Site, Site];
  /** Pulls the cable between the two or plugs it in; only where there is one. */
  readonly cable: ((plugged: boolean) => Promise<void>) | undefined;
}

const PORT = 4410;

export function loopbackGround(): Ground {
  const site = (name: string): Site => ({
    name,
    prefix: [],
    // A port of its own: the usual one may be taken by whatever else runs here while the relay is dead.
    listenWords: (port) => ["--listen", `127.0.0.1:${port}`],
  });
  return {
    what: "separate processes on one network",
    sites: [site("west"), site("east")],
    cable: undefined,
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Needs root and `ip`; what it makes goes with its disposal. */
export async function namespaceGround(): Promise<Ground> {
  const west = { space: `perdure-w${process.pid}`, end: `pw${process.pid}`, host: "10.77.0.1" };
  const east = { space: `perdure-e${process.pid}`, end: `pe${process.pid}`, host: "10.77.0.2" };
  const ip = async (...words: readonly string[]): Promise<void> => {
    await run("ip", words);
  };
  const remove = async (): Promise<void> => {
    for (const { space } of [west, east]) await ip("netns", "del", space).catch(() => undefined);
  };
  try {
    for (const { space } of [west, east]) await ip("netns", "add", space);
    await ip("link", "add", west.end, "netns", west.space, "type", "veth", "peer", "name", east.end, "netns", east.space);
    for (const { space, end, host } of [west, east]) {
      await ip("-n", space, "addr", "add", `${host}/24`, "dev", end);
      await ip("-n", space, "link", "set", end, "up");
      await ip("-n", space, "link", "set", "lo", "up");
    }
  } catch (error) {
    await remove();
    throw error;
  }
  const site = (name: string, { space, host }: typeof west): Site => ({
    name,
    prefix: ["ip", "netns", "exec", space],
    listenWords: () => [
      ...["--listen", `ws://0.0.0.0:${PORT}`, "--public", `ws://${host}:${PORT}/`],
      ...["--open-registration", "--allow-private-peers"],
    ],
  });
  return {
    what: "two network namespaces with a cable between them",
    sites: [site("west", west), site("east", east)],
    cable: (plugged) => ip("-n", west.space, "link", "set", west.end, plugged ? "up" : "down"),
    [Symbol.asyncDispose]: remove,
  };
}
