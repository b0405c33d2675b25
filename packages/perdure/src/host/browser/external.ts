/** Reads what a browser imposes on the pages of this origin, as far as it tells a page. */
import type { ExternalReading } from "../../settings/external.ts";
import { PAGE } from "../../settings/page.ts";
import type { External } from "../external.ts";
import type { Platform, StorageKeeper } from "./platform.ts";

const UNTOLD = "this browser does not tell its pages";

export function createBrowserExternal({ storage }: Pick<Platform, "storage">): External {
  return {
    declared: PAGE,
    read: async () => [
      ...(await readStorage(storage)),
      { name: "backgroundTimerMs", unknown: "no page can read it; browsers say up to a minute" },
    ],
    // Sockets of a page have no limits that a page could see.
    live: () => [],
  };
}

async function readStorage(storage: StorageKeeper | undefined): Promise<readonly ExternalReading[]> {
  const [room, kept] = await Promise.all([storage?.estimate().catch(() => undefined), storage?.persisted().catch(() => undefined)]);
  return [
    room?.quota === undefined ? { name: "storageBytes", unknown: UNTOLD } : { name: "storageBytes", value: room.quota },
    kept === undefined ? { name: "storageKept", unknown: UNTOLD } : { name: "storageKept", value: Number(kept) },
  ];
}
