/**
 * The relay beside its peers, in turns and in one run, all under the same load: rates, the processor time a message costs the server, and
 * how long a message takes to its reader and its acknowledgement to its sender.
 */
import { type Contender, PEERS, PERDURE, SHAPES, type Shape } from "./relay/contenders.ts";
import { compete, type Pace, type Row } from "./relay/contest.ts";
import { versionOf } from "./relay/servers.ts";
import { tableOf } from "./relay/table.ts";

export interface RelayOptions {
  /** Names of shapes; all of them when absent. */
  readonly shapes?: readonly string[] | undefined;
  /** Names of peers; all of them when absent. */
  readonly peers?: readonly string[] | undefined;
  readonly pace: Pace;
}

export const RELAY_SHAPES: readonly string[] = SHAPES.map(({ name }) => name);
export const RELAY_PEERS: readonly string[] = PEERS.map(({ name }) => name);
export const RELAY_PACE: Pace = { rounds: 3, ms: 1_500 };

/** What people have time for. */
export const RELAY_QUICK: RelayOptions = {
  shapes: ["50x64", "50x8", "2x1"],
  peers: ["jetstream", "naive"],
  pace: { rounds: 3, ms: 1_000 },
};

export interface Contest {
  readonly rows: readonly Row[];
  /** Of the peers that took part. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Needs Linux: processor time and memory of servers are read from `/proc`. Says each table as soon as it is there. */
export async function benchRelay(folder: string, { shapes, peers, pace }: RelayOptions, say: (line: string) => void): Promise<Contest> {
  const versions: Record<string, string> = {};
  const missing = new Set<string>();
  const takesPart = ({ name, program }: Contender): boolean => {
    if (peers !== undefined && RELAY_PEERS.includes(name) && !peers.includes(name)) return false;
    if (program === undefined) return true;
    const version = versions[program.command] ?? versionOf(program);
    if (version === undefined) missing.add(program.package);
    else versions[program.command] = version;
    return version !== undefined;
  };
  const chosen = SHAPES.filter(({ name }) => shapes === undefined || shapes.includes(name)).map(
    (shape): Shape => ({ ...shape, contenders: shape.contenders.filter(takesPart) }),
  );
  if (missing.size > 0) say(`not measured, because they are not here: apt-get install ${[...missing].join(" ")}`);
  for (const { name, about } of new Set([PERDURE, ...chosen.flatMap(({ contenders }) => contenders)])) say(`${name.padEnd(17)} ${about}`);
  const rows: Row[] = [];
  for (const shape of chosen) {
    const measured = await compete(folder, shape, pace);
    for (const line of ["", ...tableOf(shape, measured)]) say(line);
    rows.push(...measured);
  }
  return { rows, versions };
}
