/**
 * Cases of agent logs for protocol/cases: logs with what they say, logs that must be refused, certificates by the keys behind them, and
 * which of several logs counts. `scripts/protocol-cases.ts` writes them down.
 */
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { type LogState, verifyLog } from "../packages/perdure/src/identity/agent-log.ts";
import { verifyCertificate } from "../packages/perdure/src/identity/certificate.ts";
import { type Branches, joinLogs, relateLogs } from "../packages/perdure/src/identity/log-ranking.ts";
import { createTestAgent, LOG_BEGINS_MS } from "../packages/perdure/src/identity/test-log.ts";
import { committedTo, forgeEvent, type Log, retirement, rotation } from "../packages/perdure/src/identity/test-log-mutations.ts";
import { type Bytes, hex, utf8 } from "../packages/perdure/src/wire/bytes.ts";
import { isPerdureError } from "../packages/perdure/src/wire/error.ts";
import { EVENT_KINDS, signedEvent } from "../packages/perdure/src/wire/identity.ts";
import type { Json } from "./case-value.ts";

const crypto = createNodeCrypto();

/** What a verifier reads off a log, in plain words. */
export function stateInWords(state: LogState): Json {
  return {
    idRaw: hex(state.idRaw),
    head: hex(state.head),
    seq: state.seq,
    controlKeys: state.controlKeys.map(hex),
    controlThreshold: state.controlThreshold,
    nextCommitments: state.nextCommitments.map(hex),
    nextThreshold: state.nextThreshold,
    kinds: state.events.map(({ kind }) => kind),
    voided: state.events.filter(({ voided }) => voided).map(({ seq }) => seq),
    epochs: state.epochs.map(({ fromSeq, controlKeys, untilMs }) => ({
      fromSeq,
      controlKeys: controlKeys.map(hex),
      ...(untilMs === undefined ? {} : { untilMs }),
    })),
    revoked: state.revoked.map(({ instanceKey, voidFromMs, reason }) => ({ instanceKey: hex(instanceKey), voidFromMs, reason })),
    ...(state.homes === undefined
      ? {}
      : { homes: state.homes.map(({ relayId, url, preference }) => ({ relayId: hex(relayId), url, preference })) }),
    anchors: state.anchors.map(({ root, about, seq }) => ({ root: hex(root), about, seq })),
    ...(state.retired === undefined ? {} : { retired: { untilMs: state.retired.untilMs, reason: state.retired.reason } }),
  };
}

const written = (log: Log): Json => log.map(hex);
const alone = (log: Log): Branches => ({ log, rival: [] });

export async function agentLogCases(): Promise<Json> {
  const agent = await createTestAgent(crypto, "case");
  const thief = await crypto.signatures.load(crypto.hash.sha256(utf8("thief")));
  const instanceKey = new Uint8Array(32).fill(1);
  const home = { relayId: new Uint8Array(32).fill(7), url: "wss://relay.example/", preference: 0 };
  const first: Log = [agent.inception];
  const anchored = await agent.append(first, { kind: "anchor", about: "receipts" });
  const homed = await agent.append(anchored, { kind: "home-set", homes: [home] });
  const revoked = await agent.append(homed, { kind: "instance-revoke", instanceKey, voidFromMs: LOG_BEGINS_MS + 500 });
  const rotated = await agent.append(revoked, { kind: "rotate", to: "a", untilMs: LOG_BEGINS_MS + 9000 });
  const voiding = await agent.append(revoked, { kind: "rotate", to: "b", voidFromSeq: 2, untilMs: LOG_BEGINS_MS + 400 });
  const several = await createTestAgent(crypto, "case of three", 3, 2);
  const shared = await several.append([several.inception], { kind: "rotate", to: "c", untilMs: LOG_BEGINS_MS + 9000 });
  const byThree = await several.append(shared, { kind: "rotate", to: "d", untilMs: LOG_BEGINS_MS + 100 });
  const lifted = await agent.append(homed, { kind: "home-set", homes: [] });
  const retired = await agent.append(rotated, { kind: "retire", untilMs: LOG_BEGINS_MS + 9500 });

  const valid: readonly (readonly [string, Log])[] = [
    ["an inception", first],
    ["an anchor", anchored],
    ["homes and a revoked instance", revoked],
    ["an empty home-set lifts the one before", lifted],
    ["a rotation", rotated],
    ["a rotation that voids what came before it", voiding],
    ["three next keys, of which two must sign, and an earlier end for all keys before", byThree],
    ["a retirement", retired],
  ];

  const state = await verifyLog(crypto, revoked);
  const keys = agent.controlKeys(state);
  const [next, following] = [agent.nextKeys(state), agent.following(state)];
  // What a thief of the keys that `rotated` reveals has.
  const reopened = agent.controlKeys(await verifyLog(crypto, rotated));
  const follow = async (...forging: Parameters<typeof forgeEvent> extends [unknown, unknown, ...infer Rest] ? Rest : never) => [
    ...revoked,
    await forgeEvent(crypto, state, ...forging),
  ];
  const last = signedEvent.decode(revoked.at(-1) as Bytes);
  const three = await verifyLog(crypto, byThree.slice(0, -1));
  const [threeKeys, afterThree] = [several.nextKeys(three), several.following(three)];
  const end = await verifyLog(crypto, retired);
  const kind = (name: (typeof EVENT_KINDS)[number]): number => EVENT_KINDS.indexOf(name);
  const invalid: readonly (readonly [string, Log])[] = [
    ["no events", []],
    ["no inception", revoked.slice(1)],
    ["an event left out", [...revoked.slice(0, 1), ...revoked.slice(2)]],
    ["an event twice", [...revoked, revoked.at(-1) as Bytes]],
    ["an inception after the inception", await follow({ kind: kind("inception") }, keys)],
    ["a reserved kind", await follow({ kind: kind("recover") }, keys)],
    ["kind 0", await follow({ kind: 0 }, keys)],
    ["another version", await follow({ version: 2 }, keys)],
    ["the version before", await follow({ version: 0 }, keys)],
    ["of another agent", await follow({ agentId: new Uint8Array(32) }, keys)],
    ["a number left out", await follow({ seq: state.seq + 2 }, keys)],
    ["another event before it", await follow({ previous: new Uint8Array(32) }, keys)],
    ["witnesses", await follow({ witnesses: [new Uint8Array(32)], witnessThreshold: 1 }, keys)],
    ["no signature", [...revoked.slice(0, -1), signedEvent.encode({ ...last, signatures: [] })]],
    [
      "one signature twice",
      [...revoked.slice(0, -1), signedEvent.encode({ ...last, signatures: [...last.signatures, ...last.signatures] })],
    ],
    ["signed for another purpose", await follow({}, keys, "certificate")],
    ["signed by a stranger", await follow({}, [thief])],
    ["a stranger's keys, signed by them", await follow({ controlKeys: [thief.publicKey] }, [thief])],
    ["other next keys in an anchor", await follow({ nextCommitments: [new Uint8Array(32)] }, keys)],
    ["another recovery commitment in an anchor", await follow({ recoveryCommitment: new Uint8Array(32) }, keys)],
    ["I1 a rotation by the keys in force", await follow(rotation(state, keys, following), keys)],
    ["I3 a rotation to keys nobody committed to", await follow(rotation(state, [thief], committedTo(crypto, state, thief)), [thief])],
    ["I2 a retirement by the keys in force", await follow(retirement(state, keys, following), keys)],
    ["a rotation by the next keys that other keys follow", await follow(rotation(state, next, committedTo(crypto, state, thief)), next)],
    [
      "a thief of the key in force reopens its commitment, and keys of his own follow",
      [...revoked, await forgeEvent(crypto, state, rotation(state, reopened, committedTo(crypto, state, thief)), reopened)],
    ],
    ["a retirement that other keys follow", await follow(retirement(state, next, [new Uint8Array(32)]), next)],
    ["a rotation that no keys follow", await follow({ ...rotation(state, next, []), nextThreshold: 0 }, next)],
    ["a rotation that voids from the inception on", await follow(rotation({ ...state, seq: -1 }, next, following), next)],
    [
      "the next keys in another order",
      [
        ...byThree.slice(0, -1),
        await forgeEvent(crypto, three, rotation(three, threeKeys.toReversed(), afterThree.toReversed()), threeKeys.toReversed()),
      ],
    ],
    [
      "two of three next keys revealed",
      [
        ...byThree.slice(0, -1),
        await forgeEvent(crypto, three, rotation(three, threeKeys.slice(0, 2), afterThree.slice(0, 2)), threeKeys.slice(0, 2)),
      ],
    ],
    [
      "another threshold for the keys that follow",
      [
        ...byThree.slice(0, -1),
        await forgeEvent(crypto, three, { ...rotation(three, threeKeys, afterThree), nextThreshold: 1 }, threeKeys),
      ],
    ],
    ["I9 an anchor after the retirement", [...retired, await forgeEvent(crypto, end, {}, agent.controlKeys(end))]],
  ];

  const early = await agent.certificate(first, instanceKey);
  const other = await agent.certificate(first, new Uint8Array(32).fill(2));
  const late = await agent.certificate(rotated, instanceKey);
  const certificates: readonly (readonly [string, Log, Bytes])[] = [
    ["by the keys in force", first, early],
    ["of an instance that was revoked", revoked, early],
    ["by keys that were rotated away", rotated, other],
    ["of a revoked instance, by keys that were rotated away", rotated, early],
    ["whose revocation a rotation voided", voiding, early],
    ["of an instance revoked earlier, by later keys", rotated, late],
    ["of a retired agent", retired, other],
    ["that names an event the log does not have", first, late],
  ];

  const mine = await agent.append(first, { kind: "anchor", about: "mine" });
  const theirs = await agent.append(await agent.append(first, { kind: "anchor", about: "theirs" }), { kind: "anchor", about: "more" });
  const owners = await agent.append(first, { kind: "rotate", to: "owner" });
  const ownersOther = await agent.append(mine, { kind: "rotate", to: "other" });
  const reopening = await agent.append(mine, { kind: "rotate", to: "thief" });
  const healed = await agent.append(owners, { kind: "rotate", to: "heal" });
  const reopeningTwice = await agent.append(reopening, { kind: "rotate", to: "thief again" });
  const theirsAndOne = await agent.append(await agent.append(theirs, { kind: "rotate", to: "thief" }), { kind: "anchor", about: "on" });
  const joins: readonly (readonly [string, readonly Log[]])[] = [
    ["a log and its beginning", [anchored, revoked]],
    ["a rotation on an older event and two events of the key in force", [theirs, owners]],
    ["two events of the key in force", [mine, theirs]],
    ["three of them", [mine, theirs, anchored]],
    ["two of them, and a rotation on one", [mine, theirs, ownersOther]],
    ["two rotations of one state", [owners, ownersOther]],
    ["a thief of the key in force reopens its commitment", [owners, reopening]],
    ["two of them, and the owner's next rotation", [owners, reopening, healed]],
    ["a thief of two successive keys reopens both commitments", [healed, reopeningTwice]],
    [
      "two of them, and the owner's next rotation after both",
      [healed, reopeningTwice, await agent.append(healed, { kind: "rotate", to: "third" })],
    ],
    ["more events and fewer rotations", [theirsAndOne, healed]],
    ["a retirement and a rotation of one state", [retired, await agent.append(rotated, { kind: "rotate", to: "alive" })]],
  ];

  const verdict = async (work: () => Promise<Json>): Promise<Json> => {
    try {
      return { ...((await work()) as object) } as Json;
    } catch (error) {
      if (isPerdureError(error)) return { error: error.code };
      throw error;
    }
  };
  const judged = async (name: string, rest: Json, work: () => Promise<Json>): Promise<Json> =>
    ({ name, ...(rest as object), ...((await verdict(work)) as object) }) as Json;

  return {
    about:
      "Agent logs as identity.md explains them: signed events, oldest first. `state` is what a log says; `error` is why it is refused; `validUntilMs` is until when what was stored under a certificate counts; `relation` is what the first of two logs is to the second; a join of several logs gives `log` and, when they are a fork, `rival` from where it leaves it.",
    valid: await Promise.all(
      valid.map(([name, log]) => judged(name, { log: written(log) }, async () => ({ state: stateInWords(await verifyLog(crypto, log)) }))),
    ),
    invalid: await Promise.all(
      invalid.map(([name, log]) =>
        judged(name, { log: written(log) }, async () => ({ state: stateInWords(await verifyLog(crypto, log)) })),
      ),
    ),
    certificates: await Promise.all(
      certificates.map(([name, log, certificate]) =>
        judged(name, { log: written(log), certificate: hex(certificate) }, async () => {
          const { validUntilMs } = await verifyCertificate(crypto, await verifyLog(crypto, log), certificate);
          return { validUntilMs };
        }),
      ),
    ),
    joins: joins.map(([name, logs]) => {
      const { log, rival } = logs.map(alone).reduce(joinLogs);
      const [one, two] = logs as readonly [Log, Log];
      return { name, of: logs.map(written), relation: relateLogs(one, two), log: written(log), rival: written(rival) };
    }),
  };
}
