/** `perdure relay`: one relay in this process until SIGTERM or Ctrl-C, then a drain. */
import process from "node:process";
import { openRelayWith, type Relay } from "../../relay/open-relay.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { relayFolder } from "../folder.ts";
import type { Invocation, Verb } from "../invocation.ts";
import { keepAddress, lastAddress } from "../last-address.ts";
import { DEFAULT_LISTEN, nextPort, pageOf, parseListenAddress, portOf } from "../listen-address.ts";
import { stdinEnd } from "../stdin-end.ts";
import type { RelayWords } from "../words.ts";

/** Ports tried from the default one on when nobody named one. */
const PORTS_TRIED = 20;

export function relayVerb(options: RelayWords): Verb {
  return async (invocation) => {
    const { terminal, host } = invocation;
    const signal = options.untilStdinEnds === true ? AbortSignal.any([invocation.signal, stdinEnd(invocation.stdin)]) : invocation.signal;
    const folder = relayFolder(options.folder, invocation.environment);
    const named = options.listen === undefined ? undefined : parseListenAddress(options.listen);
    const last = await lastAddress(host.files, folder);
    await using relay = await (named === undefined && last !== undefined
      ? openAgain(invocation, folder, last)
      : open(invocation, folder, named));
    const url = relay.address.replace(/#.*$/, "");
    await keepAddress(host.files, folder, url);
    if (last !== undefined && last !== parseListenAddress(url)) {
      terminal.note(`it was at ${last} before: tell each of its agents with perdure init --at <folder> --relay ${relay.address}`);
    }
    const page = pageOf(url);
    if (named === undefined && last === undefined && portOf(url) !== portOf(DEFAULT_LISTEN))
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

/** Another port than the agents know would cut them off, so it is not taken without a word of the person. */
async function openAgain(invocation: Invocation, folder: string, last: string): Promise<Relay> {
  try {
    return await open(invocation, folder, last);
  } catch (error) {
    if (!isPerdureError(error) || error.code !== "address-in-use") throw error;
    throw new PerdureError("address-in-use", `${error.message}, where the agents of this relay look for it`, {
      retry: "after",
      hint: "Stop what listens there, or move the relay with --listen 127.0.0.1:<port>.",
      cause: error,
    });
  }
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
