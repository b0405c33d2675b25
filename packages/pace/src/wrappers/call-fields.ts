/** Fields by which one request says what `pace.with` says of many, to `clientFetch` and to the proxy. They are not sent. */
import { checkOneOf } from "../argument.ts";

export const CLASS = "pace-class";
export const DEADLINE = "pace-deadline-ms";
export const REQUESTER = "pace-requester";
export const CALL_FIELDS: readonly string[] = [CLASS, DEADLINE, REQUESTER];

const OURS = "pace-";

/** A slip in one of them would go to the service, and what it says would hold for nothing. `more`: another that is read. Throws `bad-argument`. */
export function checkCallFields(names: Iterable<string>, more: string = CLASS): void {
  for (const name of names) if (name.startsWith(OURS) && name !== more) checkOneOf("field of pace", name, CALL_FIELDS);
}
