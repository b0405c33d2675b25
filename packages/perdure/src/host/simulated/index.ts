/** Simulated hosts: the six ports over virtual time, network, disks and cryptography. */
export type { CrashPick, Disk, StoredFile } from "./disk.ts";
export { createDisk, ONLY_SYNCED, SECTOR_BYTES } from "./disk.ts";
export type { DiskFaults } from "./disk-files.ts";
export { createMemoryFiles, healthyDisk } from "./disk-files.ts";
export type { Draws } from "./draws.ts";
export { createDraws } from "./draws.ts";
export type { Network } from "./network.ts";
export type { LinkProfile } from "./pipe.ts";
export type { HostOptions, RunEnd, RunOptions, SimulatedDisk, World, WorldOptions } from "./world.ts";
export { createWorld } from "./world.ts";
