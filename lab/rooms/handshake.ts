/**
 * A handshake, one side of it the product's and the other made by the words of `protocol/frames-and-session.md`: with one thing that is not as it
 * must be, at most. What each side then knows of the other, or why it turned away.
 */
import type { Connection } from "../../packages/perdure/src/host/net.ts";
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { verifyBundle } from "../../packages/perdure/src/identity/index.ts";
import { type Accepted, acceptSession } from "../../packages/perdure/src/protocol/link/accept.ts";
import { type Connected, connectSession } from "../../packages/perdure/src/protocol/link/connect.ts";
import { type Probed, probeRelay } from "../../packages/perdure/src/protocol/link/probe.ts";
import { createSettings } from "../../packages/perdure/src/settings/register.ts";
import { type Bytes, hex, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import {
  type Challenge,
  challenge,
  goodbye,
  hello,
  type Proof,
  proof,
  type SessionMode,
  welcome,
} from "../../packages/perdure/src/wire/control.ts";
import { PerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { FrameName } from "../../packages/perdure/src/wire/frame.ts";
import { LATE_MS, type Parties, type PartyName, partiesOf } from "./evidence-maker.ts";
import { createHandClock, type HandClock, settled } from "./hand-clock.ts";
import { createHandLine, type HandLine, messageOf } from "./hand-line.ts";
import { type Ended, expectCode, follow, parting, takeFrame, welcomeOf, words } from "./handshake-words.ts";
import { parted, type Room, type RoomTools } from "./room.ts";

const CALLED = [
  "nothing",
  "version-2",
  "version-0",
  "mode",
  "other-id",
  "other-bundle",
  "other-key",
  "other-hello",
  "other-side",
  "agent",
  "expired",
  "goodbye",
  "wrong-frame",
  "silence",
  "break",
  "early-goodbye",
  "late-goodbye",
  "published",
  "no-welcome",
  "welcome-flip",
  "far-off",
] as const;
const CALLING = [
  "nothing",
  "version-2",
  "version-0",
  "versions",
  "no-mode",
  "only-none",
  "other-relay",
  "no-relay",
  "relay-unnamed",
  "relay-itself",
  "other-bundle",
  "other-key",
  "other-hello",
  "other-side",
  "wrong-role",
  "expired",
  "wrong-frame",
  "silence",
  "refused",
  "refused-newest",
  "slow-admit",
  "relay",
] as const;

interface Step {
  readonly side: "dials" | "probes" | "answers";
  readonly wrong: (typeof CALLED)[number] | (typeof CALLING)[number];
  readonly local: boolean;
  readonly relay: boolean;
  readonly pinned: boolean;
  readonly consume: boolean;
  readonly skewMs: number;
  readonly tripMs: number;
  readonly pingEveryMs: number;
  readonly keepAliveMs: number;
  readonly window: number;
}

const HANDSHAKES = 10;
const TIMEOUT_MS = 10_000;
const settings = createSettings();

export const handshake: Room<Step> = {
  name: "handshake",
  about: "one side of a handshake beside another that is made by the words of the protocol, with one thing wrong",
  draw: (draws) => Array.from({ length: HANDSHAKES }, () => drawStep(draws)),
  run: async (steps, tools) => {
    const parties = await partiesOf(tools.hash);
    for (const [nth, step] of steps.entries()) {
      const draws = tools.draws(`handshake ${nth}`);
      if (step.side === "answers") await answer(parties, step, tools, draws);
      else await dial(parties, step, tools, draws);
    }
  },
};

function drawStep(draws: Draws): Step {
  const side = (["dials", "dials", "probes", "answers", "answers"] as const)[draws.below(5)] ?? "dials";
  const wrongs = side === "answers" ? CALLING : CALLED;
  return {
    side,
    wrong: draws.chance(0.25) ? "nothing" : (wrongs[draws.below(wrongs.length)] as Step["wrong"]),
    local: draws.chance(0.3),
    relay: draws.chance(0.3),
    pinned: draws.chance(0.7),
    consume: draws.chance(0.5),
    skewMs: draws.below(3) * 20_001,
    tripMs: draws.below(4) * 30,
    pingEveryMs: [500, 5_000, 15_000, 60_000][draws.below(4)] as number,
    keepAliveMs: [0, 3_000, 100, 90_000][draws.below(4)] as number,
    window: [0, 1, 100, 1_000_000_000][draws.below(4)] as number,
  };
}

async function dial(parties: Parties, step: Step, tools: RoomTools, draws: Draws): Promise<void> {
  const { crypto, own } = parties;
  const { wrong } = step;
  const said = words(tools);
  const clock = createHandClock(parties.nowMs + (wrong === "expired" ? LATE_MS : 0));
  const line = createHandLine("relay", step.local);
  const me: PartyName = step.relay && step.side === "dials" ? "near" : "anna";
  const pinned = step.pinned || wrong === "other-id" || (step.relay && wrong !== "far-off");
  const options: unknown[] = [];
  const host = {
    clock,
    random: draws,
    crypto,
    net: {
      dial: async (_url: string, given: unknown): Promise<Connection> => {
        options.push(given);
        return line.connection;
      },
    } as never,
  };
  const proven: string[] = [];
  const base = { host, settings, url: "ws://far/", relayIdRaw: pinned ? own.far.idRaw : undefined };
  const connecting = (): Promise<Connected> =>
    connectSession({
      ...base,
      own: own[me],
      role: step.relay ? "relay" : "agent",
      link: new Uint8Array(8).fill(6),
      consume: step.consume,
      have: { generation: new Uint8Array(8).fill(4), position: 11 },
      ...(step.relay ? { publicOnly: true } : {}),
      ...(step.keepAliveMs > 0 ? { keepAliveMs: step.keepAliveMs } : {}),
      ...(step.consume ? { ticket: "t1", pass: (key: Bytes) => key.slice(0, 7) } : {}),
      onProven: () => void proven.push("proven"),
      onPublished: (payload) => void proven.push(`published ${payload.length}`),
    });
  const ended: Ended<Connected | Probed> = follow<Connected | Probed>(step.side === "probes" ? probeRelay(base) : connecting());
  await settled();
  if (step.side === "dials" && step.relay && !pinned) return expectCode(ended, "bad-argument", "a relay that dials nobody it knows");
  const { publicOnly, ...dialled } = options[0] as Record<string, unknown>;
  if (JSON.stringify(dialled) !== JSON.stringify({ timeoutMs: TIMEOUT_MS, maxMessageBytes: 524_288 }))
    parted(`it dials with ${JSON.stringify(dialled)}`);
  if ((publicOnly === true) !== (step.side === "dials" && step.relay))
    parted(`it dials ${publicOnly === true ? "only public" : "all"} addresses`);
  const helloBytes = takeFrame(tools, line, "hello", 1);
  const offered = hello.decode(helloBytes);
  const modes: readonly SessionMode[] = step.local ? ["none", "mac"] : ["mac"];
  const isRelay = step.side === "dials" && step.relay;
  const shown = [offered.versions.join(), offered.modes.join(), offered.role, hex(offered.expectedRelayId)].join(" ");
  const ought = ["1", modes.join(), isRelay ? "relay" : "agent", hex(pinned ? own.far.idRaw : new Uint8Array(32))].join(" ");
  if (shown !== ought) parted(`hello says ${shown}, and not ${ought}`);
  if ((hex(offered.agentId) === hex(own[me].idRaw)) !== (step.side === "dials")) parted("hello names another agent");

  await clock.pass(step.tripMs);
  const relayName: PartyName = wrong === "other-id" ? "near" : wrong === "agent" ? "mallory" : "far";
  const shownId = wrong === "agent" && pinned ? own.far.idRaw : own[relayName].idRaw;
  const signer = wrong === "other-key" ? own.mallory : own[relayName];
  const ephemeral = await crypto.encapsulation.load(draws.bytes(32));
  const mode: SessionMode = wrong === "mode" ? (step.local ? "mac" : "none") : step.local ? "none" : "mac";
  const unsigned: Challenge = {
    version: wrong === "version-2" ? 2 : wrong === "version-0" ? 0 : 1,
    mode,
    relayId: shownId,
    nonce: draws.bytes(32),
    ephemeralKey: ephemeral.publicKey,
    relayTimeMs: clock.wallMs() + step.skewMs,
    bundle: own[wrong === "other-bundle" ? "near" : relayName].bundle(),
    signature: new Uint8Array(64),
    extensions: [],
  };
  const toSign = said.byRelay(wrong === "other-hello" ? utf8("hello") : helloBytes, unsigned, wrong === "other-side" ? 2 : 1);
  const challengeBytes = challenge.encode({ ...unsigned, signature: await crypto.signatures.sign(signer.instanceKey, toSign) });
  const isDumb = wrong === "silence" || wrong === "break" || wrong === "goodbye" || wrong === "wrong-frame";
  if (!isDumb) line.arrive(messageOf(tools.hash, [{ name: "challenge", payload: challengeBytes }]));
  if (wrong === "goodbye") line.arrive(messageOf(tools.hash, [{ name: "goodbye", payload: parting("too-busy", "never") }]));
  if (wrong === "wrong-frame") line.arrive(messageOf(tools.hash, [{ name: "welcome", payload: challengeBytes }]));
  if (wrong === "break") line.end("gone");
  await settled();
  await settled();
  if (wrong === "silence") {
    await clock.pass(TIMEOUT_MS - step.tripMs - 1);
    if (ended.code !== undefined) parted(`it gave up before its time: ${ended.code}`);
    await clock.pass(1);
  }
  await settled();
  const isProbe = step.side === "probes";
  const early: Partial<Record<Step["wrong"], string | undefined>> = {
    "version-2": "needs-newer-version",
    "version-0": "needs-older-version",
    mode: step.local ? undefined : "bad-handshake",
    "other-id": "wrong-relay",
    "other-bundle": "bad-signature",
    "other-key": "bad-handshake",
    "other-hello": "bad-handshake",
    "other-side": "bad-handshake",
    agent: "bad-signature",
    expired: "certificate-expired",
    goodbye: "too-busy",
    "wrong-frame": "malformed",
    silence: "timed-out",
    break: "connection-closed",
  };
  const due = early[wrong];
  if (due !== undefined) {
    if (proven.length > 0) parted(`a relay with ${wrong} has proven itself`);
    return expectCode(ended, due, wrong);
  }
  if (isProbe) {
    const { value } = ended;
    if (value === undefined || !("roundTripMs" in value)) return parted(`a relay that is asked with ${wrong} is not there: ${ended.code}`);
    const facts = [value.relay.id, value.roundTripMs, value.clockOffsetMs].join(" ");
    const wanted = [own[relayName].id, step.tripMs, Math.round(step.skewMs + step.tripMs / 2)].join(" ");
    if (facts !== wanted) parted(`the relay is ${facts}, and not ${wanted}`);
    if (goodbye.decode(takeFrame(tools, line, "goodbye", 28)).code !== "aborted") parted("who only asks says no goodbye");
    return;
  }
  const proofBytes = takeFrame(tools, line, "proof", 3);
  const shownProof = proof.decode(proofBytes);
  const identity = await verifyBundle(crypto, shownProof.bundle, clock.wallMs(), own[me].idRaw);
  const signed = said.byAgent(helloBytes, challengeBytes, shownProof);
  if (!(await crypto.signatures.verify(own[me].instanceKey.publicKey, signed, shownProof.signature)))
    parted(`${identity.id} did not sign the handshake`);
  const facts = [
    hex(shownProof.link),
    shownProof.consume,
    hex(shownProof.haveGeneration),
    shownProof.havePosition,
    shownProof.ticket,
    hex(shownProof.pass),
  ];
  const wanted = [
    "06".repeat(8),
    step.consume,
    "04".repeat(8),
    11,
    step.consume ? "t1" : "",
    step.consume ? hex(own[me].instanceKey.publicKey.slice(0, 7)) : "",
  ];
  if (facts.join() !== wanted.join()) parted(`the proof says ${facts.join()}, and not ${wanted.join()}`);
  if (proven.join() !== "proven") parted(`it was told of the relay: ${proven.join()}`);
  const keys = said.keys(await crypto.encapsulation.agree(ephemeral, offered.ephemeralKey), helloBytes, challengeBytes, proofBytes);
  const [mine, theirs] = mode === "mac" ? [keys.slice(0, 32), keys.slice(32)] : [undefined, undefined];
  const arrive = (name: FrameName, payload: Bytes, counter = 0, isPlain = false): void =>
    line.arrive(messageOf(tools.hash, [{ name, payload }], isPlain ? undefined : theirs, counter));
  const says = welcome.encode(welcomeOf(step, clock.wallMs()));
  const isEarly = wrong === "early-goodbye";
  if (wrong === "break" || wrong === "no-welcome") await clock.pass(TIMEOUT_MS);
  else if (isEarly || wrong === "late-goodbye") arrive("goodbye", parting("fenced", "never"), 0, isEarly);
  else if (wrong === "welcome-flip" && mode === "mac") {
    const message = messageOf(tools.hash, [{ name: "welcome", payload: says }], theirs, 0);
    message[message.length - 1] = (message.at(-1) as number) ^ 1;
    line.arrive(message);
  } else {
    if (wrong === "published") arrive("published", new Uint8Array(21));
    arrive("welcome", says, wrong === "published" ? 1 : 0);
  }
  await settled();
  if (wrong === "no-welcome") return expectCode(ended, "timed-out", wrong);
  if (wrong === "welcome-flip" && mode === "mac") return expectCode(ended, "bad-mac", wrong);
  if (isEarly || wrong === "late-goodbye") return expectCode(ended, "fenced", wrong, isEarly && mode === "mac" ? "after" : "never");
  if (proven.join() !== (wrong === "published" ? "proven,published 21" : "proven")) parted(`it was told of the relay: ${proven.join()}`);
  const { value } = ended;
  if (value === undefined || !("session" in value)) return parted(`no session with ${wrong}: ${ended.code}`);
  const { negotiated, relay, relayInstanceKey, clockOffsetMs, session } = value;
  const pingEveryMs = Math.max(1000, Math.min(15_000, step.pingEveryMs, step.keepAliveMs > 0 ? step.keepAliveMs : 15_000));
  const window = (most: number): number => Math.max(1, Math.min(most, step.window));
  const found = [
    relay.id,
    hex(relayInstanceKey),
    clockOffsetMs,
    negotiated.pingEveryMs,
    negotiated.windowFrames,
    negotiated.windowBytes,
    session.mode,
    value.welcome.tail,
  ];
  const ought2 = [
    own.far.id,
    hex(own.far.instanceKey.publicKey),
    Math.round(step.skewMs + step.tripMs / 2),
    pingEveryMs,
    window(settings.windowFrames),
    window(settings.windowBytes),
    mode,
    4,
  ];
  if (found.join() !== ought2.join()) parted(`the session is ${found.join()}, and not ${ought2.join()}`);
  session.send([{ name: "lookup", payload: new Uint8Array(3) }]);
  await settled();
  takeFrame(tools, line, "lookup", 23, mine, 0);
  // Nothing of the handshake is waited for any more, and what is due is a sign of life.
  await clock.pass(2 * Math.ceil(pingEveryMs / 2));
  takeFrame(tools, line, "ping", 26, mine, 1);
  if (value.line.times().ageMs !== clock.monotonicMs()) parted("the line is not measured from its opening");
}

async function answer(parties: Parties, step: Step, tools: RoomTools, draws: Draws): Promise<void> {
  const { crypto, own } = parties;
  const { wrong } = step;
  const said = words(tools);
  const clock: HandClock = createHandClock(parties.nowMs + (wrong === "expired" ? LATE_MS : 0));
  const line = createHandLine("caller", step.local);
  const isRelay = step.relay || wrong === "relay" || wrong === "relay-unnamed" || wrong === "relay-itself";
  const me: PartyName = isRelay !== (wrong === "wrong-role") ? "near" : "anna";
  const admitted: string[] = [];
  const ended = follow<Accepted>(
    acceptSession({
      host: { clock, random: draws, crypto },
      settings,
      connection: line.connection,
      own: own.far,
      admit: async ({ agent, role, instanceKey, proof: shown }, signal) => {
        admitted.push([agent.id, role, hex(instanceKey), hex(shown.link), shown.havePosition].join(" "));
        if (wrong === "refused" || wrong === "refused-newest")
          throw new PerdureError("name-taken", "as drawn", { hint: "Choose another." });
        if (wrong === "slow-admit") {
          await new Promise<void>((resolve) => void clock.after(TIMEOUT_MS + 5, resolve));
          admitted.push(`${signal.aborted}`);
        }
        return welcomeOf(step, clock.wallMs());
      },
      newest: () => (wrong === "refused-newest" ? new Uint8Array(33) : undefined),
    }),
  );
  const ephemeral = await crypto.encapsulation.load(draws.bytes(32));
  const versions = wrong === "version-2" ? [2] : wrong === "version-0" ? [0] : wrong === "versions" ? [0, 1, 2] : [1];
  const modes: readonly SessionMode[] =
    wrong === "no-mode" ? [] : wrong === "only-none" ? ["none"] : step.consume ? ["none", "mac"] : ["mac"];
  const isUnnamed = wrong === "no-relay" || wrong === "relay-unnamed";
  const helloBytes = hello.encode({
    versions,
    modes,
    role: isRelay ? "relay" : "agent",
    agentId: own[wrong === "relay-itself" ? "far" : me].idRaw,
    expectedRelayId: isUnnamed ? new Uint8Array(32) : own[wrong === "other-relay" ? "near" : "far"].idRaw,
    nonce: draws.bytes(32),
    ephemeralKey: ephemeral.publicKey,
    extensions: [],
  });
  const isSilent = wrong === "silence" && step.pinned;
  if (wrong === "wrong-frame") line.arrive(messageOf(tools.hash, [{ name: "proof", payload: helloBytes }]));
  else if (!isSilent) line.arrive(messageOf(tools.hash, [{ name: "hello", payload: helloBytes }]));
  await settled();
  if (wrong === "silence") {
    if (!isSilent) takeFrame(tools, line, "challenge", 2);
    await clock.pass(TIMEOUT_MS - 1);
    if (ended.code !== undefined) parted(`it gave up before its time: ${ended.code}`);
    await clock.pass(1);
    await settled();
    return refusedWith(tools, line, ended, "timed-out", wrong);
  }
  const wantsNone = modes.includes("none") && step.local;
  const early: Partial<Record<Step["wrong"], string | undefined>> = {
    "version-2": "needs-newer-version",
    "version-0": "needs-older-version",
    "no-mode": "bad-handshake",
    "only-none": wantsNone ? undefined : "bad-handshake",
    "relay-itself": "peer-forbidden",
    "relay-unnamed": "bad-handshake",
    "no-relay": isRelay ? "bad-handshake" : undefined,
    "other-relay": "wrong-relay",
    "wrong-frame": "malformed",
  };
  const due = early[wrong];
  if (due !== undefined) return refusedWith(tools, line, ended, due, wrong);
  const challengeBytes = takeFrame(tools, line, "challenge", 2);
  const challenged = challenge.decode(challengeBytes);
  const mode: SessionMode = wantsNone ? "none" : "mac";
  const facts = [challenged.version, challenged.mode, hex(challenged.relayId), challenged.relayTimeMs].join(" ");
  if (facts !== [1, mode, hex(own.far.idRaw), clock.wallMs()].join(" ")) parted(`the challenge says ${facts}`);
  const key = own.far.instanceKey.publicKey;
  if (!(await crypto.signatures.verify(key, said.byRelay(helloBytes, challenged), challenged.signature)))
    parted("the relay did not sign the challenge");
  if (hex(challenged.bundle) !== hex(own.far.bundle())) parted("the relay shows another identity");

  await clock.pass(step.tripMs);
  const unsigned: Proof = {
    bundle: own[wrong === "other-bundle" ? "mallory" : me].bundle(),
    link: new Uint8Array(8).fill(6),
    consume: step.consume,
    haveGeneration: new Uint8Array(8),
    havePosition: 12,
    ticket: "",
    pass: new Uint8Array(0),
    signature: new Uint8Array(64),
    extensions: [],
  };
  const toSign = said.byAgent(
    wrong === "other-hello" ? utf8("hello") : helloBytes,
    challengeBytes,
    unsigned,
    wrong === "other-side" ? 1 : 2,
  );
  const signer = own[wrong === "other-key" ? "mallory" : me].instanceKey;
  const proofBytes = proof.encode({ ...unsigned, signature: await crypto.signatures.sign(signer, toSign) });
  const keys = said.keys(await crypto.encapsulation.agree(ephemeral, challenged.ephemeralKey), helloBytes, challengeBytes, proofBytes);
  const [mine, theirs] = mode === "mac" ? [keys.slice(0, 32), keys.slice(32)] : [undefined, undefined];
  line.arrive(messageOf(tools.hash, [{ name: "proof", payload: proofBytes }]));
  await settled();
  await settled();
  const later: Partial<Record<Step["wrong"], string | undefined>> = {
    "other-bundle": "bad-signature",
    "other-key": "bad-handshake",
    "other-hello": "bad-handshake",
    "other-side": "bad-handshake",
    "wrong-role": "bad-signature",
    expired: "certificate-expired",
    refused: "name-taken",
    "refused-newest": "name-taken",
    "slow-admit": "timed-out",
  };
  const then = later[wrong];
  if (then !== undefined) {
    const isAdmitted = wrong === "refused" || wrong === "refused-newest" || wrong === "slow-admit";
    if (wrong === "slow-admit") await clock.pass(TIMEOUT_MS + 10);
    await settled();
    if (wrong === "refused-newest") takeFrame(tools, line, "published", 34, theirs, 0);
    if (wrong === "slow-admit" && admitted.at(-1) !== "true") parted("whoever admits is not told that nobody waits for it");
    if (admitted.length > 0 !== isAdmitted) parted(`with ${wrong} ${admitted.length} are admitted`);
    return refusedWith(tools, line, ended, then, wrong, theirs, wrong === "refused-newest" ? 1 : 0);
  }
  const role = isRelay ? "relay" : "agent";
  if (admitted.join("; ") !== [own[me].id, role, hex(signer.publicKey), "06".repeat(8), 12].join(" "))
    parted(`admitted is ${admitted.join("; ")}`);
  const told = welcome.decode(takeFrame(tools, line, "welcome", 4, theirs, 0));
  if (JSON.stringify(told) !== JSON.stringify(welcome.decode(welcome.encode(welcomeOf(step, clock.wallMs())))))
    parted("the welcome is another one");
  const { value } = ended;
  if (value === undefined) return parted(`no session with ${wrong}: ${ended.code}`);
  const is = [value.agent.id, value.role, hex(value.instanceKey), value.session.mode, value.session.remote, value.proof.consume].join();
  if (is !== [own[me].id, role, hex(signer.publicKey), mode, "caller", step.consume].join()) parted(`the session is ${is}`);
  const heard: string[] = [];
  value.session.start({
    frame: ({ name }) => void heard.push(name),
    drained: () => undefined,
    closed: ({ code }) => void heard.push(code),
  });
  line.arrive(messageOf(tools.hash, [{ name: "lookup", payload: new Uint8Array(2) }], mine, 0));
  await settled();
  if (heard.join() !== "lookup") parted(`the relay hears ${heard.join()}`);
  // Nobody waits for a handshake any more; who says nothing is gone in time.
  await clock.pass(5 * 15_000);
  if (heard.join() !== "lookup,timed-out") parted(`the relay hears ${heard.join()}`);
}

function refusedWith(tools: RoomTools, line: HandLine, ended: Ended<unknown>, code: string, what: string, key?: Bytes, counter = 0): void {
  expectCode(ended, code, what);
  const told = goodbye.decode(takeFrame(tools, line, "goodbye", 28, key, counter));
  if (told.code !== code) parted(`with ${what} the other side is told ${told.code}, and not ${code}`);
  if (line.sent.length > 0 || !line.closed) parted(`with ${what} it goes on`);
}
