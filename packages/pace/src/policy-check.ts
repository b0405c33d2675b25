/** Whether what `createPace`, `with`, `run` and `fetch` are given makes sense. Each throws `bad-argument`. */
import {
  bad,
  checkAbove,
  checkFlag,
  checkFunction,
  checkList,
  checkMethods,
  checkNames,
  checkNumber,
  checkObject,
  checkOneOf,
  checkSignal,
  checkText,
  checkTexts,
  checkWhole,
  shown,
} from "./argument.ts";
import { type CallTraits, isAmount, type PacePolicy, type PolicyQuota, UNITS } from "./policy.ts";
import { checkPrices } from "./providers/prices.ts";
import { HELD_UNITS, type HeldLimit } from "./quota/pool.ts";
import type { Cost } from "./quota/reading.ts";

/** All of a policy; what stands in `ladder`, `lesser` and `rules` is known to those whose it is. */
const POLICY_NAMES: Readonly<Record<keyof PacePolicy, true>> = {
  ladder: true,
  lesser: true,
  rules: true,
  keepMs: true,
  shareAt: true,
  weight: true,
  classes: true,
  reserved: true,
  usualClass: true,
  deadlineMs: true,
  attempts: true,
  mostWaiting: true,
  quotas: true,
  here: true,
  prices: true,
  partitionOf: true,
};
const TRAIT_NAMES: Readonly<Record<keyof CallTraits, true>> = {
  class: true,
  deadlineMs: true,
  requester: true,
  operation: true,
  cost: true,
  tags: true,
  isDeferrable: true,
  isQuestion: true,
  lessenedBy: true,
};
const AT_ONCE = 'Calls at once are said by here: [{ unit: "in-flight", limit: 4 }].';
const PER_TIME =
  'Limits that you know are said by quotas: { "https://api.example.com": [{ unit: "requests", limit: 60, windowMs: 60_000 }] }.';
/** What others call it. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  concurrency: AT_ONCE,
  maxConcurrent: AT_ONCE,
  maxConcurrency: AT_ONCE,
  rpm: PER_TIME,
  tpm: PER_TIME,
  requestsPerMinute: PER_TIME,
  interval: PER_TIME,
  minTime: PER_TIME,
  retries: "Tries, the first one counted, are said by attempts.",
  maxRetries: "Tries, the first one counted, are said by attempts.",
  timeout: "How long a call may take is said by deadlineMs.",
  timeoutMs: "How long a call may take is said by deadlineMs.",
};
/** The same of calls. */
const TRAITS_ELSEWHERE: Readonly<Record<string, string>> = {
  priority: 'Who leaves first is said by class: "interactive".',
  timeout: "How long a call may wait is said by deadlineMs.",
  timeoutMs: "How long a call may wait is said by deadlineMs.",
  user: "For whom a call is, is said by requester.",
};
/** Of what a process has, by the names that others have for it. */
const HELD_ELSEWHERE: Readonly<Record<string, string>> = {
  concurrency: "in-flight",
  concurrent: "in-flight",
  calls: "in-flight",
  requests: "in-flight",
  memory: "memory-bytes",
  cores: "cpu",
};
const OPERATION_NAMES = ["name", "mostShare"];
const QUOTA_NAMES: Readonly<Record<keyof PolicyQuota, true>> = { unit: true, name: true, limit: true, windowMs: true, shape: true };
/** What a service counts; others are of the process. */
const QUOTA_UNITS = UNITS.filter((unit) => !HELD_UNITS.some((held) => held === unit));
const HELD_NAMES = ["unit", "limit"];
const PORT_NAMES = ["clock", "random", "fetch", "throttle", "rights", "sharingTrouble", "measure", "watch", "fault", "lessened"];
/** Of the ports: what is called. */
const CALLED = ["random", "fetch", "throttle", "sharingTrouble", "measure", "watch", "fault", "lessened"];
const RUN_NAMES = ["signal", "guess", "isIdempotent", "told", "model"];

/** What is left out, or said to be undefined, is as it is without it. */
function ifSaid<Value>(value: Value | undefined, check: (value: Value) => void): void {
  if (value !== undefined) check(value);
}

/** `of`: what has them; `unsaid`: those that cannot be said there, and where they can be. */
export function checkPolicyNames(of: string, policy: unknown, unsaid: Readonly<Partial<Record<keyof PacePolicy, string>>> = {}): void {
  const names = Object.keys(POLICY_NAMES).filter((name) => !(name in unsaid));
  checkNames(of, policy, names, { ...ELSEWHERE, ...unsaid });
}

/** `usualClasses`: those of a policy that names none. */
export function checkPolicy(policy: PacePolicy, usualClasses: readonly string[]): void {
  checkPolicyNames("createPace", policy);
  const { classes = usualClasses, reserved = [], usualClass, quotas = {}, here = [], partitionOf, shareAt } = policy;
  checkTexts("classes", classes);
  if (classes.length === 0 || new Set(classes).size < classes.length)
    throw bad(`classes: [${classes.join(", ")}]`, "At least one, each once; the first leaves first.");
  checkList("reserved", reserved);
  for (const name of reserved) knownClass(classes, name);
  ifSaid(usualClass, (name) => void knownClass(classes, name));
  ifSaid(policy.deadlineMs, (ms) => checkAbove("deadlineMs", ms));
  ifSaid(policy.weight, (weight) => checkAbove("weight", weight, Number.MAX_VALUE));
  ifSaid(policy.keepMs, (ms) => checkNumber("keepMs", ms, 0));
  if (shareAt !== undefined && (typeof shareAt !== "string" || shareAt === ""))
    throw bad(`shareAt is no path but ${shown(shareAt)}`, 'It is that of a file: "/run/user/1000/pace.db".');
  ifSaid(policy.attempts, (attempts) => checkWhole("attempts", attempts, 1));
  ifSaid(policy.mostWaiting, (most) => checkWhole("mostWaiting", most, 1));
  ifSaid(partitionOf, (given) => checkFunction("partitionOf", given));
  ifSaid(policy.lesser, (lesser) => checkList("lesser", lesser));
  ifSaid(policy.rules, (rules) => checkList("rules", rules));
  checkObject("quotas", quotas, '{ "https://api.example.com": [{ limit: 60, windowMs: 60_000 }] }');
  for (const [of, quotasOf] of Object.entries(quotas)) {
    checkScope(of);
    const place = `quotas["${of}"]`;
    if (!Array.isArray(quotasOf)) throw bad(`${place} is no list but ${shown(quotasOf)}`, "As in [{ limit: 60, windowMs: 60_000 }].");
    for (const quota of quotasOf) checkQuota(place, quota);
  }
  ifSaid(policy.prices, checkPrices);
  checkList("here", here);
  for (const limit of here) checkHeld(limit);
  if (new Set(here.map(({ unit }) => unit)).size < here.length) throw bad("here has one unit twice", "Of each there is one limit.");
}

/** `strategies`: names of those there are. */
export function checkTraits(classes: readonly string[], strategies: readonly string[], traits: CallTraits): void {
  checkNames("with", traits, Object.keys(TRAIT_NAMES), TRAITS_ELSEWHERE);
  const { class: name, deadlineMs, requester, operation, cost, tags, isDeferrable, isQuestion, lessenedBy } = traits;
  ifSaid(name, (one) => void knownClass(classes, one));
  ifSaid(deadlineMs, (ms) => checkAbove("deadlineMs", ms));
  // Nobody has no name: that is one of all who say none.
  if (requester !== undefined && typeof requester !== "string") throw bad(`requester is ${shown(requester)}`, "It is a name.");
  ifSaid(tags, (texts) => checkTexts("tags", texts));
  ifSaid(isDeferrable, (flag) => checkFlag("isDeferrable", flag));
  ifSaid(isQuestion, (flag) => checkFlag("isQuestion", flag));
  ifSaid(lessenedBy, (names) => {
    checkList("lessenedBy", names);
    for (const one of names) checkOneOf("strategy of this policy", one, strategies);
  });
  ifSaid(operation, checkOperation);
  ifSaid(cost, (units) => checkCost("cost", units));
}

/** Throws for a name that nobody reads too, and for what is called and is no function. */
export function checkPorts(ports: object): void {
  checkNames("createPace, as its second argument,", ports, PORT_NAMES);
  for (const [name, given] of Object.entries(ports)) if (CALLED.includes(name)) ifSaid(given, () => checkFunction(name, given));
  const { clock, rights } = ports as Readonly<Record<string, unknown>>;
  ifSaid(clock, (given) => checkMethods("clock", given, ["now", "date", "wake"]));
  ifSaid(rights, (given) => checkMethods("rights", given, ["exchange", "turn", "close"]));
}

export function checkRun(partition: unknown, work: unknown, options: object): void {
  if (typeof partition !== "string" || partition === "" || typeof work !== "function")
    throw bad("run is given no name, or no work", 'The name of its quotas, then a function: run("search", () => engine.find(words)).');
  checkNames("run", options, RUN_NAMES);
  const { signal, guess, model, isIdempotent, told } = options as Readonly<Record<string, unknown>>;
  ifSaid(signal, (given) => checkSignal("signal", given));
  ifSaid(guess, (given) => checkCost("guess", given));
  ifSaid(model, (given) => checkText("model", given));
  ifSaid(isIdempotent, (given) => checkFlag("isIdempotent", given));
  ifSaid(told, (given) => checkFunction("told", given));
}

/** What a `fetch` would pass over; what it throws for by itself is left to it. */
export function checkInit(init: unknown): void {
  checkObject("what a request is made with", init, '{ method: "POST", body: "…" }');
  const { method, signal } = init as Readonly<Record<string, unknown>>;
  ifSaid(method, (name) => checkText("method", name, "POST"));
  if (signal !== null) ifSaid(signal, (given) => checkSignal("signal", given));
  for (const name in TRAIT_NAMES)
    if (name in (init as object)) throw bad(`a request has no option "${name}"`, `It is one of calls: pace.with({ ${name}: … }).fetch(…).`);
}

/** Of `keep` and `on`. */
export function checkNamed(of: string, name: unknown, called: unknown): void {
  if (typeof name !== "string" || name === "" || typeof called !== "function")
    throw bad(
      `${of} is given no name, or no function`,
      `The name that faults are told by, then what is called: ${of}("tasks", (event) => …).`,
    );
}

/** One that is no number would make accounts of none: nothing would leave any more. */
export function checkCost(what: string, cost: unknown): asserts cost is Cost {
  checkObject(what, cost, "{ requests: 1 }");
  for (const [unit, units] of Object.entries(cost as object)) {
    checkOneOf(`unit of ${what}`, unit, UNITS);
    if (!isAmount(units)) throw bad(`${what}: ${shown(units)} of ${unit}`, "A number, from zero.");
  }
}

/** Its place among them; the first leaves first. */
export function knownClass(classes: readonly string[], name: string): number {
  checkOneOf("class of calls", name, classes);
  return classes.indexOf(name);
}

function checkOperation(operation: unknown): void {
  checkNames("an operation", operation, OPERATION_NAMES);
  const { name, mostShare } = operation as Readonly<Record<string, unknown>>;
  if (typeof name !== "string" || name === "")
    throw bad("an operation has no name", 'It is told by it: { name: "reindex", mostShare: 0.5 }.');
  if (typeof mostShare !== "number" || !(mostShare > 0 && mostShare <= 1))
    throw bad(`operation "${name}" may take ${shown(mostShare)} of everything`, "A share is above 0 and at most 1.");
}

/** A quota that is filed under an address with a path, or a slash at its end, would be that of no call. */
function checkScope(of: string): void {
  const [address = "", ...model] = of.split(" ");
  if (!/^https?:/i.test(address)) return;
  if (!URL.canParse(address)) throw bad(`quotas["${of}"] is of no address`, 'As in "https://api.example.com".');
  const { origin } = new URL(address);
  if (origin !== address) throw bad(`quotas["${of}"] is of no origin`, `Is "${[origin, ...model].join(" ")}" meant?`);
}

function checkQuota(place: string, quota: PolicyQuota): void {
  checkNames(place, quota, Object.keys(QUOTA_NAMES));
  const { unit = "requests", name, limit, windowMs, shape = "bucket" } = quota;
  if (HELD_UNITS.some((held) => held === unit))
    throw bad(`${place}: "${unit}" is of the process, not of a service`, `Say it as here: [{ unit: "${unit}", limit: … }].`);
  checkOneOf(`unit of ${place}`, unit, QUOTA_UNITS);
  ifSaid(name, (text) => checkText(`${place}.name`, text));
  checkOneOf(`shape of ${place}`, shape, ["bucket", "window"]);
  checkAbove(`${place}.limit`, limit);
  checkAbove(`${place}.windowMs`, windowMs);
  // Of an endless window something may be spent; what comes back without end cannot be counted.
  if (!Number.isFinite(limit / windowMs)) throw bad(`${place}: ${limit} in ${windowMs} ms`, "What has no limit needs no quota.");
}

function checkHeld(limit: HeldLimit): void {
  checkNames("here", limit, HELD_NAMES);
  const { unit } = limit as { readonly unit: string };
  if (Object.hasOwn(HELD_ELSEWHERE, unit))
    throw bad(`${shown(unit)} is no thing that a process has`, `Is "${HELD_ELSEWHERE[unit]}" meant?`);
  checkOneOf("thing that a process has", unit, HELD_UNITS);
  checkAbove(`here: ${limit.unit}`, limit.limit);
}
