/** The machine as the rooms above see it: six ports. Nothing outside `host/` reaches time, chance, sockets, files or keys by itself. */
import type { Clock } from "./clock.ts";
import type { Crypto } from "./crypto.ts";
import type { External } from "./external.ts";
import type { Files } from "./files.ts";
import type { Heap } from "./heap.ts";
import type { Log } from "./log.ts";
import type { Net } from "./net.ts";
import type { Points } from "./points.ts";
import type { Random } from "./random.ts";
import type { Scope } from "./scope.ts";

export interface Host {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly files: Files;
  readonly crypto: Crypto;
  readonly log: Log;
  readonly scope?: Scope;
  readonly external?: External;
  readonly heap?: Heap;
  /** Only of simulated machines. */
  readonly points?: Points;
}
