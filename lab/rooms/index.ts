/** The rooms of the product that have a reference. */
import { rates } from "./rates.ts";
import type { Room } from "./room.ts";
import { window } from "./window.ts";

export const ROOMS: readonly Room<unknown>[] = [rates, window];
