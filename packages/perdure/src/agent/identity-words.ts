/** `agent.identity` as the SDK shows it; see api.ts. */
import { hex } from "../wire/bytes.ts";
import type { Identity, IdentityChanged, Waiting } from "./api.ts";
import type { AgentCore, IdentityChange } from "./core.ts";

export interface IdentityWordsOptions {
  readonly core: Pick<AgentCore, "identity" | "changeIdentity" | "exportIdentity" | "setPassphrase">;
  /** Gives a call its deadline. */
  readonly within: <Value>(what: string, waiting: Waiting, work: (signal: AbortSignal) => Promise<Value>) => Promise<Value>;
}

type Wish<Kind extends IdentityChange["kind"]> = Omit<Extract<IdentityChange, { kind: Kind }>, "afterSeq">;

export function createIdentityWords({ core, within }: IdentityWordsOptions): Identity {
  /** After the log as it is seen now, so that a call that is made again is not made twice. */
  const change = async <Kind extends IdentityChange["kind"]>(what: string, waiting: Waiting, wish: Wish<Kind>): Promise<IdentityChanged> =>
    await within(what, waiting, async () => {
      const { log } = await core.identity();
      const { seq, relayHasIt, view } = await core.changeIdentity({ ...wish, afterSeq: log.length - 1 } as unknown as IdentityChange);
      return { seq, relayHasIt, identity: view };
    });
  return {
    show: (waiting = {}) => within("the identity", waiting, () => core.identity()),
    rotate: ({ recoveryFile = "", newRecoveryFile = "", together = false, stolenSinceMs, voidFromSeq, ...waiting } = {}) =>
      change<"rotate">("the new keys", waiting, { kind: "rotate", recoveryFile, newRecoveryFile, together, stolenSinceMs, voidFromSeq }),
    revoke: (instance, { voidFromMs, reason = "", ...waiting } = {}) =>
      change<"revoke">("the revocation", waiting, { kind: "revoke", instance, voidFromMs, reason }),
    claim: ({ stolenSinceMs, ...waiting } = {}) => change<"claim">("the new instance", waiting, { kind: "claim", stolenSinceMs }),
    pinHome: ({ pinned = true, ...waiting } = {}) => change<"pin-home">("the home", waiting, { kind: "pin-home", pinned }),
    anchor: (root, { about = "", ...waiting } = {}) =>
      change<"anchor">("the anchor", waiting, { kind: "anchor", root: typeof root === "string" ? root : hex(root), about }),
    retire: ({ recoveryFile = "", successor = "", reason = "", ...waiting } = {}) =>
      change<"retire">("the retirement", waiting, { kind: "retire", recoveryFile, successor, reason }),
    export: (passphrase, waiting = {}) => within("the export", waiting, () => core.exportIdentity(passphrase)),
    setPassphrase: (passphrase, waiting = {}) => within("the passphrase", waiting, () => core.setPassphrase(passphrase ?? "")),
  };
}
