import { expect, it } from "vitest";
import { PerdureError } from "../wire/error.ts";
import { createAlertLog } from "./alert-log.ts";
import type { Alert } from "./api.ts";

const CLONED: Alert = { code: "cloned", what: "opened twice", run: "perdure id claim", otherwise: "Else rotate" };
const REPLACED: Alert = { code: "instance-revoked", what: "replaced elsewhere", run: "perdure id rotate", otherwise: "" };
const STATUS = { connected: true, lastError: "cloned: opened twice" } as Parameters<ReturnType<typeof createAlertLog>["shown"]>[0];

interface Scene {
  ofIdentity: Alert[];
  ofMailbox: Alert | undefined;
  readonly said: string[];
  readonly hints: unknown[];
  readonly alertLog: ReturnType<typeof createAlertLog>;
}

function scene(before: readonly Alert[] = [], judge: () => void = () => {}): Scene {
  const made: Omit<Scene, "alertLog"> = { ofIdentity: [...before], ofMailbox: undefined, said: [], hints: [] };
  const alertLog = createAlertLog({
    log: {
      write: (level, event, fields) => {
        if (level === "info") return;
        made.said.push(`${level} ${event}`);
        made.hints.push(fields?.["hint"]);
      },
    },
    publication: {
      get alerts() {
        return made.ofIdentity;
      },
      idle: async () => judge(),
    },
    link: () => ({ alert: made.ofMailbox }),
  });
  return Object.assign(made, { alertLog });
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

it("an alert is one line with the command that ends it, however often the session ends for it", async () => {
  const at = scene();
  at.ofMailbox = CLONED;
  for (let times = 0; times < 3; times++) at.alertLog.apart(new PerdureError("cloned", "a used pass"), true);
  await settle();
  expect([at.said, at.hints]).toEqual([["error agent.cloned"], ["Run: perdure id claim. Else rotate"]]);
  at.ofMailbox = undefined;
  at.alertLog.look();
  at.ofMailbox = CLONED;
  at.alertLog.look();
  expect(at.said).toHaveLength(2);
});

it("what the relay shows is judged before the end of the session is told", async () => {
  const at = scene([], () => {
    at.ofIdentity = [REPLACED];
  });
  at.alertLog.apart(new PerdureError("instance-revoked", "not this one"), false);
  await settle();
  expect(at.said).toEqual(["error agent.instance-revoked"]);
});

it("an end that no alert explains is told as it is, and one that passes is no warning", async () => {
  const at = scene();
  at.alertLog.apart(new PerdureError("instance-revoked", "says a relay that shows nothing", { hint: "look" }), false);
  at.alertLog.apart(new PerdureError("wrong-relay", "another id"), false);
  at.alertLog.apart(new PerdureError("relay-unreachable", "away", { retry: "after" }), false);
  at.alertLog.apart(new PerdureError("fenced", "another process"), true);
  await settle();
  expect(at.said).toEqual(["warn agent.apart", "error agent.fenced", "warn agent.apart"]);
  expect(at.hints.at(-1)).toBe("look");
});

it("what was wrong before the agent was opened is told to who waits for mail, once", () => {
  const at = scene([REPLACED]);
  at.alertLog.look();
  expect(at.said).toEqual([]);
  at.alertLog.served();
  at.alertLog.served();
  at.alertLog.look();
  expect(at.said).toEqual(["error agent.instance-revoked"]);
});

it("who speaks for the agent no more is not told to claim", () => {
  const at = scene();
  at.ofMailbox = CLONED;
  expect([at.alertLog.alerts, at.alertLog.shown(STATUS)]).toEqual([[CLONED], STATUS]);
  at.ofIdentity = [REPLACED];
  expect(at.alertLog.alerts).toEqual([REPLACED]);
  expect(at.alertLog.shown(STATUS)).toEqual({ connected: true, lastError: "instance-revoked: replaced elsewhere" });
});
