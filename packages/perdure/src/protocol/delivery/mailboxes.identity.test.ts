/** What the machine makes of comparisons: registrations that name what they replace, standings, and instances taken out of use. */
import { describe, expect, it } from "vitest";
import { type Bytes, utf8 } from "../../wire/bytes.ts";
import type { Registration, RelayOutput } from "./mailbox-events.ts";
import { agentId, createTestRelay, deliveredIn, envelope, refusalsIn, registration, type TestRelay, waitingIn } from "./test-relay.ts";

function goodbyes(outputs: readonly RelayOutput[]): readonly string[] {
  return outputs.flatMap((output) => (output.kind === "goodbye" ? [`${output.session} ${output.reason.code} ${output.reason.retry}`] : []));
}

function answers(outputs: readonly RelayOutput[]): readonly string[] {
  return outputs.flatMap((output) => (output.kind === "published" ? [`${output.session} ${output.verdict}`] : []));
}

const key = (of: string): Bytes => agentId(`instance of ${of}`);

function publish(relay: TestRelay, session: number, name: string, more: Partial<Registration>): readonly RelayOutput[] {
  relay.take();
  relay.feed({ kind: "publish", session, registration: registration(relay, name, { instances: [key(name)], ...more }) });
  relay.sync();
  return relay.take();
}

function pair(): TestRelay {
  const relay = createTestRelay();
  relay.attach(1, "alice");
  relay.attach(2, "bob");
  return relay;
}

describe("a registration", () => {
  it("is answered once it is durable, not before", () => {
    const relay = pair();
    relay.take();
    relay.feed({
      kind: "publish",
      session: 2,
      registration: registration(relay, "bob", { bundle: utf8("next"), instances: [key("bob")] }),
    });
    expect(answers(relay.take())).toEqual([]);
    relay.sync();
    expect(answers(relay.take())).toEqual(["2 "]);
  });

  it("that was compared with another than the one that is held is not taken", () => {
    const relay = pair();
    const stale = registration(relay, "bob", { bundle: utf8("stale"), instances: [key("bob")] });
    publish(relay, 2, "bob", { bundle: utf8("next") });
    relay.feed({ kind: "publish", session: 2, registration: stale });
    expect(goodbyes(relay.take())).toEqual(["2 too-busy now"]);
    expect(relay.machine.lookup("agent", agentId("bob"))?.bundle).toEqual(utf8("next"));
  });

  it("tells who attached with an older one, behind the welcome", () => {
    const relay = pair();
    relay.take();
    relay.attach(3, "bob", { registration: { verdict: "record-rolled-back" } });
    const came = relay.take().filter(({ kind }) => kind === "welcome" || kind === "published");
    expect(came.map(({ kind }) => kind)).toEqual(["welcome", "published"]);
  });
});

describe("an instance that was taken out of use", () => {
  it("is sent away with everything it had open, and its frames count no more", () => {
    const relay = pair();
    relay.attach(3, "bob", { instance: "new one", link: 3, consume: false, registration: { instances: [key("bob"), agentId("new one")] } });
    relay.take();
    relay.feed({
      kind: "publish",
      session: 3,
      registration: registration(relay, "bob", { bundle: utf8("revoked"), instances: [agentId("new one")] }),
    });
    expect(goodbyes(relay.take())).toEqual(["2 instance-revoked never"]);
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.mail(2, 1, envelope("bob", "alice", 1));
    relay.sync();
    const came = relay.take();
    expect([deliveredIn(came, 2), waitingIn(relay, "bob").length, waitingIn(relay, "alice").length]).toEqual([[], 1, 0]);
  });

  it("that revoked itself is answered first", () => {
    const relay = pair();
    const came = publish(relay, 2, "bob", { bundle: utf8("replaced"), instances: [agentId("another")] });
    expect(came.filter(({ kind }) => kind === "published" || kind === "goodbye").map(({ kind }) => kind)).toEqual(["published", "goodbye"]);
    expect(goodbyes(came)).toEqual(["2 instance-revoked never"]);
  });
});

describe("an agent of which two logs contradict each other", () => {
  const frozen = (relay: TestRelay): readonly RelayOutput[] =>
    publish(relay, 2, "bob", { bundle: utf8("two logs"), standing: "frozen", verdict: "identity-forked" });

  it("reads its mailbox no more, and its mail waits", () => {
    const relay = pair();
    const came = frozen(relay);
    expect([goodbyes(came), came.filter(({ kind }) => kind === "alarm").length]).toEqual([["2 identity-forked after"], 1]);
    relay.attach(3, "bob", { registration: { standing: "frozen", verdict: "identity-forked", bundle: utf8("two logs") } });
    expect(answers(relay.take())).toEqual(["3 identity-forked"]);
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.sync();
    expect([deliveredIn(relay.take(), 3), waitingIn(relay, "bob").length]).toEqual([[], 1]);
  });

  it("stays so through a crash and a restatement, and keeps its name", () => {
    const relay = createTestRelay();
    relay.attach(2, "bob", { as: "bob" });
    publish(relay, 2, "bob", { bundle: utf8("two logs"), standing: "frozen", verdict: "identity-forked", name: "thief" });
    relay.rotate();
    relay.crash();
    const bob = relay.machine.lookup("agent", agentId("bob"));
    expect([bob?.standing, bob?.name, relay.machine.lookup("name", "thief")]).toEqual(["frozen", "bob", undefined]);
  });

  it("gets everything that waited once its owner has decided", () => {
    const relay = pair();
    frozen(relay);
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.sync();
    relay.attach(3, "bob", { registration: { standing: "frozen", verdict: "identity-forked", bundle: utf8("two logs") } });
    const healed = publish(relay, 3, "bob", { bundle: utf8("rotated") });
    expect(goodbyes(healed)).toEqual(["3 connection-closed now"]);
    relay.attach(4, "bob", { registration: { bundle: utf8("rotated") } });
    expect(relay.machine.nextFor(4, 1000).map(({ position }) => position)).toEqual([1]);
  });
});

describe("an agent that was retired", () => {
  it("takes no mail any more, and what waits is still read", () => {
    const relay = pair();
    relay.feed({ kind: "detach", session: 2 });
    relay.mail(1, 1, envelope("alice", "bob", 1));
    relay.sync();
    relay.attach(3, "bob", { consume: false });
    publish(relay, 3, "bob", { bundle: utf8("retired"), standing: "retired" });
    expect(refusalsIn(relay.mail(1, 2, envelope("alice", "bob", 2)))).toEqual(["2 identity-retired never"]);
    relay.sync();
    relay.crash();
    relay.attach(4, "bob", { registration: { bundle: utf8("retired"), standing: "retired" } });
    expect(relay.machine.nextFor(4, 1000).map(({ position }) => position)).toEqual([1]);
  });
});
