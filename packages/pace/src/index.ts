export { isPaceError, PaceError, type PaceErrorCode } from "./error.ts";
export type { GateState } from "./gate/gate.ts";
export type { Clock } from "./host/clock.ts";
export type { Random } from "./host/random.ts";
export { type CallTraits, createPace, type Fetch, type Pace, type PacePolicy, type PacePorts, type PolicyQuota } from "./pace.ts";
export type { Asked } from "./partition.ts";
export type { Account } from "./quota/account.ts";
export type { Cost, Reading, Source, Unit } from "./quota/reading.ts";
