/** A relay of the trial: a process of its own over a folder of its own, killed and started again on the same port. */
import { sleep } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import { isPerdureError } from "../../wire/error.ts";
import { portOf } from "../listen-address.ts";
import { type Child, spawnPerdure } from "./child.ts";
import type { Tell, Who } from "./happening.ts";

/** How long a relay that starts again waits for its port, and how often it looks. */
const SAME_PORT_MS = 45_000;
const SAME_PORT_PAUSE_MS = 1000;

export interface RelayProcess {
  readonly who: Extract<Who, `relay ${string}`>;
  /** With its id behind `#`; empty before the first start. */
  readonly address: string;
  readonly id: string;
  readonly pids: readonly number[];
  runs(): boolean;
  start(): Promise<void>;
  /** SIGKILL; the pid that was killed, or `undefined` when none ran. At once: nothing else runs in this process before the signal is sent. */
  kill(): number | undefined;
  /** The running process, to end it in order. */
  child(): Child | undefined;
}

export interface RelayProcessOptions {
  readonly host: Host;
  readonly who: RelayProcess["who"];
  readonly folder: string;
  /** Words of the command line that every start gets. */
  readonly words: readonly string[];
  /** The port it would have on an idle machine. */
  readonly usualPort: number;
  readonly tell: Tell;
  /** The trial is over: a process that ends is no news. */
  readonly isEnding: () => boolean;
  readonly onChange: () => void;
  readonly signal: AbortSignal;
}

export function createRelayProcess(options: RelayProcessOptions): RelayProcess {
  const { host, who, folder, words, usualPort, tell, isEnding, onChange, signal } = options;
  const pids: number[] = [];
  const killed = new WeakSet<Child>();
  let child: Child | undefined;
  let address = "";
  const runs = (): boolean => child?.isRunning() === true && !killed.has(child);

  const startOnce = async (): Promise<void> => {
    const listen = address === "" ? [] : ["--listen", address.replace(/^ws:\/\/|\/?#.*$/g, "")];
    const started = spawnPerdure(
      host,
      ["relay", "--folder", folder, ...listen, "--until-stdin-ends", ...words],
      () => {},
      ({ signal: by, code }) => {
        if (!isEnding() && by !== "SIGKILL" && pids.includes(started.pid))
          tell("world", `the process ${started.pid} of ${who} ended by itself (${by ?? `exit ${code}`})`, { tone: "bad" });
        onChange();
      },
    );
    child = started;
    const says = await started.first("relay");
    pids.push(started.pid);
    const again = address !== "";
    address = String(says["address"]);
    const port = portOf(String(says["url"]).replace(/\/$/, ""));
    if (!again && port !== usualPort) tell("world", `port ${usualPort} is busy, ${who} takes ${port}`);
    tell(
      who,
      again ? `runs again as process ${started.pid}, same folder and port` : `runs as process ${started.pid}, page ${says["page"]}`,
    );
    onChange();
  };

  return {
    who,
    get address() {
      return address;
    },
    get id() {
      return address.replace(/^.*#/, "");
    },
    pids,
    runs,
    child: () => child,
    async start() {
      if (runs()) return;
      // The port and the folder's lock are free when the process is gone, not when the signal is sent.
      await child?.exit;
      const endMs = host.clock.monotonicMs() + SAME_PORT_MS;
      for (;;) {
        try {
          return await startOnce();
        } catch (error) {
          // Somebody else took the port while nobody listened there; the agents know this one.
          const waits = isPerdureError(error) && error.code === "address-in-use" && address !== "" && host.clock.monotonicMs() < endMs;
          if (!waits) throw error;
          tell("world", `port ${portOf(address)} was taken meanwhile, trying again`, { tone: "warning" });
          await sleep(host.clock, SAME_PORT_PAUSE_MS, signal);
        }
      }
    },
    kill() {
      if (child === undefined || !runs()) return undefined;
      killed.add(child);
      child.kill("SIGKILL");
      return child.pid;
    },
  };
}
