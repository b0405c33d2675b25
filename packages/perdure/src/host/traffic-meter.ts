/** Frames in and out, counted for a second at a time: names and sizes from their headers, nothing of what they carry. */
import { FRAME_HEADER_BYTES, FRAME_TYPES, MODE_MAC, TAG_BYTES } from "../wire/frame.ts";

/** Connections whose traffic of one second is told apart; that of the others is told in one sum, as connection 0. */
export const METERED_CONNECTIONS = 16;
const TRANSPORT_HEADER_BYTES = 2;
const TYPES = 64;
const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(FRAME_TYPES).map(([name, type]) => [type, name]));

export interface Metered {
  readonly connection: number;
  /** `name:count:bytes`, blanks between. */
  readonly in: string;
  readonly out: string;
}

/** Where a connection is counted, and since which turn. */
export interface MeterPlace {
  readonly connection: number;
  turn: number;
  slot: number;
}

export interface TrafficMeter {
  count(place: MeterPlace, turn: number, direction: "in" | "out", message: Uint8Array): void;
  /** What was counted, and begins anew: whoever counts next does so under another turn. */
  take(): readonly Metered[];
}

interface Slot {
  connection: number;
  readonly in: Counts;
  readonly out: Counts;
}

interface Counts {
  readonly frames: Uint32Array;
  readonly bytes: Float64Array;
}

export function createTrafficMeter(): TrafficMeter {
  const empty = (): Counts => ({ frames: new Uint32Array(TYPES), bytes: new Float64Array(TYPES) });
  const slots: readonly Slot[] = Array.from({ length: METERED_CONNECTIONS + 1 }, () => ({ connection: 0, in: empty(), out: empty() }));
  let used = 1;
  return {
    count: (place, turn, direction, message) => {
      if (place.turn !== turn) {
        place.turn = turn;
        place.slot = used <= METERED_CONNECTIONS ? used++ : 0;
        if (place.slot > 0) (slots[place.slot] as Slot).connection = place.connection;
      }
      add((slots[place.slot] as Slot)[direction], message);
    },
    take: () => {
      const taken = slots
        .slice(0, used)
        .map((slot) => ({ connection: slot.connection, in: take(slot.in), out: take(slot.out) }))
        .filter((each) => each.in !== "" || each.out !== "");
      used = 1;
      return taken;
    },
  };
}

function add({ frames, bytes }: Counts, message: Uint8Array): void {
  let at = TRANSPORT_HEADER_BYTES + (message[1] === MODE_MAC ? TAG_BYTES : 0);
  while (at + FRAME_HEADER_BYTES <= message.length) {
    const type = (message[at] as number) % TYPES;
    const length =
      (((message[at + 4] as number) << 24) |
        ((message[at + 5] as number) << 16) |
        ((message[at + 6] as number) << 8) |
        (message[at + 7] as number)) >>>
      0;
    frames[type] = (frames[type] as number) + 1;
    bytes[type] = (bytes[type] as number) + FRAME_HEADER_BYTES + length;
    at += FRAME_HEADER_BYTES + length;
  }
}

function take({ frames, bytes }: Counts): string {
  const words: string[] = [];
  for (const [type, count] of frames.entries()) if (count > 0) words.push(`${NAMES.get(type) ?? "other"}:${count}:${bytes[type]}`);
  frames.fill(0);
  bytes.fill(0);
  return words.join(" ");
}
