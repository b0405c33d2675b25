/** What a process finds in force around it when it starts, held against its settings. */
import { type ExternalRow, listExternal, unchosen } from "../settings/external.ts";
import type { Settings } from "../settings/register.ts";
import { type Contradiction, requireRelations } from "../settings/relations.ts";
import type { Host } from "./host.ts";

export interface Surroundings {
  /** Limits nobody of Perdure sets, and who chose them; none on a machine that cannot tell. */
  readonly external: readonly ExternalRow[];
  /** Relations between settings and limits that do not hold; none of them hard, or nothing would have started. */
  readonly contradictions: readonly Contradiction[];
}

/**
 * Reads what the machine imposes on a process that keeps `folder`, refuses settings that contradict each other (`bad-argument`), and
 * writes one line of log for each lesser contradiction and each limit that nobody chose. The answer tells what was read then, with what is alive when it is asked.
 */
export async function lookAround(
  { external: port, log }: Pick<Host, "external" | "log">,
  folder: string,
  settings: Settings,
  origins?: Readonly<Record<string, string>>,
): Promise<() => Surroundings> {
  const readings = (await port?.read(folder)) ?? [];
  const external = port === undefined ? [] : listExternal(port.declared, readings);
  const contradictions = requireRelations(settings, { external, origins });
  for (const { name, value, advice } of unchosen(external)) log.write("info", "limits.unchosen", { name, value: value ?? 0, advice });
  for (const { says, why, hint } of contradictions) log.write("warn", "settings.contradiction", { says, why, hint });
  return () => ({ external: port === undefined ? [] : listExternal(port.declared, readings, port.live()), contradictions });
}
