import { describe, expect, it } from "vitest";
import { draftIndexes } from "../protocol/delivery/index-building.ts";
import type { RelayOutput } from "../protocol/delivery/mailbox-events.ts";
import { type AgentState, findAgent, mailboxOwners, type Place } from "../protocol/delivery/mailbox-state.ts";
import { agentId, createTestRelay, envelope } from "../protocol/delivery/test-relay.ts";
import type { RecordLog } from "../store/log/record-log.ts";
import type { IndexReader } from "../store/log/segment-index.ts";
import { PerdureError } from "../wire/error.ts";
import { INDEX_ROW_BYTES } from "../wire/kept-index.ts";
import { createMailRest } from "./mail-rest.ts";

type Wanted = Extract<RelayOutput, { readonly kind: "rows-wanted" }>;
type Reader = IndexReader & AsyncDisposable;

const DAMAGED = new PerdureError("log-damaged", "not what was written");

/**
 * A message for each of so many agents, in segments that are closed: that of the last agent in segment 2, those of the others in segment 1.
 * `index`, where it is set, says what comes of opening an index, given the sound one.
 */
function createClosed(agents: number) {
  const relay = createTestRelay({}, { agents: agents + 1 });
  relay.attach(1, "writer");
  for (let nth = 1; nth <= agents; nth++) {
    relay.attach(1 + nth, `agent ${nth}`, { consume: false });
    relay.mail(1, nth, envelope("writer", `agent ${nth}`, nth));
  }
  relay.sync();
  relay.take();
  const { state } = relay.machine;
  const agent = (nth: number): AgentState => findAgent(state, agentId(`agent ${nth}`)) as AgentState;
  const last = agent(agents).mailbox.stored.placeOf(1) as Place;
  const actual = (place: Place): Place => ({ ...place, segment: place.offset === last.offset ? 2 : 1 });
  const draft = draftIndexes([1, 2]);
  for (const owner of mailboxOwners(state)) draft.visit(owner, actual);
  const bodies = [1, 2].map((segment) => draft.finish(segment).body);
  const settings = { messagesAtHand: 0, diskRetryMs: 1000 };
  const told = { failures: [] as unknown[], damaged: [] as number[], lost: [] as string[] };
  const timers: (() => void)[] = [];
  const pausesMs: number[] = [];
  const log = {
    health: { state: "good" } as RecordLog["health"],
    closed: [1, 2] as readonly number[],
    index: (_segment: number, sound: Reader): Reader | undefined => sound,
    readClosed: async (): Promise<void> => {
      throw DAMAGED;
    },
  };
  const after = (ms: number, then: () => void): (() => void) => {
    timers.push(then);
    pausesMs.push(ms);
    return () => {};
  };
  const rest = createMailRest({
    clock: { wallMs: () => 0, monotonicMs: () => 0, after },
    settings,
    mailboxes: relay.machine,
    log: {
      get health() {
        return log.health;
      },
      actual,
      adopt: () => {},
      unindexed: () => [],
      indexed: () => log.closed,
      openIndex: async (segment: number) => {
        const body = bodies[segment - 1] as Uint8Array;
        const read = async (offset: number, length: number): Promise<Uint8Array> => body.subarray(offset, offset + length);
        return log.index(segment, { bytes: body.length, read, isOnePiece: () => true, [Symbol.asyncDispose]: async () => {} });
      },
      readClosed: () => log.readClosed(),
    } as unknown as RecordLog,
    loop: { feed: (input) => void relay.feed(input), durable: async () => {} },
    points: undefined,
    damaged: (segment) => void told.damaged.push(segment),
    lost: async (key, position) => void told.lost.push(`${key} ${position}`),
    failed: (error) => void told.failures.push(error),
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    relay,
    rest,
    log,
    told,
    timers,
    pausesMs,
    agent,
    /** Makes a round, and lets it end. */
    round: async (): Promise<void> => {
      rest.segmentClosed();
      timers.pop()?.();
      await turn();
    },
    /** All may be at hand from here on. */
    widen: (): void => {
      settings.messagesAtHand = 1000;
    },
    /** What its consumer is about to read, once it has one. */
    attach: (nth: number): readonly Wanted[] => {
      relay.attach(100 + nth, `agent ${nth}`);
      return relay.take().filter((output): output is Wanted => output.kind === "rows-wanted");
    },
    turn,
  };
}

describe("mail that rests in closed segments", () => {
  it("comes to rest also when the index of another segment is damaged", async () => {
    const { relay, log, told, round } = createClosed(3);
    log.index = (segment, sound) => (segment === 2 ? sound : { ...sound, read: () => Promise.reject(DAMAGED) });
    await round();
    expect(told.failures).toEqual([]);
    expect(told.damaged).toContain(1);
    expect(relay.machine.state.mails.rows).toBe(2);
  });

  it("comes to rest also after a time in which the disk took nothing", async () => {
    const { relay, log, round } = createClosed(3);
    const { closed } = log;
    [log.health, log.closed] = [{ state: "stuck", code: "disk-failed", sinceMs: 0 }, []];
    await round();
    [log.health, log.closed] = [{ state: "good" }, closed];
    await round();
    expect(relay.machine.state.mails.rows).toBe(0);
  });

  it("is fetched for one while nothing comes of what others wait for, who get theirs when it does", async () => {
    const { relay, rest, log, told, timers, agent, attach, round, turn, widen } = createClosed(40);
    await round();
    expect(relay.machine.state.mails.rows).toBe(0);
    widen();
    let failing = true;
    log.index = (segment, sound) =>
      segment === 2 || !failing ? sound : { ...sound, read: () => Promise.reject(new PerdureError("disk-failed", "no read")) };
    for (let nth = 1; nth <= 40; nth++) for (const wanted of attach(nth)) rest.want(wanted);
    await turn();
    expect(agent(40).mailbox.stored.placeOf(1)).toBeDefined();
    expect(agent(1).mailbox.stored.placeOf(1)).toBeUndefined();
    expect(told.failures.length).toBe(39);
    failing = false;
    for (const then of timers.splice(0)) then();
    await turn();
    expect(relay.machine.state.mails.rows).toBe(40);
    expect(told.failures.length).toBe(39);
  });

  it("is lost where the disk gives neither its row nor the log has it, and the next is not", async () => {
    const { rest, log, told, agent, attach, round, turn, widen } = createClosed(3);
    await round();
    widen();
    log.readClosed = async () => {};
    // What comes behind the loads of the two in segment 1: the disk gives nothing of the first row.
    const failing = ({ bytes }: Reader, offset: number): boolean => offset === bytes - 2 * INDEX_ROW_BYTES;
    log.index = (_, sound) => ({
      ...sound,
      read: (offset, length) =>
        failing(sound, offset) ? Promise.reject(new PerdureError("disk-failed", "no read")) : sound.read(offset, length),
    });
    for (const nth of [1, 2]) for (const wanted of attach(nth)) rest.want(wanted);
    await turn();
    const [gone, whole] = [1, 2]
      .map((nth) => agent(nth))
      .sort((one, other) => Number(told.lost.join().includes(other.key)) - Number(told.lost.join().includes(one.key)));
    expect(told).toEqual({ failures: [], damaged: [1], lost: [`${gone?.key} 1`] });
    expect(whole?.mailbox.stored.placeOf(1)).toBeDefined();
  });

  it("is asked for ever more rarely while nothing of it can be had, and that its index is damaged is said once", async () => {
    const { rest, log, told, timers, pausesMs, attach, round, turn } = createClosed(2);
    await round();
    pausesMs.length = 0;
    log.index = () => undefined;
    for (const wanted of attach(1)) rest.want(wanted);
    for (let time = 0; time < 8; time++) {
      await turn();
      timers.pop()?.();
    }
    expect(pausesMs).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect([told.damaged, told.failures.length]).toEqual([[1], 8]);
  });

  it("is fetched no more when it was for another's sake and its segment is gone", async () => {
    const { rest, log, told, agent, attach, round, turn } = createClosed(2);
    await round();
    const [wanted] = attach(1);
    expect(await rest.needed(1)).toHaveLength(1);
    log.index = () => undefined;
    rest.want(wanted as Wanted);
    await turn();
    expect(told).toEqual({ failures: [], damaged: [], lost: [] });
    expect(agent(1).mailbox).toMatchObject({ fetching: false });
  });
});
