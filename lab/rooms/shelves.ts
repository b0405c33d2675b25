/** The shelves of newest proofs beside lists: of agents and of peers, of the own relay and of others, also what is brought twice. */
import type { AgentState, RelayState } from "../../packages/perdure/src/protocol/delivery/mailbox-state.ts";
import {
  KEPT_PEER_PROOFS,
  KEPT_PROOFS,
  keepProof,
  keepVouched,
  shelfOf,
} from "../../packages/perdure/src/protocol/delivery/proof-shelf.ts";
import { equalBytes, hex } from "../../packages/perdure/src/wire/bytes.ts";
import { statement, statementProof } from "../../packages/perdure/src/wire/statement.ts";
import { parted, type Room } from "./room.ts";

interface Step {
  /** 0 is this relay. */
  readonly relay: number;
  readonly number: number;
  readonly variant: number;
  readonly isPeer: boolean;
}

const STEPS = 140;
const RELAYS = 4;

const relayId = (relay: number): Uint8Array => new Uint8Array(32).fill(10 + relay);
const proofOf = (relay: number, number: number, variant: number): Uint8Array => {
  const said = {
    version: 1,
    relayId: relayId(relay),
    number,
    previous: new Uint8Array(32),
    timeMs: variant,
    leafCount: 1,
    root: new Uint8Array(32),
  };
  const nothing = new Uint8Array(0);
  const about = { leaf: nothing, leafIndex: 0, path: [], digests: nothing, writers: nothing };
  return statementProof.encode({ statement: statement.encode({ ...said, extensions: [] }), signature: new Uint8Array(64), ...about });
};

export const shelves: Room<Step> = {
  name: "shelves",
  about: "the newest proofs of each relay, none of which fills a shelf, beside lists",
  draw: (draws) =>
    Array.from({ length: STEPS }, (_, step) => {
      // One relay says more than the others.
      const relay = draws.chance(0.4) ? 1 : draws.below(RELAYS);
      return { relay, number: Math.floor(step / 3) - draws.below(4) + 5, variant: draws.below(2), isPeer: draws.chance(0.6) };
    }),
  run: async (steps) => {
    const owners = [false, true].map((isPeer) => ({ proofs: [], vouched: [], ...(isPeer ? { peer: {} } : {}) }) as unknown as AgentState);
    /** Of each owner and shelf what is kept, the oldest first: by their numbers of the own relay, as they came of others. */
    const kept = new Map<string, { readonly relay: number; readonly number: number; readonly proof: Uint8Array }[]>();
    for (const { relay, number, variant, isPeer } of steps) {
      const owner = owners[isPeer ? 1 : 0] as AgentState;
      const proof = proofOf(relay, number, variant);
      const shelf = shelfOf({ relayId: relayId(0) } as RelayState, proof);
      if (shelf !== (relay === 0 ? "proofs" : "vouched")) parted(`a proof of relay ${relay} goes to ${shelf}`);
      const list = kept.get(`${isPeer} ${shelf}`) ?? [];
      const isNew = !list.some((each) => each.number === number && equalBytes(each.proof, proof));
      const copy = proof.slice();
      const said = relay === 0 ? keepProof(owner, shelf, number, proof) : keepVouched([owner], number, proof).length > 0;
      if (said !== isNew) parted(`proof ${number} of relay ${relay} is ${said ? "" : "not "}new`);
      // Nobody else's buffer is kept; the own proofs are made for the shelf.
      if (relay !== 0) proof.fill(0);
      if (isNew) list.push({ relay, number, proof: copy });
      // The own ones are as the relay stated them; those of one number as they came.
      if (relay === 0) list.sort((one, other) => one.number - other.number);
      const counted = (each: number): number => list.filter((other) => other.relay === each).length;
      const most = Math.max(...list.map((each) => counted(each.relay)));
      if (list.length > (isPeer ? KEPT_PEER_PROOFS : KEPT_PROOFS))
        list.splice(
          list.findIndex((each) => counted(each.relay) === most),
          1,
        );
      kept.set(`${isPeer} ${shelf}`, list);
      const onShelf = owner[shelf];
      if (onShelf.length !== list.length) parted(`${onShelf.length} are on the shelf, not ${list.length}`);
      for (const [index, { by, number: held, proof: bytes }] of onShelf.entries()) {
        const expected = list[index] as (typeof list)[number];
        const isSame =
          held === expected.number &&
          equalBytes(bytes, expected.proof) &&
          by === (expected.relay === 0 ? "" : hex(relayId(expected.relay)));
        if (!isSame) parted(`proof ${held} of ${by} is on the shelf, not ${expected.number} of relay ${expected.relay}`);
      }
    }
  },
};
