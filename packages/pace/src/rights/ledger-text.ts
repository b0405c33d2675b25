/** A ledger as text, as it lies in a file: JSON, in which a map is `{"map": [[key, value], …]}`. */
import { EMPTY_LEDGER, type Ledger } from "./ledger.ts";

export interface KeptLedger {
  /** Of the machine's start: times are counted from there. */
  readonly boot: string;
  /** When it was written, as the machine believes. */
  readonly dateMs: number;
  readonly ledger: Ledger;
}

const VERSION = 1;

export function ledgerText(kept: KeptLedger): string {
  return JSON.stringify({ version: VERSION, ...kept }, (_key, value: unknown) => (value instanceof Map ? { map: [...value] } : value));
}

/** Nothing for what is no ledger. */
export function ledgerFrom(text: string): KeptLedger | undefined {
  let kept: Partial<KeptLedger & { version: number }>;
  try {
    kept = JSON.parse(text, (_key, value: unknown) => (isMap(value) ? new Map(value.map) : value));
  } catch {
    return undefined;
  }
  const { version, boot, dateMs, ledger } = kept ?? {};
  if (version !== VERSION || typeof boot !== "string" || !Number.isFinite(dateMs) || typeof ledger !== "object" || ledger === null)
    return undefined;
  const { holders, rates, pools, spendable } = ledger;
  if (![holders, rates, pools, spendable].every((one) => one instanceof Map) || ![...rates.values()].every((one) => one instanceof Map))
    return undefined;
  if (![ledger.seenMs, ledger.turn, ledger.askedUntilMs].every(Number.isFinite)) return undefined;
  return { boot, dateMs: dateMs as number, ledger };
}

function isMap(value: unknown): value is { readonly map: [unknown, unknown][] } {
  if (typeof value !== "object" || value === null || !("map" in value) || !Array.isArray(value.map)) return false;
  return value.map.every((entry) => Array.isArray(entry) && entry.length === 2);
}

/** The machine started anew, and its clock with it: no holder lives, what they held of pools counts as spent, and what lasts longer goes on. */
export function afterRestart(ledger: Ledger, shiftMs: number): Ledger {
  const pools = [...ledger.pools].map(([key, pool]) => {
    const { endsMs, countedMs } = pool;
    const holders = new Map(
      [...pool.holders].map(([name, one]) => [name, { ...one, held: { ...one.held, untilMs: one.held.untilMs + shiftMs } }]),
    );
    return [
      key,
      { ...pool, endsMs: endsMs === undefined ? undefined : endsMs + shiftMs, countedMs: countedMs + shiftMs, holders },
    ] as const;
  });
  const { law } = ledger;
  return {
    ...EMPTY_LEDGER,
    pools: new Map(pools),
    law: law === undefined ? undefined : { ...law, sinceMs: law.sinceMs + shiftMs, pauseBeganMs: undefined, awaitedMs: undefined },
    askedUntilMs: ledger.askedUntilMs + shiftMs,
    spendable: ledger.spendable,
    turn: ledger.turn + 1,
  };
}
