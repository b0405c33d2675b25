/**
 * A policy as somebody wrote it in JSON. What its words mean `createPace` checks; here, that it has the form at all, no words that JSON cannot say, and that its quotas are
 * of services: one with a slash too much at its end would be none, and nothing would be said. Whatever is wrong is told with the name of its file.
 */
import { checkText } from "../argument.ts";
import { isPaceError, PaceError } from "../error.ts";
import { createPace } from "../pace.ts";
import type { PacePolicy } from "../policy.ts";
import { checkPolicyNames } from "../policy-check.ts";

const LISTS = ["classes", "reserved", "here"];
const OF_FUNCTIONS = "It is made of functions, which no file has: openProxy takes it, in a program of yours.";
const NOT_IN_JSON = { lesser: OF_FUNCTIONS, partitionOf: OF_FUNCTIONS };

/** `path`: of the file. Throws `bad-argument`. */
export function policyFrom(text: string, path: string): PacePolicy {
  try {
    const policy = policyIn(text);
    const { shareAt, ...rest } = policy;
    if (shareAt !== undefined) checkText("shareAt", shareAt, "/run/user/1000/pace.db");
    // What it means is looked at here, where its file is known; nothing is sent, and no file of others opened.
    createPace(rest).close();
    return policy;
  } catch (error) {
    if (!isPaceError(error)) throw error;
    throw new PaceError(error.code, `${path}: ${error.message}`, error.hint, { cause: error });
  }
}

function policyIn(text: string): PacePolicy {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong(`the policy is no JSON: ${(error as Error).message}`, "See pace proxy --help for what it looks like.");
  }
  const policy = recordOf(value, "the policy");
  checkPolicyNames("the policy", policy, NOT_IN_JSON);
  for (const name of LISTS) if (policy[name] !== undefined) listOf(policy[name], name);
  for (const [scope, quotas] of Object.entries(policy["quotas"] === undefined ? {} : recordOf(policy["quotas"], "quotas"))) {
    const [origin = ""] = scope.split(" ", 1);
    if (scope !== "*" && (!URL.canParse(origin) || new URL(origin).origin !== origin))
      throw wrong(
        `quotas has "${scope}", which is no service`,
        'As in "https://api.example.com", without a path or a slash at its end, "https://api.example.com model", or "*".',
      );
    const place = `quotas["${scope}"]`;
    for (const [at, quota] of listOf(quotas, place).entries()) recordOf(quota, `${place}[${at}]`);
  }
  return policy as PacePolicy;
}

function listOf(value: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(`${place} is not written in [ ]`, "See pace proxy --help for what it looks like.");
  return value;
}

function recordOf(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(`${place} is not written in { }`, "See pace proxy --help for what it looks like.");
  return value as Record<string, unknown>;
}

function wrong(message: string, hint: string): PaceError {
  return new PaceError("bad-argument", message, hint);
}
