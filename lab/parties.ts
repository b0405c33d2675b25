/** Who is who: the pseudonyms of a bundle as the people of a town. */
import type { BundleRole } from "../packages/perdure/src/protocol/incidents/input-bundle.ts";
import type { Seen } from "./bundle.ts";
import { drawCensus } from "./town.ts";

/** More are taken for those that were met first. */
const MOST_AGENTS = 16;
const MOST_RELAYS = 3;
/** A session is attached so soon after its connection was taken. */
const HANDSHAKE_MS = 2000;

export interface Parties {
  readonly relays: number;
  readonly agents: number;
  /** Whose bundle it is. */
  readonly self: string;
  /** The name in the town of whoever a pseudonym stands for. */
  named(pseudonym: unknown): string | undefined;
  /** Of a relay: who was behind a connection that ended at `index`; or whom a line is about. */
  agentOf(connection: number | undefined, index: number, line?: Seen): string | undefined;
}

export function createParties(role: BundleRole, seen: readonly Seen[]): Parties {
  const of = (field: string, ...events: readonly string[]): readonly string[] =>
    seen.flatMap(({ input }) => {
      const said = input[field];
      return events.includes(String(input["event"])) && typeof said === "string" ? [said] : [];
    });
  const peers = new Set(of("peer", "relay.peer-open", "relay.peer-closed", "relay.peer-unreachable"));
  const met =
    role === "agent"
      ? [...of("to", "agent.queued"), ...of("from", "agent.received")]
      : [...of("agent", "relay.registered", "relay.attached", "relay.mail-appended"), ...of("author", "relay.mail-appended")];
  const local = new Set(met.filter((one) => !peers.has(one)));
  const elsewhere = new Set(role === "agent" ? [] : of("to", "relay.mail-appended").filter((one) => !local.has(one)));
  const relays = Math.min(MOST_RELAYS, 1 + peers.size);
  const here = (role === "agent" ? 1 : 0) + local.size;
  const away = relays === 1 ? 0 : Math.max(1, elsewhere.size);
  const agents = Math.min(MOST_AGENTS, Math.max(2, relays === 1 ? here : relays * Math.max(here, away)));
  const census = drawCensus(relays, agents, true);
  const atHome = census.agents.filter((name) => census.homes.get(name) === "relay-0");
  const abroad = census.agents.filter((name) => census.homes.get(name) !== "relay-0");
  const self = role === "agent" ? "anna" : "relay-0";
  const names = new Map<string, string>();
  const others = atHome.filter((name) => name !== self);
  for (const [index, one] of [...local].entries()) names.set(one, others[index % others.length] ?? "desk");
  for (const [index, one] of [...elsewhere, ...peers].entries()) names.set(one, abroad[index % abroad.length] ?? "desk");
  const named = (pseudonym: unknown): string | undefined => (typeof pseudonym === "string" ? names.get(pseudonym) : undefined);

  return {
    relays,
    agents,
    self,
    named,
    agentOf: (connection, index, line) => {
      if (line !== undefined) return named(line.input["agent"]);
      const begun = seen.findLastIndex(({ input }, at) => at < index && input.what === "accepted" && input["connection"] === connection);
      if (begun < 0) return undefined;
      const fromMs = (seen[begun] as Seen).atMs;
      const attached = seen
        .slice(begun, index)
        .find(({ atMs, input }) => input["event"] === "relay.attached" && atMs - fromMs <= HANDSHAKE_MS);
      return named(attached?.input["agent"]);
    },
  };
}
