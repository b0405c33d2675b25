import type { Host } from "../host.ts";
import type { Log } from "../log.ts";
import { silentLog } from "../log.ts";
import { createBrowserClock } from "./clock.ts";
import { createBrowserCrypto } from "./crypto.ts";
import { createDatabase } from "./database.ts";
import { createBrowserExternal } from "./external.ts";
import { createBrowserFiles } from "./files.ts";
import { createBrowserNet } from "./net.ts";
import { type Platform, thisPage } from "./platform.ts";
import { createBrowserRandom } from "./random.ts";

export interface BrowserHostOptions {
  /** Where events go; without it nothing is kept. */
  readonly log?: Log;
  readonly platform?: Platform;
}

/** A page of a browser, as the rooms above see it; `unsupported-platform` when it lacks something. */
export function createBrowserHost({ log = silentLog, platform = thisPage() }: BrowserHostOptions = {}): Host {
  const clock = createBrowserClock();
  const random = createBrowserRandom();
  const database = createDatabase(platform);
  return {
    clock,
    random,
    net: createBrowserNet({ clock, random, platform }),
    files: createBrowserFiles({ database, locks: platform.locks }),
    crypto: createBrowserCrypto(database),
    log,
    external: createBrowserExternal(platform),
  };
}
