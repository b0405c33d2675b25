/** What one process holds of all quotas that it shares: one holding for each partition, and one for each scope of the owner's policy. */
import type { Account } from "../quota/account.ts";
import type { Reading } from "../quota/reading.ts";
import { createHolding, type Holding, type HoldingGate, type HoldingPorts } from "./holding.ts";
import type { Purse } from "./purse.ts";

export interface Sharing {
  /** For the gate of a partition. */
  readonly hold: (partition: string) => (gate: HoldingGate) => Holding;
  /** A quota of the policy. */
  readonly purse: (scope: string, reading: Reading) => Account;
  /** What is held is given back. */
  close(): void;
}

interface Scope {
  readonly holding: Holding;
  readonly purses: Purse[];
}

export function createSharing(weight: number, ports: HoldingPorts): Sharing {
  const part = (): string => Math.floor(ports.random() * 2 ** 32).toString(36);
  const holder = `${part()}${part()}${part()}`;
  const scopes = new Map<string, Scope>();
  const scopeOf = (name: string): Scope => {
    const known = scopes.get(name);
    if (known !== undefined) return known;
    const purses: Purse[] = [];
    const gate: HoldingGate = {
      // Until what is held and not needed was given back, and what is asked for no more is owed no more: what is not told any more counts as spent.
      isBusy: () => purses.some((one) => one.outstanding > 0 || one.isOwed || one.held(ports.clock.now()) > 0),
      hungry: () => [],
      whole: () => undefined,
      spendable: () => new Map(),
      breakerUntilMs: () => undefined,
      changed: () => undefined,
    };
    const scope = { purses, holding: createHolding({ partition: `policy ${name}`, holder, weight }, gate, ports) };
    scopes.set(name, scope);
    return scope;
  };
  return {
    hold: (partition) => (gate) => createHolding({ partition, holder, weight }, gate, ports),
    purse: (name, reading) => {
      const { holding, purses } = scopeOf(name);
      const purse = holding.purse(reading);
      purses.push(purse);
      return purse;
    },
    close: () => {
      for (const { holding } of scopes.values()) holding.close();
    },
  };
}
