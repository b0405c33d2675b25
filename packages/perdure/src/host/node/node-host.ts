import type { Host } from "../host.ts";
import type { Log } from "../log.ts";
import { silentLog } from "../log.ts";
import { createNodeClock } from "./clock.ts";
import { createNodeCrypto } from "./crypto.ts";
import { createNodeExternal } from "./external.ts";
import { createNodeFiles } from "./files.ts";
import { createNodeHeap } from "./heap.ts";
import { createLiveLimits } from "./live-limits.ts";
import { createNodeNet } from "./net.ts";
import { createNodeRandom } from "./random.ts";
import { createNodeScope } from "./scope.ts";

export interface NodeHostOptions {
  /** Where events go; without it nothing is kept. */
  readonly log?: Log;
}

/** This machine, as the rooms above see it. */
export function createNodeHost({ log = silentLog }: NodeHostOptions = {}): Host {
  const clock = createNodeClock();
  const live = createLiveLimits();
  return {
    clock,
    random: createNodeRandom(),
    net: createNodeNet({ clock, log, live }),
    files: createNodeFiles(),
    crypto: createNodeCrypto(),
    log,
    scope: createNodeScope(),
    external: createNodeExternal(live),
    heap: createNodeHeap(),
  };
}
