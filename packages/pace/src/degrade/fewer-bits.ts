/**
 * Coarser vectors: half the bits for each coordinate, and in an emergency a quarter, of an operation whose request says `bits`, or of a fetch whose body in JSON does. More bits
 * than the widest coordinate has are of something else, as of a key, and stay.
 */
import { checkNames } from "../argument.ts";
import type { Step } from "../ladder/step.ts";
import { isRecord } from "./json.ts";
import type { Strategy } from "./strategy.ts";

const WIDTHS = [8, 4, 2];
/** A float. Wider ones are sent by nobody who counts bits. */
const WIDEST = 32;

/** Throws `bad-argument`. */
export function fewerBits(settings: { readonly from?: Step } = {}): Strategy {
  checkNames("fewerBits", settings, ["from"]);
  const { from = "saving" } = settings;
  return {
    name: "fewer bits",
    from,
    lessen: ({ request, shortage }) => {
      if (!isRecord(request)) return undefined;
      const body = typeof request["url"] === "string" && isRecord(request["body"]) ? request["body"] : undefined;
      const asked = (body ?? request)["bits"];
      if (typeof asked !== "number" || asked > WIDEST) return undefined;
      const most = shortage.step === "emergency" ? asked / 4 : asked / 2;
      const bits = WIDTHS.find((width) => width <= most) ?? 2;
      if (!(bits < asked)) return undefined;
      const lesser = body === undefined ? { ...request, bits } : { ...request, body: { ...body, bits } };
      return { kind: "request", request: lesser, lost: `${bits} bits a coordinate instead of ${asked}` };
    },
  };
}
