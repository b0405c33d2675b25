import type { Contestant } from "./contestant.ts";
import { bottleneckHeaders, bottleneckStatic } from "./contestants/bottleneck.ts";
import { cockatiel } from "./contestants/cockatiel.ts";
import { jitter } from "./contestants/jitter.ts";
import { pLimit } from "./contestants/p-limit.ts";
import { pQueue } from "./contestants/p-queue.ts";
import { pace } from "./contestants/pace.ts";
import { smithy } from "./contestants/smithy.ts";

export const OURS = pace.name;
export const CONTESTANTS: readonly Contestant[] = [pace, smithy, bottleneckStatic, bottleneckHeaders, cockatiel, pLimit, pQueue, jitter];
