/**
 * What this agent's relay holds of its identity: told by the agent, answered by the relay, and heeded here.
 *
 *   publish -> (taken: the relay holds it) | (rolled back: the relay holds a longer log, which is taken over) | (forked: two logs)
 *
 * What must hold: nothing counts as published before the relay said that it is durable there. What the relay shows instead is verified
 * like any log; it can lengthen this agent's own, or show that somebody else writes it, and nothing else.
 */
import { sleep, withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import type { OwnIdentity } from "../identity/index.ts";
import { headOf } from "../identity/verified-before.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, equalBytes } from "../wire/bytes.ts";
import { type Published, publish, published } from "../wire/control.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { Alert } from "./api.ts";
import type { RelayLink } from "./relay-link.ts";

export interface Publication {
  /**
   * Tells the relay this agent's identity as it is; true when it is durable there, false without a session or an answer in time.
   * `identity-forked` and `instance-revoked` when the relay holds another that counts as much, or more.
   */
  publish(): Promise<boolean>;
  /** Comes back to the relay under changed keys, and publishes; true when what this agent is now is durable there. */
  show(): Promise<boolean>;
  /** An answer of the relay, asked for or not. */
  take(payload: Bytes): void;
  /** What the owner has to decide. */
  readonly alerts: readonly Alert[];
  idle(): Promise<void>;
}

export interface PublicationOptions {
  readonly host: Pick<Host, "clock" | "crypto" | "log">;
  readonly settings: Pick<Settings, "lookupTimeoutMs">;
  readonly own: OwnIdentity;
  readonly link: () => Pick<RelayLink, "send" | "renew" | "shownHead"> | undefined;
  /** What the relay showed was taken over, or not: something may be wrong that was not before. */
  readonly onJudged: () => void;
  readonly closing: AbortSignal;
}

const SHOWN_LOOK_MS = 20;
/** Answers that wait to be heeded; of more the relay is not believed to mean anything. */
const MAX_WAITING = 16;

interface Asked {
  readonly logHead: Bytes;
  readonly answered: (error: PerdureError | undefined) => void;
}

export function createPublication({ host, settings, own, link, onJudged, closing }: PublicationOptions): Publication {
  const { clock, crypto, log } = host;
  // bound: one per call that waits
  const waiting = new Set<Asked>();
  let last: Promise<void> = Promise.resolve();
  let underWay = 0;

  const tell = (): boolean => link()?.send({ name: "publish", payload: publish.encode({ bundle: own.bundle() }) }) ?? false;

  const heed = async ({ code, logHead, bundle }: Published): Promise<void> => {
    if (code === "") {
      for (const asked of waiting) if (equalBytes(asked.logHead, logHead)) asked.answered(undefined);
      return;
    }
    const before = own.standing;
    const adoption = await own.adopt(bundle, clock.wallMs());
    const isAlert = own.standing !== before && own.standing !== "in-force";
    log.write(adoption === "nothing" || isAlert ? "info" : "warn", "agent.identity-elsewhere", { code, adoption, standing: own.standing });
    onJudged();
    if (adoption === "continued") {
      tell();
      return;
    }
    const error = refusal(own, code);
    if (error !== undefined) for (const asked of waiting) asked.answered(error);
  };

  const publishNow = async (): Promise<boolean> => {
    const { logHead } = headOf(crypto, own.bundle());
    let asked: Asked | undefined;
    try {
      return await withDeadline(
        clock,
        { timeoutMs: settings.lookupTimeoutMs, what: "the relay's answer to a new identity", signal: closing },
        () =>
          new Promise<boolean>((resolve, reject) => {
            asked = { logHead, answered: (error) => (error === undefined ? resolve(true) : reject(error)) };
            waiting.add(asked);
            if (!tell()) resolve(false);
          }),
      );
    } catch (error) {
      if (isPerdureError(error) && (error.code === "timed-out" || error.code === "aborted")) return false;
      throw error;
    } finally {
      if (asked !== undefined) waiting.delete(asked);
    }
  };

  return {
    publish: publishNow,
    show: async () => {
      link()?.renew();
      const untilMs = clock.monotonicMs() + settings.lookupTimeoutMs;
      const isShown = (): boolean => equalBytes(link()?.shownHead ?? EMPTY, own.logHead);
      while (!isShown() && clock.monotonicMs() < untilMs && !closing.aborted) await sleep(clock, SHOWN_LOOK_MS);
      if (!isShown()) return false;
      return await publishNow().catch((error: unknown) => {
        log.write("warn", "agent.not-published", { why: String(error) });
        return false;
      });
    },
    take: (payload) => {
      const said = published.decode(payload.slice());
      if (underWay >= MAX_WAITING) return;
      underWay++;
      last = last
        .then(() => heed(said))
        .catch((error: unknown) => log.write("warn", "agent.published-not-taken", { code: said.code, why: String(error) }))
        .finally(() => {
          underWay--;
        });
    },
    get alerts() {
      return alertsOf(own);
    },
    idle: () => last,
  };
}

function refusal(own: OwnIdentity, code: string): PerdureError | undefined {
  const [alert] = alertsOf(own);
  if (alert !== undefined) return new PerdureError(alert.code, alert.what, { hint: `Run: ${alert.run}. ${alert.otherwise}`.trim() });
  return code === "identity-forked" ? new PerdureError("identity-forked", FORKED.what, { hint: `Run: ${FORKED.run}` }) : undefined;
}

const FORKED: Alert = {
  code: "identity-forked",
  what: "somebody else holds your control key or a copy of this folder: two histories of this agent contradict each other, and mail waits",
  run: "perdure id rotate",
  otherwise: "",
};

const SUPERSEDED: Alert = {
  code: "instance-revoked",
  what: "this agent's control key was replaced elsewhere: this folder speaks for it no more",
  run: "perdure id rotate --recovery <file>",
  otherwise: "If you replaced it, go on in that folder and remove this one.",
};

const RETIRED: Alert = {
  code: "identity-retired",
  what: "this agent was retired by its owner, for ever",
  run: "perdure init --at <another folder> --relay <address>",
  otherwise: "Its last mail can still be read here.",
};

const REVOKED: Alert = {
  code: "instance-revoked",
  what: "this folder's instance was taken out of use by the agent's owner",
  run: "perdure id claim",
  otherwise: "If it goes on in another folder, remove this one.",
};

function alertsOf({ standing, instance }: OwnIdentity): readonly Alert[] {
  switch (standing) {
    case "frozen":
      return [FORKED];
    case "superseded":
      return [SUPERSEDED];
    case "retired":
      return [RETIRED];
    case "in-force":
      return instance.revoked ? [REVOKED] : [];
  }
}
