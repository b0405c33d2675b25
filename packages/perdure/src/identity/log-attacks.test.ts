/** Attacks on agent logs by the names the threat model gives them. The thief has the keys in force; the owner has the next ones. */
import { describe, expect, it } from "vitest";
import type { Crypto } from "../host/crypto.ts";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { createCheapCrypto } from "../host/simulated/cheap-crypto.ts";
import { createDraws } from "../host/simulated/draws.ts";
import { type Bytes, concat } from "../wire/bytes.ts";
import { DOMAINS, EVENT_KINDS, identityEvent, signedCertificate, signedEvent } from "../wire/identity.ts";
import { nextKeyCommitment, verifyLog, verifyLogStates } from "./agent-log.ts";
import { verifyCertificate } from "./certificate.ts";
import { joinLogs, relateLogs } from "./log-ranking.ts";
import { LOG_DEFENCES, type LogDefences } from "./log-rules.ts";
import { createTestAgent, LOG_BEGINS_MS, type TestAgent } from "./test-log.ts";
import {
  committedTo,
  forgeEvent,
  growLog,
  judgeMutant,
  type Log,
  MUTATIONS,
  retirement,
  rotation,
  type Target,
  type Verdict,
} from "./test-log-mutations.ts";

const real = createNodeCrypto();
const cheap = createCheapCrypto(real.hash, { bytes: (count) => new Uint8Array(count) });

const refused = (code: string) => expect.objectContaining({ name: "PerdureError", code });
const keyOf = async (crypto: Crypto, name: string) => await crypto.signatures.load(crypto.hash.sha256(new TextEncoder().encode(name)));

async function agentWith(events: number): Promise<{ readonly agent: TestAgent; readonly log: Log }> {
  const agent = await createTestAgent(real, "victim");
  let log: Log = [agent.inception];
  while (log.length < events)
    log = await agent.append(log, { kind: log.length % 5 === 0 ? "rotate" : "anchor", to: `${log.length}`, about: "x" });
  return { agent, log };
}

describe("a stolen key in force", () => {
  it("I1 cannot rotate: to keys of its own, or to itself", async () => {
    const { agent, log } = await agentWith(3);
    const state = await verifyLog(real, log);
    const thief = await keyOf(real, "thief");
    const stolen = agent.controlKeys(state);
    for (const keys of [stolen, [thief]])
      await expect(
        verifyLog(real, [...log, await forgeEvent(real, state, rotation(state, keys, committedTo(real, state, thief)), keys)]),
      ).rejects.toEqual(refused("bad-signature"));
    const honestKeys = agent.nextKeys(state);
    const halfForged = await forgeEvent(real, state, rotation(state, honestKeys, agent.following(state)), stolen);
    await expect(verifyLog(real, [...log, halfForged]), "the owner's keys named, the thief's signature").rejects.toEqual(
      refused("bad-signature"),
    );
  });

  it("I2 cannot retire the agent or change its guardians", async () => {
    const { agent, log } = await agentWith(3);
    const state = await verifyLog(real, log);
    const stolen = agent.controlKeys(state);
    await expect(
      verifyLog(real, [...log, await forgeEvent(real, state, retirement(state, stolen, agent.following(state)), stolen)]),
    ).rejects.toEqual(refused("bad-signature"));
    const guardians = await forgeEvent(real, state, { recoveryCommitment: new Uint8Array(32).fill(9) }, stolen);
    await expect(verifyLog(real, [...log, guardians])).rejects.toEqual(refused("malformed"));
    const next = await forgeEvent(real, state, { nextCommitments: [new Uint8Array(32).fill(9)] }, stolen);
    await expect(verifyLog(real, [...log, next])).rejects.toEqual(refused("malformed"));
  });

  it("I2 what it did to homes and instances is undone by the owner's rotation, made after it or without seeing it", async () => {
    const { agent, log } = await agentWith(3);
    const honest = new Uint8Array(32).fill(1);
    const evil = { relayId: new Uint8Array(32).fill(6), url: "wss://evil.example/", preference: 0 };
    let stolen = await agent.append(log, { kind: "home-set", homes: [evil] });
    stolen = await agent.append(stolen, { kind: "instance-revoke", instanceKey: honest });
    const during = await verifyLog(real, stolen);
    expect([during.homes, during.revoked.length]).toEqual([[evil], 1]);

    const after = await agent.append(stolen, { kind: "rotate", to: "owner", voidFromSeq: log.length });
    const healed = await verifyLog(real, after);
    expect([healed.homes, healed.revoked, healed.events.filter((each) => each.voided).map((each) => each.kind)]).toEqual([
      undefined,
      [],
      ["home-set", "instance-revoke"],
    ]);

    const unseen = await agent.append(log, { kind: "rotate", to: "owner" });
    expect(relateLogs(unseen, stolen)).toBe("outranks");
    expect(joinLogs({ log: stolen, rival: [] }, { log: unseen, rival: [] })).toEqual({ log: unseen, rival: [] });
  });

  it("I2 certifies nobody once its time is over", async () => {
    const { agent, log } = await agentWith(2);
    const forDecades = await agent.certificate(log, new Uint8Array(32).fill(6), 1e12);
    const rotated = await agent.append(log, { kind: "rotate", to: "owner", untilMs: LOG_BEGINS_MS + 5 });
    expect((await verifyCertificate(real, await verifyLog(real, log), forDecades)).validUntilMs).toBe(LOG_BEGINS_MS + 1e12);
    expect((await verifyCertificate(real, await verifyLog(real, rotated), forDecades)).validUntilMs).toBe(LOG_BEGINS_MS + 5);
    const state = await verifyLog(real, rotated);
    const { certificate, signature } = signedCertificate.decode(forDecades);
    const named = signedCertificate.encode({ certificate, keyIndex: 1, signature });
    await expect(verifyCertificate(real, state, named)).rejects.toEqual(refused("bad-signature"));
  });

  it("I3 does not win a race to another next key: those committed to are the only ones", async () => {
    const { agent, log } = await agentWith(3);
    const state = await verifyLog(real, log);
    const thief = await keyOf(real, "thief");
    const thiefFirst = [...log, await forgeEvent(real, state, rotation(state, [thief], committedTo(real, state, thief)), [thief])];
    await expect(verifyLog(real, thiefFirst)).rejects.toEqual(refused("bad-signature"));
    const owner = await agent.append(log, { kind: "rotate", to: "owner" });
    expect((await verifyLog(real, owner)).controlKeys).toEqual(agent.nextKeys(state).map((key) => key.publicKey));
    const [mine] = agent.nextKeys(state);
    const withMine = rotation(state, [mine as NonNullable<typeof mine>, thief], agent.following(state));
    await expect(
      verifyLog(real, [...log, await forgeEvent(real, state, withMine, [mine as NonNullable<typeof mine>, thief])]),
      "one key more than was committed to",
    ).rejects.toEqual(refused("bad-signature"));
  });
});

describe("a thief of the key in force reopens its commitment", () => {
  /** What somebody with the keys that were revealed can make of it: a rotation in the place of the owner's, from each of them on. */
  async function reopened(agent: TestAgent, owner: Log, from: number, about: string): Promise<Log> {
    const rotations = owner.length - 1;
    let log: Log = owner.slice(0, from);
    for (let at = from; at <= rotations; at++)
      log = await agent.append(await agent.append(log, { kind: "anchor", about: `${about} ${at}` }), { kind: "rotate", to: about });
    return log;
  }

  async function ownerLog(agent: TestAgent, rotations: number): Promise<Log> {
    let log: Log = [agent.inception];
    for (let count = 1; count <= rotations; count++) log = await agent.append(log, { kind: "rotate", to: `owner ${count}` });
    return log;
  }

  it.each([1, 2, 3])(
    "ties with %i stolen keys, all of them but the first revealed by now, and is outranked by the next rotation",
    async (stolen) => {
      const agent = await createTestAgent(real, "victim");
      const owner = await ownerLog(agent, 3);
      const thief = await reopened(agent, owner, 4 - stolen, "thief");
      await expect(verifyLog(real, thief)).resolves.toBeDefined();
      expect([relateLogs(thief, owner), relateLogs(owner, thief)]).toEqual(["forked", "forked"]);
      const frozen = joinLogs({ log: owner, rival: [] }, { log: thief, rival: [] });
      expect(frozen.rival.length).toBeGreaterThan(0);
      const healed = await agent.append(owner, { kind: "rotate", to: "heal" });
      expect(relateLogs(healed, thief)).toBe("outranks");
      expect(joinLogs(frozen, { log: healed, rival: [] })).toEqual({ log: healed, rival: [] });
      // Also from the thief's own end, or a head from before the theft, for who has nothing else.
      for (const base of [thief, await agent.append(owner.slice(0, -1), { kind: "rotate", to: "again" })])
        expect(relateLogs(await agent.append(base, { kind: "rotate", to: "heal" }), owner)).toBe("outranks");
    },
  );

  it("comes to the same next keys, which he does not have, whatever he writes", async () => {
    const agent = await createTestAgent(real, "victim");
    const owner = await ownerLog(agent, 2);
    const state = await verifyLog(real, owner);
    const before = await verifyLog(real, owner.slice(0, -1));
    const stolen = agent.controlKeys(state);
    const thief = await keyOf(real, "thief");
    const chosen = await forgeEvent(real, before, rotation(before, stolen, committedTo(real, before, thief)), stolen);
    await expect(verifyLog(real, [...owner.slice(0, -1), chosen])).rejects.toEqual(refused("bad-signature"));
    const weaker = await forgeEvent(real, before, { ...rotation(before, stolen, agent.following(before)), nextThreshold: 2 }, stolen);
    await expect(verifyLog(real, [...owner.slice(0, -1), weaker])).rejects.toEqual(refused("bad-signature"));
    const tied = await forgeEvent(real, before, rotation(before, stolen, agent.following(before)), stolen);
    const thiefs = [...owner.slice(0, -1), tied];
    const seized = await verifyLog(real, thiefs);
    expect(seized.nextCommitments).toEqual(state.nextCommitments);
    const onwards = await forgeEvent(real, seized, rotation(seized, [thief], committedTo(real, seized, thief)), [thief]);
    await expect(verifyLog(real, [...thiefs, onwards])).rejects.toEqual(refused("bad-signature"));
  });

  it("control: a verifier that does not look at commitments follows him to keys of his own, past the owner", async () => {
    const agent = await createTestAgent(real, "victim");
    const owner = await ownerLog(agent, 2);
    const [before, thief] = [await verifyLog(real, owner.slice(0, -1)), await keyOf(real, "thief")];
    const stolen = agent.controlKeys(await verifyLog(real, owner));
    const blind = { ...LOG_DEFENCES, reveal: false };
    let log = [...owner.slice(0, -1), await forgeEvent(real, before, rotation(before, stolen, committedTo(real, before, thief)), stolen)];
    for (let more = 0; more < 2; more++) {
      const state = await verifyLog(real, log, blind);
      log = [...log, await forgeEvent(real, state, rotation(state, [thief], committedTo(real, state, thief)), [thief])];
    }
    await expect(verifyLog(real, log, blind)).resolves.toBeDefined();
    await expect(verifyLog(real, log)).rejects.toEqual(refused("bad-signature"));
    expect(relateLogs(log, await agent.append(owner, { kind: "rotate", to: "heal" })), "and for good").toBe("outranks");
  });
});

describe("a retired agent", () => {
  it("I9 stays retired: nothing follows, of any kind, by any key", async () => {
    const { agent, log } = await agentWith(3);
    const retired = await agent.append(log, { kind: "retire" });
    const state = await verifyLog(real, retired);
    expect(state.retired?.reason).toBe("over");
    await expect(agent.append(retired, { kind: "anchor", about: "x" })).rejects.toEqual(refused("identity-retired"));
    const keys = agent.controlKeys(state);
    const ending = [state, keys, agent.following(state)] as const;
    const after = [{}, rotation(...ending), retirement(...ending), rotation(state, agent.nextKeys(state), agent.following(state))];
    for (const changes of after)
      await expect(verifyLog(real, [...retired, await forgeEvent(real, state, changes, keys)])).rejects.toEqual(refused("malformed"));
    const recover = await forgeEvent(real, state, { kind: EVENT_KINDS.indexOf("recover") }, keys);
    await expect(verifyLog(real, [...retired, recover])).rejects.toEqual(refused("needs-newer-verifier"));
  });

  it("I9 is not un-retired by whoever shows the log without its end, or a rotation of the same keys", async () => {
    const { agent, log } = await agentWith(3);
    const retired = await agent.append(log, { kind: "retire" });
    expect(relateLogs(log, retired)).toBe("behind");
    expect(relateLogs(await agent.append(log, { kind: "anchor", about: "alive" }), retired)).toBe("outranked");
    expect(relateLogs(await agent.append(log, { kind: "rotate", to: "alive" }), retired)).toBe("forked");
  });
});

describe("keys and signatures for other purposes", () => {
  it("I10 an instance key writes no event, whatever it says its keys are", async () => {
    const { agent, log } = await agentWith(3);
    const state = await verifyLog(real, log);
    const instance = await keyOf(real, "instance");
    await agent.certificate(log, instance.publicKey);
    const named = { controlKeys: [instance.publicKey], controlThreshold: 1 };
    const attempts = [
      {},
      named,
      rotation(state, [instance], agent.following(state)),
      retirement(state, [instance], agent.following(state)),
    ];
    for (const kind of ["instance-revoke", "home-set", "anchor"]) attempts.push({ ...named, kind: EVENT_KINDS.indexOf(kind as "anchor") });
    for (const changes of attempts)
      await expect(verifyLog(real, [...log, await forgeEvent(real, state, changes, [instance])])).rejects.toMatchObject({
        name: "PerdureError",
      });
  });

  it("I12 bytes and signatures of certificates, records, receipts and statements are no events", async () => {
    const { agent, log } = await agentWith(3);
    const state = await verifyLog(real, log);
    const keys = agent.controlKeys(state);
    const { certificate, signature } = signedCertificate.decode(await agent.certificate(log, new Uint8Array(32).fill(1)));
    await expect(
      verifyLog(real, [...log, signedEvent.encode({ event: certificate, signatures: [{ keyIndex: 0, signature }] })]),
    ).rejects.toEqual(refused("malformed"));
    for (const domain of Object.keys(DOMAINS) as (keyof typeof DOMAINS)[]) {
      const forged = [...log, await forgeEvent(real, state, {}, keys, domain)];
      if (domain === "event") await expect(verifyLog(real, forged), "the same, for its purpose").resolves.toBeDefined();
      else await expect(verifyLog(real, forged), domain).rejects.toEqual(refused("bad-signature"));
    }
  });

  it("I12 a verifier that knows no purposes would take them", async () => {
    const { agent, log } = await agentWith(3);
    const state = await verifyLog(real, log);
    const forged = [...log, await forgeEvent(real, state, {}, agent.controlKeys(state), "record")];
    await expect(verifyLog(withoutDomains(real), forged)).resolves.toBeDefined();
  });
});

/** Takes a signature for one purpose as one for any. */
function withoutDomains(crypto: Crypto): Crypto {
  const verify: Crypto["signatures"]["verify"] = async (key, message, signature) => {
    const said = message.subarray(DOMAINS.event.length);
    for (const domain of Object.values(DOMAINS)) if (await crypto.signatures.verify(key, concat(domain, said), signature)) return true;
    return false;
  };
  return { ...crypto, signatures: { ...crypto.signatures, verify } };
}

describe("a log of 20 events", () => {
  const flipped = (log: Log, event: number, byte: number): Log =>
    log.map((each, index) => {
      if (index !== event) return each;
      const bad = each.slice();
      bad[byte] = (bad[byte] as number) ^ (1 << (byte % 8));
      return bad;
    });

  it.each<[string, Crypto, number]>([
    ["every byte", cheap, 1],
    ["every seventeenth byte, with real signatures", real, 17],
  ])(
    "I15 is refused with %s flipped",
    async (_, crypto, step) => {
      const draws = createDraws("I15");
      let target = await growLog(crypto, "I15", draws);
      while (target.log.length < 20) target = await growLog(crypto, `I15 ${draws.u32()}`, draws);
      let tried = 0;
      for (const [event, bytes] of target.log.entries())
        for (let byte = event % step; byte < bytes.length; byte += step) {
          tried++;
          expect(await judgeMutant(crypto, target, flipped(target.log, event, byte)), `byte ${byte} of event ${event}`).toBe("rejected");
        }
      expect(tried).toBeGreaterThan(5000 / step);
    },
    120_000,
  );
});

interface Tally {
  readonly counts: ReadonlyMap<string, Record<Verdict, number>>;
  readonly total: number;
  readonly forged: number;
}

async function mutate(crypto: Crypto, judgeWith: Crypto, logs: number, each: number, defences: LogDefences = LOG_DEFENCES): Promise<Tally> {
  const draws = createDraws(`mutations of ${logs} logs`);
  const targets: Target[] = [];
  for (let index = 0; index < logs; index++) targets.push(await growLog(crypto, `agent ${index}`, draws));
  const stranger = await keyOf(crypto, "stranger");
  const kinds = Object.entries(MUTATIONS);
  const counts = new Map<string, Record<Verdict, number>>(kinds.map(([kind]) => [kind, { rejected: 0, same: 0, older: 0, forged: 0 }]));
  let total = 0;
  for (const [index, target] of targets.entries()) {
    const other = targets[(index + 1) % targets.length] as Target;
    for (let left = each; left > 0; ) {
      const [kind, mutation] = kinds[draws.below(kinds.length)] as (typeof kinds)[0];
      const mutant = await mutation({ crypto, draws, stranger }, target, other);
      if (mutant === undefined) continue;
      const verdict = await judgeMutant(judgeWith, target, mutant, defences);
      (counts.get(kind) as Record<Verdict, number>)[verdict]++;
      left--;
      total++;
    }
  }
  return { counts, total, forged: [...counts.values()].reduce((sum, count) => sum + count.forged, 0) };
}

const forgedKinds = ({ counts }: Tally): readonly string[] => [...counts].filter(([, count]) => count.forged > 0).map(([kind]) => kind);

describe("mutated logs", () => {
  it("A1 of 10,400 mutants of 52 random logs, none is taken for another log", async () => {
    const tally = await mutate(cheap, cheap, 52, 200);
    expect(tally.total).toBe(10_400);
    expect(forgedKinds(tally)).toEqual([]);
    for (const [kind, { same, older }] of tally.counts) expect([kind, same, older]).toEqual([kind, 0, 0]);
  }, 120_000);

  it("A1 with real signatures, a sample", async () => {
    expect(forgedKinds(await mutate(real, real, 4, 80))).toEqual([]);
  }, 60_000);

  it.each<[string, Crypto, Partial<LogDefences>, readonly string[]]>([
    [
      "signatures",
      { ...cheap, signatures: { ...cheap.signatures, verify: async () => true } },
      {},
      ["backdate", "signedByStranger", "otherPurpose"],
    ],
    ["purposes", withoutDomains(cheap), {}, ["otherPurpose"]],
    ["thresholds", cheap, { threshold: false }, []],
    ["the chain", cheap, { chain: false }, ["drop", "duplicate", "reorder"]],
    ["commitments", cheap, { reveal: false }, ["strangerRotates", "currentKeyRotates", "currentKeyRetires", "currentKeyReopens"]],
    ["keys that stay", cheap, { sameKeys: false }, ["strangerKeys", "currentKeyChangesGuardians"]],
    ["the end", cheap, { terminal: false }, ["afterRetirement"]],
  ])(
    "control: a verifier that does not look at %s takes forgeries",
    async (_, judgeWith, off, expected) => {
      const tally = await mutate(cheap, judgeWith, 8, 120, { ...LOG_DEFENCES, ...off });
      expect(forgedKinds(tally)).toEqual(expect.arrayContaining([...expected]));
      if (expected.length === 0) expect((tally.counts.get("unsign") as Record<Verdict, number>).same).toBeGreaterThan(0);
    },
    60_000,
  );

  it("A2 a log that was cut off is an older one, which whoever saw more refuses", async () => {
    const { log } = await agentWith(8);
    for (let length = 1; length < log.length; length++) {
      const cut = log.slice(0, length);
      await expect(verifyLog(real, cut), "it is valid by itself").resolves.toBeDefined();
      expect(relateLogs(cut, log)).toBe("behind");
      expect(joinLogs({ log, rival: [] }, { log: cut, rival: [] })).toEqual({ log, rival: [] });
    }
  });
});

describe("the state a log says", () => {
  it("is a function of the bytes of its events", async () => {
    for (let index = 0; index < 10; index++) {
      const { log } = await growLog(cheap, `state ${index}`, createDraws(`state ${index}`));
      const states = await verifyLogStates(cheap, log);
      expect(
        await verifyLogStates(
          cheap,
          log.map((bytes) => bytes.slice()),
        ),
      ).toEqual(states);
      for (const [seq, state] of states.entries()) {
        expect(await verifyLog(cheap, log.slice(0, seq + 1))).toEqual(state);
        expect([state.seq, state.events.length, state.head]).toEqual([seq, seq + 1, cheap.hash.sha256(eventOf(log[seq] as Bytes))]);
        const inForce = identityEvent.decode(eventOf(log[seq] as Bytes));
        expect([state.controlKeys, state.nextCommitments]).toEqual([inForce.controlKeys, inForce.nextCommitments]);
      }
    }
  });

  it("commits to keys by their hash, and with each to those that follow", async () => {
    const { agent, log } = await agentWith(2);
    const state = await verifyLog(real, log);
    const [following] = agent.following(state) as readonly [Bytes];
    expect(state.nextCommitments).toEqual(agent.nextKeys(state).map((key) => nextKeyCommitment(real.hash, key.publicKey, following)));
  });
});

const eventOf = (encoded: Bytes): Bytes => signedEvent.decode(encoded).event;
