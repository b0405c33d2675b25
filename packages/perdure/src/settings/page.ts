/** What a browser imposes on a page, one row each, as in machine.ts; apart from it because pages load these and not those. */
import type { ExternalDefinition } from "./external-definition.ts";

const MINUTE_MS = 60_000;
const MB = 1024 * 1024;

export const PAGE = {
  storageBytes: {
    unit: "bytes",
    origin: "browser",
    source: "navigator.storage.estimate()",
    blast: "data",
    reviewed: 1024 * MB,
    least: 128 * MB,
    reason: "What this origin may keep; at it nothing new can be accepted.",
    advice: "Free space on the device, or leave private browsing.",
  },
  storageKept: {
    unit: "yes or no",
    origin: "browser",
    source: "navigator.storage.persisted()",
    blast: "data",
    reviewed: 1,
    least: 1,
    reason: "0: the browser may remove everything this origin keeps, keys too, when the device runs short of space.",
    advice: "Call navigator.storage.persist() in your page, and keep a recovery file.",
  },
  backgroundTimerMs: {
    unit: "ms",
    origin: "browser",
    source: "document.visibilityState; browsers give timers of pages in the background once a minute",
    blast: "connection",
    reviewed: MINUTE_MS,
    most: MINUTE_MS,
    reason: "How late timers of a page in the background may fire: pings come late, and the relay may end the session.",
    advice: "Sessions come back by themselves when the page is looked at again.",
  },
} as const satisfies Readonly<Record<string, ExternalDefinition>>;
