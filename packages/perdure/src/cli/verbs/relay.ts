/** `perdure relay`: one relay in this process until SIGTERM or Ctrl-C, then a drain. */
import process from "node:process";
import { openRelayWith, type Relay } from "../../relay/open-relay.ts";
import { isPerdureError } from "../../wire/error.ts";
import { relayFolder } from "../folder.ts";
import type { Invocation, Verb } from "../invocation.ts";
import { DEFAULT_LISTEN, nextPort, pageOf, parseListenAddress, portOf } from "../listen-address.ts";
import { stdinEnd } from "../stdin-end.ts";
import type { RelayWords } from "../words.ts";

/** Ports tried from the default one on when nobody named one. */
const PORTS_TRIED = 20;

export function relayVerb(options: RelayWords): Verb {
  return async (invocation) => {
    const { terminal } = invocation;
    const signal = options.untilStdinEnds === true ? AbortSignal.any([invocation.signal, stdinEnd(invocation.stdin)]) : invocation.signal;
    const folder = relayFolder(options.folder, invocation.environment);
    const named = options.listen === undefined ? undefined : parseListenAddress(options.listen);
    await using relay = await open(invocation, folder, named);
    const url = relay.address.replace(/#.*$/, "");
    const page = pageOf(url);
    if (named === undefined && portOf(url) !== portOf(DEFAULT_LISTEN))
      terminal.note(`port ${portOf(DEFAULT_LISTEN)} is busy, took ${portOf(url)}`);
    terminal.line(relay.address);
    terminal.object({ type: "relay", address: relay.address, id: relay.id, url, page, pid: process.pid, folder });
    terminal.note(`page    ${page}`);
    terminal.note(`folder  ${folder}`);
    terminal.note("stop    Ctrl-C; what was accepted stays");
    await fired(signal);
    terminal.note("stopping: finishing what was accepted");
    await relay.drain();
    terminal.object({ type: "stopped" });
    return 0;
  };
}

async function open({ host, overrides }: Invocation, folder: string, named: string | undefined): Promise<Relay> {
  let listen = named ?? DEFAULT_LISTEN;
  for (let tried = 1; ; tried++) {
    try {
      return await openRelayWith({ host, folder, listen, settings: overrides, memoryBytes: () => process.memoryUsage.rss() });
    } catch (error) {
      const next = nextPort(listen);
      const goOn =
        named === undefined && isPerdureError(error) && error.code === "address-in-use" && next !== undefined && tried < PORTS_TRIED;
      if (!goOn) throw error;
      listen = next;
    }
  }
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
