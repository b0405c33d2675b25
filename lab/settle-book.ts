/**
 * What agents let go of, by what they say, and what their relays let go of for them: of a mailbox nothing is released but what its consumer
 * has asked for in the epoch, and the generation, that are in force. What an earlier session asked for, or a copy of the agent, does not count.
 */
import type { LogFields } from "../packages/perdure/src/host/log.ts";

export interface SettleBook {
  /** An agent, or a copy of it, says what it has asked for. */
  asked(agentId: string, fields: LogFields): void;
  /** What a relay says of the agents that live there. */
  relayFact(event: string, fields: LogFields): void;
}

interface Asked {
  readonly generation: string;
  readonly epoch: number;
  /** Everything up to here. */
  floor: number;
  /** And this, above it. */
  readonly positions: Set<number>;
}

export interface SettleBookOptions {
  /** Whether it lives here, and says what it asks for. */
  readonly isAgent: (agentId: string) => boolean;
  readonly fail: (invariant: string, what: string) => void;
}

export function createSettleBook({ isAgent, fail }: SettleBookOptions): SettleBook {
  /** By agent, since the session that consumes its mailbox began. */
  const current = new Map<string, Asked>();
  return {
    asked(agentId, fields) {
      const asked = current.get(agentId);
      if (asked === undefined || asked.generation !== fields["generation"] || asked.epoch !== fields["epoch"]) return;
      asked.floor = Math.max(asked.floor, Number(fields["floor"]));
      for (const position of positionsOf(fields["ranges"])) if (position > asked.floor) asked.positions.add(position);
      for (const position of asked.positions) if (position <= asked.floor) asked.positions.delete(position);
    },
    relayFact(event, fields) {
      const agentId = String(fields["agent"]);
      if (event === "relay.attached")
        current.set(agentId, {
          generation: String(fields["generation"]),
          epoch: Number(fields["epoch"]),
          floor: 0,
          positions: new Set(),
        });
      if (event !== "relay.settle-applied" || !isAgent(agentId)) return;
      const asked = current.get(agentId);
      for (const position of positionsOf(fields["ranges"])) {
        if (asked !== undefined && asked.generation === fields["generation"] && (position <= asked.floor || asked.positions.has(position)))
          continue;
        fail("4 release", `position ${position} was released, and in epoch ${asked?.epoch ?? 0} of its mailbox nobody has asked for that`);
        return;
      }
    },
  };
}

function* positionsOf(ranges: unknown): Generator<number> {
  for (const range of String(ranges).split(/[ ,]/)) {
    if (range === "") continue;
    const [first = 0, last = first] = range.split("-").map(Number);
    for (let position = first; position <= last; position++) yield position;
  }
}
