/** Who of a town sits behind a translator: in half of the towns somebody does, at home, at a carrier's, or all behind one. */
import { createNat, type Draws, NAT_KINDS, type Nat, type NatKind, type World } from "../packages/perdure/src/host/simulated/index.ts";
import type { Census } from "./town.ts";

/** The strictest remember a connection for less time than agents let one idle. */
const SHORTEST_MEMORY_MS = 4000;
const LONGEST_MEMORY_MS = 40_000;

export function putBehindTranslators(world: Pick<World, "network" | "draws">, { agents }: Pick<Census, "agents">): void {
  const draws = world.draws("translators");
  if (draws.chance(0.5)) return;
  const { realms } = world.network;
  const together = draws.chance(0.4) ? translator(draws, "office") : undefined;
  const carrier = draws.chance(0.3) ? translator(draws, "carrier") : undefined;
  for (const name of agents) {
    const nat = together ?? (draws.chance(0.6) ? translator(draws, `home of ${name}`) : undefined);
    realms.put(name, nat);
    if (nat !== undefined && carrier !== undefined) realms.chain(nat, carrier);
  }
}

function translator(draws: Draws, address: string): Nat {
  const kinds = Object.keys(NAT_KINDS) as NatKind[];
  const behaviour = NAT_KINDS[kinds[draws.below(kinds.length)] as NatKind];
  const tcp = SHORTEST_MEMORY_MS + draws.below(LONGEST_MEMORY_MS - SHORTEST_MEMORY_MS);
  return createNat(address, { ...behaviour, idleMs: { ...behaviour.idleMs, tcp }, resets: draws.chance(0.5) }, draws.fork(address));
}
