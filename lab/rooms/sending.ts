/** The queue of parts that may travel, beside lists: what is next, put off, resting or under way, refused at any step and lost with its link. */
import type { OutgoingPart } from "../../packages/perdure/src/protocol/delivery/outgoing.ts";
import { createSendQueue } from "../../packages/perdure/src/protocol/delivery/send-queue.ts";
import { parted, type Room } from "./room.ts";

interface Step {
  readonly do: "ready" | "send" | "again" | "take" | "refuse" | "rest" | "wake" | "lost" | "drop" | "withdraw" | "restore" | "clear";
  readonly pick: number;
  readonly ms: number;
}

interface Part {
  readonly name: number;
  flights: number;
  acked: boolean;
  uncertain: boolean;
  dropped: boolean;
}

const STEPS = 150;
const PARTS = 6;

export const sending: Room<Step> = {
  name: "sending",
  about: "what may travel next, and when, beside lists",
  draw: (draws) =>
    Array.from({ length: STEPS }, () => {
      const deeds: readonly Step["do"][] = [
        ...([
          "ready",
          "ready",
          "ready",
          "send",
          "send",
          "send",
          "again",
          "take",
          "take",
          "refuse",
          "refuse",
          "refuse",
          "rest",
          "rest",
        ] as const),
        ...(["wake", "wake", "wake", "lost", "drop", "withdraw", "restore", "restore"] as const),
      ];
      return {
        do: draws.chance(0.01) ? "clear" : (deeds[draws.below(deeds.length)] ?? "wake"),
        pick: draws.below(PARTS),
        ms: 50 * draws.below(8),
      };
    }),
  run: async (steps) => {
    const queue = createSendQueue();
    const theirs = Array.from(
      { length: PARTS },
      (_, seq) => ({ seq, flights: 0, acked: false, uncertain: false }) as unknown as OutgoingPart,
    );
    const parts: Part[] = theirs.map(({ seq }) => ({ name: seq, flights: 0, acked: false, uncertain: false, dropped: false }));
    let heard: number[] = [];
    queue.onLanded(({ seq }) => heard.push(seq));
    let ready: Part[] = [];
    let resting: Part[] = [];
    let flying: Part[] = [];
    let later = new Map<Part, number>();
    let [nowMs, restUntilMs] = [0, Number.NEGATIVE_INFINITY];
    const without = (list: readonly Part[], part: Part): Part[] => list.filter((each) => each !== part);
    const withdraw = (part: Part): void => {
      [ready, resting] = [without(ready, part), without(resting, part)];
      later.delete(part);
    };
    const isOver = ({ acked, flights, dropped }: Part): boolean => acked || flights > 0 || dropped;
    const take = (part: Part): void => {
      withdraw(part);
      part.flights++;
      if (!flying.includes(part)) flying.push(part);
    };

    for (const { do: deed, pick, ms } of steps) {
      const part = parts[pick] as Part;
      const it = theirs[pick] as OutgoingPart;
      heard = [];
      let landed: number[] = [];
      if (deed === "ready" && part.flights === 0 && !resting.includes(part) && !later.has(part)) {
        queue.ready(it);
        if (!part.acked && !part.dropped && !ready.includes(part)) ready.push(part);
      } else if (deed === "send") {
        const next = queue.next();
        if (next === undefined) continue;
        queue.sent(next);
        take(parts[next.seq] as Part);
      } else if (deed === "again") {
        queue.sentAgain(it);
        take(part);
      } else if (deed === "take" || deed === "refuse" || deed === "rest") {
        queue.landed(it, deed === "take");
        landed = [pick];
        part.flights = Math.max(0, part.flights - 1);
        if (part.flights === 0) flying = without(flying, part);
        if (deed === "take") {
          part.acked = true;
          withdraw(part);
        } else if (deed === "refuse" && !resting.includes(part)) {
          queue.putOff(it, nowMs + ms);
          if (!isOver(part)) {
            ready = without(ready, part);
            later.set(part, nowMs + ms);
          }
        } else if (deed === "rest" && !later.has(part)) {
          queue.rest(it, nowMs + ms);
          restUntilMs = Math.max(restUntilMs, nowMs + ms);
          if (!isOver(part)) {
            ready = without(ready, part);
            if (!resting.includes(part)) resting.push(part);
          }
        }
      } else if (deed === "wake") {
        nowMs += ms;
        const said = queue.wake(nowMs);
        let atMs = restUntilMs;
        if (restUntilMs <= nowMs) {
          restUntilMs = Number.NEGATIVE_INFINITY;
          ready = [...resting, ...ready];
          resting = [];
          for (const [each, untilMs] of [...later]) {
            if (untilMs > nowMs) continue;
            later.delete(each);
            ready.push(each);
          }
          atMs = Math.min(Number.POSITIVE_INFINITY, ...later.values());
        }
        // Sooner is no harm: it looks again.
        if (
          said <= nowMs ||
          said > atMs ||
          (later.size === 0 && resting.length === 0 && restUntilMs <= nowMs && queue.wake(nowMs) !== Number.POSITIVE_INFINITY)
        )
          parted(`wakes at ${said}, not at ${atMs}`);
      } else if (deed === "lost") {
        queue.linkLost();
        for (const each of flying) {
          Object.assign(each, { flights: 0, uncertain: true });
          landed.push(each.name);
          if (!each.acked && !each.dropped && !ready.includes(each)) ready.push(each);
        }
        flying = [];
      } else if (deed === "drop") {
        queue.drop(it);
        withdraw(part);
        part.dropped = true;
      } else if (deed === "withdraw") {
        queue.withdraw(it);
        withdraw(part);
      } else if (deed === "restore" && part.flights === 0) {
        queue.restore(it);
        Object.assign(part, { dropped: false, acked: false });
      } else if (deed === "clear" && restUntilMs === Number.NEGATIVE_INFINITY) {
        queue.clear();
        [ready, resting, flying, later] = [[], [], [], new Map()];
        for (const each of [...parts, ...theirs]) each.flights = 0;
      }
      if (heard.join() !== landed.join()) parted(`${heard.join()} are said to have landed, not ${landed.join()}`);
      const next = restUntilMs === Number.NEGATIVE_INFINITY ? ready[0]?.name : undefined;
      if (queue.next()?.seq !== next) parted(`${queue.next()?.seq} is next, not ${next}`);
      for (const { name, flights, acked, uncertain } of parts) {
        const said = theirs[name] as OutgoingPart;
        if (said.flights !== flights || said.acked !== acked || said.uncertain !== uncertain)
          parted(`${name} is ${said.flights} times under way, acknowledged ${said.acked}, uncertain ${said.uncertain}`);
      }
    }
  },
};
