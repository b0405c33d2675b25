/** `pace proxy`. */
import { isPaceError } from "../../error.ts";
import { readText } from "../../host/node/text-file.ts";
import { isLoopback } from "../../proxy/fields.ts";
import { openProxy } from "../../proxy/open-proxy.ts";
import { EXIT } from "../failure.ts";
import type { Invocation } from "../invocation.ts";
import { policyFrom } from "../policy-file.ts";
import type { ProxyWords } from "../words.ts";

const BYTES_PER_MB = 1_000_000;

export async function proxy(words: ProxyWords, { terminal, signal }: Invocation): Promise<number> {
  const { host, port, for: targets = [] } = words;
  const opened = await openProxy(
    {
      for: targets,
      host,
      port,
      classHeader: words.class,
      mostBodyBytes: words.mostBody * BYTES_PER_MB,
      answerMs: words.answerTimeout * 1000,
      graceMs: words.grace * 1000,
      ...(words.policy === undefined ? {} : { policy: policyFrom(readText(words.policy), words.policy) }),
    },
    {
      fault: (error) => terminal.note(faultText(error)),
    },
  );
  terminal.object({ type: "listening", url: opened.url, targets });
  if (!isLoopback(host))
    terminal.note(
      `pace: it listens on ${host}, so that others can ask through it\n  hint: Whoever reaches it can see ${opened.url}/pace/ and use up the quotas. It has no password and no TLS.`,
    );
  for (const target of targets)
    terminal.line(`${opened.url}${/^(\/[^=]*)=/.exec(target)?.[1] ?? ""}/  for ${target.replace(/^\/[^=]*=/, "")}`);
  terminal.line(terminal.faint(`${opened.url}/pace/  shows how it goes; ctrl-C ends it`));
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const { underWay } = countsOf(opened.pace.state().values());
  if (underWay > 0) terminal.note(`pace: ${underWay} under way; they have ${words.grace} s, or ctrl-C again`);
  await opened.close();
  terminal.object({ type: "closed" });
  return EXIT.done;
}

/** Errors of this package say themselves what is wrong. What is none is a mistake in it: where it came from helps to report it. */
function faultText(error: unknown): string {
  if (isPaceError(error)) return `pace: ${error.message}\n  hint: ${error.hint}`;
  return `pace: a fault of the proxy's own\n   why: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

function countsOf(states: Iterable<{ readonly underWay: number }>): { readonly underWay: number } {
  let underWay = 0;
  for (const state of states) underWay += state.underWay;
  return { underWay };
}
