/**
 * Places in the product where something legal and rare can be brought about on purpose. Only simulated worlds carry them; anywhere
 * else each is `false` and costs a look at an absent field.
 *
 * What must hold at every one of them: whatever is done there, the product could have been made to do by its disk, its network, its
 * peers or its settings.
 */
import { PerdureError } from "../wire/error.ts";

export const POINTS = {
  "log-segment-early": "a segment ends long before it is full",
  "log-outgrown-early": "a segment that grows gives way to a prepared one after few batches",
  "log-write-in-pieces": "a batch is written in two halves before it is synced",
  "log-sync-late": "a sync begins a while after the write",
  "append-apart": "what one turn of a relay brought is not appended together",
  "compact-at-once": "records are moved although there is room",
  "deliver-one": "mail is read and handed over one message at a time",
  "forward-read-back": "mail for another relay is read from the log although it is at hand",
  "statement-at-once": "a statement does not wait for more to say",
  "sweep-soon": "overdue mail is looked for again at once",
  "connection-busy": "a relay is too busy for a connection",
  "peer-dial-late": "a relay dials another so late that it may be dialled first",
  "mail-one": "an agent sends one part at a time",
  "settle-late": "a settle leaves a while after what it settles",
  "session-anew": "an agent ends a good session and comes back",
  "redial-at-once": "an agent makes no pause before it dials again",
  "housekeeping-soon": "an agent looks for what is overdue again at once",
  "mail-rests-at-once": "no row is kept of mail in closed segments, also of what is about to be read",
} as const;
export type PointName = keyof typeof POINTS;

/** What only the host of a world says of itself. */
export const IN_A_WORLD: unique symbol = Symbol.for("perdure.in-a-world");

export interface Points {
  readonly [IN_A_WORLD]: true;
  /** Whether this time the rare thing is to happen. */
  misbehaves(name: PointName): boolean;
}

export function rarely(points: Points | undefined, name: PointName): boolean {
  return points?.misbehaves(name) === true;
}

/** `bad-argument` for a machine that is to misbehave and is not of a simulated world. */
export function refuseArmed({ points }: { readonly points?: Points | undefined }): void {
  if (points === undefined || points[IN_A_WORLD] === true) return;
  throw new PerdureError("bad-argument", "only a simulated machine may be made to misbehave", { hint: "Leave out `points`." });
}
