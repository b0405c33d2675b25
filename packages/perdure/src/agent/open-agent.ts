/** Opening a folder as an agent, on any host. */

import { hedgedHost } from "../host/hedged-random.ts";
import type { Host } from "../host/host.ts";
import { refuseArmed } from "../host/points.ts";
import { lookAround } from "../host/surroundings.ts";
import { type connectSession, formatRelayAddress, parseRelayAddress } from "../protocol/link/index.ts";
import { createSettings } from "../settings/register.ts";
import { requireRelations } from "../settings/relations.ts";
import { hex } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import type { AgentId } from "../wire/ids.ts";
import { createAgent } from "./agent.ts";
import type { Agent, OpenOptions } from "./api.ts";
import type { AgentDefences, Engine } from "./core.ts";
import type { Diary } from "./diary.ts";
import { createEngine } from "./engine.ts";
import type { InputLog } from "./input-log.ts";
import { hasIdentity, openOrCreate } from "./own-folder.ts";
import { openSharedCore } from "./shared-core.ts";

/** For tests of the safety mechanisms; not part of the SDK. */
export interface InternalOptions extends OpenOptions {
  readonly defences?: AgentDefences;
  /** What the folder keeps besides, for whoever looks for a mistake; nothing when it is left out. */
  readonly diary?: Diary;
  /** What agents of one process dial through; each for itself when it is left out. */
  readonly connect?: typeof connectSession;
}

/** As `openAgent`, with the machine given. */
export async function openAgentWith(machine: Host, at: string, options: InternalOptions = {}): Promise<Agent> {
  refuseArmed(machine);
  const hedged = options.defences?.hedge === false ? machine : hedgedHost(machine);
  const settings = createSettings(options.settings);
  const recording = settings.keepInputs > 0 ? options.diary?.record(hedged) : undefined;
  const host = recording?.host ?? hedged;
  requireRelations(settings);
  if (options.join !== undefined) parseRelayAddress(options.join);
  // Only looking must leave no trace: a folder without an agent gets no lock and no socket.
  else if (!(await hasIdentity(host, at))) {
    throw new PerdureError("no-agent-here", `there is no agent in ${at}`, { hint: "Create one with `perdure init`, or open with `join`." });
  }
  // Who takes the folder over later finds the agent where it is by then.
  let { join, move = false } = options;
  if (move && join === undefined) throw new PerdureError("bad-argument", "`move` needs the address of a relay in `join`");
  const client = hex(host.random.bytes(16));
  const openEngine = async (signal: AbortSignal): Promise<{ readonly id: AgentId; readonly engine: Engine }> => {
    const { own, home } = await openOrCreate({
      host,
      folder: at,
      settings,
      join,
      move,
      ticket: options.ticket,
      name: options.name,
      recoveryFile: options.recoveryFile,
      passphrase: options.passphrase,
      signal,
    });
    if (move) [join, move] = [undefined, false];
    const surroundings = await lookAround(host, at, settings);
    const relayAddress = formatRelayAddress(home.url, home.relayId);
    const incidents = await options.diary?.incidents({ host, folder: at, own, settings });
    const inputs = recording && (await options.diary?.inputs({ host: hedged, folder: at, recording, surroundings }));
    try {
      const engine = await createEngine({
        host: incidents?.host ?? host,
        folder: at,
        own,
        settings,
        surroundings,
        relayAddress,
        ...(options.defences === undefined ? {} : { defences: options.defences }),
        ...(options.connect === undefined ? {} : { connect: options.connect }),
      });
      return { id: own.id, engine: whole(engine, incidents, inputs) };
    } catch (error) {
      await incidents?.failed(error);
      await inputs?.[Symbol.asyncDispose]();
      throw error;
    }
  };
  const core = await openSharedCore({
    host,
    folder: at,
    settings,
    client,
    timeoutMs: options.timeoutMs ?? settings.openTimeoutMs,
    signal: options.signal,
    openEngine,
  });
  if (move) {
    await core[Symbol.asyncDispose]();
    throw new PerdureError("folder-in-use", `another process has ${at} and goes on with the relay it is connected to`, {
      retry: "after",
      hint: "Stop that process and call this again.",
    });
  }
  if (options.strangers !== undefined) {
    try {
      await core.strangers(options.strangers);
    } catch (error) {
      await core[Symbol.asyncDispose]();
      throw error;
    }
  }
  return createAgent({ core, host, settings, client });
}

/** The engine, with what is told of its inputs and what is to be closed after it. */
function whole(engine: Omit<Engine, "bundle">, incidents: AsyncDisposable | undefined, inputs: InputLog | undefined): Engine {
  return {
    ...engine,
    bundle: async () => (inputs === undefined ? await noInputs() : await inputs.bundle(await engine.settings())),
    [Symbol.asyncDispose]: async () => {
      try {
        await engine[Symbol.asyncDispose]();
      } finally {
        await incidents?.[Symbol.asyncDispose]();
        await inputs?.[Symbol.asyncDispose]();
      }
    },
  };
}

/** Where no inputs are kept. */
function noInputs(): Promise<string> {
  const hint = "keepInputs is 0, or nothing keeps them here.";
  return Promise.reject(new PerdureError("not-found", "this agent keeps no inputs", { hint }));
}
