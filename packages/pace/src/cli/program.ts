/** The words of the command: every verb with its argument, options and help. What a verb does is in `verbs/`. */
import { Command, InvalidArgumentError } from "commander";
import { PROXY_HOST, PROXY_PORT } from "../proxy/address.ts";
import { bareAddress } from "./bare-address.ts";
import type { Dispatch } from "./invocation.ts";
import type { MonitorWords, ProbeWords, ProxyWords } from "./words.ts";

const PROXY_URL = `http://${PROXY_HOST}:${PROXY_PORT}`;

const ABOUT = `
What is urgent goes first, and what is refused is sent again when there is room. As a
library: import { createPace } from "@perdure/pace". For programs in any language:

  pace proxy --for https://api.openai.com
  export OPENAI_BASE_URL=${PROXY_URL}/v1      (in the program's terminal)
  pace monitor

Exit codes: 0 done, 1 it could not be done, 2 the call is not understood or names what
is not there.`;

export function createProgram(version: string, dispatch: Dispatch): Command {
  const program = new Command("pace")
    .description("Sends your API calls as fast as the service's limits allow, and no faster.")
    .version(version, "-V, --version", "print the version")
    .helpCommand(false)
    .addHelpText("after", ABOUT);
  addProxy(program, dispatch);
  addMonitor(program, dispatch);
  addProbe(program, dispatch);
  return program;
}

function addProxy(program: Command, dispatch: Dispatch): void {
  program
    .command("proxy")
    .summary("stand for a service, so that any program is paced by changing its base URL")
    // Not one that commander requires: it would miss it before it sees what was written in its place.
    .option(
      "--for <service>",
      "its address, which is needed; again for more, as /name=https://…",
      (text: string, before: string[] = []) => [...before, text],
    )
    .option("--port <port>", "to listen on; 0 takes any that is free", whole(0, 65_535), PROXY_PORT)
    .option("--host <address>", "to listen on; others than this machine's own reach it then", PROXY_HOST)
    .option("--class <header>", "the field of requests that names their class", "pace-class")
    .option("--policy <file>", "limits of your own, classes and deadlines, as JSON")
    .option("--most-body <MB>", "that one request may have", whole(1, 2000), 64)
    .option("--answer-timeout <seconds>", "until the service begins to answer", whole(1, 86_400), 600)
    .option("--grace <seconds>", "for calls under way when it is told to end", whole(0, 3600), 30)
    .option("--json", "print JSON, for programs")
    .addHelpText(
      "after",
      `
A program asks ${PROXY_URL}/v1/… as it would ask https://api…/v1/…, with its
own credentials, which pass through. Of --for https://api…/v1 the path may be in the
program's base URL or not: it is put before paths that lack it, and never twice. Answers come as they are, streams piece by piece.
Refusals (429) are waited out and asked again. What cannot leave in time is answered by
the proxy: 429 or 503 with Retry-After, a field pace-error and {error: {code, message,
hint}}. What left and was refused to the end has the service's own last answer.

Fields of a request that are for the proxy, and go no further:
  pace-class        heartbeat, interactive, normal (usual) or background
  pace-deadline-ms  until its last attempt has left (120000)
  pace-requester    for whom; those of one class take turns

/pace/ is a page that shows how it goes; /pace/state the same as JSON, /pace/metrics
for Prometheus, /pace/health for whoever keeps it running.

--policy: {"quotas": {"https://api.example.com": [{"limit": 60, "windowMs": 60000}],
"https://api.example.com some-model": [{"unit": "tokens", "limit": 9000, "windowMs":
60000}], "*": [{"limit": 5000, "windowMs": 86400000, "shape": "window"}]},
"deadlineMs": 60000, "classes": ["urgent", "normal"], "usualClass": "normal",
"reserved": [], "attempts": 20, "mostWaiting": 10000, "here": [{"unit": "in-flight",
"limit": 4}], "prices": {"some-model": {"inputUsdPerMillion": 3,
"outputUsdPerMillion": 15}}}, all of it optional. Prices are for quotas of "usd".

The first ctrl-C refuses what waits and lets what is under way end; the second is at
once. WebSockets are not proxied.
--json: {type: "listening", url, targets}, and {type: "closed"}.`,
    )
    .action((words: ProxyWords) =>
      dispatch("cannot open the proxy", async () => {
        const { proxy } = await import("./verbs/proxy.ts");
        return (invocation) => proxy(words, invocation);
      }),
    );
}

function addMonitor(program: Command, dispatch: Dispatch): void {
  program
    .command("monitor")
    .argument("[address]", "of a proxy, or its port on this machine", PROXY_URL)
    .summary("show how a proxy goes, live")
    .option("--every <ms>", "between two looks", whole(100, 3_600_000), 1000)
    .option("--once", "look once and end, as it does where stdout is no terminal")
    .option("--json", "look once and print it as JSON")
    .addHelpText(
      "after",
      `
Of each quota: what is left, its limit and the time that is for, when it is full again,
when it will be empty if it goes on so, and from where and how surely it is known. q or ctrl-C ends,
arrows scroll.
--json: {upMs, targets, shared: [{name, quotas}], partitions: [{name, waiting, underWay, mostUnderWay, perSecond,
breaker, pausedMs, totals: {answered, refused, overloaded, withdrawn, turnedAway},
quotas: [{unit, name, limit, windowMs, shape, used, waiting, available, resetInMs,
source, confidence, runsOutInMs}]}]}.`,
    )
    .action((address: string, words: MonitorWords) =>
      dispatch(`cannot look at ${bareAddress(address)}`, async () => {
        const { monitor } = await import("./verbs/monitor.ts");
        return (invocation) => monitor(address, words, invocation);
      }),
    );
}

function addProbe(program: Command, dispatch: Dispatch): void {
  program
    .command("probe")
    .argument("<url>", "what to ask for, of the service itself")
    .summary("ask a service once, and say what its answer tells of limits")
    .option(
      "-H, --header <field>",
      'to send along, as "authorization: Bearer …"; again for more',
      (text: string, before: string[]) => [...before, text],
      [],
    )
    .option("--method <method>", "to ask by", "GET")
    .option("--json", "print JSON, for programs")
    .addHelpText(
      "after",
      `
One request, which counts against the limit as any. --json: {type: "probe", url, status,
tookMs, verdict, readings: [{unit, name, limit, windowMs, remaining, resetInMs, shape}]}.`,
    )
    .action((url: string, words: ProbeWords) =>
      dispatch(`cannot ask ${bareAddress(url)}`, async () => {
        const { probe } = await import("./verbs/probe.ts");
        return (invocation) => probe(url, words, invocation);
      }),
    );
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
    return value;
  };
}
