/** The inputs of the process that holds an agent's folder, kept there, and the bundle made of them. */
import type { Host } from "../host/host.ts";
import type { Recording } from "../host/recording.ts";
import type { Surroundings } from "../host/surroundings.ts";
import { bundleOf } from "../protocol/incidents/input-bundle.ts";
import { openInputKeeper } from "../protocol/incidents/input-keeper.ts";
import { readLedger } from "../protocol/incidents/ledger-file.ts";
import type { SettingRow } from "../settings/register.ts";

export interface InputLog extends AsyncDisposable {
  bundle(settings: readonly SettingRow[]): Promise<string>;
}

export interface InputLogOptions {
  /** Not the one that is watched. */
  readonly host: Host;
  /** Held by the caller. */
  readonly folder: string;
  readonly recording: Recording;
  readonly surroundings: () => Surroundings;
}

export async function openInputLog({ host, folder, recording, surroundings }: InputLogOptions): Promise<InputLog> {
  const keeper = await openInputKeeper(host, folder, recording);
  return {
    bundle: async (settings) => {
      const { book } = await readLedger(host, folder);
      const { pseudonym } = keeper;
      return JSON.stringify(
        bundleOf({
          role: "agent",
          nowMs: host.clock.wallMs(),
          lives: keeper.lives(),
          settings,
          surroundings: surroundings(),
          incidents: book.incidents,
          pseudonym,
        }),
      );
    },
    [Symbol.asyncDispose]: () => keeper[Symbol.asyncDispose](),
  };
}
