/** The rooms of the product that have a reference. */

import { forward } from "./forward.ts";
import { logs } from "./logs.ts";
import { outbox } from "./outbox.ts";
import { rates } from "./rates.ts";
import type { Room } from "./room.ts";
import { transport } from "./transport.ts";
import { window } from "./window.ts";

export const ROOMS: readonly Room<unknown>[] = [forward, logs, outbox, rates, transport, window];
