/**
 * Logs of one agent as its owner and thieves of some of its keys make them, on any event, in any number of branches: what each says, which
 * events nobody may add, which of two counts, and what those who saw some of them know.
 */
import { createCheapCrypto } from "../../packages/perdure/src/host/simulated/cheap-crypto.ts";
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import {
  signControlEvent,
  signInception,
  signRetirement,
  signRotation,
  verifyLog,
  verifyLogStates,
} from "../../packages/perdure/src/identity/agent-log.ts";
import { forkProof, verifyForkProof } from "../../packages/perdure/src/identity/fork-proof.ts";
import {
  type Branches,
  commonLength,
  joinLogs,
  relateBranches,
  relateLogs,
  rivalLog,
  sameBranches,
} from "../../packages/perdure/src/identity/log-ranking.ts";
import { epochAt, type LogState, revokedFromMs } from "../../packages/perdure/src/identity/log-state.ts";
import { verifyBranches } from "../../packages/perdure/src/identity/verify.ts";
import { type Bytes, compareBytes, equalBytes, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { signedEvent } from "../../packages/perdure/src/wire/identity.ts";
import { agentIdText } from "../../packages/perdure/src/wire/ids.ts";
import { drawnBody, TICK_MS } from "./drawn-events.ts";
import { FALSE_BEGINNINGS, FORGERIES } from "./forgeries.ts";
import { codeOf, expectAlike } from "./likeness.ts";
import type * as reference from "./made-log.ts";
import {
  BEGINS_MS,
  createOwner,
  keysInForceAt,
  keysUntilMs,
  knownOf,
  lineOf,
  logOf,
  type Made,
  type MadeBody,
  mayReveal,
  type Owner,
  relationOf,
  relationOfKnown,
  revealsKeys,
  sayingOf,
} from "./made-log.ts";
import type { Room } from "./room.ts";

/** `back` counts events from the newest that was made; numbers beyond what there is begin again. */
export type LogStep =
  | { readonly do: "owner"; readonly first: number; readonly firstThreshold: number; readonly next: number; readonly nextThreshold: number }
  | {
      readonly do: "make";
      readonly back: number;
      readonly kind: MadeBody["kind"];
      readonly afterMs: number;
      readonly skips: number;
      readonly what: number;
    }
  | { readonly do: "forge"; readonly back: number; readonly how: string }
  | { readonly do: "begin"; readonly how: string }
  | { readonly do: "sign-again"; readonly back: number }
  | { readonly do: "show"; readonly to: number; readonly back: number }
  | { readonly do: "tell"; readonly to: number; readonly from: number }
  | { readonly do: "relate"; readonly back: number; readonly other: number };

const STEPS = 55;
/** Who sees logs and tells others of them. */
const PEOPLE = 4;
const KINDS: readonly MadeBody["kind"][] = [
  "anchor",
  "anchor",
  "home-set",
  "instance-revoke",
  "instance-revoke",
  "rotate",
  "rotate",
  "rotate",
  "retire",
];
const KIB = 1024;

export const logs: Room<LogStep> = {
  name: "logs",
  about: "what logs say, which count and who may write them, beside the rules of protocol/identity.md",
  draw: (draws) => {
    const next = 1 + draws.below(3);
    const first = 1 + draws.below(draws.chance(0.5) ? 1 : 3);
    // Some logs grow long instead of wide, until nothing has room.
    const isLong = draws.chance(0.2);
    return [
      { do: "owner", first, firstThreshold: 1 + draws.below(first), next, nextThreshold: 1 + draws.below(next) },
      ...Array.from({ length: STEPS }, () => drawStep(draws, isLong)),
    ];
  },
  run: async (steps, tools) => {
    const { hash } = tools;
    const draws = tools.draws("forgeries");
    const cheap = createCheapCrypto(hash, draws);
    const stranger = await cheap.signatures.load(hash.sha256(utf8("stranger")));
    let owner: Owner | undefined;
    const made: Made[] = [];
    const people = Array.from({ length: PEOPLE }, () => ({ seen: new Set<Made>(), holds: undefined as Branches | undefined }));
    const at = (back: number): Made => made[made.length - 1 - (back % made.length)] as Made;

    const stateOf = async (last: Made): Promise<LogState> => {
      const states = await verifyLogStates(cheap, logOf(last));
      // What it said before its last two events was compared when those were made.
      for (const each of lineOf(last).slice(-2)) expectAlike(`event ${each.seq}`, states[each.seq], sayingOf(owner as Owner, each));
      return states.at(-1) as LogState;
    };
    const takes = async (
      to: { seen: Set<Made>; holds: Branches | undefined },
      branches: Branches,
      seen: ReadonlySet<Made>,
    ): Promise<void> => {
      const offered = knownOf(seen);
      const all = new Set([...to.seen, ...seen]);
      const joined = knownOf(all);
      if (to.holds !== undefined) {
        expectAlike(
          "what is shown, to what is held,",
          relateBranches(branches, to.holds),
          relationOfKnown(offered, knownOf(to.seen), joined),
        );
        const proof = forkProof(branches, to.holds);
        expectAlike("a fork proof is there", proof !== undefined, joined.fork !== undefined);
        if (proof !== undefined)
          expectAlike("a fork proof", await verifyForkProof(cheap, proof), {
            id: agentIdText(joined.common.event.seq === 0 ? (owner as Owner).idRaw : joined.common.event.agentId),
            atSeq: joined.common.seq,
          });
      }
      const holds = to.holds === undefined ? branches : joinLogs(branches, to.holds);
      if (to.holds !== undefined) {
        const turned = joinLogs(to.holds, branches);
        expectAlike("joined the other way round", turned, holds);
        expectAlike("the same as joined the other way round", sameBranches(turned, holds), true);
        expectAlike("joined once more", joinLogs(holds, to.holds), holds);
      }
      Object.assign(to, { holds, seen: all });
      await expectBranches(holds, joined);
    };
    const expectBranches = async (holds: Branches, known: reference.Known): Promise<void> => {
      const [log, rival] = known.fork ?? [known.common, undefined];
      expectAlike(
        "the log of what is known",
        holds.log.map(contentOf),
        lineOf(log).map(({ encoded }) => encoded),
      );
      const past = rival === undefined ? [] : lineOf(rival).slice(known.common.seq + 1);
      expectAlike(
        "the rival of what is known",
        holds.rival.map(contentOf),
        past.map(({ encoded }) => encoded),
      );
      expectAlike("the undisputed part", commonLength(holds), known.common.seq + 1);
      expectAlike(
        "the rival in full",
        rivalLog(holds)?.map(contentOf),
        rival === undefined ? undefined : lineOf(rival).map(({ encoded }) => encoded),
      );
      const judged = await verifyBranches(cheap, holds);
      expectAlike("frozen", judged.frozen, rival !== undefined);
      const { sizeBytes: _, ...said } = judged.log;
      const { sizeBytes: __, ...expected } = sayingOf(owner as Owner, known.common);
      expectAlike("what is known", said, expected);
    };

    for (const step of steps) {
      if (step.do === "owner") {
        if (owner !== undefined) continue;
        owner = await createOwner(cheap, "agent", step);
        made.push(owner.inception);
        const { first, next, nextThreshold } = step;
        if (first > 1) continue;
        const written = await signInception({
          crypto: cheap,
          controlKey: owner.keysAt(0)[0] as never,
          nextCommitments: owner.commitmentsAt(1),
          ...(next === nextThreshold ? {} : { nextThreshold }),
          recoverySalt: owner.saltOf(0),
          nowMs: BEGINS_MS,
        });
        expectAlike("a written inception", written, owner.inception.signed[0]);
      }
      if (owner === undefined) continue;
      if (step.do === "make") {
        const before = at(step.back);
        if (revealsKeys({ kind: step.kind } as MadeBody) && !mayReveal(before)) continue;
        const said = drawnBody(step.kind, step.what, before, INSTANCES);
        const claimedAtMs = before.claimedAtMs + step.afterMs;
        const next = await owner.make(before, said, claimedAtMs, step.skips);
        await expectWritten(cheap, owner, before, next, step.skips);
        if (before.said.kind === "retire") {
          expectAlike(
            "what follows a retirement",
            await codeOf(() => verifyLog(cheap, [...logOf(before), next.signed[0] as Bytes])),
            "malformed",
          );
          continue;
        }
        made.push(next);
        const state = await stateOf(next);
        for (let seq = 0; seq <= next.seq + 1; seq++) {
          const from = keysInForceAt(next, seq);
          expectAlike(
            `the epoch of event ${seq}`,
            epochAt(state, seq),
            from && { fromSeq: from.seq, controlKeys: from.event.controlKeys, untilMs: keysUntilMs(next, from.seq) },
          );
        }
        for (const instance of INSTANCES) {
          const times = state.revoked.filter(({ instanceKey }) => equalBytes(instanceKey, instance)).map(({ voidFromMs }) => voidFromMs);
          expectAlike("revoked from", revokedFromMs(state, instance), times.length === 0 ? undefined : Math.min(...times));
        }
      } else if (step.do === "forge") {
        const before = at(step.back);
        if (before.said.kind === "retire" || !mayReveal(before)) continue;
        const forged = await FORGERIES[step.how]?.({ crypto: cheap, owner, before, stranger, draws });
        if (forged === undefined) continue;
        const said = await codeOf(() => verifyLog(cheap, [...logOf(before), forged.signed]));
        expectAlike(`an event ${step.how}`, said, forged.code);
      } else if (step.do === "begin") {
        const { code = "malformed", ...changes } = FALSE_BEGINNINGS[step.how]?.(owner.inception.event, draws) ?? {};
        const event = { ...owner.inception.event, ...changes };
        const keys = owner.keysAt(0);
        const signed = await owner.sign(event, [...keys, keys[0] as never], [...event.controlKeys.keys()].slice(0, keys.length));
        expectAlike(`an inception that ${step.how}`, await codeOf(() => verifyLog(cheap, [signed])), code);
      } else if (step.do === "sign-again") {
        const each = at(step.back);
        const keys = owner.keysAt(each.position);
        each.signed.push(await owner.sign(each.event, keys, [...keys.keys()]));
        // One event under different signatures stays one event, and the least bytes stand for all.
        const [first, last] = [logOf(each), lineOf(each).map(({ signed }) => signed.at(-1) as Bytes)];
        const least = first.map((one, index) => (compareBytes(one, last[index] as Bytes) < 0 ? one : last[index]));
        expectAlike("one log signed twice", relateLogs(first, last), "same");
        expectAlike("one log signed twice, joined", joinLogs({ log: first, rival: [] }, { log: last, rival: [] }), {
          log: least,
          rival: [],
        });
      } else if (step.do === "show") {
        const last = at(step.back);
        const log = lineOf(last).map(({ signed }) => signed[draws.below(signed.length)] as Bytes);
        await takes(people[step.to % PEOPLE] as never, { log, rival: [] }, new Set([last]));
      } else if (step.do === "tell") {
        const from = people[step.from % PEOPLE];
        if (from?.holds !== undefined) await takes(people[step.to % PEOPLE] as never, from.holds, from.seen);
      } else if (step.do === "relate") {
        const [one, other] = [at(step.back), at(step.other)];
        expectAlike(`event ${one.seq} to event ${other.seq}`, relateLogs(logOf(one), logOf(other)), relationOf(one, other));
        const joined = joinLogs({ log: logOf(one), rival: [] }, { log: logOf(other), rival: [] });
        await expectBranches(joined, knownOf(new Set([one, other])));
        const strange = [await owner.sign({ ...owner.inception.event, claimedAtMs: 0 }, owner.keysAt(0), owner.signersAt(0, 0))];
        expectAlike("logs of two agents", await codeOf(async () => relateLogs(logOf(one), strange)), "bad-argument");
        expectAlike("logs of two agents, joined", await codeOf(async () => joinLogs({ log: strange, rival: [] }, joined)), "bad-argument");
      }
    }
  },
};

const INSTANCES: readonly Bytes[] = Array.from({ length: 4 }, (_, index) => new Uint8Array(32).fill(index + 1));

function drawStep(draws: Draws, isLong: boolean): LogStep {
  const back = isLong && draws.chance(0.9) ? 0 : draws.below(draws.chance(0.6) ? 3 : 40);
  switch (draws.below(11)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const kind = KINDS[draws.below(KINDS.length - (isLong && draws.chance(0.9) ? 1 : 0))] as MadeBody["kind"];
      return { do: "make", back, kind, afterMs: TICK_MS * draws.below(3), skips: draws.below(4), what: draws.u32() };
    }
    case 4:
      return { do: "forge", back, how: anyOf(draws, Object.keys(FORGERIES)) };
    case 5:
      return draws.chance(0.7)
        ? { do: "forge", back, how: anyOf(draws, Object.keys(FORGERIES)) }
        : { do: "begin", how: anyOf(draws, Object.keys(FALSE_BEGINNINGS)) };
    case 6:
      return { do: "sign-again", back };
    case 7:
    case 8:
      return { do: "show", to: draws.below(PEOPLE), back };
    case 9:
      return { do: "tell", to: draws.below(PEOPLE), from: draws.below(PEOPLE) };
    default:
      return { do: "relate", back, other: draws.below(40) };
  }
}

const anyOf = <Item>(draws: Draws, items: readonly Item[]): Item => items[draws.below(items.length)] as Item;

/** What the product writes in that place: the same bytes, or nothing and why. */
async function expectWritten(
  crypto: Parameters<typeof signControlEvent>[0],
  owner: Owner,
  before: Made,
  next: Made,
  skips: number,
): Promise<void> {
  const state = await verifyLog(crypto, logOf(before));
  const { said, claimedAtMs: nowMs, position } = next;
  const signers = owner.signersAt(position, skips);
  const keys = owner.keysAt(position).filter((_, index) => signers.includes(index));
  const extensions = [] as const;
  const write = async (): Promise<Bytes> => {
    switch (said.kind) {
      case "rotate":
      case "retire": {
        const revealed = owner.keysAt(position);
        const following = owner.commitmentsAt(position + 1);
        return said.kind === "rotate"
          ? await signRotation(crypto, state, {
              revealed,
              following,
              recoverySalt: owner.saltOf(said.salt),
              body: { voidFromSeq: said.voidFromSeq, oldKeysUntilMs: said.untilMs, extensions },
              nowMs,
            })
          : await signRetirement(crypto, state, {
              revealed,
              following,
              body: { successor: said.successor, reason: said.reason, oldKeysUntilMs: said.untilMs, extensions },
              nowMs,
            });
      }
      case "instance-revoke":
        return await signControlEvent(crypto, state, {
          kind: said.kind,
          body: { instanceKey: said.instance, voidFromMs: said.voidFromMs, reason: said.reason, extensions },
          keys,
          nowMs,
        });
      case "home-set":
        return await signControlEvent(crypto, state, { kind: said.kind, body: { homes: said.homes, extensions }, keys, nowMs });
      default:
        return await signControlEvent(crypto, state, {
          kind: "anchor",
          body: {
            root: said.kind === "anchor" ? said.root : new Uint8Array(32),
            about: said.kind === "anchor" ? said.about : "",
            extensions,
          },
          keys,
          nowMs,
        });
    }
  };
  const reveals = revealsKeys(said);
  const sizeBytes = logOf(before).reduce((sum, each) => sum + each.length, 0);
  // A writer leaves room for a rotation and for the end.
  const room = reveals ? (said.kind === "rotate" ? 12.5 * KIB : 13 * KIB) : 11 * KIB;
  const hasRoom = sizeBytes < room && (reveals || sizeBytes + (next.signed[0]?.length ?? 0) < 12.5 * KIB);
  const refused = before.said.kind === "retire" ? "identity-retired" : hasRoom ? undefined : "too-large";
  // Whoever reveals keys signs with all of them.
  const indexes = reveals ? [...owner.keysAt(position).keys()] : signers;
  const wanted = await owner.sign(next.event, owner.keysAt(position), indexes);
  const written = await write().catch((error: unknown) => (isPerdureError(error) ? error.code : Promise.reject(error)));
  expectAlike(`a written ${said.kind} after ${sizeBytes} bytes`, written, refused ?? wanted);
  if (refused !== undefined || reveals) return;
  const tooFew = await codeOf(() =>
    signControlEvent(crypto, state, {
      kind: "anchor",
      body: { root: new Uint8Array(32), about: "", extensions },
      keys: keys.slice(1),
      nowMs,
    }),
  );
  expectAlike("a written event with a key less", tooFew, "bad-argument");
}

const contentOf = (signed: Bytes): Bytes => signedEvent.decode(signed).event;
