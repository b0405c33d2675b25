/** Windows of requests that end at a moment, as GitHub keeps them: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api. */
import type { Levels } from "./style.ts";

export function githubAnswer(resource: string, { nowMs, dateMs, requests }: Levels, tells: boolean): Response {
  const isIn = requests.level(nowMs) >= 1;
  if (isIn) requests.take(nowMs, 1);
  const resetS = Math.ceil((dateMs + requests.resetMs(nowMs) - nowMs) / 1000);
  const remaining = Math.max(0, Math.floor(requests.level(nowMs)));
  const told = {
    "x-ratelimit-limit": String(requests.limit),
    "x-ratelimit-remaining": String(remaining),
    "x-ratelimit-used": String(requests.limit - remaining),
    "x-ratelimit-reset": String(resetS),
    "x-ratelimit-resource": resource,
    date: new Date(dateMs).toUTCString(),
  };
  const body = isIn
    ? { full_name: "octo/things" }
    : { message: "API rate limit exceeded", documentation_url: "https://docs.github.com/rest" };
  return new Response(JSON.stringify(body), {
    status: isIn ? 200 : 403,
    headers: { ...(tells ? told : {}), "content-type": "application/json; charset=utf-8" },
  });
}
