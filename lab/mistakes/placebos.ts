/**
 * The negative control of the hunt: the product written otherwise, and as right as before. Each changes what happens and when, within
 * what the protocol leaves open; whoever notices one asks for more than was promised, or has come upon a mistake that was there before.
 *
 * A room that deals out what is drawn knows what is made of each draw, and where a file is full is a setting: both are promises here, no placebos.
 */
import type { Mistake } from "../planting.ts";

export const PLACEBOS: readonly Mistake[] = [
  {
    id: "placebo-written-in-pieces",
    file: "store/log/log-writer.ts",
    find: 'rarely(points, "log-write-in-pieces") ?',
    put: 'rarely(points, "log-write-in-pieces") || bytes.length > 512 ?',
    why: "A batch counts once it is whole and synced, in however many pieces it was written.",
  },
  {
    id: "placebo-policy-stated-twice",
    file: "protocol/contacts/contact-book.ts",
    find: '      { kept: { kind: "policy", head: policy } },\n',
    put: '      { kept: { kind: "policy", head: policy } },\n      { kept: { kind: "policy", head: policy } },\n',
    why: "A record that says what one before it said changes nothing.",
  },
  {
    id: "placebo-start-kept-twice",
    file: "agent/claims.ts",
    find: 'records: [{ kept: { kind: "started", head: { from, stream, seq, attempt } } }],',
    put: 'records: [1, 2].map(() => ({ kept: { kind: "started", head: { from, stream, seq, attempt } } }) as const),',
    why: "The same, of a start: it names its attempt and does not count.",
  },
  {
    id: "placebo-one-range-a-record",
    file: "protocol/delivery/inbox-restatement.ts",
    find: "ranges.splice(0, stream.bounds.runsPerRecord)",
    put: "ranges.splice(0, 1)",
    why: "Records of one stream add up, however many they are.",
  },
  {
    id: "placebo-one-byte-drawn-more",
    file: "identity/sealing.ts",
    find: "  const salt = crypto.hash.sha256(",
    put: "  random.bytes(1);\n  const salt = crypto.hash.sha256(",
    why: "Everything drawn after it is drawn otherwise.",
  },
  {
    id: "placebo-sweep-a-millisecond-later",
    file: "relay/sweeper.ts",
    find: "? 1 : settings.sweepEveryMs",
    put: "? 1 : settings.sweepEveryMs + 1",
    also: [{ file: "agent/housekeeping.ts", find: "? SHORTEST_PAUSE_MS : pauseMs)", put: "? SHORTEST_PAUSE_MS : pauseMs + 1)" }],
    why: "What expires does so in time, not at a moment.",
  },
  {
    id: "placebo-statements-a-millisecond-later",
    file: "relay/statement-rounds.ts",
    find: "? 0 : pauseMs()",
    put: "? 0 : pauseMs() + 1",
    why: "A relay signs for what it took soon, not at a moment.",
  },
  {
    id: "placebo-settled-a-millisecond-later",
    file: "agent/engine.ts",
    find: "    else link?.settle();\n",
    put: "    else clock.after(1, () => link?.settle());\n",
    why: "What is not settled yet comes again and is known.",
  },
  {
    id: "placebo-smaller-batches",
    file: "relay/delivery-pump.ts",
    find: "const BATCH_MESSAGES = 256;",
    put: "const BATCH_MESSAGES = 3;",
    also: [
      { file: "agent/arrivals.ts", find: "const BATCH_FRAMES = 32;", put: "const BATCH_FRAMES = 2;" },
      { file: "agent/sealer.ts", find: "const BATCH_PARTS = 16;", put: "const BATCH_PARTS = 3;" },
      { file: "agent/relay-link.ts", find: "const BATCH_PARTS = 32;", put: "const BATCH_PARTS = 3;" },
    ],
    why: "What is read, opened, sealed and sent together could be so one after the other.",
  },
  {
    id: "placebo-appended-apart",
    file: "relay/relay-loop.ts",
    find: 'if (rarely(points, "append-apart"))',
    put: 'if (rarely(points, "append-apart") || input.kind === "mail")',
    why: "What a turn brought goes to the log in one piece because that is cheaper.",
  },
];
