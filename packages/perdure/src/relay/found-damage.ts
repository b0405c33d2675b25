/** Damage that was found while the log was read: where it is, what is lost by it, and what its owner is told. */
import type { Log } from "../host/log.ts";
import type { Hole } from "../protocol/delivery/holes.ts";
import type { AgentState } from "../protocol/delivery/mailbox-state.ts";
import type { LogDamage } from "../store/log/recover-log.ts";
import type { Bytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import type { Incidents } from "./incidents.ts";

/** What the status says of it. */
export interface DamageStatus {
  /** Places of the log that are not what was written. */
  readonly places: number;
  readonly bytes: number;
  /** Messages that were waiting and whose records are gone; their senders are not known. */
  readonly lostMessages: number;
  /** Bans, tickets, passes and the like may be those of before. */
  readonly mayTurnBack: boolean;
}

export interface FoundDamage {
  readonly status: DamageStatus;
  /** Of what no restatement repeats. */
  readonly unknownBytes: number;
  note(damage: LogDamage): void;
  /** The log was read: what is missing in mailboxes. */
  missing(holes: readonly Hole[]): void;
  /** Throws where going on would turn every agent away: with another key for attach passes each would look like a copy of itself. */
  mustHaveKey(passKey: Bytes): void;
  /** `owners`: everybody who has a mailbox. */
  tell(incidents: Incidents, log: Log, owners: Iterable<AgentState>): void;
  /** Why its owner should look after it: nothing where all that counts could be read. */
  readonly reasons: readonly string[];
}

/** Places told one by one; of more only how many. */
const TOLD = 10;

export function createFoundDamage(): FoundDamage {
  // bound: TOLD
  const told: LogDamage[] = [];
  // bound: one per mailbox; let go of once told
  let holes: readonly Hole[] = [];
  let [places, bytes, lostMessages, unknownBytes] = [0, 0, 0, 0];

  const summary = (): string => {
    const lost = lostMessages === 0 ? "no waiting message is missing" : `at most ${lostMessages} waiting messages are lost`;
    const back = unknownBytes > 0 ? "; bans, tickets and keys of agents may be those of before" : "";
    return `${places} damaged ${places === 1 ? "place was" : "places were"} found in the log (${bytes} bytes): ${lost}${back}`;
  };

  return {
    get status() {
      return { places, bytes, lostMessages, mayTurnBack: unknownBytes > 0 };
    },
    get reasons() {
      return lostMessages > 0 || unknownBytes > 0 ? [summary()] : [];
    },
    get unknownBytes() {
      return unknownBytes;
    },
    note: (damage) => {
      places++;
      bytes += damage.to - damage.from;
      if (damage.mayTurnBack) unknownBytes += damage.to - damage.from;
      if (told.length < TOLD) told.push(damage);
    },
    missing: (all) => {
      lostMessages = all.reduce((sum, { messages }) => sum + messages, 0);
      holes = [...all].sort((a, b) => b.messages - a.messages);
    },
    mustHaveKey: (passKey) => {
      const [first] = told;
      if (first === undefined || passKey.length > 0) return;
      const { path, from, to } = first;
      throw new PerdureError(
        "log-damaged",
        `${path} is damaged at bytes ${from} to ${to}, where it kept what attach passes are made with`,
        {
          hint: "Put the folder back from a backup: perdure relay restore.",
        },
      );
    },
    tell: (incidents, log, owners) => {
      if (places === 0) return;
      for (const { path, from, to, lostRecords, why } of told) {
        const lost =
          lostRecords === 0
            ? "no record is lost"
            : lostRecords === 1
              ? "one record cannot be read"
              : `${lostRecords ?? "an unknown number of"} records cannot be read`;
        incidents.add("damage", `${path} bytes ${from} to ${to}: ${why}; ${lost}`);
      }
      for (const { owner, ranges, messages } of holes.slice(0, TOLD)) {
        const [first, last] = [ranges[0]?.[0], ranges.at(-1)?.[1]];
        const whose = owner.peer === undefined ? "" : "to be passed on to ";
        incidents.add("damage", `${messages} messages ${whose}${owner.id} are lost, of positions ${first} to ${last}`);
      }
      incidents.add("damage", summary());
      log.write("error", "relay.damage", { places, bytes, lostMessages, mayTurnBack: unknownBytes > 0 });
      const missing = new Map(holes.map(({ owner, ranges }) => [owner, ranges]));
      holes = [];
      if (log.wants?.("debug", "relay.mailbox-read") === false) return;
      for (const owner of owners) {
        const ranges = (missing.get(owner) ?? []).map(([first, last]) => `${first}-${last}`).join(" ");
        log.write("debug", "relay.mailbox-read", { agent: owner.id, next: owner.mailbox.nextPosition, missing: ranges });
      }
    },
  };
}
