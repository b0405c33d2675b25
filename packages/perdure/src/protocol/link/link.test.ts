import { describe, expect, it } from "vitest";
import { createIdentity } from "../../identity/own-identity.ts";
import { equalBytes } from "../../wire/bytes.ts";
import { encodeMail, goodbye, ping } from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import { decodeTransport, encodeTransport, type Frame } from "../../wire/frame.ts";
import { MAX_ENVELOPE_BODY_BYTES } from "../../wire/limits.ts";
import { goodbyeFor } from "./goodbyes.ts";
import { PATIENCE_MS } from "./session.ts";
import { listen, type Meeting, meet, settings, tapped } from "./test-meeting.ts";
import { HANDSHAKE_MESSAGE_BYTES } from "./transport.ts";

const mail = (linkSeq: number, bytes = 200): Frame => ({
  name: "mail",
  payload: encodeMail({ linkSeq, hopLimit: 8, envelope: new Uint8Array(bytes) }),
});

async function open(meeting: Meeting) {
  const { session, welcome, clockOffsetMs, relay } = await meeting.connect();
  const accepted = await meeting.world.complete(meeting.arrivals.at(-1) as (typeof meeting.arrivals)[number]);
  return {
    here: session,
    there: accepted.session,
    atAgent: listen(session),
    atRelay: listen(accepted.session),
    welcome,
    clockOffsetMs,
    relay,
    accepted,
  };
}

/** The same, with every message of the agent's side. */
async function openSeen() {
  const meeting = await meet();
  const seen: Uint8Array[] = [];
  const { session } = await meeting.connect({ host: tapped(meeting.world.host("agent"), (message) => void seen.push(message)) });
  const { session: there } = await meeting.world.complete(meeting.arrivals[0] as (typeof meeting.arrivals)[number]);
  const atRelay = listen(there);
  listen(session);
  return { meeting, session, atRelay, seen };
}

describe("the handshake", () => {
  it("makes both sides know who the other is", async () => {
    const meeting = await meet();
    const { relay, accepted } = await open(meeting);
    expect([relay.id, accepted.agent.id]).toEqual([meeting.relay.id, meeting.agent.id]);
  });

  it("hands the agent's proof to the relay and the relay's welcome to the agent", async () => {
    const { welcome, accepted } = await open(await meet());
    expect([welcome.windowFrames, accepted.proof.consume, accepted.proof.link[0]]).toEqual([128, true, 2]);
  });

  it("protects what leaves the machine and leaves alone what does not", async () => {
    expect((await open(await meet())).here.mode).toBe("mac");
    expect((await open(await meet({ world: { localConnections: true } }))).here.mode).toBe("none");
  });

  it("shows the pass of the instance that signs, also when keys are replaced while the relay's answer is under way", async () => {
    const meeting = await meet({ world: { link: { latencyMs: 1000 } } });
    const { agent, world } = meeting;
    const before = agent.instanceKey.publicKey;
    const connecting = meeting.connect({ pass: (instanceKey) => instanceKey });
    world.after(500, "rotation", () => void agent.rotate({ nowMs: world.host("agent").clock.wallMs() }).catch(() => undefined));
    await connecting;
    const accepted = await world.complete(meeting.arrivals[0] as (typeof meeting.arrivals)[number]);
    expect(equalBytes(agent.instanceKey.publicKey, before)).toBe(false);
    expect([accepted.instanceKey, accepted.proof.pass]).toEqual([agent.instanceKey.publicKey, agent.instanceKey.publicKey]);
  });

  it("measures the relay's clock", async () => {
    const meeting = await meet();
    meeting.world.jumpWall("relay", 45_000);
    expect((await open(meeting)).clockOffsetMs).toBeGreaterThan(44_000);
  });

  it("ends in wrong-relay with both ids when another relay answers", async () => {
    const meeting = await meet();
    const expected = meeting.agent;
    const error = await meeting.connect({ relayIdRaw: expected.idRaw }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "wrong-relay", message: expect.stringContaining(expected.id) });
    expect((error as Error).message).toContain(meeting.relay.id);
  });

  it("does not believe a relay that claims the id of another", async () => {
    const victim = (await meet({ world: { seed: 99 } })).relay;
    const meeting = await meet();
    const liar = await meet({ accept: { own: { ...meeting.relay, idRaw: victim.idRaw, bundle: () => meeting.relay.bundle() } } });
    await expect(liar.connect({ relayIdRaw: victim.idRaw })).rejects.toMatchObject({ code: "bad-signature" });
  });

  it("does not believe a relay that shows the bundle of another without its key", async () => {
    const victim = (await meet({ world: { seed: 99 } })).relay;
    const meeting = await meet();
    const liar = await meet({ accept: { own: { ...meeting.relay, idRaw: victim.idRaw, bundle: () => victim.bundle() } } });
    await expect(liar.connect({ relayIdRaw: victim.idRaw })).rejects.toMatchObject({ code: "bad-handshake" });
  });

  it("takes no agent for a relay", async () => {
    await expect((await meet({ relayRole: "mail" })).connect()).rejects.toMatchObject({ code: "bad-signature" });
  });

  it("takes no relay for an agent", async () => {
    await expect((await meet({ agentRole: "relay" })).connect()).rejects.toMatchObject({ code: "bad-signature" });
  });

  it("takes one relay for another relay's peer only when it was certified as a relay", async () => {
    const meeting = await meet({ agentRole: "relay" });
    await meeting.connect({ role: "relay" });
    expect((await meeting.world.complete(meeting.arrivals[0] as (typeof meeting.arrivals)[number])).role).toBe("relay");
    await expect((await meet()).connect({ role: "relay" })).rejects.toMatchObject({ code: "bad-signature" });
  });

  it("lets a relay dial only a relay it can name, and never itself", async () => {
    const meeting = await meet({ agentRole: "relay" });
    await expect(meeting.connect({ role: "relay", relayIdRaw: undefined })).rejects.toMatchObject({ code: "bad-argument" });
    await expect(meeting.connect({ role: "relay", relayIdRaw: new Uint8Array(32) })).rejects.toMatchObject({ code: "bad-handshake" });
    await expect(meeting.connect({ role: "relay", own: meeting.relay })).rejects.toMatchObject({ code: "peer-forbidden" });
  });

  it("hands on why the relay turned the agent away", async () => {
    const refusing = await meet({
      accept: {
        admit: async () => {
          throw new PerdureError("name-taken", "@desk belongs to somebody", { hint: "Choose another name." });
        },
      },
    });
    await expect(refusing.connect()).rejects.toMatchObject({ code: "name-taken", retry: "never", hint: "Choose another name." });
  });

  it("cannot be replayed", async () => {
    const meeting = await meet();
    const seen: Uint8Array[] = [];
    await meeting.connect({ host: tapped(meeting.world.host("agent"), (message) => void seen.push(message)) });
    const again = await meeting.raw();
    again.start({ message: () => void again.send(seen[1] as Uint8Array), drained: () => undefined, closed: () => undefined });
    again.send(seen[0] as Uint8Array);
    await expect(meeting.world.complete(meeting.arrivals[1] as Promise<unknown>)).rejects.toMatchObject({ code: "bad-handshake" });
  });

  it("ends when the other side goes on saying nothing", async () => {
    const meeting = await meet();
    await meeting.raw();
    await expect(meeting.world.complete(meeting.arrivals[0] as Promise<unknown>)).rejects.toMatchObject({ code: "timed-out" });
  });

  it("ends when the agent gives up", async () => {
    const meeting = await meet({ accept: { admit: () => new Promise(() => undefined) } });
    const stop = new AbortController();
    meeting.world.after(500, "stop", () => stop.abort());
    await expect(meeting.connect({ signal: stop.signal })).rejects.toMatchObject({ code: "aborted" });
  });

  const strangers: readonly (readonly [string, Uint8Array, string])[] = [
    ["noise", new Uint8Array(100).fill(200), "needs-newer-version"],
    ["a message cut off", encodeTransport([mail(1)], 0).subarray(0, 20), "malformed"],
    ["mail before any hello", encodeTransport([mail(1)], 0), "malformed"],
    [
      "two frames at once",
      encodeTransport(
        [
          { name: "ping", payload: ping.encode({ nonce: 1 }) },
          { name: "ping", payload: ping.encode({ nonce: 1 }) },
        ],
        0,
      ),
      "malformed",
    ],
    ["a frame of unknown type", Uint8Array.of(1, 0, 99, 0, 0, 0, 0, 0, 0, 0), "malformed"],
    ["more than a handshake needs", encodeTransport([{ name: "hello", payload: new Uint8Array(HANDSHAKE_MESSAGE_BYTES) }], 0), "too-large"],
  ];
  for (const [what, message, code] of strangers) {
    it(`answers ${what} with a goodbye ${code}`, async () => {
      const meeting = await meet();
      const connection = await meeting.raw();
      const answers: Uint8Array[] = [];
      let over = false;
      connection.start({
        message: (answer) => void answers.push(answer),
        drained: () => undefined,
        closed: () => {
          over = true;
        },
      });
      connection.send(message);
      await meeting.world.run({ until: () => over, untilMs: 60_000 });
      const [frame] = decodeTransport(answers[0] as Uint8Array, 0);
      expect([answers.length, over, frame?.name, goodbye.decode((frame as Frame).payload).code]).toEqual([1, true, "goodbye", code]);
    });
  }
});

describe("a session", () => {
  it("carries the frames of one turn in one transport message", async () => {
    const { meeting, session, atRelay, seen } = await openSeen();
    const before = seen.length;
    for (let linkSeq = 1; linkSeq <= 50; linkSeq++) session.send([mail(linkSeq)]);
    await meeting.world.run({ until: () => atRelay.frames.length === 50, untilMs: 10_000 });
    expect([atRelay.frames.length, seen.length - before]).toEqual([50, 1]);
  });

  it("lets what nobody waits for go with what comes next, or by itself a little later", async () => {
    const { meeting, session, atRelay, seen } = await openSeen();
    const before = seen.length;
    const { clock } = meeting.world.host("agent");
    const begunMs = clock.monotonicMs();
    session.pushLater(mail(1));
    session.pushLater(mail(2));
    await meeting.world.run({ until: () => clock.monotonicMs() >= begunMs + PATIENCE_MS - 1, untilMs: begunMs + PATIENCE_MS - 1 });
    expect([atRelay.frames.length, session.queuedBytes > 0]).toEqual([0, true]);
    await meeting.world.run({ until: () => atRelay.frames.length === 2, untilMs: 10_000 });
    expect(seen.length - before).toBe(1);
    session.pushLater(mail(3));
    session.push(mail(4));
    await meeting.world.run({ until: () => atRelay.frames.length === 4, untilMs: 10_000 });
    expect([seen.length - before, ...atRelay.frames.map((frame) => frame.payload[7])]).toEqual([2, 1, 2, 3, 4]);
  });

  it("says that its queue has left while something is there that nobody waits for", async () => {
    const meeting = await meet();
    const { session } = await meeting.connect();
    let drains = 0;
    session.start({ frame: () => undefined, drained: () => void drains++, closed: () => undefined });
    const { clock } = meeting.world.host("agent");
    const begunMs = clock.monotonicMs();
    session.push(mail(1));
    await Promise.resolve();
    session.pushLater(mail(2));
    const untilMs = begunMs + PATIENCE_MS - 1;
    await meeting.world.run({ until: () => drains > 0 || clock.monotonicMs() >= untilMs, untilMs });
    expect([drains, session.queuedBytes > 0]).toEqual([1, true]);
  });

  it("splits what is too much for one transport message, in order", async () => {
    const meeting = await meet();
    const { here, atRelay } = await open(meeting);
    here.send(Array.from({ length: 5 }, (_, index) => mail(index + 1, MAX_ENVELOPE_BODY_BYTES)));
    await meeting.world.run({ until: () => atRelay.frames.length === 5, untilMs: 10_000 });
    expect(atRelay.frames.map((frame) => frame.payload[7])).toEqual([1, 2, 3, 4, 5]);
  });

  it("hears frames that came before it listened", async () => {
    const meeting = await meet();
    const { session } = await meeting.connect();
    const { session: there } = await meeting.world.complete(meeting.arrivals[0] as (typeof meeting.arrivals)[number]);
    there.send([mail(1)]);
    await meeting.world.run({ untilMs: meeting.world.nowMs + 1000 });
    expect(listen(session).frames.length).toBe(1);
  });

  it("tells the other side why it ends", async () => {
    const meeting = await meet();
    const { here, atAgent, atRelay } = await open(meeting);
    here.close(goodbyeFor("relay-draining", "going", { retry: "after", afterMs: 700 }));
    await meeting.world.run({ until: () => atRelay.ended.length > 0, untilMs: 10_000 });
    expect([atRelay.ended[0]?.code, atRelay.ended[0]?.afterMs, atAgent.ended.length]).toEqual(["relay-draining", 700, 1]);
  });

  it("says connection-closed when the connection breaks", async () => {
    const meeting = await meet();
    const { atAgent, atRelay } = await open(meeting);
    meeting.world.network.cut("agent", "relay");
    await meeting.world.run({ until: () => atRelay.ended.length + atAgent.ended.length === 2, untilMs: 10_000 });
    expect([atAgent.ended[0]?.code, atRelay.ended[0]?.code]).toEqual(["connection-closed", "connection-closed"]);
  });

  it("stays open for an hour of nothing", async () => {
    const meeting = await meet();
    const { atAgent, atRelay } = await open(meeting);
    await meeting.world.run({ untilMs: meeting.world.nowMs + 3_600_000 });
    expect([atAgent.ended, atRelay.ended]).toEqual([[], []]);
  });

  it("ends on both sides when the connection carries nothing any more", async () => {
    const meeting = await meet();
    const { atAgent, atRelay } = await open(meeting);
    meeting.world.network.stall("agent", "relay");
    await meeting.world.run({ untilMs: meeting.world.nowMs + 2 * settings.silenceTimeoutMs });
    expect([atAgent.ended[0]?.code, atRelay.ended[0]?.code]).toEqual(["timed-out", "timed-out"]);
  });

  it("survives a process that was paused for longer than the silence limit", async () => {
    const meeting = await meet();
    const { atAgent, there } = await open(meeting);
    meeting.world.pause("agent");
    await meeting.world.run({ untilMs: meeting.world.nowMs + 48_000 });
    there.send([mail(1)]);
    await meeting.world.run({ untilMs: meeting.world.nowMs + 1_000 });
    meeting.world.resume("agent");
    await meeting.world.run({ untilMs: meeting.world.nowMs + 1_000 });
    expect([atAgent.frames.length, atAgent.ended]).toEqual([1, []]);
  });

  for (const fault of ["duplicate", "corrupt", "reorder", "drop"] as const) {
    it(`ends when somebody in between makes it ${fault}`, async () => {
      const meeting = await meet();
      const { here, atRelay } = await open(meeting);
      meeting.world.network.link("agent", "relay").middlebox[fault] = fault === "duplicate" || fault === "corrupt" ? 1 : 0.5;
      for (let linkSeq = 1; linkSeq <= 40; linkSeq++) meeting.world.after(linkSeq * 0.2, "send", () => here.send([mail(linkSeq)]));
      await meeting.world.run({ until: () => atRelay.ended.length > 0, untilMs: meeting.world.nowMs + 5_000 });
      expect(atRelay.frames.map((frame) => frame.payload[7])).toEqual(atRelay.frames.map((_, index) => index + 1));
      expect(["bad-mac", "malformed", "needs-newer-version"]).toContain(atRelay.ended[0]?.code);
    });
  }

  it("refuses handshake frames", async () => {
    const meeting = await meet({ world: { localConnections: true } });
    const { here, atRelay } = await open(meeting);
    here.send([{ name: "hello", payload: new Uint8Array(1) }]);
    await meeting.world.run({ until: () => atRelay.ended.length > 0, untilMs: meeting.world.nowMs + 5_000 });
    expect(atRelay.ended[0]?.code).toBe("malformed");
  });

  it("keeps two agents of one relay apart", async () => {
    const meeting = await meet();
    const host = meeting.world.host("second");
    const second = await meeting.world.complete(createIdentity({ host, folder: "b", role: "mail", custody: "together", settings }));
    await meeting.connect();
    await meeting.connect({ host, own: second });
    const [first, other] = await meeting.world.complete(Promise.all(meeting.arrivals));
    expect(equalBytes(first?.agent.idRaw as Uint8Array, other?.agent.idRaw as Uint8Array)).toBe(false);
  });
});
