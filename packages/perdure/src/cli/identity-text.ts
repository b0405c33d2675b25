/** An identity as people read it. */
import type { IdentityView } from "../agent/identity-view.ts";
import { safeLine } from "./foreign-text.ts";
import { dateText, durationText } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";

const KEY_DIGITS = 16;

/** What is to be printed of a log, one line an event. */
export function logLines(log: IdentityView["log"]): readonly string[] {
  return log.map(
    ({ seq, kind, claimedAtMs, hash, voided, stage }) =>
      `${String(seq).padStart(3)}  ${kind.padEnd(15)}  ${dateText(claimedAtMs).slice(0, 19)}  ${hash.slice(0, KEY_DIGITS)}${voided ? "  does not count" : stage === "compromised" ? "  in other hands" : ""}`,
  );
}

export const STANDINGS: Readonly<Record<IdentityView["standing"], string>> = {
  "in-force": "in force",
  frozen: "FROZEN: somebody else wrote to its log with the same key; perdure id rotate takes it back",
  superseded: "SUPERSEDED: its keys were replaced elsewhere; with the recovery file: perdure id rotate --recovery <file>",
  retired: "retired for ever",
};

/** The keys of an identity and what is said of them. */
export function printKeys({
  terminal,
  view,
  nowMs,
}: {
  readonly terminal: Terminal;
  readonly view: IdentityView;
  readonly nowMs: number;
}): void {
  const { faint, bad } = terminal.stdout.paint;
  const row = (label: string, text: string): void => terminal.line(`${faint(label.padEnd(10))}${text}`);
  row("standing", view.standing === "in-force" ? STANDINGS["in-force"] : bad(STANDINGS[view.standing]));
  row("stage", view.stage);
  for (const key of view.controlKeys) row("control", key);
  for (const { key, isThis, validUntilMs, revoked } of view.instances) {
    const until = revoked ? "revoked" : validUntilMs < nowMs ? "over" : `until ${dateText(validUntilMs).slice(0, 16)}`;
    row("instance", `${key.slice(0, KEY_DIGITS)}…  ${until}${isThis ? ", this folder's" : ""}`);
  }
  for (const { id, generation, madeAtMs, destroyAtMs } of view.inboxKeys) {
    const end =
      destroyAtMs === undefined ? "in use" : `opens what is on its way, destroyed in ${durationText(Math.max(0, destroyAtMs - nowMs))}`;
    row("inbox key", `${id}  generation ${generation}, made ${dateText(madeAtMs).slice(0, 16)}; ${end}`);
  }
  if (view.pinnedHomes !== undefined) for (const { relay, url } of view.pinnedHomes) row("pinned", `${safeLine(url, 100)} ${relay}`);
  for (const { root, about, seq } of view.anchors) row("anchor", `${root}  event ${seq}${about === "" ? "" : `, ${safeLine(about, 80)}`}`);
  if (view.retired !== undefined) {
    const { reason, successor } = view.retired;
    row(
      "retired",
      `${reason === "" ? "" : `${safeLine(reason, 100)}; `}${successor === undefined ? "no successor" : `turn to ${successor}`}`,
    );
  }
  terminal.line(faint("log"));
  for (const line of logLines(view.log)) terminal.line(line);
}

/** Without the bytes of the bundle, which nobody reads in a line. */
export function identityObject({ bundle: _bundle, ...view }: IdentityView): object {
  return view;
}
