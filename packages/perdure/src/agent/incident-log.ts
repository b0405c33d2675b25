/** What the agent says of itself in its log, kept as incidents: whatever is an error, and warnings that only the owner can put right. */
import type { Host } from "../host/host.ts";
import type { LogFields, LogLevel } from "../host/log.ts";
import type { OwnIdentity } from "../identity/own-identity.ts";
import { type IncidentKeeper, openIncidentKeeper, symptomOf } from "../protocol/incidents/keeper.ts";
import { listSettings, type Settings } from "../settings/register.ts";
import { isPerdureError } from "../wire/error.ts";

/** Warnings that are incidents all the same. */
const WARNINGS: ReadonlySet<string> = new Set(["agent.clock-offset", "agent.not-kept", "agent.pass-not-kept", "identity.renewal-failed"]);
/** What others bring about with what they send. */
const OF_PEERS: ReadonlySet<string> = new Set([
  "agent.receipt-mismatch",
  "agent.not-taken",
  "agent.rejected",
  "agent.relay-equivocates",
  "agent.statement-mismatch",
  "agent.statement-refused",
]);

export interface IncidentLog extends AsyncDisposable {
  /** The machine whose log is also read for incidents. */
  readonly host: Host;
  /** The agent could not be opened; durable when it resolves. */
  failed(error: unknown): Promise<void>;
}

export interface IncidentLogOptions {
  readonly host: Host;
  /** Held by the caller. */
  readonly folder: string;
  readonly own: OwnIdentity;
  readonly settings: Settings;
}

export async function openIncidentLog({ host, folder, own, settings }: IncidentLogOptions): Promise<IncidentLog> {
  const keeper: IncidentKeeper = await openIncidentKeeper({
    host,
    folder,
    key: () => own.instanceKey,
    settings: () => listSettings(settings),
  });
  const write = (level: LogLevel, event: string, fields: LogFields = {}): void => {
    host.log.write(level, event, fields);
    if (level !== "error" && !WARNINGS.has(event)) return;
    keeper.add({ kind: event, symptom: symptomOf(fields), ofPeers: OF_PEERS.has(event) });
  };
  return {
    host: { ...host, log: { write } },
    async failed(error) {
      const code = isPerdureError(error) ? error.code : "internal";
      if (code !== "aborted" && code !== "timed-out") keeper.add({ kind: `agent.not-opened`, symptom: `${code}: ${String(error)}` });
      await keeper[Symbol.asyncDispose]();
    },
    [Symbol.asyncDispose]: () => keeper[Symbol.asyncDispose](),
  };
}
