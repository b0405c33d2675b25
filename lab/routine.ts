/**
 * An ordinary while, after the weather is over and all is quiet: everybody is started again, writes to everybody, is away, comes back.
 * Nothing is broken, so nothing may look as if it were.
 *
 *   restart   what somebody shows is the same before and after a restart
 *   routine   mail between those who are there is done within seconds; a relay takes each message once, a handler starts once; no session
 *             ends by itself, nobody warns; what expires does so when it should; mail of who is blocked is refused
 *
 * What heals itself in a storm, by a new session or by being sent again, is a mistake here.
 */
import type { Agent, DeliveryState, Mail, Sent } from "../packages/perdure/src/agent/api.ts";
import { PART_BYTES } from "../packages/perdure/src/wire/limits.ts";
import { patiently } from "./patience.ts";
import { broken, isPlain, type Letter, type Routine, type Watch, watchFacts } from "./routine-watch.ts";
import { isRelay, type Town } from "./town.ts";
import { ANSWER, PLAIN } from "./traffic.ts";

/** Everybody is back, and knows what there is, so soon. */
const BACK_WITHIN_MS = 20_000;
/** A message is done so soon where everybody is there. */
const DONE_WITHIN_MS = 4000;
/** The same where translators forget connections, which is noticed when nothing is heard for a while. */
const DONE_AT_LAST_MS = 60_000;
const STEP_MS = 100;
const PAUSE_MS = 300;
const NOTES = 2;
const SHORT_MS = 4000;
/** Clocks of a town differ by at most that much. */
const CLOCKS_MS = 4000;

/** Throws `InvariantBroken`. Everybody runs, and nothing is under way. */
export async function routine(options: Routine): Promise<void> {
  const { town, census, settings } = options;
  const { world } = town;
  const draws = world.draws("routine");
  const everybody = [...census.relays, ...census.agents];
  // A process that begins from here on does nothing rare.
  world.arm(new Map());
  const watch = watchFacts(options);
  await samePictures(options, () => startAgain(options, everybody, false));

  watch.begin();
  const sleeper = census.agents[draws.below(census.agents.length)] as string;
  const awake = census.agents.filter((name) => name !== sleeper);
  const letters: Letter[] = [];
  for (const from of census.agents)
    for (const to of census.agents)
      if (from !== to) for (let number = 0; number < NOTES; number++) letters.push(await write(options, from, to, { number }));
  letters.push(await write(options, sleeper, awake[0] as string, { bytes: 2.5 * PART_BYTES }));
  await ended(options, letters, "done");
  await answered(options, sleeper, awake[0] as string);

  watch.end();
  await leave(options, sleeper, draws.chance(0.5));
  await world.run({ untilMs: world.nowMs + PAUSE_MS });
  watch.begin();
  const waiting: Letter[] = [];
  const full = Math.ceil((settings["mailboxMessages"] ?? 0) / 10);
  for (const from of awake)
    for (let number = 0; number < NOTES + (from === awake[0] && full < 20 ? full : 0); number++)
      waiting.push(await write(options, from, sleeper, { number }));
  waiting.push(await write(options, awake[0] as string, sleeper, { bytes: 1.5 * PART_BYTES }));
  const between = await write(options, awake[0] as string, awake.at(-1) === awake[0] ? sleeper : (awake.at(-1) as string), {});
  if (between.to !== sleeper) await ended(options, [between], "done");
  else waiting.push(between);
  // The last: what expires leaves a hole, which what follows it would wait for.
  const short = await write(options, awake.at(-1) as string, sleeper, { expiresInMs: SHORT_MS });
  // Half of the relays die before they have signed for what they took last.
  const early = draws.chance(0.5);
  if (!early) await world.run({ untilMs: world.nowMs + 1000 });
  watch.end();
  // Where limits are small some of it is still on its way.
  if (early) await startAgain(options, census.relays, false);
  else if (isPlain(options)) await samePictures(options, () => startAgain(options, census.relays, true), census.relays);
  if (isPlain(options)) await signedFor(options, waiting);
  await expired(options, short);
  town.start(sleeper);
  await allBack(options);
  watch.begin();
  await ended(options, waiting, "done");
  watch.end();
  await silentLine(options, awake[0] as string, watch);
  await unwelcome(options, awake[0] as string, sleeper);
  watch.once(between.to === sleeper ? letters : [...letters, between]);
  watch.once(waiting, early ? "killed" : undefined);
  await samePictures(options, () => startAgain(options, everybody, true));
}

interface Writing {
  readonly number?: number;
  readonly bytes?: number;
  readonly expiresInMs?: number;
}

async function write({ town, ledger, addressFrom }: Routine, from: string, to: string, how: Writing): Promise<Letter> {
  const { world } = town;
  const agent = town.agent(from) as Agent;
  const head = `${PLAIN} ${from} ${world.nowMs} ${how.number ?? 0} `;
  const text = head + "x".repeat(Math.max(0, (how.bytes ?? 0) - head.length));
  const address = addressFrom(from, to);
  const atMs = world.nowMs;
  const wallMs = world.host(from).clock.wallMs();
  const options = how.expiresInMs === undefined ? {} : { expiresInMs: how.expiresInMs };
  const sent = await patiently(world, () => agent.send(address, text, options));
  ledger.promised(from, sent.id, address, text);
  const [first] = sent.steps;
  if (first === undefined || first.state !== "queued" || first.by !== "self" || first.proof !== "none")
    throw broken("routine", `${sent.id} of ${from} begins with ${JSON.stringify(first)}`);
  if (Math.abs(first.atMs - wallMs) > 1000)
    throw broken("routine", `${sent.id} of ${from} was queued at ${first.atMs}, its clock says ${wallMs}`);
  if (to !== String(sent.toName ?? to).split("@")[0]) throw broken("routine", `${sent.id} to ${to} goes to ${sent.toName}`);
  return { from, to, sent, atMs, parts: Math.max(1, Math.ceil(text.length / PART_BYTES)) };
}

async function now({ town }: Routine, { from, sent }: Letter): Promise<Sent> {
  return await town.world.complete((town.agent(from) as Agent).sent(sent.id));
}

/** Waits until all of them have ended as they should, and looks at how they came there. */
async function ended(options: Routine, letters: readonly Letter[], as: DeliveryState): Promise<void> {
  const { town, ledger } = options;
  const { world } = town;
  const untilMs = world.nowMs + (isPlain(options) ? DONE_WITHIN_MS : DONE_AT_LAST_MS);
  let open = letters;
  for (;;) {
    const shown = await Promise.all(open.map(async (letter) => ({ letter, sent: await now(options, letter) })));
    open = shown.filter(({ sent }) => sent.steps.at(-1)?.state !== as).map(({ letter }) => letter);
    if (open.length === 0) break;
    if (world.nowMs >= untilMs) {
      const [first] = shown.filter(({ sent }) => sent.steps.at(-1)?.state !== as);
      const last = first?.sent.steps.at(-1);
      throw broken(
        "routine",
        `${open.length} of ${letters.length} messages are not ${as} in time: ${first?.letter.sent.id} from ${first?.letter.from} to ${first?.letter.to} is ${last?.state}, ${last?.detail} ${first?.sent.trouble ?? ""}`,
      );
    }
    await world.run({ untilMs: world.nowMs + STEP_MS });
  }
  for (const letter of letters) {
    const { steps, trouble } = await now(options, letter);
    for (const step of steps) ledger.step(letter.from, letter.sent.id, step);
    checkTrail(options, letter, steps, trouble);
  }
}

/** Every step said by who can say it, proven where it can be, at a time at which it can have been. */
function checkTrail({ town, census }: Routine, { from, to, sent, atMs }: Letter, steps: Sent["steps"], trouble: string | undefined): void {
  const { world } = town;
  const fail = (what: string): never => {
    throw broken("routine", `${sent.id} from ${from} to ${to} ${what}: ${JSON.stringify(steps)}`);
  };
  const told = steps.map(({ state, proof }) => `${state} ${proof}`);
  if (new Set(told).size !== told.length) fail("shows a step twice");
  const last = steps.at(-1);
  if (last?.state === "done") {
    if (last.by !== town.agent(to)?.id || last.proof !== "receipt") fail("is not proven done by its recipient");
    if (trouble !== undefined) fail(`is done and still in trouble (${trouble})`);
  }
  const home = (of: string) => town.relay(census.homes.get(of) as string)?.status().id;
  for (const { state, by, proof, atMs: said } of steps) {
    if (state === "stored" && (by !== home(to) || proof !== "statement")) fail("is not stored by the word of its recipient's relay");
    if (state === "accepted" && by !== home(from)) fail("is accepted by somebody else than the own relay");
    const saidMs = said - (world.host(from).clock.wallMs() - world.nowMs);
    if (saidMs < atMs - CLOCKS_MS || saidMs > world.nowMs + CLOCKS_MS)
      fail(`has a step at ${Math.round(saidMs)}, sent at ${Math.round(atMs)}, it is ${world.nowMs}`);
  }
}

/** A question is answered, by the one who was asked, in the same thread. */
async function answered(options: Routine, from: string, to: string): Promise<void> {
  const { town, addressFrom } = options;
  const { world } = town;
  const asked: Sent[] = [];
  const timeoutMs = isPlain(options) ? DONE_WITHIN_MS : DONE_AT_LAST_MS;
  let mail: Mail;
  try {
    mail = await world.complete(
      (town.agent(from) as Agent).ask(addressFrom(from, to), `${ANSWER} ${from} ${world.nowMs} 0`, {
        timeoutMs,
        onSent: (sent) => asked.push(sent),
      }),
      2 * timeoutMs,
    );
  } catch (error) {
    throw broken("routine", `a question of ${from} to ${to} was not answered: ${String(error)}`);
  }
  const [question] = asked;
  if (mail.from !== town.agent(to)?.id || mail.inReplyTo !== question?.id || !mail.auto)
    throw broken("routine", `${from} asked ${to} and got ${JSON.stringify({ ...plain(mail), question: question?.id })}`);
}

/** Ends a process, as its owner does or as a kill does. */
async function leave({ town, ending }: Routine, name: string, politely: boolean): Promise<void> {
  if (politely) await town.world.complete(isRelay(name) ? drained(town, name) : (town.agent(name) as Agent).close());
  else ending(name);
  town.stop(name);
}

async function drained(town: Town, name: string): Promise<void> {
  await town.relay(name)?.drain();
}

async function startAgain(options: Routine, names: readonly string[], politely: boolean): Promise<void> {
  for (const name of names) await leave(options, name, politely);
  await options.town.world.run({ untilMs: options.town.world.nowMs + PAUSE_MS });
  for (const name of names) options.town.start(name);
  await allBack(options, names);
}

/** Everybody who is to be there runs, is connected, and has what waited for it. */
async function allBack({ town, census }: Routine, started: readonly string[] = census.agents): Promise<void> {
  const { world } = town;
  const untilMs = world.nowMs + BACK_WITHIN_MS;
  for (;;) {
    const missing: string[] = started.filter((name) => !town.isUp(name));
    for (const name of census.agents) {
      const agent = town.isUp(name) ? town.agent(name) : undefined;
      if (agent === undefined) continue;
      const { relay } = await world.complete(agent.status());
      if (!relay.connected || !relay.caughtUp) missing.push(name);
    }
    if (missing.length === 0) return;
    if (world.nowMs >= untilMs) throw broken("routine", `${missing.join(", ")} did not come back`);
    await world.run({ untilMs: world.nowMs + STEP_MS });
  }
}

async function expired(options: Routine, letter: Letter): Promise<void> {
  const { town, settings } = options;
  const { world } = town;
  const lateMs = (settings["expiryGraceMs"] ?? 0) + 3 * (settings["sweepEveryMs"] ?? 0) + CLOCKS_MS;
  for (;;) {
    const last = (await now(options, letter)).steps.at(-1);
    const aged = world.nowMs - letter.atMs;
    if (last?.state === "expired") {
      if (aged < SHORT_MS - CLOCKS_MS)
        throw broken("routine", `${letter.sent.id} expired ${Math.round(aged)} ms after it was sent, not ${SHORT_MS}`);
      return;
    }
    if (aged > SHORT_MS + lateMs) throw broken("routine", `${letter.sent.id} is ${last?.state}, and was to expire after ${SHORT_MS} ms`);
    await world.run({ untilMs: world.nowMs + STEP_MS });
  }
}

/** Who is blocked gets nothing through, is written nothing, and is somebody again once it is added. */
async function unwelcome(options: Routine, from: string, by: string): Promise<void> {
  const { town, addressFrom } = options;
  const { world } = town;
  const [blocked, owner] = [town.agent(from) as Agent, town.agent(by) as Agent];
  await patiently(world, () => owner.contacts.block(blocked.id));
  await world.run({ untilMs: world.nowMs + 500 });
  const letter = await write(options, from, by, { expiresInMs: SHORT_MS });
  const answer = await world.complete(
    owner.send(addressFrom(by, from), PLAIN).then(
      () => "",
      (error: unknown) => (error as { readonly code?: string }).code,
    ),
  );
  if (answer !== "blocked") throw broken("routine", `${by} blocked ${from}, and may write to it: ${answer}`);
  await expired(options, letter);
  const contact = await patiently(world, () => owner.contacts.add(blocked.id));
  if (contact.standing !== "contact" || contact.id !== blocked.id)
    throw broken("routine", `${by} added ${from} and shows ${JSON.stringify(contact)}`);
}

/** Nobody hangs up while nothing is said; who is not heard any more is noticed in time, and not before. */
async function silentLine(options: Routine, name: string, watch: Watch): Promise<void> {
  const { town, census, settings } = options;
  const { world } = town;
  if (!isPlain(options)) return;
  const [silenceMs = 0, pingMs = 0] = [settings["silenceTimeoutMs"], settings["pingEveryMs"]];
  watch.begin();
  await world.run({ untilMs: world.nowMs + silenceMs + 2 * pingMs });
  watch.end();
  const agent = town.agent(name) as Agent;
  const stalledMs = world.nowMs;
  world.network.stall(name, census.homes.get(name) as string);
  for (;;) {
    const { relay } = await world.complete(agent.status());
    const afterMs = world.nowMs - stalledMs;
    if (!relay.connected) {
      if (afterMs < silenceMs - pingMs - 1000)
        throw broken("routine", `${name} gave up its line ${Math.round(afterMs)} ms after it was cut`);
      break;
    }
    if (afterMs > silenceMs + 2 * pingMs)
      throw broken("routine", `${name} has not noticed in ${Math.round(afterMs)} ms that its line is dead`);
    await world.run({ untilMs: world.nowMs + STEP_MS });
  }
  await allBack(options, []);
  // The relay may still hold the session of before.
  const others = census.agents.filter((each) => each !== name);
  await ended(options, [await write(options, others[0] as string, name, {})], "done");
}

/** Within seconds the relay of who is away has signed for what waits there. */
async function signedFor(options: Routine, letters: readonly Letter[]): Promise<void> {
  const { world } = options.town;
  const untilMs = world.nowMs + BACK_WITHIN_MS;
  for (const letter of letters) {
    for (;;) {
      const { steps } = await now(options, letter);
      if (steps.some(({ state, proof }) => state === "stored" && proof === "statement")) break;
      if (world.nowMs >= untilMs)
        throw broken("routine", `no relay signed for ${letter.sent.id} from ${letter.from} to ${letter.to}: ${JSON.stringify(steps)}`);
      await world.run({ untilMs: world.nowMs + STEP_MS });
    }
  }
}

/** What everybody shows, by name; who is away shows nothing. */
async function pictures({ town, census }: Routine): Promise<ReadonlyMap<string, string>> {
  const shown = new Map<string, string>();
  for (const name of census.agents) {
    const agent = town.isUp(name) ? town.agent(name) : undefined;
    if (agent !== undefined) shown.set(name, await town.world.complete(agentPicture(agent)));
  }
  for (const name of census.relays) shown.set(name, relayPicture(town, name));
  return shown;
}

async function agentPicture(agent: Agent): Promise<string> {
  const outbox = (await agent.outbox()).map(({ id, to, toName, home, steps }) => [
    id,
    to,
    toName,
    home,
    steps.map(({ atMs, ...step }) => step),
  ]);
  const boxes: unknown[] = [];
  for (const box of ["contacts", "requests", "failed"] as const)
    for await (const mail of agent.inbox({ box })) boxes.push({ ...plain(mail), attempt: mail.attempt });
  const contacts = (await agent.contacts.list()).map(({ id, standing, how, sinceMs, waitingRequests, trouble }) => [
    id,
    standing,
    how,
    sinceMs,
    waitingRequests,
    trouble,
  ]);
  const { waiting, requests, failed, outgoing, strangers, conflicts, custody, name } = await agent.status();
  const lines = [
    ...outbox.map((each) => `sent ${JSON.stringify(each)}`),
    ...boxes.map((each) => `mail ${JSON.stringify(each)}`),
    ...contacts.map((each) => `contact ${JSON.stringify(each)}`),
    `status ${JSON.stringify({ waiting, requests, failed, outgoing, strangers, conflicts, custody, name })}`,
    `requests ${JSON.stringify(await agent.contacts.requests())}`,
  ];
  return lines.join("\n");
}

function plain({
  id,
  from,
  thread,
  inReplyTo,
  auto,
  depth,
  box,
  contentType,
  fileName,
  sizeBytes,
  sentAtMs,
  receivedAtMs,
  expiresAtMs,
}: Mail) {
  return { id, from, thread, inReplyTo, auto, depth, box, contentType, fileName, sizeBytes, sentAtMs, receivedAtMs, expiresAtMs };
}

function relayPicture(town: Town, name: string): string {
  const status = town.relay(name)?.status();
  if (status === undefined) return "";
  const { id, address, agentCount, waitingMessages, waitingBytes, tickets, bans } = status;
  const agents = status.agents.map(({ connected, ...row }) => JSON.stringify(row)).sort();
  const peers = status.peers
    .filter((row) => row.waitingMessages > 0)
    .map((row) => JSON.stringify([row.id, row.waitingMessages, row.waitingBytes, row.oldestWaitingSinceMs]))
    .sort();
  return [JSON.stringify({ id, address, agentCount, waitingMessages, waitingBytes, tickets, bans }), ...agents, ...peers].join("\n");
}

async function samePictures(options: Routine, between: () => Promise<void>, of?: readonly string[]): Promise<void> {
  const before = await pictures(options);
  await between();
  const after = await pictures(options);
  for (const [name, was] of before) {
    const is = after.get(name);
    if (was === is || of?.includes(name) === false) continue;
    const [old, young] = [was.split("\n"), (is ?? "").split("\n")];
    const gone = old.filter((line) => !young.includes(line));
    const come = young.filter((line) => !old.includes(line));
    throw broken("restart", `${name} showed ${gone.slice(0, 2).join(" | ")}, and shows ${come.slice(0, 2).join(" | ")} after a restart`);
  }
}
