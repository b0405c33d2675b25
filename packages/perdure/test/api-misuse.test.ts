import { expect, test } from "vitest";
import type { Agent, Mail, Sent } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createWorld, type World } from "../src/host/simulated/index.ts";
import { openRelayWith } from "../src/relay/open-relay.ts";
import { MAX_MESSAGE_BYTES } from "../src/wire/limits.ts";
import { codeOf, noise, sha256, statesOf } from "./test-stage.ts";

const LISTEN = "ws://127.0.0.1:4410";
const QUICK = { redialMinMs: 10, redialMaxMs: 200, retryMinMs: 1, retryMaxMs: 20 };

interface Scene {
  readonly world: World;
  readonly anna: Agent;
  readonly desk: Agent;
  readonly done: <Value>(work: Promise<Value>) => Promise<Value>;
  readonly failure: (work: Promise<unknown>) => Promise<string>;
}

async function scene(seed: number, settings: Record<string, number> = {}): Promise<Scene> {
  const world = createWorld({ seed, hash: createNodeHost().crypto.hash });
  const done = <Value>(work: Promise<Value>): Promise<Value> => world.complete(work);
  const relay = await done(openRelayWith({ host: world.host("relay"), folder: "post", listen: LISTEN }));
  const open = (name: string): Promise<Agent> =>
    done(openAgentWith(world.host(name), "home", { join: relay.address, name, strangers: "welcome", settings: { ...QUICK, ...settings } }));
  const anna = await open("anna");
  const desk = await open("desk");
  const failure = async (work: Promise<unknown>): Promise<string> =>
    codeOf(
      await done(
        work.then(
          () => "no error",
          (error: unknown) => error,
        ),
      ),
    );
  return { world, anna, desk, done, failure };
}

function serve(agent: Agent, handled: string[]): void {
  agent.serve(async (mail) => void handled.push(await mail.text())).catch((error: unknown) => handled.push(codeOf(error)));
}

async function list(agent: Agent): Promise<readonly Mail[]> {
  const mails: Mail[] = [];
  for await (const mail of agent.inbox()) mails.push(mail);
  return mails;
}

test("an agent writes to itself as to anybody else", async () => {
  const { anna, done } = await scene(1);
  const handled: string[] = [];
  serve(anna, handled);
  const sent = await done(anna.send(anna.id, "note to self"));
  await done(sent.until("done"));
  expect(handled).toEqual(["note to self"]);
});

test("8 MiB go through and one byte more does not, from a stream that never ends either", async () => {
  const { anna, desk, done, failure } = await scene(2);
  const whole = noise(MAX_MESSAGE_BYTES, 3);
  await done((await done(anna.send("@desk", whole))).until("stored"));
  expect(await failure(anna.send("@desk", new Uint8Array(MAX_MESSAGE_BYTES + 1)))).toBe("too-large");
  const endless = (async function* () {
    for (;;) yield new Uint8Array(64 * 1024);
  })();
  expect(await failure(anna.send("@desk", endless))).toBe("too-large");
  const [mail] = await done(list(desk));
  expect(sha256(await done((mail as Mail).bytes()))).toBe(sha256(whole));
  expect((await done(anna.outbox())).length).toBe(1);
});

test("a stream that gives nothing for ever is given up in time", async () => {
  const { anna, failure } = await scene(3);
  const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  expect(await failure(anna.send("@desk", silent, { timeoutMs: 500 }))).toBe("timed-out");
});

test("a handle may be followed twice, asked again after the end, and found again", async () => {
  const { anna, desk, done, failure } = await scene(4);
  desk.serve((_mail, turn) => turn.reject("no")).catch(() => undefined);
  const sent: Sent = await done(anna.send("@desk", "hello"));
  const [one, two] = await done(Promise.all([statesOf(sent), statesOf(sent)]));
  expect(one.at(-1)).toBe("refused");
  expect(two).toEqual(one);
  expect(await done(statesOf(sent))).toEqual(one);
  expect(await failure(sent.until("done"))).toBe("refused");
  expect(await done(statesOf(await done(anna.sent(` ${sent.id} `))))).toEqual(one);
});

test("ids that are none and ids of nobody are told apart", async () => {
  const { anna, failure } = await scene(5);
  for (const garbage of ["garbage", "", ".", "0101010101010101.0", "0101010101010101.99999999999999999999", "../../etc.1"]) {
    expect(await failure(anna.sent(garbage))).toBe("bad-argument");
  }
  expect(await failure(anna.sent("0101010101010101.1"))).toBe("unknown-message");
  expect(await failure(anna.send("nobody", "x"))).toBe("bad-argument");
  expect(await failure(anna.send("@nobody", "x"))).toBe("unknown-agent");
});

test("two that serve in one process share the mail", async () => {
  const { anna, desk, done } = await scene(6);
  const handled: string[] = [];
  serve(desk, handled);
  serve(desk, handled);
  for (let count = 0; count < 10; count++) await done(anna.send("@desk", `${count}`));
  for (const sent of await done(anna.outbox())) await done(sent.until("done"));
  expect(handled.length).toBe(10);
});

test("an answer to a question that was given up before it was queued reaches the handler", async () => {
  const { world, anna, desk, done, failure } = await scene(7, { callTimeoutMs: 2000 });
  desk.serve(async (_mail, turn) => turn.reply("late")).catch(() => undefined);
  const handled: string[] = [];
  serve(anna, handled);
  world.disk("anna").held = true;
  const given = new AbortController();
  const asked = failure(anna.ask("@desk", "?", { signal: given.signal }));
  world.after(100, "give up", () => given.abort());
  expect(await asked).toBe("aborted");
  world.disk("anna").held = false;
  await world.run({ untilMs: world.nowMs + 30_000, until: () => handled.length > 0 });
  expect(handled).toEqual(["late"]);
  await done(anna.close());
});

test("closing in the middle of sending, asking and serving ends every call with a code", async () => {
  for (let events = 1; events < 120; events += 9) {
    const { world, anna, desk, done } = await scene(8);
    desk.serve(async (_mail, turn) => turn.reply("answer")).catch(() => undefined);
    const calls = [
      anna.send("@desk", "one").then((sent) => sent.until("done")),
      anna.ask("@desk", "two"),
      anna.serve(() => {}),
      list(anna),
      anna.status(),
      anna.send("@desk", new ReadableStream({ pull: () => new Promise(() => {}) })),
    ];
    const ends = Promise.allSettled(calls);
    await world.run({ maxEvents: events });
    await done(anna.close());
    for (const end of await done(ends)) if (end.status === "rejected") expect(codeOf(end.reason)).toBe("aborted");
  }
});
