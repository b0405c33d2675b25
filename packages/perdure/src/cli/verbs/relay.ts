/** `perdure relay`: one relay in this process until SIGTERM or Ctrl-C, then a drain. */
import { resolve } from "node:path";
import process from "node:process";
import type { Log } from "../../host/log.ts";
import { openRelayWith, type Relay, type RelayOptions } from "../../relay/open-relay.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { relayFolder } from "../folder.ts";
import { type Invocation, passphraseFor, type Verb } from "../invocation.ts";
import { keepAddress, lastAddress } from "../last-address.ts";
import { DEFAULT_LISTEN, nextPort, parseListenAddress, portOf } from "../listen-address.ts";
import { relaySettings } from "../relay-settings.ts";
import { stdinEnd } from "../stdin-end.ts";
import type { Terminal } from "../terminal.ts";
import type { RelayWords } from "../words.ts";

/** Ports tried from the default one on when nobody named one. */
const PORTS_TRIED = 20;

/** Everything of a relay but where it listens. */
type Opening = Omit<RelayOptions, "listen">;

export function relayVerb(options: RelayWords): Verb {
  return async (invocation) => {
    const { terminal, host } = invocation;
    const signal = options.untilStdinEnds === true ? AbortSignal.any([invocation.signal, stdinEnd(invocation.stdin)]) : invocation.signal;
    const folder = relayFolder(options.folder, invocation.environment);
    const opening = await openingOf(options, folder, invocation);
    const named = options.listen === undefined ? undefined : parseListenAddress(options.listen, opening.tls === undefined ? "ws" : "wss");
    // Behind a terminator or with a name in the world a relay is told where to listen each time; only one of this machine wanders.
    const last = opening.public === undefined ? await lastAddress(host.files, folder) : undefined;
    await using relay = await (named === undefined && last !== undefined
      ? openAgain(invocation, opening, last)
      : open(invocation, opening, named));
    if (opening.public === undefined) await keepAddress(host.files, folder, relay.listens);
    if (last !== undefined && last !== parseListenAddress(relay.listens)) {
      terminal.note(`it was at ${last} before: tell each of its agents with perdure init --at <folder> --relay ${relay.address}`);
    }
    if (named === undefined && last === undefined && portOf(relay.listens) !== portOf(DEFAULT_LISTEN))
      terminal.note(`port ${portOf(DEFAULT_LISTEN)} is busy, took ${portOf(relay.listens)}`);
    const quiet = options.log === "json";
    const say: Say = {
      line: quiet ? () => {} : terminal.note,
      warn: quiet ? warnInLog(host.log) : (what, why) => terminal.trouble(`WARNING ${what}: ${why}`),
    };
    introduce(terminal, say, relay, opening);
    await fired(signal);
    say.line("stopping: finishing what was accepted");
    await relay.drain();
    terminal.object({ type: "stopped" });
    return 0;
  };
}

async function openingOf(options: RelayWords, folder: string, invocation: Invocation): Promise<Opening> {
  const { host, environment, overrides } = invocation;
  const { tlsCert, tlsKey } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new PerdureError("bad-argument", "--tls-cert and --tls-key go together", { hint: "Name the PEM files of both." });
  if (options.openRegistration === true && options.tickets === true)
    throw new PerdureError("bad-argument", "--open-registration and --tickets say the opposite", { hint: "Choose one." });
  const settings = await relaySettings(host.files, folder, environment, overrides);
  return {
    folder,
    public: options.public,
    tls: tlsCert === undefined || tlsKey === undefined ? undefined : { certificateFile: resolve(tlsCert), keyFile: resolve(tlsKey) },
    tickets: options.openRegistration === true ? false : options.tickets,
    allowPrivatePeers: options.allowPrivatePeers,
    origins: options.origin,
    passphrase: await passphraseFor(invocation, folder),
    settings: settings.overrides,
    settingOrigins: settings.origins,
    memoryBytes: () => process.memoryUsage.rss(),
  };
}

/** Words beside the data; where lines of JSON are asked for there are no others. */
interface Say {
  readonly line: (text: string) => void;
  readonly warn: (what: string, why: string) => void;
}

function warnInLog(log: Log): Say["warn"] {
  return (what, why) => log.write("warn", "relay.warning", { what, why });
}

function introduce(terminal: Terminal, say: Say, relay: Relay, opening: Opening): void {
  const [url = ""] = relay.address.split("#");
  const isPublic = opening.public !== undefined;
  // The key in the link of a public relay's page is for who asks for it, not for whoever reads the log of a service.
  const [page] = relay.page.split("#");
  const { tickets, origins } = relay.status();
  terminal.line(relay.address);
  terminal.object({
    type: "relay",
    address: relay.address,
    id: relay.id,
    url,
    page,
    pid: process.pid,
    folder: opening.folder,
    listens: relay.listens,
    public: isPublic,
    tickets: tickets.required,
  });
  say.line(`page    ${page}${isPublic ? " for its owner: perdure relay page" : ""}`);
  say.line(`folder  ${opening.folder}`);
  if (isPublic) say.line(`listens ${relay.listens}`);
  if (origins.length > 0) say.line(`pages   of ${origins.join(", ")} may connect`);
  if (tickets.required) say.line("tickets agents need one to register: perdure relay ticket");
  say.line("stop    Ctrl-C; what was accepted stays");
  if (isPublic && !tickets.required)
    say.warn("registration is open", "anybody who reaches this relay may register and use its disk up to its limits");
  if (isPublic && url.startsWith("ws:"))
    say.warn("there is no TLS", "whoever can read the network sees who writes to whom, and tickets; for a private network only");
}

/** Another port than the agents know would cut them off, so it is not taken without a word of the person. */
async function openAgain(invocation: Invocation, opening: Opening, last: string): Promise<Relay> {
  try {
    return await open(invocation, opening, last);
  } catch (error) {
    if (!isPerdureError(error) || error.code !== "address-in-use") throw error;
    throw new PerdureError("address-in-use", `${error.message}, where the agents of this relay look for it`, {
      retry: "after",
      hint: "Stop what listens there, or move the relay with --listen 127.0.0.1:<port>.",
      cause: error,
    });
  }
}

async function open({ host }: Invocation, opening: Opening, named: string | undefined): Promise<Relay> {
  const mayWander = named === undefined && opening.public === undefined;
  let listen = named ?? (opening.tls === undefined ? DEFAULT_LISTEN : DEFAULT_LISTEN.replace("ws:", "wss:"));
  for (let tried = 1; ; tried++) {
    try {
      return await openRelayWith({ ...opening, host, listen, incidents: true });
    } catch (error) {
      const next = nextPort(listen);
      if (!(mayWander && isPerdureError(error) && error.code === "address-in-use" && next !== undefined && tried < PORTS_TRIED))
        throw error;
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
