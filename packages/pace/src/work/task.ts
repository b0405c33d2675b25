/**
 * Work made of steps, that goes on after the last one that was kept: after a budget stopped it, after a failure, after a crash.
 *
 * A step is *open*, then *done* once its result is kept; the next begins after that. A step with an effect outside is *asked* in between: that is kept before it runs, with
 * the key that it hands on. Found asked and not done, it runs again with the same key, for whom it asks to know it by; where it has no use for a key, nobody here can know
 * whether it came about, and a person is asked. Invariants: an effect without a key runs once, or once for each time a person says that it did not come about; an
 * effect with one has the same key however often it runs; a step that was done never runs again.
 */
import { bad, checkFunction, checkList, checkNames, shown } from "../argument.ts";
import { isPaceError, PaceError } from "../error.ts";
import type { GivenPiece, Handler } from "./drain.ts";
import { type Json, jsonText, resultText } from "./json.ts";
import type { Steps } from "./ledger.ts";
import { reasonOf, troubleOf } from "./piece.ts";
import type { Decision } from "./work.ts";

export interface GivenStep<Input = Json, Results = Readonly<Record<string, Json>>> {
  readonly input: Input;
  /** Of the steps before, by name. */
  readonly results: Results;
  /** The same whenever this step runs with this input: for an `Idempotency-Key`. It is plain ASCII, whatever the work and the step are named. */
  readonly key: string;
  readonly signal: AbortSignal;
}

export interface Step<Input = Json, Results = Readonly<Record<string, Json>>> {
  readonly name: string;
  /**
   * Whether it changes something outside: one that hands its key on there, or one that cannot. Others may run again at will. A keyless one makes a single call: where that is
   * refused before it leaves, it is taken for not made.
   */
  readonly effect?: "keyed" | "keyless" | undefined;
  /**
   * What it returns is kept as JSON has it, with dates as their text and without what is undefined. What JSON would lose (`NaN`, a map, a response, what is in itself), or is
   * too large, is not: after an effect the task is undecided, and goes on with the result that somebody decides; another step is a mistake, and the task dead until `retry`.
   */
  run(given: GivenStep<Input, Results>): Promise<unknown>;
}

export interface TaskPlan<Input = Json, Results = Readonly<Record<string, Json>>> {
  /** Another one for other steps, or for steps that mean something else. */
  readonly version: number;
  readonly steps: readonly Step<Input, Results>[];
}

type StepRecord =
  | { readonly state: "planned"; readonly version: number; readonly steps: readonly string[] }
  | { readonly state: "asked"; readonly key: string }
  | { readonly state: "done"; readonly result: Json };

/** No step has it. */
const PLAN = "";
/** Which step waits for a decision. */
const UNDECIDED = " undecided";

const MOST_RESULT_BYTES = 1 << 20;

/**
 * A handler that does one step after the other; the last one's result is the task's. The first plan is for what begins now; further ones are for tasks that began by them.
 * `Input` and `Results` are what is known of them, as it is after JSON: nothing checks it. Throws `bad-argument`.
 */
export function task<Input = Json, Results = Readonly<Record<string, Json>>>(
  ...given: readonly [TaskPlan<Input, Results>, ...TaskPlan<Input, Results>[]]
): Handler {
  const plans = given as unknown as readonly [TaskPlan, ...TaskPlan[]];
  for (const plan of plans) checkPlan(plan);
  if (plans.length === 0) throw bad("a task has no plan", "As in task({ version: 1, steps: [{ name, run }] }).");
  if (new Set(plans.map(({ version }) => version)).size < plans.length)
    throw new PaceError("bad-argument", "two plans have one version", "Count versions up.");
  return async (piece) => {
    const plan = await planOf(piece, plans);
    const results: Record<string, Json> = {};
    let last: Json = null;
    for (const step of plan.steps) {
      last = await resultOf(piece, step, results);
      results[step.name] = last;
    }
    return last;
  };
}

async function planOf({ steps }: GivenPiece, plans: readonly [TaskPlan, ...TaskPlan[]]): Promise<TaskPlan> {
  const begun = read(steps, PLAN);
  if (begun?.state !== "planned") {
    const [{ version, steps: now }] = plans;
    await write(steps, PLAN, { state: "planned", version, steps: now.map(nameOf) });
    return plans[0];
  }
  const plan = plans.find(({ version }) => version === begun.version);
  if (plan === undefined)
    throw new PaceError(
      "task-changed",
      `it began by version ${begun.version}, and there is ${plans.map(({ version }) => version).join(", ")}`,
      "Give the old plan beside the new one, then `retry`.",
    );
  if (JSON.stringify(plan.steps.map(nameOf)) !== JSON.stringify(begun.steps))
    throw new PaceError(
      "task-changed",
      `version ${begun.version} began with the steps ${begun.steps.join(", ")}, and now has ${plan.steps.map(nameOf).join(", ")}`,
      "Give the old plan as it was, beside a new version, then `retry`.",
    );
  return plan;
}

async function resultOf(piece: GivenPiece, step: Step, results: Readonly<Record<string, Json>>): Promise<Json> {
  const { steps, signal } = piece;
  const known = read(steps, step.name);
  if (known?.state === "done") return structuredClone(known.result);
  signal.throwIfAborted();
  const key = known?.state === "asked" ? known.key : keyOf(`${piece.key}/${step.name}`, hashed(JSON.stringify([piece.payload, results])));
  if (known?.state === "asked" && step.effect === "keyless") throw await undecided(steps, step);
  // Kept before the effect, so that whoever comes after a crash knows of it.
  if (known === undefined && step.effect !== undefined) await write(steps, step.name, { state: "asked", key });
  const given = { input: structuredClone(piece.payload), results: structuredClone(results), key, signal };
  let returned: unknown;
  try {
    returned = await step.run(given);
  } catch (error) {
    if (step.effect !== "keyless") throw error;
    const trouble = troubleOf(error);
    if ((trouble.kind !== "stopped" && trouble.kind !== "hopeless") || !trouble.isUnmade) throw await undecided(steps, step, error);
    // It waited in line here and never left: nothing came about.
    await steps.forget(step.name);
    throw error;
  }
  let result: Json;
  try {
    result = JSON.parse(resultText(returned, `the result of ${step.name}`, MOST_RESULT_BYTES));
  } catch (error) {
    if (step.effect === undefined) throw error;
    // It came about. To run it again would bring the same, and the steps behind it may need what it gave.
    await steps.set(UNDECIDED, JSON.stringify(step.name));
    throw new PaceError("undecided", `"${step.name}" came about, and ${reasonOf(error)}`, "`decide` that it was made, with its result.", {
      cause: error,
    });
  }
  await write(steps, step.name, { state: "done", result });
  return result;
}

async function undecided(steps: Steps, step: Step, cause?: unknown): Promise<PaceError> {
  await steps.set(UNDECIDED, JSON.stringify(step.name));
  const why = cause === undefined ? "the process ended meanwhile" : isPaceError(cause) ? cause.hint : String(cause);
  return new PaceError("undecided", `nobody here knows whether "${step.name}" came about: ${why}`, "Find out, then `decide`.", { cause });
}

/** Changes the step that nobody else knows of to what a person knows, at once; kept when it resolves. Nothing where it was no step. Throws `bad-argument`. */
export function decideStep(steps: Steps, decision: Decision): Promise<void> | undefined {
  const step = steps.get(UNDECIDED);
  if (typeof step !== "string") return undefined;
  if (decision.kind !== "made") return steps.forget(step);
  jsonText(decision.result, "the result", MOST_RESULT_BYTES);
  return write(steps, step, { state: "done", result: decision.result as Json });
}

function checkPlan(plan: TaskPlan): void {
  checkNames("the plan of a task", plan, ["version", "steps"]);
  const { version, steps } = plan;
  if (!Number.isInteger(version)) throw bad(`the version of a task is ${shown(version)}`, "It is a whole number.");
  checkList("the steps of a task", steps);
  for (const step of steps) checkStep(step);
  const names = steps.map(nameOf);
  if (new Set(names).size < names.length || names.length === 0)
    throw bad(`the steps are ${names.join(", ") || "none"}`, "At least one, each with a name of its own.");
}

function checkStep(step: Step): void {
  checkNames("a step", step, ["name", "effect", "run"]);
  const { name, effect, run } = step;
  if (typeof name !== "string" || name.trim() === "" || name !== name.trim() || name.length > 200)
    throw bad(`a step is named ${shown(name)}`, "Each has a name of 1 to 200 characters.");
  if (effect !== undefined && effect !== "keyed" && effect !== "keyless")
    throw bad(`the effect of "${name}" is ${shown(effect)}`, 'It is "keyed", "keyless", or left out.');
  checkFunction(`run of "${name}"`, run);
}

function nameOf({ name }: Step): string {
  return name;
}

function read(steps: Steps, step: string): StepRecord | undefined {
  const value = steps.get(step);
  return value === undefined ? undefined : (value as unknown as StepRecord);
}

function write(steps: Steps, step: string, record: StepRecord): Promise<void> {
  return steps.set(step, JSON.stringify(record));
}

/** What a field of HTTP may be, as it is: visible ASCII, with spaces that are not in front, where they would be taken away. */
const PLAIN = /^[!-~][ -~]*$/;

/** No two names have one: a plain one ends with the hash, another one does not, and has its other characters, and "%", by their numbers. */
function keyOf(name: string, hash: string): string {
  if (PLAIN.test(name)) return `${name}/${hash}`;
  const plain = name.replace(/^ |[^ -~]|%/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return `${plain}/${hash}%`;
}

/** FNV-1a, two of 32 bits: tells inputs of one step of one task apart, of which there is one unless somebody made a mistake. */
function hashed(text: string): string {
  let [one, other] = [0x811c9dc5, 0x9747b28c];
  for (let at = 0; at < text.length; at++) {
    one = Math.imul(one ^ text.charCodeAt(at), 0x01000193);
    other = Math.imul(other ^ text.charCodeAt(text.length - 1 - at), 0x01000193);
  }
  return [one, other].map((part) => (part >>> 0).toString(16).padStart(8, "0")).join("");
}
