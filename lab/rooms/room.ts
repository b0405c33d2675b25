/**
 * One room of the product at a time, beside a reference that is short enough to be believed: some hundred steps drawn from the seed, with
 * limits so small that every one of them is met. A town goes through a room once in a while and sees what comes out at the far end; here each step is
 * compared.
 */
import type { Hash } from "../../packages/perdure/src/host/crypto.ts";
import { createDraws, type Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { InvariantBroken } from "../ledger.ts";

/** What a room may use besides its steps. The same for the same seed, whichever steps are left out. */
export interface RoomTools {
  readonly hash: Hash;
  /** The draws of one purpose. */
  draws(purpose: string): Draws;
}

export interface Room<Step> {
  /** One word. */
  readonly name: string;
  /** What is compared with what, for people: one line. */
  readonly about: string;
  /** Steps are data: JSON says them. */
  draw(draws: Draws): readonly Step[];
  /** Any part of a list is a list: what a step needs and is not there makes it do nothing. Throws when the product and the reference part. */
  run(steps: readonly Step[], tools: RoomTools): Promise<void>;
}

export interface RoomBroken {
  readonly room: string;
  readonly steps: readonly unknown[];
  readonly what: string;
}

/** Throws: the product did something else than the reference. */
export function parted(what: string): never {
  throw new InvariantBroken("reference", what);
}

/** Goes through a room with the steps of that seed. */
export async function visit<Step>(room: Room<Step>, seed: number, hash: Hash): Promise<RoomBroken | undefined> {
  const steps = room.draw(createDraws(`room ${room.name} ${seed}`));
  const what = await whatParts(room, steps, toolsOf(room.name, seed, hash));
  return what === undefined ? undefined : { room: room.name, steps, what };
}

/** Throws `InvariantBroken` with the name of the first room in which that seed breaks. */
export async function visitAll(rooms: readonly Room<unknown>[], seed: number, hash: Hash): Promise<void> {
  for (const room of rooms) {
    const broken = await visit(room, seed, hash);
    if (broken !== undefined) throw new InvariantBroken(`room ${room.name}`, broken.what);
  }
}

/** The fewest of the steps that were found with which it still breaks, and how it does then. */
export async function leastSteps<Step>(room: Room<Step>, seed: number, hash: Hash, broken: RoomBroken): Promise<RoomBroken> {
  let what = broken.what;
  let steps = broken.steps as readonly Step[];
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < steps.length; ) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      const then = await whatParts(room, fewer, toolsOf(room.name, seed, hash));
      if (then === undefined) at += size;
      else [steps, what] = [fewer, then];
    }
  }
  return { room: room.name, steps, what };
}

const toolsOf = (name: string, seed: number, hash: Hash): RoomTools => ({
  hash,
  draws: (purpose) => createDraws(`room ${name} ${seed} ${purpose}`),
});

async function whatParts<Step>(room: Room<Step>, steps: readonly Step[], tools: RoomTools): Promise<string | undefined> {
  try {
    await room.run(steps, tools);
    return undefined;
  } catch (error) {
    if (error instanceof InvariantBroken) return error.message;
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
