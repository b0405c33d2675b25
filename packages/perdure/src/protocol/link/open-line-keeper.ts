/** The line keeper of a folder: what it finds is written there, and known at the next start. */
import type { Host } from "../../host/host.ts";
import type { Surroundings } from "../../host/surroundings.ts";
import { listSettings, type Settings } from "../../settings/register.ts";
import type { LimitChange } from "./lifetimes.ts";
import { readLimits, writeLimits } from "./limit-file.ts";
import { createLineKeeper, type FoundLimit, type LineKeeper } from "./line-keeper.ts";

export interface FolderLineKeeper extends LineKeeper {
  /** Stops; resolves when what was found is on the disk, or could not be written. */
  close(): Promise<void>;
}

export interface FolderLineKeeperOptions {
  readonly host: Pick<Host, "clock" | "random" | "log" | "files">;
  readonly folder: string;
  readonly settings: Settings;
  readonly settingOrigins?: Readonly<Record<string, string>> | undefined;
  /** What the machine imposes: its limits may be those that are found. */
  readonly surroundings: () => Surroundings;
  readonly owner: "agent" | "relay";
  readonly changed?: (change: LimitChange, limit: FoundLimit | undefined) => void;
}

export async function openLineKeeper({
  host,
  folder,
  settings,
  settingOrigins,
  surroundings,
  owner,
  changed,
}: FolderLineKeeperOptions): Promise<FolderLineKeeper> {
  let unwritten: readonly FoundLimit[] | undefined;
  let writing: Promise<void> | undefined;
  /** Until the disk has, or has refused, what was found last. */
  const write = async (): Promise<void> => {
    for (let limits = unwritten; limits !== undefined; limits = unwritten) {
      unwritten = undefined;
      await writeLimits(host.files, folder, limits).catch((error: unknown) =>
        host.log.write("warn", `${owner}.limits-not-kept`, { why: String(error) }),
      );
    }
    writing = undefined;
  };
  const keeper = createLineKeeper({
    clock: host.clock,
    random: host.random,
    log: host.log,
    settings,
    owner,
    known: settings.learnLimits > 0 ? await readLimits(host.files, folder) : [],
    candidates: () =>
      [...listSettings(settings, settingOrigins), ...surroundings().external.filter(({ origin }) => origin !== "middlebox")].flatMap(
        ({ name, unit, value, origin }) => (unit === "ms" && value !== undefined && value > 0 ? [{ name, valueMs: value, origin }] : []),
      ),
    changed: (limits, change) => {
      changed?.(
        change,
        limits.find(({ path, kind }) => path === change.finding.path && kind === change.finding.kind),
      );
      unwritten = limits;
      writing ??= write();
    },
  });
  return {
    plan: keeper.plan,
    begin: keeper.begin,
    get limits() {
      return keeper.limits;
    },
    stop: keeper.stop,
    async close() {
      keeper.stop();
      await writing;
    },
  };
}
