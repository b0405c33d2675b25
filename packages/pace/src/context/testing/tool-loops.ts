/**
 * An agent that works with tools for dozens of model calls, simulated: does the window ever overflow, and is the work still done?
 *
 * Tools give outputs of all sizes, each with a fact in it ("the value of key-7 is v1234"). At the end of a turn the user asks for some of the facts, old and new. The model knows
 * nothing but what stands in the messages that are sent: what it does not see it looks for with the tool that reads what was left out, where there is one, or by calling the
 * first tool again, which gives the same in half of the cases. It must also see what it was asked, and a word in the system prompt. A loop is done when every answer is right.
 */
import { seededRandom } from "../../testing/draws.ts";
import { drawSummariser, type KeeperName, keeperNamed } from "./keepers.ts";
import { drawCorpora, normal, pick, simulatedWorld, type ToolCall, type World, type WorldMessage } from "./simulated-world.ts";

export interface LoopResult {
  readonly isDone: boolean;
  readonly modelCalls: number;
  /** Calls that the service refused as too long. */
  readonly overflows: number;
  /** It gave up by itself. */
  readonly isStopped: boolean;
  /** Messages that a service would not take: calls without results. */
  readonly isBroken: boolean;
  /** Times that messages changed before the end, so that a cache of them is lost. */
  readonly rewrites: number;
  /** How often it looked again for what it had seen. */
  readonly lookUps: number;
  /** Tokens that were sent, all calls together, in windows. */
  readonly sentWindows: number;
}

export interface LoopOptions {
  readonly keeper: KeeperName;
  readonly seed: number;
  /** What the owner says is so many times the true size; `undefined`: drawn, never too much. */
  readonly claim?: number;
}

const SIZES = [8192, 8192, 8192, 16_384, 32_768];
/** Windows of which nobody says how large they are. */
const UNSAID_SIZES = [32_768, 32_768, 65_536];
const TWO_MEGABYTES = 2_000_000;
const TWO_MEGABYTES_EACH = 400;
/** Steps in which half of the window comes at once. */
const JUMP_CHANCE = 0.06;
const JUMP_SHARE = 0.5;
const TOOLS = ["read_file", "run_command", "search", "fetch_page", "query"];
const TURNS = 4;
const ASKED = 3;
/** Model calls to answer one question: each fact may be looked for three times. */
const LOOK_UPS = 3 * ASKED;
/** Times that one call is made again after it was refused. */
const MOST_REFUSALS = 6;
/** Of the window, at the median, and the deviation of the logarithm. */
const OUTPUT_SHARE = 0.02;
const OUTPUT_SPREAD = 1.2;

interface PlannedCall extends ToolCall {
  readonly key: number;
  readonly tokens: number;
  readonly seed: number;
  readonly isRepeatable: boolean;
}

interface PlannedTurn {
  readonly steps: readonly { readonly said: number; readonly calls: readonly PlannedCall[] }[];
  readonly asked: readonly number[];
}

export function createToolLoops(): { play(options: LoopOptions): Promise<LoopResult> } {
  const corpora = drawCorpora(seededRandom(99));
  return { play: (options) => play(corpora, options) };
}

async function play(corpora: readonly string[], { keeper: name, seed, claim }: LoopOptions): Promise<LoopResult> {
  const random = seededRandom(seed * 7919 + 1);
  const isSaid = claim !== undefined || random() < 0.8;
  const world = simulatedWorld(random, corpora, pick(random, isSaid ? SIZES : UNSAID_SIZES));
  // Owners that leave room say three quarters, or half.
  const share = claim ?? pick(random, [1, 1, 1, 0.75, 0.5]);
  const beside = world.output(world.sizeTokens * 0.04 * random(), random);
  const isDeclared = random() < 0.5;
  const tellsUsage = random() < 0.9;
  const toldAt = random() < 0.15 ? 2 : undefined;
  const plan = drawPlan(random, world);
  const keeper = keeperNamed(name, {
    world,
    sizeTokens: isSaid ? Math.floor(world.sizeTokens * share) : undefined,
    beside: isDeclared ? beside : "",
    summarise: drawSummariser(seededRandom(seed * 31 + 7)),
    onEvent: () => {},
  });
  const counts = { modelCalls: 0, overflows: 0, rewrites: 0, lookUps: 0, sentWindows: 0 };
  let [isStopped, isBroken] = [false, false];
  const { style } = world.writing;
  const besideTokens = world.tokensOf(beside);
  const word = `mark-${Math.floor(random() * 1e6)}`;
  let messages: readonly WorldMessage[] = [{ role: "system", content: `You work with tools. End every answer with ${word}.` }];
  let sent: readonly WorldMessage[] = [];

  /** What the model sees, or `undefined` where the call could not be made. */
  const ask = async (isNewTurn: boolean): Promise<readonly string[] | undefined> => {
    for (let refusals = 0; refusals <= MOST_REFUSALS; refusals++) {
      const next = await keeper.before(messages, isNewTurn);
      if (next === undefined) {
        isStopped = true;
        return undefined;
      }
      messages = next;
      if (sent.some((message, at) => message !== next[at])) counts.rewrites++;
      sent = next;
      if (!world.isWhole(next)) isBroken = true;
      const tokens = world.tokensOfAll(next) + besideTokens;
      counts.modelCalls++;
      const refusal = name === "unlimited" ? undefined : world.refusal(tokens);
      if (refusal === undefined) {
        counts.sentWindows += tokens / world.sizeTokens;
        if (tellsUsage) keeper.answered(world.writing.usage(tokens), tokens);
        return next.flatMap((message) => style.partsOf(message).map((part) => (part.kind === "other" ? "" : part.text)));
      }
      counts.overflows++;
      if (!keeper.refused(refusal)) return undefined;
    }
    return undefined;
  };

  const callTools = async (said: string, calls: readonly (ToolCall & { readonly text: string })[]): Promise<void> => {
    const results = [];
    for (const call of calls) results.push({ ...call, text: await keeper.admit(call.tool, call.text) });
    messages = [...messages, world.writing.calls(said, calls), ...world.writing.results(results)];
  };

  const looked = async (key: number, nth: number): Promise<void> => {
    counts.lookUps++;
    const id = `look-${counts.lookUps}`;
    const { reader } = keeper;
    if (reader !== undefined && nth % 2 === 0) {
      const asked = JSON.stringify({ find: factOf(key) });
      await callTools(`I look for key-${key} again.`, [{ id, tool: reader.name, asked, text: await reader.run(asked) }]);
      return;
    }
    const planned = plan.flatMap(({ steps }) => steps.flatMap(({ calls }) => calls)).find((call) => call.key === key) as PlannedCall;
    await callTools(`I call it again for key-${key}.`, [
      { ...planned, id, text: planned.isRepeatable ? outputOf(planned, world) : "It has changed since." },
    ]);
  };

  const answered = async (turn: PlannedTurn): Promise<boolean> => {
    const question = `Tell the values of ${turn.asked.map((key) => `[key-${key}]`).join(" ")}`;
    messages = [...messages, style.userMessage(question)];
    const triesOf = new Map<number, number>();
    for (let nth = 0; nth <= LOOK_UPS; nth++) {
      const seen = await ask(nth === 0);
      if (seen === undefined || isBroken) return false;
      if (!seen.some((text) => text.includes(question)) || !seen.some((text) => text.includes(word))) return false;
      const missing = turn.asked.find((key) => !seen.some((text) => text.includes(`${factOf(key)}${valueFor(key, seed)};`)));
      if (missing === undefined) {
        messages = [...messages, { role: "assistant", content: `Here they are. ${word}` }];
        return true;
      }
      const tries = triesOf.get(missing) ?? 0;
      triesOf.set(missing, tries + 1);
      await looked(missing, tries);
    }
    return false;
  };

  let isDone = true;
  for (const [nth, turn] of plan.entries()) {
    if (nth === toldAt) keeper.told(world.sizeTokens);
    messages = [...messages, style.userMessage(`Part ${nth + 1}: gather what there is.`)];
    for (const [step, { said, calls }] of turn.steps.entries()) {
      if ((await ask(step === 0)) === undefined) isDone = false;
      if (!isDone) break;
      await callTools(
        "I go on. ".repeat(said),
        calls.map((call) => ({ ...call, text: outputOf(call, world) })),
      );
    }
    isDone &&= (await ask(false)) !== undefined;
    if (isDone) messages = [...messages, { role: "assistant", content: "That is all of this part." }];
    isDone &&= await answered(turn);
    if (!isDone) break;
  }
  return { isDone, isStopped, isBroken, ...counts };

  function outputOf({ key, tokens, seed: own }: PlannedCall, { output }: World): string {
    const draws = seededRandom(own);
    const text =
      tokens === Number.POSITIVE_INFINITY ? pick(draws, corpora).repeat(Math.ceil(TWO_MEGABYTES / 400_000)) : output(tokens, draws);
    const at = Math.floor(draws() * text.length);
    return `${text.slice(0, at)}\n${factOf(key)}${valueFor(key, seed)};\n${text.slice(at)}`;
  }
}

function factOf(key: number): string {
  return `the value of key-${key} is `;
}

function valueFor(key: number, seed: number): string {
  return `v${(seed * 131 + key * 7919) % 100_003}`;
}

function drawPlan(random: () => number, { sizeTokens }: World): readonly PlannedTurn[] {
  let keys = 0;
  return Array.from({ length: TURNS }, () => {
    const steps = Array.from({ length: 4 + Math.floor(random() * 6) }, () => {
      const isJump = random() < JUMP_CHANCE;
      const parallel = isJump ? 4 : pick(random, [1, 1, 1, 2, 3]);
      const calls = Array.from({ length: parallel }, (): PlannedCall => {
        const key = ++keys;
        const drawn = sizeTokens * OUTPUT_SHARE * Math.exp(OUTPUT_SPREAD * normal(random));
        const tokens =
          Math.floor(random() * TWO_MEGABYTES_EACH) === 0
            ? Number.POSITIVE_INFINITY
            : isJump
              ? (sizeTokens * JUMP_SHARE) / parallel
              : drawn;
        const asked = JSON.stringify({ path: `src/part-${key}.txt` });
        return {
          id: `call-${key}`,
          tool: pick(random, TOOLS),
          asked,
          key,
          tokens,
          seed: Math.floor(random() * 1e9),
          isRepeatable: random() < 0.5,
        };
      });
      return { said: Math.floor(1 + 10 * random()), calls };
    });
    return { steps, asked: Array.from({ length: ASKED }, () => 1 + Math.floor(random() * keys)) };
  });
}
