/**
 * What only the owner can put right about this agent's identity: gathered, and said once, with the command that does it.
 *
 * What must hold: of two things that are wrong the identity counts before the mailbox: who speaks for the agent no more is not told to
 * go on reading. A session that ends for what an alert says is no second line.
 */
import type { Log } from "../host/log.ts";
import type { PerdureError } from "../wire/error.ts";
import type { AgentStatus, Alert } from "./api.ts";
import type { Publication } from "./publication.ts";
import type { RelayLink } from "./relay-link.ts";

export interface AlertLog {
  /** What is wrong now; the identity before the mailbox. */
  readonly alerts: readonly Alert[];
  /** Says what came up since the agent was opened, each thing once; what was wrong before is its status's to tell. */
  look(): void;
  /** Somebody waits for mail: from now on what was wrong before counts as well. */
  served(): void;
  /** No session came about, or one ended; `isNews` when this agent reads its mailbox no more for it. */
  apart(failure: PerdureError, isNews: boolean): void;
  /** The session as its owner may know it: without advice that an alert of the identity takes back. */
  shown(status: AgentStatus["relay"]): AgentStatus["relay"];
}

export interface AlertLogOptions {
  readonly log: Log;
  /** What is wrong with the identity; idle when everything the relay showed of it is judged. */
  readonly publication: Pick<Publication, "alerts" | "idle">;
  /** What is wrong with the mailbox. */
  readonly link: () => Pick<RelayLink, "alert"> | undefined;
}

/** Reasons a relay gives that become an alert once what it showed with them is judged. */
const ALERTING: ReadonlySet<string> = new Set<Alert["code"]>(["cloned", "identity-forked", "identity-retired", "instance-revoked"]);

export function createAlertLog({ log, publication, link }: AlertLogOptions): AlertLog {
  const alerts = (): readonly Alert[] => {
    const found = publication.alerts;
    const mailbox = link()?.alert;
    return found.length > 0 || mailbox === undefined ? found : [mailbox];
  };
  // bound: codes of an Alert
  let known = new Set<string>(alerts().map(({ code }) => code));
  // bound: codes of an Alert
  const unsaid = new Set(known);

  const look = (): void => {
    const now = alerts();
    for (const alert of now) {
      if (known.has(alert.code)) continue;
      unsaid.delete(alert.code);
      log.write("error", `agent.${alert.code}`, alertFields(alert));
    }
    known = new Set(now.map(({ code }) => code));
  };
  const end = ({ code, message, retry, hint }: PerdureError, isNews: boolean): void => {
    look();
    const isSaid = known.has(code);
    if (isNews && !isSaid) log.write("error", `agent.${code}`, { why: message, hint });
    log.write(retry === "never" && !isSaid && !isNews ? "warn" : "info", "agent.apart", { code, why: message, hint });
  };
  return {
    get alerts() {
      return alerts();
    },
    look,
    served() {
      for (const code of unsaid) known.delete(code);
      unsaid.clear();
      look();
    },
    apart(failure, isNews) {
      if (!ALERTING.has(failure.code)) return end(failure, isNews);
      publication.idle().then(
        () => end(failure, isNews),
        () => end(failure, isNews),
      );
    },
    shown(status) {
      const [alert] = publication.alerts;
      return alert === undefined || link()?.alert === undefined ? status : { ...status, lastError: `${alert.code}: ${alert.what}` };
    },
  };
}

/** In one line, with the command that ends it. */
function alertFields({ what, run, otherwise }: Alert): { readonly why: string; readonly hint: string } {
  return { why: what, hint: `Run: ${run}${otherwise === "" ? "" : `. ${otherwise}`}` };
}
