import { expect, test } from "vitest";
import type { Agent } from "../../agent/api.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { createAgentSource } from "./agent-source.ts";

const never = new AbortController().signal;
const codeOf = (error: unknown): string => (isPerdureError(error) ? error.code : String(error));

test("calls share one opening, and what failed is opened again by the next call", async () => {
  let opened = 0;
  const agent = { close: async () => {} } as Agent;
  const source = createAgentSource(async () => {
    if (++opened === 1) throw new PerdureError("relay-unreachable", "not now");
    return agent;
  });
  expect(await Promise.all([source.agent(never).catch(codeOf), source.agent(never).catch(codeOf)])).toEqual([
    "relay-unreachable",
    "relay-unreachable",
  ]);
  expect(await Promise.all([source.agent(never), source.agent(never)])).toEqual([agent, agent]);
  expect(opened).toBe(2);
});

test("a call that is called off does not wait, and does not stop the opening for others", async () => {
  const { promise, resolve } = Promise.withResolvers<Agent>();
  const source = createAgentSource(() => promise);
  const called = new AbortController();
  const waiting = source.agent(called.signal).catch(codeOf);
  called.abort();
  expect(await waiting).toBe("aborted");
  const agent = { close: async () => {} } as Agent;
  resolve(agent);
  expect(await source.agent(never)).toBe(agent);
});

test("closing ends an opening that is under way, closes what is open, and takes no more calls", async () => {
  let closed = 0;
  const opening = createAgentSource(
    (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new PerdureError("aborted", "")))),
  );
  const waiting = opening.agent(never).catch(codeOf);
  await opening[Symbol.asyncDispose]();
  expect(await waiting).toBe("aborted");
  expect(await opening.agent(never).catch(codeOf)).toBe("aborted");
  const open = createAgentSource(async () => ({ close: async () => void closed++ }) as unknown as Agent);
  await open.agent(never);
  await open[Symbol.asyncDispose]();
  expect(closed).toBe(1);
});
