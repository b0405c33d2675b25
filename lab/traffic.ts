/**
 * Who writes to whom: agents that send notes, large files and questions at random times, or the letters of a scenario, and handlers
 * that answer, forward, fail and take their time. What was promised to a caller is told to the ledger.
 */
import type { Agent, Mail, Sent, Turn } from "../packages/perdure/src/agent/api.ts";
import { sleep } from "../packages/perdure/src/host/deadline.ts";
import type { Host } from "../packages/perdure/src/host/host.ts";
import type { Draws } from "../packages/perdure/src/host/simulated/index.ts";
import { isPerdureError } from "../packages/perdure/src/wire/error.ts";
import { PART_BYTES } from "../packages/perdure/src/wire/limits.ts";
import type { Ledger } from "./ledger.ts";
import type { Letter } from "./scenario.ts";

/** In every body: nothing a relay keeps or says may ever contain it. */
export const CANARY = "canary-7f3a91";
/** What is answered with more of the same: a storm, if nobody stops it. */
const STORM = `${CANARY} storm`;
/** Is done at once, without a word. */
export const PLAIN = `${CANARY} plain`;
/** Is answered at once. */
export const ANSWER = `${CANARY} answer`;
const STORM_COPIES = 3;
const STORM_DEPTH = 7;
const MEAN_PAUSE_MS = 2500;
/** How often several letters are written at once, and at most how many more than three. */
const BURST_CHANCE = 0.15;
const BURST_LETTERS = 10;
/** Some letters expire within a time between these. */
const SHORTEST_EXPIRY_MS = 2000;
const SHORT_EXPIRY_MS = 20_000;
/** Of the notes of one life of an agent, every so many is poison. */
const POISON_EVERY = 12;
/** Around `handlerTimeoutMs` of the lab. */
const SLOW_HANDLER_MS = 4000;
/** What every body begins with takes about that much. */
const HEAD_BYTES = 40;

export interface Resident {
  readonly name: string;
  readonly agent: Agent;
  readonly host: Host;
  /** What handlers are like. */
  readonly draws: Draws;
  /** What is written of itself, apart from the others, so that the same letters from a list change nothing else. */
  readonly writing: Draws;
  readonly ledger: Pick<Ledger, "promised" | "step" | "handed" | "refused" | "unexpected">;
  /** Everybody it writes to: names, and what it writes for them, `@name` or `@name@relay`. */
  readonly neighbours: readonly Neighbour[];
  /** What it writes, where that is not left to itself; shared by all lives of one agent. */
  readonly letters?: LetterPile | undefined;
  /** Told of each letter before it is sent. */
  readonly wrote: (letter: Letter) => void;
  /** When the town was open; times of letters count from there. */
  readonly beginMs: number;
  /** Whether it sometimes begins what its neighbours answer with more of the same. */
  readonly stormy: boolean;
  /** No new messages after this, virtual milliseconds of the host's monotonic clock. */
  readonly untilMs: number;
  readonly isCurrent: () => boolean;
  readonly nowMs: () => number;
}

export interface Neighbour {
  readonly name: string;
  readonly address: string;
}

/** The letters of one agent, and how many of them it has written in its lives so far. */
export interface LetterPile {
  readonly letters: readonly Letter[];
  taken: number;
}

/** Keeps an agent busy until the end of its process. */
export function liveIn(resident: Resident): void {
  const { agent, name, ledger, isCurrent } = resident;
  const report =
    (what: string) =>
    (error: unknown): void => {
      if (isCurrent()) ledger.unexpected(`${name} ${what}: ${String(error)}`);
    };
  agent.serve((mail, turn) => handle(resident, mail, turn), { concurrency: 2 }).catch(report("serving ended"));
  write(resident).catch(report("writing ended"));
  agent
    .outbox()
    .then((all) => {
      for (const sent of all) follow(resident, sent);
    })
    .catch(report("listing its outbox"));
}

async function write(resident: Resident): Promise<void> {
  const { agent, ledger, neighbours, letters, wrote, name, nowMs, untilMs, isCurrent } = resident;
  const burst: Burst = { left: 0, to: "" };
  for (let number = 0; ; number++) {
    const letter = letters === undefined ? await drawLetter(resident, burst) : await takeLetter(resident, letters);
    if (letter === undefined || (letters === undefined && nowMs() > untilMs) || !isCurrent()) return;
    if (letters !== undefined) letters.taken++;
    wrote(letter);
    const to = neighbours.find((each) => each.name === letter.to)?.address ?? `@${letter.to}`;
    const head = `${letter.kind === "storm" ? STORM : CANARY} ${name} ${nowMs()} ${number} `;
    const text = head + "x".repeat(Math.max(0, letter.sizeBytes - head.length));
    const options = {
      ...(letter.expiresInMs === undefined ? {} : { expiresInMs: letter.expiresInMs }),
      ...(letter.keyed ? { idempotencyKey: `${name} ${number}` } : {}),
    };
    try {
      if (letter.kind === "question") {
        const answer = agent.ask(to, text, { ...options, timeoutMs: 30_000 });
        answer.then(
          (mail) => mail.done(),
          () => {},
        );
        continue;
      }
      const sent = await agent.send(to, text, options);
      ledger.promised(name, sent.id, to, text);
      follow(resident, sent);
    } catch (error) {
      if (isCurrent()) ledger.refused(name, isPerdureError(error) ? error.code : `not an error of ours: ${String(error)}`);
    }
  }
}

/** Letters that follow at once, to the same neighbour. */
interface Burst {
  left: number;
  to: string;
}

/** What an agent that is left to itself writes next: after a pause, or as one of several at once. */
async function drawLetter({ writing: draws, host, neighbours, name, stormy, beginMs, nowMs }: Resident, burst: Burst): Promise<Letter> {
  if (burst.left > 0) burst.left--;
  else {
    await sleep(host.clock, draws.wait(MEAN_PAUSE_MS));
    burst.to = (neighbours[draws.below(neighbours.length)] as Neighbour).name;
    if (draws.chance(BURST_CHANCE)) burst.left = 2 + draws.below(BURST_LETTERS);
  }
  const { to } = burst;
  const large = draws.chance(0.06);
  const storm = stormy && draws.chance(0.04);
  const sizeBytes = HEAD_BYTES + (large ? PART_BYTES + draws.below(2 * PART_BYTES) : draws.below(2000));
  const expiresInMs = draws.chance(0.15) ? SHORTEST_EXPIRY_MS + draws.below(SHORT_EXPIRY_MS - SHORTEST_EXPIRY_MS) : undefined;
  const keyed = draws.chance(0.1);
  const question = draws.chance(0.1);
  return {
    atMs: Number((nowMs() - beginMs).toFixed(3)),
    from: name,
    to,
    sizeBytes,
    ...(storm ? { kind: "storm" } : question ? { kind: "question" } : {}),
    ...(expiresInMs === undefined ? {} : { expiresInMs }),
    ...(keyed ? { keyed } : {}),
  };
}

/** The next letter of the pile, once it is due; `undefined` when none is left. */
async function takeLetter({ host, beginMs, nowMs }: Resident, { letters, taken }: LetterPile): Promise<Letter | undefined> {
  const letter = letters[taken];
  if (letter === undefined) return undefined;
  for (let wait = beginMs + letter.atMs - nowMs(); wait > 0; wait = beginMs + letter.atMs - nowMs()) await sleep(host.clock, wait);
  return letter;
}

function follow({ name, ledger, isCurrent }: Resident, sent: Sent): void {
  const watch = async (): Promise<void> => {
    for await (const step of sent) if (isCurrent()) ledger.step(name, sent.id, step);
  };
  watch().catch((error: unknown) => {
    if (isCurrent()) ledger.unexpected(`${name} following ${sent.id}: ${String(error)}`);
  });
}

/** Some notes fail each time, so that they have to end in the failed box. */
function isPoison(text: string): boolean {
  const [, , , number] = text.split(" ");
  return number !== undefined && Number(number) % POISON_EVERY === POISON_EVERY - 1;
}

async function handle({ draws, host, ledger, name, neighbours }: Resident, mail: Mail, turn: Turn): Promise<void> {
  const text = await mail.text();
  ledger.handed(name, mail, text);
  if (text.startsWith(PLAIN)) return;
  if (text.startsWith(ANSWER)) return turn.reply(`${PLAIN} re ${text.slice(0, 60)}`);
  if (text.startsWith(STORM)) {
    if (mail.depth >= STORM_DEPTH) return;
    for (let copy = 0; copy < STORM_COPIES; copy++)
      await turn.send((neighbours[draws.below(neighbours.length)] as Neighbour).address, text.slice(0, 60));
    return;
  }
  const mood = draws.below(100);
  if (isPoison(text)) throw new Error("this message fails whoever handles it");
  if (mood < 6) throw new Error("the handler failed");
  if (mood < 9) return turn.reject("not today");
  // Longer than it may, and deaf to its signal: by then another handler has the message.
  if (mood < 13) await sleep(host.clock, SLOW_HANDLER_MS + draws.below(SLOW_HANDLER_MS));
  else if (mood < 40) await sleep(host.clock, draws.wait(400), turn.signal);
  if (mood > 70 && !mail.auto) await turn.reply(`${CANARY} re ${text.slice(0, 60)}`);
  if (mood > 95 && mail.depth < 4)
    await turn.send((neighbours[draws.below(neighbours.length)] as Neighbour).address, `${CANARY} fwd ${text.slice(0, 60)}`);
}
