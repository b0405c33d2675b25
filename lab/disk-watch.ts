/** Disks of those who die, as a loss of power would leave them, and everybody's in the end: kept until all is over, and then read. */
import type { Crypto, Hash } from "../packages/perdure/src/host/crypto.ts";
import { ONLY_SYNCED } from "../packages/perdure/src/host/simulated/index.ts";
import type { DisasterState } from "./disaster.ts";
import { auditKeys, type DiskWitness } from "./key-audit.ts";
import type { Ledger } from "./ledger.ts";
import { audit, auditOf, type DiskAudit } from "./relay-disk.ts";
import { type Census, isRelay, type Town } from "./town.ts";

export interface DiskWatch {
  /** A process is about to end without a word. */
  ending(host: string): void;
  /** Throws `InvariantBroken` when one lacked what it had to have, or had a key that it must not. */
  auditAll(trouble: Pick<DisasterState, "putBack" | "abandoned">): Promise<void>;
}

export interface DiskWatchOptions {
  readonly town: Town;
  readonly census: Census;
  readonly ledger: Pick<Ledger, "owed">;
  /** No relay lies: each takes an id once. */
  readonly isHonest: boolean;
  readonly hash: Hash;
  readonly crypto: Crypto | undefined;
}

/** Disks of dying relays that are looked at, per seed. */
const MAX_AUDITS = 8;
/** The same for everybody's knowledge of everybody's keys. */
const MAX_WITNESSES = 12;

export function watchDisks({ town, census, ledger, isHonest, hash, crypto }: DiskWatchOptions): DiskWatch {
  const { world, rot } = town;
  const audits: DiskAudit[] = [];
  const witnesses: DiskWitness[] = [];

  const takeAudit = (relay: string): void => {
    if (rot.isRotten(relay)) return;
    const { disk } = world.disk(relay);
    audits.push(auditOf({ atMs: world.nowMs, relay, disk, owed: ledger.owed(relay), keysOnce: isHonest }));
  };
  const takeWitness = (host: string): void => {
    if (rot.isRotten(host)) return;
    witnesses.push({ atMs: world.nowMs, host, image: world.disk(host).disk.image(ONLY_SYNCED) });
  };

  return {
    ending(host) {
      if (isRelay(host) && audits.length < MAX_AUDITS) takeAudit(host);
      if ((isRelay(host) || census.homes.has(host)) && witnesses.length < MAX_WITNESSES) takeWitness(host);
    },
    async auditAll({ putBack, abandoned }) {
      for (const name of census.relays) takeAudit(name);
      for (const each of audits) await audit(each);
      for (const name of [...census.relays, ...census.agents]) takeWitness(name);
      await auditKeys({ witnesses, homes: census.homes, putBack, abandoned, hash, crypto });
    },
  };
}
