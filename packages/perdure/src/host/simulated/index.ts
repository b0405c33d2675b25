/** Simulated hosts: the six ports over virtual time, network, disks and cryptography. */
export type { CrashPick, Disk, StoredFile } from "./disk.ts";
export { createDisk, EVERYTHING, ONLY_SYNCED } from "./disk.ts";
export { createMemoryFiles, toWholeBlocks } from "./disk-files.ts";
export type { Draws } from "./draws.ts";
export { createDraws } from "./draws.ts";
export type { Nat, NatKind } from "./nat.ts";
export { createNat, NAT_KINDS } from "./nat.ts";
export { manyPerTurn, type Pace } from "./pace.ts";
export type { LinkProfile } from "./pipe.ts";
export { WORLD_EPOCH_MS } from "./virtual-clock.ts";
export type { SimulatedDisk, World } from "./world.ts";
export { createWorld } from "./world.ts";
