/** Coarser vectors: half the bits for each coordinate, and in an emergency a quarter, of an operation whose request says `bits`. */
import { checkNames } from "../argument.ts";
import type { Step } from "../ladder/step.ts";
import { isRecord } from "./json.ts";
import type { Strategy } from "./strategy.ts";

const WIDTHS = [8, 4, 2];

/** Throws `bad-argument`. */
export function fewerBits(settings: { readonly from?: Step } = {}): Strategy {
  checkNames("fewerBits", settings, ["from"]);
  const { from = "saving" } = settings;
  return {
    name: "fewer bits",
    from,
    lessen: ({ request, shortage }) => {
      const asked = isRecord(request) ? request["bits"] : undefined;
      if (!isRecord(request) || typeof asked !== "number") return undefined;
      const most = shortage.step === "emergency" ? asked / 4 : asked / 2;
      const bits = WIDTHS.find((width) => width <= most) ?? 2;
      return bits < asked
        ? { kind: "request", request: { ...request, bits }, lost: `${bits} bits a coordinate instead of ${asked}` }
        : undefined;
    },
  };
}
