/**
 * Whether this process reads the mailbox of its agent, or leaves that to another.
 *
 *   reading -> challenged -> fenced        another session of this agent took over, and again
 *   reading | challenged -> cloned         the relay saw a used attach pass: this folder lives twice
 *   fenced | cloned -> reading             with a new instance
 *
 * Fenced once, it shows its pass once more: whoever took over with a copy of this folder has used that pass, and the relay sees it.
 * A session that was fenced before it confirmed its pass does not count: a copy that is quick enough would silence this process so.
 * What must hold: only what a relay says after it has proven its id counts; who is merely on the way ends nobody's reading.
 */
import { type Bytes, EMPTY, equalBytes } from "../wire/bytes.ts";
import type { Alert } from "./api.ts";

export interface ConsumerRole {
  /** Whether the next session asks for the mailbox. */
  readonly consumes: boolean;
  /** Why not, for people; `undefined` while it does. */
  readonly trouble: string | undefined;
  readonly alert: Alert | undefined;
  /** A session is about to begin under that instance. */
  begin(instanceKey: Bytes): void;
  /** The session has confirmed its pass, or needs none. */
  confirmed(): void;
  /** A relay that has proven its id ended the session, or refused it; false when that changes nothing. */
  ended(code: string): boolean;
}

const FENCED = "fenced: another process consumes this mailbox; here mail is only sent, until this agent is opened again";
const CLONED = "cloned: a copy of this folder was opened too, so neither reads the mailbox; what comes waits at the relay, nothing is lost";

export function createConsumerRole(): ConsumerRole {
  let state: "reading" | "challenged" | "fenced" | "cloned" = "reading";
  let instance: Bytes = EMPTY;
  let hasConfirmed = false;
  return {
    get consumes() {
      return state === "reading" || state === "challenged";
    },
    get trouble() {
      if (state === "cloned") return CLONED;
      return state === "fenced" ? FENCED : undefined;
    },
    get alert() {
      if (state !== "cloned") return undefined;
      return {
        code: "cloned" as const,
        what: "this folder was copied or put back, and opened twice: its mailbox is frozen, and mail waits there",
        run: "perdure id claim",
        otherwise: "If nobody of yours made a copy, the keys are stolen: perdure id rotate",
      };
    },
    begin(instanceKey) {
      hasConfirmed = false;
      if (equalBytes(instance, instanceKey)) return;
      instance = instanceKey.slice();
      state = "reading";
    },
    confirmed() {
      hasConfirmed = true;
    },
    ended(code) {
      if (code === "cloned") state = "cloned";
      else if (code === "fenced" && !hasConfirmed) return false;
      else if (code === "fenced" && state === "reading") state = "challenged";
      else if (code === "fenced" && state === "challenged") state = "fenced";
      else return false;
      return true;
    },
  };
}
