/** Mistakes in links: windows, queues, and what a relay passes on to another. */
import type { Mistake } from "../planting.ts";

const D = "protocol/delivery/";

export const LINK_MISTAKES: readonly Mistake[] = [
  {
    id: "window-never-reopened",
    file: `${D}link-window.ts`,
    find: "    hasRoom: (bytes) => given < acknowledged + windowFrames && (inFlight === 0 || flightBytes + bytes <= windowBytes),",
    put: "    hasRoom: (bytes) => given < windowFrames / 8 && (inFlight === 0 || flightBytes + bytes <= windowBytes),",
    why: "The window is counted from the beginning of the link instead of from what is acknowledged.",
  },
  {
    id: "resent-in-wrong-order",
    file: `${D}link-window.ts`,
    find: "        resend.push({ linkSeq, item: slot.item });",
    put: "        resend.unshift({ linkSeq, item: slot.item });",
    why: "What a session begins with is sent newest first.",
  },
  {
    id: "refused-number-not-filled",
    file: `${D}link-window.ts`,
    find: "        if (slot.refused) {\n          slot.refused = false;",
    put: "        if (slot.refused) {\n          continue;\n          slot.refused = false;",
    why: "A refusal that no acknowledgement covered is taken for final, and the relay waits for its number.",
  },
  {
    id: "resume-without-what-was-lost",
    file: `${D}link-window.ts`,
    find: "for (let linkSeq = linkUpTo + 1; linkSeq <= given; linkSeq++) {",
    put: "for (let linkSeq = linkUpTo + 2; linkSeq <= given; linkSeq++) {",
    why: "Off by one: the first message the relay lacks is not sent again.",
  },
  {
    id: "refused-stays-in-flight",
    file: "agent/relay-link.ts",
    find: "    outbox.queue.landed(part, false);\n    if (said.code",
    put: "    if (said.code",
    why: "What was refused still counts as under way, and so is never put off, nor sent again.",
  },
  {
    id: "lost-link-forgets-what-was-under-way",
    file: `${D}send-queue.ts`,
    find: "        if (!part.acked && !dropped.has(part)) waiting.add(part);\n        listener(part);",
    put: "        listener(part);",
    why: "What was in flight on a link that is gone does not travel again.",
  },
  {
    id: "put-off-for-ever",
    file: `${D}send-queue.ts`,
    find: "        if (untilMs > nowMs) {\n          earliestMs = Math.min(earliestMs, untilMs);\n          continue;\n        }",
    put: "        if (untilMs > nowMs) continue;",
    why: "Only the first pause that ends is waited for.",
  },
  {
    id: "parts-take-one-number",
    file: `${D}outbox.ts`,
    find: "      stream.reserved += count;",
    put: "      stream.reserved += Math.min(count, 1);",
    why: "A message takes one number, however many parts it has: what follows bears the numbers of its parts.",
  },
  {
    id: "redial-without-cap",
    file: "agent/relay-link.ts",
    find: "pauseMs = Math.min(settings.redialMaxMs, settings.redialMinMs + share",
    put: "pauseMs = Math.max(settings.redialMinMs, settings.redialMinMs + share",
    why: "Backoff without a cap: a relay that was dead for a while is not dialled again for hours.",
  },
  {
    id: "forwarded-before-the-peer-has-it",
    file: "relay/peers/forwarder.ts",
    find: "      frames.add(linkSeq ?? queue.send(item), envelope);\n",
    put: "      frames.add(linkSeq ?? queue.send(item), envelope);\n      finish([item.position]);\n",
    why: "What was sent to the other relay is let go of before it acknowledged that it has it.",
  },
  {
    id: "parked-lane-not-woken",
    file: `${D}forward-queue.ts`,
    find: "    lane.untilMs = nowMs + Math.max(askedMs, backoffMs) * (1 + chance / 2);\n    wakeMs = Math.min(wakeMs, lane.untilMs);",
    put: "    lane.untilMs = nowMs + Math.max(askedMs, backoffMs) * (1 + chance / 2);",
    why: "Nobody looks at a parked lane when its pause is over.",
  },
  {
    id: "freed-lane-left-behind",
    file: `${D}forward-queue.ts`,
    find: "    endProbe(lane);\n    lanes.delete(key);\n    const freed: ForwardItem[] = [];",
    put: "    endProbe(lane);\n    lanes.delete(key);\n    if (lane.positions.length > 0) return;\n    const freed: ForwardItem[] = [];",
    why: "One message of a parked lane was taken; the others are not put back.",
  },
  {
    id: "given-back-to-nobody",
    file: `${D}forward-queue.ts`,
    find: "    giveBack: (item) => putFirst([item]),",
    put: "    giveBack: () => {},",
    why: "What could not be sent because the session ended meanwhile is waited for by nobody.",
  },
  {
    id: "refused-by-peer-is-done",
    file: `${D}forward-queue.ts`,
    find: "      for (const item of resumed.refused) {\n        comesDown(item);\n        park(",
    put: "      for (const item of resumed.refused) {\n        comesDown(item);\n        if (item.position > 0) continue;\n        park(",
    why: "What the other relay refused while the session broke is dropped from the queue.",
  },
  {
    id: "end-of-a-session-not-told",
    file: "relay/peers/peer-link.ts",
    find: "    current = undefined;\n    cancelIdle();\n    forwarder.end();",
    put: "    current = undefined;\n    cancelIdle();",
    why: "What forwards goes on with a session that is over, and waits for its acknowledgements.",
  },
];
