/**
 * The trial with a person: a prompt that shows who is awake, keys that put `@desk` to sleep and kill the relays, and one line
 * for each thing that happens, with when and who. The keys work only while the line is empty, so that they take nothing
 * from typing.
 */
import type { Sent } from "../../agent/api.ts";
import { isTerminal } from "../../protocol/delivery/delivery-lattice.ts";
import { isPerdureError } from "../../wire/error.ts";
import { type Content, readFileContent, textContent } from "../content.ts";
import { describeFailure } from "../failure.ts";
import { safeLine } from "../foreign-text.ts";
import type { Invocation } from "../invocation.ts";
import type { Paint } from "../paint.ts";
import { countText, sizeText } from "../quantity.ts";
import { stepText } from "../trail.ts";
import { happeningLine, type Tell } from "./happening.ts";
import { createPrompt, type Prompt } from "./prompt.ts";
import type { RelayProcess } from "./relay-process.ts";
import { readTypedLine, type TypedCommand } from "./typed-line.ts";
import { whoSays } from "./who-says.ts";
import { createWorld, type World } from "./world.ts";

const KEYS: Readonly<Record<string, "desk" | "a" | "b">> = { s: "desk", k: "a", b: "b" };

export async function tryInteractive(invocation: Invocation, keep: boolean): Promise<number> {
  const { terminal, signal, environment } = invocation;
  const { clock } = invocation.host;
  const { paint } = terminal.stdout;
  const numbers = new Map<string, number>();
  const ended = new AbortController();
  let prompt: Prompt | undefined;
  let world: World | undefined;

  const print = (text: string): void => (prompt === undefined ? terminal.line(text) : prompt.print(text));
  const tell: Tell = (who, text, more = {}) => {
    const number = more.id === undefined ? undefined : numbers.get(more.id);
    print(happeningLine({ atMs: clock.wallMs(), who, text, ...more }, paint, number === undefined ? undefined : `#${number}`));
  };
  const showState = (): void => {
    if (world !== undefined) prompt?.show(promptText(world, paint));
  };

  terminal.line(paint.faint("Making a small world on this machine: relay A with you, @me, and relay B of another owner with @desk."));
  await using made = await createWorld({ invocation, tell, keep, settings: {}, onFact: () => {}, onChange: showState });
  world = made;
  for (const line of helpLines(made.folder, paint)) terminal.line(line);

  let queue: Promise<void> = Promise.resolve();
  const inTurn = (what: string, work: () => Promise<void>): void => {
    queue = queue.then(work).catch((error: unknown) => {
      if (ended.signal.aborted) return;
      const failure = describeFailure(error, what);
      print(`${paint.bad(`${what} (${failure.code})`)}: ${failure.why}`);
      if (failure.hint !== undefined) print(`  ${failure.hint}`);
    });
  };
  const run = (command: TypedCommand): void => {
    if (command === "quit") prompt?.close();
    else if (command === "help") for (const line of helpLines(made.folder, paint)) print(line);
    else inTurn(`/${command} did not work`, () => act(made, command, tell, print, last));
  };
  let last: Sent | undefined;
  const send = async (content: Content): Promise<void> => {
    const sent = await made.me.send(made.desk, content.bytes, {
      contentType: content.contentType,
      ...(content.fileName === undefined ? {} : { fileName: content.fileName }),
    });
    numbers.set(sent.id, numbers.size + 1);
    last = sent;
    const queued = sent.steps[0];
    if (content.fileName !== undefined)
      tell("@me", `sends the file ${content.label}, ${sizeText(content.bytes.length)}`, {
        id: sent.id,
        ...(queued === undefined ? {} : { atMs: queued.atMs }),
      });
    follow(made, sent, tell).catch((error: unknown) => {
      if (!ended.signal.aborted && !isPerdureError(error)) tell("@me", safeLine(String(error)), { id: sent.id, tone: "bad" });
    });
  };
  const typed = (line: string): void => {
    const read = readTypedLine(line);
    if (read.kind === "command") run(read.command);
    else if (read.kind === "missing")
      print(`There is no ${safeLine(read.path)}; nothing was sent. ${paint.faint("? shows what can be typed.")}`);
    else if (read.kind === "file") inTurn("nothing was sent", async () => await send(await readFileContent(read.path)));
    else if (read.kind === "text") inTurn("nothing was sent", async () => await send(textContent(read.text)));
  };

  await new Promise<void>((resolve) => {
    prompt = createPrompt({
      stdin: invocation.stdin,
      stdout: invocation.stdout,
      movesCursor: environment["TERM"] !== "dumb",
      onLine: typed,
      onKey: (letter) => {
        const key = KEYS[letter];
        if (key === "desk") run(made.deskIsAwake() ? "sleep" : "wake");
        if (key === "a" || key === "b") run(`${made.relays[key].runs() ? "kill" : "restart"} ${key}`);
      },
      onEnd: resolve,
    });
    showState();
    signal.addEventListener("abort", () => prompt?.close(), { once: true });
  });
  prompt = undefined;
  ended.abort();
  const open = (await made.me.outbox()).filter((sent) => !sent.steps.some((step) => isTerminal(step.state)));
  terminal.line("");
  if (open.length > 0) terminal.line(`${countText(open.length, "message")} had not come to an end.`);
  terminal.line(keep ? `Kept in ${made.folder}` : `Everything is stopped; ${made.folder} is removed.`);
  return 0;
}

async function act(
  world: World,
  command: Exclude<TypedCommand, "quit" | "help">,
  tell: Tell,
  print: (text: string) => void,
  last: Sent | undefined,
): Promise<void> {
  const [verb, letter] = command.split(" ");
  const relay = world.relays[letter === "b" ? "b" : "a"];
  if (verb === "sleep") {
    if (world.deskIsAwake()) await world.sleepDesk();
    else print("@desk sleeps already.");
  } else if (verb === "wake") {
    if (world.deskIsAwake()) print("@desk is awake.");
    else await world.wakeDesk();
  } else if (verb === "kill") {
    const pid = relay.kill();
    if (pid === undefined) print(`${capital(relay.who)} is dead already: /restart ${letter} starts it.`);
    else tell("world", `kill -9 ${pid}: ${relay.who} is gone`, { tone: "bad" });
  } else if (verb === "restart") {
    if (relay.runs()) print(`${capital(relay.who)} runs: /kill ${letter} kills it.`);
    else await relay.start();
  } else if (last === undefined) print("Nothing was sent yet.");
  else {
    print(`the way of ${last.id}:`);
    for (const step of last.steps) tell(whoSays(world, step), `${step.state}: ${stepText(step)}`, { atMs: step.atMs, id: last.id });
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

async function follow(world: World, sent: Sent, tell: Tell): Promise<void> {
  for await (const step of sent) {
    const tone = step.state === "done" ? ({ tone: "good" } as const) : isTerminal(step.state) ? ({ tone: "bad" } as const) : {};
    tell(whoSays(world, step), `${step.state}: ${stepText(step)}`, { id: sent.id, ...tone });
  }
}

function promptText(world: World, paint: Paint): string {
  const relay = (each: RelayProcess): string => (each.runs() ? paint.good(`${each.who} up`) : paint.bad(`${each.who} dead`));
  const desk = world.deskIsAwake() ? paint.good("@desk awake") : paint.warning("@desk asleep");
  return `${relay(world.relays.a)}, ${relay(world.relays.b)}, ${desk} > `;
}

function helpLines(folder: string, paint: Paint): readonly string[] {
  const row = (key: string, words: string, text: string): string => `  ${paint.accent(key)}  ${paint.accent(words.padEnd(18))}  ${text}`;
  return [
    "",
    "Type text, or the path of a file, and press Enter: it goes to @desk, from relay A over relay B.",
    row("^S", "/sleep /wake", "put @desk to sleep (its process ends), or wake it"),
    row("^K", "/kill a /restart a", "kill -9 relay A, yours, or start it again"),
    row("^B", "/kill b /restart b", "the same with relay B, the other owner's"),
    row("  ", "/trace", "the way of the last message"),
    row("^C", "/quit", `end it; ${folder} is removed`),
    row("? ", "/help", "this"),
    "",
  ];
}
