/** Who joins a connection by the words of the protocol, and who only says so. */
import { describe, expect, it } from "vitest";
import type { Receiver } from "../../host/net.ts";
import { createNodeCrypto } from "../../host/node/crypto.ts";
import { createIdentity, type OwnIdentity } from "../../identity/own-identity.ts";
import { type Bytes, putU32, u32At } from "../../wire/bytes.ts";
import { encodeAck, type Join, join, ping } from "../../wire/control.ts";
import type { Frame } from "../../wire/frame.ts";
import { type Accepted, acceptJoin, type Joining } from "./accept.ts";
import type { Connected } from "./connect.ts";
import { goodbyeFor } from "./goodbyes.ts";
import { joinToSign, sharedByExtension } from "./join-proof.ts";
import { type Channel, createSharedTransport, type SharedTransport } from "./shared-transport.ts";
import { type Heard, listen, type Meeting, meet, settings, WELCOME } from "./test-meeting.ts";
import type { Transport } from "./transport.ts";

const { hash } = createNodeCrypto();
const PROTECTED = { sending: undefined, receiving: undefined };

interface Stage {
  readonly meeting: Meeting;
  readonly joined: { readonly joining: Joining; readonly accepted: Promise<Accepted> }[];
  /** One more agent, on the machine of the first. */
  newAgent(name: string, role?: "mail" | "relay"): Promise<OwnIdentity>;
  dial(): Promise<Dialled>;
}

interface Dialled {
  readonly connected: Connected;
  readonly transport: SharedTransport;
  readonly here: Heard;
  readonly there: Heard;
}

async function setUp({ sharedBy = 64 } = {}): Promise<Stage> {
  const joined: { readonly joining: Joining; readonly accepted: Promise<Accepted> }[] = [];
  const extensions = sharedByExtension(sharedBy);
  const meeting: Meeting = await meet({
    accept: {
      admit: async () => ({ ...WELCOME, extensions }),
      onJoin: (joining) => {
        const host = meeting.world.host("relay");
        const accepted = acceptJoin({ host, settings, own: meeting.relay, admit: async () => WELCOME }, joining);
        accepted.catch(() => undefined);
        joined.push({ joining, accepted });
      },
    },
  });
  const host = meeting.world.host("agent");
  return {
    meeting,
    joined,
    newAgent: (name, role = "mail") => meeting.world.complete(createIdentity({ host, folder: name, role, custody: "together", settings })),
    dial: async () => {
      let transport: SharedTransport | undefined;
      const connected = await meeting.connect({
        carry: (connection) => {
          transport = createSharedTransport(connection);
          return transport;
        },
      });
      const accepted = await meeting.world.complete(meeting.arrivals.at(-1) as Promise<Accepted>);
      return { connected, transport: transport as SharedTransport, here: listen(connected.session), there: listen(accepted.session) };
    },
  };
}

interface Lie {
  readonly agentId?: Bytes;
  readonly bundle?: Bytes;
  readonly transcript?: Bytes;
  readonly channel?: number;
  readonly signedBy?: OwnIdentity;
}

/** What one says who joins there. */
async function joinOf({ meeting }: Stage, own: OwnIdentity, { connected }: Dialled, channel: Channel, lie: Lie = {}): Promise<Bytes> {
  const unsigned: Join = {
    agentId: lie.agentId ?? own.idRaw,
    bundle: lie.bundle ?? own.bundle(),
    link: new Uint8Array(8).fill(3),
    consume: true,
    haveGeneration: new Uint8Array(8),
    havePosition: 0,
    ticket: "",
    pass: new Uint8Array(),
    signature: new Uint8Array(64),
    extensions: [],
  };
  const toSign = joinToSign(hash, lie.transcript ?? connected.transcript, lie.channel ?? channel.number, unsigned);
  const signature = await meeting.world.complete(
    meeting.world.host("agent").crypto.signatures.sign((lie.signedBy ?? own).instanceKey, toSign),
  );
  return join.encode({ ...unsigned, signature });
}

/** What came of saying that: the relay's word for it, or `welcome`. */
async function answerTo(stage: Stage, { transport }: Channel, payload: Bytes): Promise<string> {
  transport.send([{ name: "join", payload }]);
  transport.protect(PROTECTED);
  return stage.meeting.world.complete(
    transport.next("welcome").then(
      () => "welcome",
      (error: { code: string }) => error.code,
    ),
  );
}

const pass = ({ meeting: { world } }: Stage, ms = 500) => world.run({ untilMs: world.nowMs + ms });
const frameOf = (nonce: number): Frame => ({ name: "ping", payload: ping.encode({ nonce }) });
const codes = ({ ended }: Heard): readonly string[] => ended.map(({ code }) => code);

describe("a join", () => {
  it("is taken from who signed it for this connection and this channel", async () => {
    const stage = await setUp();
    const [ben, dialled] = [await stage.newAgent("ben"), await stage.dial()];
    const channel = dialled.transport.open();
    expect(await answerTo(stage, channel, await joinOf(stage, ben, dialled, channel))).toBe("welcome");
    const accepted = await stage.meeting.world.complete(stage.joined[0]?.accepted as Promise<Accepted>);
    expect([accepted.agent.id, accepted.role, accepted.session.mode]).toEqual([ben.id, "agent", "mac"]);
  });

  const lies: readonly (readonly [string, string, (its: { ben: OwnIdentity; other: OwnIdentity; second: Dialled }) => Lie])[] = [
    ["signed for another channel", "bad-handshake", () => ({ channel: 7 })],
    ["signed for another connection of the same two", "bad-handshake", ({ second }) => ({ transcript: second.connected.transcript })],
    ["of another's id with the own bundle", "bad-signature", ({ other }) => ({ agentId: other.idRaw })],
    ["of another's id and bundle, without its key", "bad-handshake", ({ other }) => ({ agentId: other.idRaw, bundle: other.bundle() })],
    ["signed by another's key", "bad-handshake", ({ other }) => ({ signedBy: other })],
  ];
  it.each(lies)("%s is %s, and nobody else's end", async (_, code, lie) => {
    const stage = await setUp();
    const [ben, other] = [await stage.newAgent("ben"), await stage.newAgent("other")];
    const second = await stage.dial();
    const dialled = await stage.dial();
    const channel = dialled.transport.open();
    expect(await answerTo(stage, channel, await joinOf(stage, ben, dialled, channel, lie({ ben, other, second })))).toBe(code);
    await pass(stage);
    expect([codes(dialled.here), codes(dialled.there), dialled.transport.sessions]).toEqual([[], [], 1]);
  });

  it("of a relay is refused: it has no scope for mail", async () => {
    const stage = await setUp();
    const [other, dialled] = [await stage.newAgent("other", "relay"), await stage.dial()];
    const channel = dialled.transport.open();
    expect(await answerTo(stage, channel, await joinOf(stage, other, dialled, channel))).toBe("bad-signature");
  });

  it("that was heard once is no use a second time, on any channel", async () => {
    const stage = await setUp();
    const [ben, dialled] = [await stage.newAgent("ben"), await stage.dial()];
    const first = dialled.transport.open();
    const said = await joinOf(stage, ben, dialled, first);
    expect(await answerTo(stage, first, said)).toBe("welcome");
    first.transport.end(goodbyeFor("aborted", "over"));
    expect(await answerTo(stage, dialled.transport.open(), said)).toBe("bad-handshake");
    const elsewhere = await stage.dial();
    const there = elsewhere.transport.open();
    expect(there.number).toBe(first.number);
    expect(await answerTo(stage, there, said)).toBe("bad-handshake");
  });

  it("where the welcome allowed none ends the connection", async () => {
    const stage = await setUp({ sharedBy: 1 });
    const [ben, dialled] = [await stage.newAgent("ben"), await stage.dial()];
    const channel = dialled.transport.open();
    expect(await answerTo(stage, channel, await joinOf(stage, ben, dialled, channel))).toBe("connection-closed");
    await pass(stage);
    expect([codes(dialled.here), codes(dialled.there), stage.joined.length]).toEqual([["malformed"], ["malformed"], 0]);
  });

  it("has to be the first frame of its channel", async () => {
    const stage = await setUp();
    const dialled = await stage.dial();
    dialled.transport.open().transport.send([frameOf(1)]);
    await pass(stage);
    expect([codes(dialled.here), codes(dialled.there)]).toEqual([["malformed"], ["malformed"]]);
  });

  it("inside a session is malformed there", async () => {
    const stage = await setUp();
    const [ben, dialled] = [await stage.newAgent("ben"), await stage.dial()];
    const channel = dialled.transport.open();
    const said = await joinOf(stage, ben, dialled, channel);
    await answerTo(stage, channel, said);
    const heard = await acceptedOf(stage, 0);
    channel.transport.send([{ name: "join", payload: said }]);
    await pass(stage);
    expect([codes(heard), codes(dialled.here)]).toEqual([["malformed"], []]);
  });

  it("that never says who it is, is over when handshakes are", async () => {
    const stage = await setUp();
    const dialled = await stage.dial();
    dialled.transport.open().transport.send([{ name: "join", payload: new Uint8Array() }]);
    await pass(stage);
    await expect(stage.joined[0]?.accepted).rejects.toMatchObject({ code: "malformed" });
    expect([codes(dialled.here), dialled.transport.sessions]).toEqual([[], 1]);
  });
});

describe("a join that is never said", () => {
  it("is nobody's end: of a channel without a first frame the relay hears nothing", async () => {
    const stage = await setUp();
    const [ben, dialled] = [await stage.newAgent("ben"), await stage.dial()];
    dialled.transport.open().transport.end(goodbyeFor("aborted", "the agent was closed"));
    await pass(stage);
    expect([codes(dialled.here), codes(dialled.there), dialled.transport.sessions]).toEqual([[], [], 1]);
    const next = dialled.transport.open();
    expect(await answerTo(stage, next, await joinOf(stage, ben, dialled, next))).toBe("welcome");
  });

  it("is past once another one was, for the relay would drop it", async () => {
    const stage = await setUp();
    const [ben, dialled] = [await stage.newAgent("ben"), await stage.dial()];
    const [first, second] = [dialled.transport.open(), dialled.transport.open()];
    expect([first, second].map(({ number }) => dialled.transport.isPast(number))).toEqual([false, false]);
    expect(await answerTo(stage, second, await joinOf(stage, ben, dialled, second))).toBe("welcome");
    expect([first, second].map(({ number }) => dialled.transport.isPast(number))).toEqual([true, false]);
  });

  it("comes too late with the last goodbye in one message: nobody begins on what is closed", async () => {
    const stage = await setUp();
    const [ben, dialled] = [await stage.newAgent("ben"), await stage.dial()];
    const channel = dialled.transport.open();
    const payload = await joinOf(stage, ben, dialled, channel);
    dialled.connected.session.close(goodbyeFor("connection-closed", "the agent was closed"));
    expect(await answerTo(stage, channel, payload)).toBe("connection-closed");
    await pass(stage);
    expect([stage.joined.length, codes(dialled.there)]).toEqual([0, ["connection-closed"]]);
  });
});

async function acceptedOf(stage: Stage, index: number): Promise<Heard> {
  return listen((await stage.meeting.world.complete(stage.joined[index]?.accepted as Promise<Accepted>)).session);
}

describe("a shared connection", () => {
  async function withTwo(): Promise<{ stage: Stage; dialled: Dialled; channel: Channel; there: Heard; here: Heard }> {
    const stage = await setUp();
    const [ben, dialled] = [await stage.newAgent("ben"), await stage.dial()];
    const channel = dialled.transport.open();
    await answerTo(stage, channel, await joinOf(stage, ben, dialled, channel));
    const here: Heard = { frames: [], ended: [] };
    channel.transport.receive({
      frames: (frames) => void here.frames.push(...frames),
      drained: () => {},
      ended: (reason) => void here.ended.push(reason),
    });
    return { stage, dialled, channel, there: await acceptedOf(stage, 0), here };
  }

  it("carries what both say in one turn as one message", async () => {
    const { stage, dialled, channel, there } = await withTwo();
    let messages = 0;
    const { session } = dialled.connected;
    const line = dialled.connected.line.connection;
    const send = line.send.bind(line);
    line.send = (message) => {
      messages++;
      send(message);
    };
    session.send([{ name: "ack", payload: encodeAck(1) }]);
    channel.transport.send([{ name: "ack", payload: encodeAck(2) }]);
    session.send([{ name: "ack", payload: encodeAck(3) }]);
    await pass(stage);
    expect(messages).toBe(1);
    expect(there.frames.map(({ payload }) => payload[7])).toEqual([2]);
    expect(dialled.there.frames.map(({ payload }) => payload[7])).toEqual([1, 3]);
  });

  it("drops what comes for a session that is over, and never gives its number again", async () => {
    const { stage, dialled, channel, there } = await withTwo();
    const relaySide = (stage.joined[0] as { joining: Joining }).joining;
    relaySide.transport.end(goodbyeFor("fenced", "another came"));
    channel.transport.send([frameOf(5)]);
    await pass(stage);
    expect([there.frames, codes(dialled.there), codes(dialled.here)]).toEqual([[], [], []]);
    expect(dialled.transport.open().number).toBe(channel.number + 1);
  });

  it("takes nobody in after one session waited in vain on it", async () => {
    const { dialled, channel } = await withTwo();
    expect(dialled.transport.hasRoom).toBe(true);
    channel.transport.end(goodbyeFor("timed-out", "nothing was heard"));
    expect([dialled.transport.hasRoom, dialled.transport.over]).toEqual([false, false]);
  });

  it("ends for all when a message was changed on its way", async () => {
    const { stage, dialled, there, here } = await withTwo();
    const line = dialled.connected.line.connection;
    const send = line.send.bind(line);
    line.send = (message) => send(message.map((byte, index) => (index === message.length - 1 ? byte ^ 1 : byte)));
    dialled.connected.session.send([frameOf(1)]);
    await pass(stage);
    expect([codes(dialled.there), codes(there)]).toEqual([["bad-mac"], ["bad-mac"]]);
    expect([codes(dialled.here), codes(here)]).toEqual([["bad-mac"], ["bad-mac"]]);
  });
});

describe("what waits on a shared connection", () => {
  /** Of which nothing leaves by itself. */
  function slowLine(): { readonly transport: SharedTransport; leaves(bytes: number): void; readonly queued: number } {
    let queuedBytes = 0;
    const transport = createSharedTransport({
      remote: "far away",
      local: false,
      get queuedBytes() {
        return queuedBytes;
      },
      send: (message) => {
        queuedBytes += message.length;
      },
      close: () => {},
      start: () => {},
    });
    transport.protect(PROTECTED);
    return {
      transport,
      leaves: (bytes) => {
        queuedBytes -= Math.min(bytes, queuedBytes);
      },
      get queued() {
        return queuedBytes;
      },
    };
  }

  const KB = 1024;
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const say = async ({ transport }: Pick<Channel, "transport">, bytes: number): Promise<void> => {
    transport.send([{ name: "mail", payload: new Uint8Array(bytes) }]);
    await turn();
  };

  it("is whose it is: what left long ago counts for nobody, though the line was never empty", async () => {
    const line = slowLine();
    const [quick, slow] = [line.transport.open(), line.transport.open()];
    await say(quick, 400 * KB);
    for (let round = 0; round < 20; round++) {
      await say(slow, 10 * KB);
      line.leaves(round === 0 ? 400 * KB : 10 * KB);
      expect(slow.transport.queuedBytes).toBeLessThanOrEqual(line.queued);
    }
    expect([line.queued > 0, quick.transport.queuedBytes, line.transport.queuedBytes]).toEqual([true, 0, 0]);
    expect(slow.transport.queuedBytes).toBe(line.queued);
  });

  it("is counted about once in the sum of all", async () => {
    const line = slowLine();
    const all = Array.from({ length: 16 }, () => line.transport.open());
    for (let round = 0; round < 50; round++) {
      for (const each of all) await say(each, 4 * KB);
      line.leaves(round === 0 ? 32 * KB : 64 * KB);
    }
    const sum = all.reduce((bytes, { transport }) => bytes + transport.queuedBytes, 0);
    expect(line.queued).toBeGreaterThan(30 * KB);
    expect(sum).toBeGreaterThanOrEqual(0.9 * line.queued);
    expect(sum).toBeLessThanOrEqual(4 * line.queued);
  });

  it("is the oldest session's when whoever it was for is gone", async () => {
    const line = slowLine();
    const [gone, stays] = [line.transport.open(), line.transport.open()];
    await say(gone, 400 * KB);
    gone.transport.end(goodbyeFor("aborted", "over"));
    await turn();
    expect(line.transport.leftBytes).toBeGreaterThan(400 * KB);
    expect([line.transport.queuedBytes, stays.transport.queuedBytes]).toEqual([line.transport.leftBytes, 0]);
    line.transport.end(goodbyeFor("aborted", "over"));
    expect(stays.transport.queuedBytes).toBeGreaterThan(400 * KB);
    await turn();
    line.leaves(line.queued);
    expect([line.transport.leftBytes, stays.transport.queuedBytes]).toEqual([0, 0]);
  });
});

describe("whatever both sides do on it, in whatever order", () => {
  const KB = 1024;

  interface End {
    /** On their way to the other side. */
    readonly onTheirWay: Bytes[];
    receiver: Receiver | undefined;
    closed: boolean;
  }

  interface Talk {
    readonly transport: Transport;
    readonly said: number[];
    readonly heard: number[];
    /** How its end was told, and how often. */
    readonly ended: string[];
    saysGoodbye: boolean;
  }

  const endOf = (): End => ({ onTheirWay: [], receiver: undefined, closed: false });
  const connectionOf = (end: End) => ({
    remote: "there",
    local: false,
    queuedBytes: 0,
    send: (message: Bytes) => {
      if (end.closed) return;
      end.onTheirWay.push(message);
    },
    close: () => {
      end.closed = true;
    },
    start: (receiver: Receiver) => {
      end.receiver = receiver;
    },
  });

  const talkOn = (transport: Transport): Talk => {
    const talk: Talk = { transport, said: [], heard: [], ended: [], saysGoodbye: false };
    transport.receive({
      frames: (frames) => {
        for (const { name, payload } of frames) if (name === "mail") talk.heard.push(u32At(payload, 0));
      },
      drained: () => {},
      ended: (reason) => void talk.ended.push(reason.why),
    });
    return talk;
  };

  it.each(Array.from({ length: 40 }, (_, index) => index + 1))("each channel hears its own, whole and in order (%i)", async (seed) => {
    let drawn = seed;
    const draw = (below: number): number => {
      drawn = (Math.imul(drawn, 1_103_515_245) + 12_345) >>> 0;
      return (drawn >>> 8) % below;
    };
    const [here, there] = [endOf(), endOf()];
    const [dialler, relay] = [createSharedTransport(connectionOf(here)), createSharedTransport(connectionOf(there))];
    for (const each of [dialler, relay]) each.protect(PROTECTED);
    const [ours, theirs] = [new Map([[0, talkOn(dialler)]]), new Map([[0, talkOn(relay)]])];
    relay.admit({
      joined: ({ number, transport }) => {
        transport.protect(PROTECTED);
        theirs.set(number, talkOn(transport));
      },
    });

    /** The next of what is on its way; after the last the close. */
    const carry = (from: End, to: End): void => {
      const message = from.onTheirWay.shift();
      if (message !== undefined && !to.closed) to.receiver?.message(message);
    };
    const say = (talk: Talk): void => {
      if (talk.transport.ended) return;
      const payload = new Uint8Array(draw(20) === 0 ? 200 * KB : 4 + draw(300));
      putU32(payload, 0, talk.said.length);
      talk.said.push(talk.said.length);
      talk.transport.send([{ name: "mail", payload }]);
    };
    const leave = (talk: Talk): void => {
      if (talk.transport.ended) return;
      talk.saysGoodbye = true;
      talk.transport.end(goodbyeFor("aborted", "enough"));
    };
    const anyOf = (talks: ReadonlyMap<number, Talk>): Talk => [...talks.values()][draw(talks.size)] as Talk;

    for (let step = 0; step < 400; step++) {
      const act = draw(12);
      if (act === 0 && dialler.hasRoom) {
        const { number, transport } = dialler.open();
        transport.protect(PROTECTED);
        ours.set(number, talkOn(transport));
        transport.send([{ name: "join", payload: new Uint8Array() }]);
      } else if (act <= 3) say(anyOf(ours));
      else if (act <= 6) say(anyOf(theirs));
      else if (act === 7 && draw(6) === 0) leave(anyOf(draw(2) === 0 ? ours : theirs));
      else if (act <= 9) carry(here, there);
      else carry(there, here);
      if (draw(3) === 0) await Promise.resolve();
    }
    for (const talk of ours.values()) leave(talk);
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (here.onTheirWay.length + there.onTheirWay.length > 0) {
      carry(here, there);
      carry(there, here);
    }
    await new Promise<void>((resolve) => setImmediate(resolve));

    for (const [number, mine] of ours) {
      const other = theirs.get(number);
      for (const [hearer, sayer] of [
        [mine, other],
        [other, mine],
      ]) {
        if (hearer === undefined || sayer === undefined) continue;
        expect(hearer.heard).toEqual(sayer.said.slice(0, hearer.heard.length));
        // Whoever did not leave first heard all of it.
        if (!hearer.saysGoodbye) expect([hearer.heard.length, hearer.ended]).toEqual([sayer.said.length, ["enough"]]);
      }
      expect(mine.ended).toEqual(["enough"]);
    }
    expect([dialler.over, relay.over, here.closed, there.closed]).toEqual([true, true, true, true]);
  });
});
