/** Shorter answers: a model may write a share of what it was asked for. */
import { checkNames, checkNumber } from "../argument.ts";
import type { Step } from "../ladder/step.ts";
import { modelCallOf } from "./model-call.ts";
import type { Strategy } from "./strategy.ts";

export interface FewerTokensSettings {
  readonly from?: Step | undefined;
  /** Of what was asked for: a half unless said, and in an emergency a quarter. */
  readonly saving?: number | undefined;
  readonly emergency?: number | undefined;
  /** No fewer tokens than these: 256 unless said, a paragraph or a call of a tool. */
  readonly least?: number | undefined;
  /** Where nothing was said: then nothing is capped, unless this is. */
  readonly usual?: number | undefined;
}

/** Throws `bad-argument`. */
export function fewerTokens(settings: FewerTokensSettings = {}): Strategy {
  checkNames("fewerTokens", settings, ["from", "saving", "emergency", "least", "usual"]);
  const { from = "saving", saving = 0.5, emergency = 0.25, least = 256, usual } = settings;
  checkNumber("saving", saving, 0, 1);
  checkNumber("emergency", emergency, 0, 1);
  checkNumber("least", least, 1);
  if (usual !== undefined) checkNumber("usual", usual, 1);
  return {
    name: "fewer tokens",
    from,
    lessen: ({ request, shortage }) => {
      const call = modelCallOf(request);
      const asked = call?.mostOutput ?? usual;
      if (call === undefined || asked === undefined) return undefined;
      const share = shortage.step === "emergency" ? emergency : saving;
      const mostOutput = Math.max(call.thinking + least, Math.floor(asked * share));
      if (mostOutput >= asked) return undefined;
      return { kind: "request", request: call.with({ mostOutput }), lost: `an answer of ${mostOutput} tokens at most instead of ${asked}` };
    },
  };
}
