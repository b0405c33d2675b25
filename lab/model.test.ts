import { expect, test } from "vitest";
import type { RelayStatus } from "../packages/perdure/src/relay/status.ts";
import { createModel } from "./model.ts";

const RELAY = "relay-0";
const shows = (waiting: Readonly<Record<string, number>>): RelayStatus =>
  ({ agents: Object.entries(waiting).map(([id, waitingMessages]) => ({ id, waitingMessages })), peers: [] }) as unknown as RelayStatus;

function withMail() {
  const model = createModel();
  model.relayFact(RELAY, "relay.started", {});
  for (const position of [1, 2])
    model.relayFact(RELAY, "relay.mail-appended", { agent: "desk", position, ticket: position, class: "mail", id: `x.${position}` });
  model.relayFact(RELAY, "relay.batch-synced", { ticket: 2 });
  return model;
}

test("what is settled leaves a mailbox, and what is not waits there", () => {
  const model = withMail();
  model.relayFact(RELAY, "relay.settle-applied", { agent: "desk", ranges: "1" });
  expect(() => model.compareRelay(RELAY, shows({ desk: 1 }))).not.toThrow();
  for (const waiting of [0, 2]) expect(() => model.compareRelay(RELAY, shows({ desk: waiting }))).toThrow("4 release");
});

test("mail that expires leaves its mailbox, and its sender's mailbox has the notice", () => {
  const model = withMail();
  const notice = { noticeFor: "anna", noticeAt: 1, noticeTicket: 3 };
  model.relayFact(RELAY, "relay.expired", { agent: "desk", position: 1, id: "x.1", ...notice });
  expect(() => model.compareRelay(RELAY, shows({ desk: 1, anna: 1 }))).not.toThrow();
  expect(() => model.compareRelay(RELAY, shows({ desk: 1, anna: 0 }))).toThrow("4 release");
  expect(model.isDrained(RELAY, new Set(["anna"]))).toBe(false);
});

test("what a crash left unsaid may wait or not: nothing that was durable is among it", () => {
  const model = withMail();
  model.relayFact(RELAY, "relay.mail-appended", { agent: "desk", position: 3, ticket: 3, class: "mail", id: "x.3" });
  model.relayFact(RELAY, "relay.started", {});
  for (const waiting of [2, 3]) expect(() => model.compareRelay(RELAY, shows({ desk: waiting }))).not.toThrow();
  for (const waiting of [1, 4]) expect(() => model.compareRelay(RELAY, shows({ desk: waiting }))).toThrow("4 release");
});

test("under the key of a failed message mail stays beside it, and only once its sender was told", () => {
  const model = createModel();
  const owners = new Set(["desk"]);
  model.relayFact(RELAY, "relay.started", {});
  for (const seq of [1, 2])
    model.relayFact(RELAY, "relay.mail-appended", { agent: "desk", position: seq, ticket: seq, class: "mail", id: `x.${seq}` });
  model.agentFact("desk", "agent.received", { from: "anna", id: "x.1", part: 0, keyed: true });
  model.agentFact("desk", "agent.received", { from: "anna", id: "x.1", part: 1, keyed: true });
  expect(model.isDrained(RELAY, owners)).toBe(false);
  model.agentFact("anna", "agent.step", { id: "x.1", state: "failed" });
  expect(model.isDrained(RELAY, owners)).toBe(true);
  model.agentFact("desk", "agent.failed", { from: "anna", id: "x.1" });
  expect(model.isDrained(RELAY, owners)).toBe(false);
});
