/**
 * The window of a link beside a list of numbers: what each names, whether it was refused, and how far all of them are acknowledged. The other end says
 * whatever it likes, in whatever order.
 */
import { createLinkWindow, FURTHEST_UNPROVEN, MAX_UNPROVEN } from "../../packages/perdure/src/protocol/delivery/link-window.ts";
import { parted, type Room } from "./room.ts";

type Step =
  | { readonly do: "send"; readonly bytes: number }
  /** Sent and acknowledged, one after the other. */
  | { readonly do: "carry"; readonly count: number }
  /** A number, counted from the highest one given, or from the highest one acknowledged. */
  | { readonly do: "ack"; readonly fromGiven: number }
  | { readonly do: "refuse"; readonly fromAcked: number }
  | { readonly do: "resume"; readonly fromAcked: number; readonly refused: readonly number[] }
  | { readonly do: "allow"; readonly frames: number; readonly bytes: number }
  | { readonly do: "prove" | "ask"; readonly fromAcked: number; readonly count: number }
  | { readonly do: "seal anew"; readonly fromAcked: number };

interface Item {
  readonly name: number;
  readonly bytes: number;
  digest: Uint8Array;
}

interface Named {
  readonly item: Item;
  /** As it travelled. */
  digest: Uint8Array;
  refused: boolean;
}

const STEPS = 200;
const FRAMES = 6;
const BYTES = 20;

export const window: Room<Step> = {
  name: "window",
  about: "the window of a link, beside a list of the numbers that were given",
  draw: (draws) =>
    Array.from({ length: STEPS }, (): Step => {
      const kind = draws.below(100);
      if (kind < 40) return { do: "send", bytes: draws.below(draws.chance(0.1) ? 40 : 8) };
      if (kind < 41) return { do: "carry", count: draws.below(3000) };
      if (kind < 55) return { do: "ack", fromGiven: draws.below(8) - 6 };
      if (kind < 67) return { do: "refuse", fromAcked: draws.below(9) - 1 };
      if (kind < 77)
        return {
          do: "resume",
          fromAcked: draws.chance(0.2) ? draws.below(9) - 1 : draws.below(3),
          refused: Array.from({ length: draws.below(4) }, () => draws.below(9) - 2),
        };
      if (kind < 80) return { do: "allow", frames: draws.below(9), bytes: draws.below(30) };
      if (kind < 94) return { do: kind < 84 ? "prove" : "ask", fromAcked: draws.below(12) - 8, count: draws.below(6) };
      return { do: "seal anew", fromAcked: draws.below(6) };
    }),
  run: async (steps) => {
    const link = createLinkWindow<Item>({ windowFrames: FRAMES, windowBytes: BYTES });
    const named = new Map<number, Named>();
    let [given, acknowledged, frames, bytes, digests] = [0, 0, FRAMES, BYTES, 0];

    const seal = (): Uint8Array => Uint8Array.of(++digests & 255, (digests >> 8) & 255, digests >> 16);
    const underWay = (): readonly Named[] =>
      Array.from({ length: given - acknowledged }, (_, index) => named.get(acknowledged + 1 + index) as Named).filter(
        (each) => !each.refused,
      );
    const hasRoom = (size: number): boolean => {
      const flying = underWay();
      const inFlight = flying.reduce((sum, { item }) => sum + item.bytes, 0);
      return given - acknowledged < frames && (flying.length === 0 || inFlight + size <= bytes);
    };
    const acknowledge = (upTo: number): readonly Item[] => {
      const landed: Item[] = [];
      for (let linkSeq = acknowledged + 1; linkSeq <= upTo; linkSeq++) {
        const each = named.get(linkSeq) as Named;
        if (!each.refused) landed.push(each.item);
      }
      acknowledged = Math.max(acknowledged, upTo);
      // The oldest are forgotten first.
      for (const linkSeq of named.keys()) {
        if (linkSeq > acknowledged || (named.size <= MAX_UNPROVEN && acknowledged - linkSeq < FURTHEST_UNPROVEN)) break;
        named.delete(linkSeq);
      }
      return landed;
    };
    const refuse = (linkSeq: number): Item | undefined => {
      const each = linkSeq > acknowledged ? named.get(linkSeq) : undefined;
      if (each === undefined || each.refused) return undefined;
      each.refused = true;
      return each.item;
    };
    const send = (size: number): void => {
      const item: Item = { name: given + 1, bytes: size, digest: seal() };
      named.set(++given, { item, digest: item.digest, refused: false });
      const number = link.send(item);
      if (number !== given) parted(`${number} was given where ${given} was due`);
    };
    const same = (what: string, said: unknown, expected: unknown): void => {
      const [one, other] = [JSON.stringify(said), JSON.stringify(expected)];
      if (one !== other) parted(`${what} says ${one} instead of ${other}`);
    };
    const names = (items: readonly Item[] | undefined): readonly number[] | undefined => items?.map(({ name }) => name);

    const resume = (upTo: number, refused: readonly number[]): void => {
      const said = link.resume(upTo, refused);
      const isKnown = upTo >= acknowledged && upTo <= given;
      if (!isKnown) return said === undefined ? undefined : parted(`it goes on from ${upTo} with ${acknowledged} to ${given} under way`);
      const turnedAway = refused.flatMap((linkSeq) => (linkSeq > upTo ? [] : (refuse(linkSeq) ?? [])));
      const landed = acknowledge(upTo);
      const again: (readonly [number, number])[] = [];
      for (let linkSeq = upTo + 1; linkSeq <= given; linkSeq++) {
        const each = named.get(linkSeq) as Named;
        each.refused = false;
        each.digest = each.item.digest;
        again.push([linkSeq, each.item.name]);
      }
      same(
        `resuming at ${upTo}`,
        said && [names(said.refused), names(said.acked), said.resend.map(({ linkSeq, item }) => [linkSeq, item.name])],
        [names(turnedAway), names(landed), again],
      );
    };

    const ask = (first: number, last: number): void => {
      const all = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => named.get(first + index));
      const isRemembered = all.length > 0 && all.every((each) => each !== undefined);
      const taken = isRemembered ? all.filter((each) => each?.refused === false) : undefined;
      same(
        `what ${first} to ${last} cover`,
        names(link.covered(first, last)),
        taken?.map((each) => each?.item.name),
      );
      same(
        `what travelled as ${first} to ${last}`,
        link.coveredDigests(first, last)?.map((digest) => [...digest]),
        taken?.map((each) => [...(each?.digest ?? [])]),
      );
    };

    for (const step of steps) {
      if (step.do === "send") {
        if (hasRoom(step.bytes)) send(step.bytes);
      } else if (step.do === "carry") {
        for (let count = 0; count < step.count && hasRoom(1); count++) {
          send(1);
          same("an acknowledgement", link.acked(given)?.length, acknowledge(given).length);
        }
      } else if (step.do === "ack") {
        const upTo = given + step.fromGiven;
        same(`an acknowledgement up to ${upTo} of ${given}`, names(link.acked(upTo)), upTo > given ? undefined : names(acknowledge(upTo)));
      } else if (step.do === "refuse") {
        const linkSeq = acknowledged + step.fromAcked;
        same(`a refusal of ${linkSeq}`, link.refused(linkSeq)?.name, refuse(linkSeq)?.name);
      } else if (step.do === "resume") {
        const from = acknowledged;
        resume(
          from + step.fromAcked,
          step.refused.map((each) => from + each),
        );
      } else if (step.do === "allow") {
        [frames, bytes] = [Math.max(1, Math.min(FRAMES, step.frames)), Math.max(1, Math.min(BYTES, step.bytes))];
        link.allow(step.frames, step.bytes);
      } else if (step.do === "seal anew") {
        const item = named.get(acknowledged + step.fromAcked)?.item;
        if (item !== undefined) item.digest = seal();
      } else {
        const first = acknowledged + step.fromAcked;
        const last = first + step.count - 1;
        if (step.do === "prove") {
          link.prove(first, last);
          for (let linkSeq = first; linkSeq <= Math.min(last, acknowledged); linkSeq++) named.delete(linkSeq);
        }
        ask(first, last);
      }
      same("the highest acknowledged number", link.acknowledged, acknowledged);
      same("what is in flight", link.inFlight, underWay().length);
      for (const size of [0, 1, 3, 10, BYTES, BYTES + 1]) same(`whether ${size} bytes have room`, link.hasRoom(size), hasRoom(size));
    }
    ask(given - MAX_UNPROVEN + 1, given);
    ask(given - MAX_UNPROVEN, given);
  },
};
