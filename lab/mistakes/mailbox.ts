/** Mistakes in the relay's machine: mailboxes, links, settles, shares. */
import type { Mistake } from "../planting.ts";

const D = "protocol/delivery/";

export const MAILBOX_MISTAKES: readonly Mistake[] = [
  {
    id: "ack-of-what-is-only-appended",
    file: `${D}durability.ts`,
    find: 'journal.emit({ kind: "ack", session: holder.session, upTo: holder.link.synced });',
    put: 'journal.emit({ kind: "ack", session: holder.session, upTo: holder.link.upTo });',
    why: "The acknowledgement names the last number taken instead of the last one that is durable.",
  },
  {
    id: "ack-before-sync",
    file: "relay/relay-loop.ts",
    find: "    lastSync = synced.then(() => feed",
    put: "    lastSync = Promise.resolve().then(() => feed",
    why: "What was handed to the log is taken for durable.",
  },
  {
    id: "live-delivery-passes-what-waits",
    file: `${D}handing-out.ts`,
    find: "position <= tail && consumer.cursor === position - 1;",
    put: "position <= tail && consumer.cursor <= position - 1;",
    why: "A message goes straight on although some before it were not handed out, and the cursor leaps over them.",
  },
  {
    id: "cursor-of-the-reader-off-by-one",
    file: `${D}handing-out.ts`,
    find: "return settled.firstMissing(Math.max(cursor, after) + 1);",
    put: "return settled.firstMissing(Math.max(cursor, after) + 2);",
    why: "Whoever is behind never gets the first message that waits.",
  },
  {
    id: "have-one-too-far",
    file: `${D}mailbox-cursor.ts`,
    find: "have: () => ({ generation, position: known.firstMissing(1) - 1 }),",
    put: "have: () => ({ generation, position: known.firstMissing(1) }),",
    why: "Off by one: the agent says that it has the first message it lacks.",
  },
  {
    id: "settle-not-said-again",
    file: `${D}mailbox-cursor.ts`,
    find: "      toldFloor = 0;\n      untold = createIntervalSet(settled.ranges);",
    put: "",
    why: "A settle that left with a session that broke is taken for heard.",
  },
  {
    id: "hold-of-another-generation",
    file: `${D}mailbox-cursor.ts`,
    find: "if (!isCurrent(of) || settled.has(position)) return;",
    put: "if (settled.has(position)) return;",
    also: [
      {
        file: `${D}mailbox-cursor.ts`,
        find: "        positions.clear();\n",
        put: "",
      },
    ],
    why: "Positions of a life of the relay that is over are settled in the next one.",
  },
  {
    id: "stored-credit-not-given-back",
    file: `${D}stored-mail.ts`,
    find: "countMail(state, mailbox, mail, -1, -mail.sizeBytes);",
    put: "countMail(state, mailbox, mail, 0, -mail.sizeBytes);",
    why: "What leaves a mailbox still counts as a message of its sender, until his share is used up for good.",
  },
  {
    id: "strangers-not-counted",
    file: `${D}stored-mail.ts`,
    find: "if (sender.stranger) add(wantsNotice ? mailbox.strangers.mail : mailbox.strangers.other, messages, bytes);",
    put: "",
    why: "The share of strangers is weighed and never filled.",
  },
  {
    id: "peer-charged-nowhere",
    file: `${D}stored-mail.ts`,
    find: "  add(sender.via.peer.charged, messages, bytes);",
    put: "",
    why: "What another relay brings is counted in the wrong place, so its own share never fills.",
  },
  {
    id: "share-counted-by-author-only",
    file: `${D}stored-mail.ts`,
    find: "return { key: carrier.key + hex(from), via: carrier, author: undefined };",
    put: "return { key: hex(from) + carrier.key + String(owners++), via: carrier, author: undefined };",
    also: [
      {
        file: `${D}stored-mail.ts`,
        find: "/** Whose mail it is that comes over a session of `carrier`. */",
        put: "let owners = 0;\n/** Whose mail it is that comes over a session of `carrier`. */",
      },
    ],
    why: "Every message of another relay counts as of a sender of its own: no share of a sender is ever used up.",
  },
  {
    id: "restated-position-never-filled",
    file: `${D}mailbox-replay.ts`,
    find: "nextPosition: mailbox.syncedTail + 1, epoch: mailbox.epoch })];",
    put: "nextPosition: mailbox.nextPosition, epoch: mailbox.epoch })];",
    why: "The restatement names positions that are not durable: after a crash a hole is left that nothing fills.",
  },
  {
    id: "snapshot-without-statement-head",
    file: `${D}mailbox-replay.ts`,
    find: 'if (statements.number > 0) records.push(encodeKept("head", { number: statements.number, hash: statements.hash }));',
    put: "",
    why: "The restatement misses a field: numbers of statements begin anew.",
  },
  {
    id: "snapshot-without-settled",
    file: `${D}mailbox-replay.ts`,
    find: 'records.push(encodeKept("settled", { agentId: keptId, ranges: ranges.slice(at, at + KEPT_RANGES) }));',
    put: "",
    why: "The restatement misses a field: what was settled comes back when the segment it lies in is still there.",
  },
  {
    id: "replay-takes-mail-twice",
    file: `${D}mailbox-replay.ts`,
    find: "  if (mailbox.settled.has(mail.position)) return [place];\n",
    put: "",
    why: "A record that is read after the settle that lets go of it counts as waiting mail.",
  },
  {
    id: "restated-leaf-forgotten",
    file: `${D}mailbox-replay.ts`,
    find: "    records.push(encodePending(leaf));",
    put: "    if (leaf.writers.length > 0) records.push(encodePending(leaf));",
    why: "Mail that no statement covers yet is not restated: its sender never gets a proof.",
  },
  {
    id: "resume-without-refusals",
    file: `${D}attaching.ts`,
    find: "linkRefused: link.refused.filter((linkSeq) => linkSeq <= link.synced),",
    put: "linkRefused: [],",
    why: "A refusal that was lost on the way is taken for an acknowledgement by the next session.",
  },
  {
    id: "cursor-of-another-generation-taken",
    file: `${D}attaching.ts`,
    find: "equalBytes(have.generation, generation) ? Math.min",
    put: "have.position > 0 ? Math.min",
    why: "The wrong generation is compared with none: positions of a life before count in this one.",
  },
  {
    id: "cursor-of-the-fenced-session",
    file: `${D}attaching.ts`,
    find: "const cursor = equalBytes(have.generation, generation) ?",
    put: "const cursor = mailbox.consumer !== undefined ? mailbox.consumer.cursor : equalBytes(have.generation, generation) ?",
    why: "Who takes over goes on where the one before was handed something last, whether that arrived or not.",
  },
  {
    id: "confirmed-before-durable",
    file: "agent/pass-keeping.ts",
    find: "if (!(await writing)) await sleep(clock, settings.diskRetryMs, closing);",
    put: "if (!isOpen()) await sleep(clock, settings.diskRetryMs, closing);",
    why: "The pass is confirmed to the relay while it is being written: after a crash its owner shows an older one and is taken for a copy.",
  },
  {
    id: "pass-before-the-last-one-counts",
    file: `${D}attach-passes.ts`,
    find: "if (number === undefined || number < confirmed) {",
    put: "if (number === undefined || number < confirmed - 4) {",
    why: "Passes somewhat older than the confirmed one are let through, for agents that lost a write.",
  },
  {
    id: "given-pass-not-restated",
    file: `${D}attach-passes.ts`,
    find: "if (given > confirmed || confirmed === 0) records.push",
    put: "if (confirmed === 0) records.push",
    why: "Only what is confirmed is written down: a number is given twice.",
  },
  {
    id: "expired-by-the-monotonic-clock",
    file: "relay/sweeper.ts",
    find: "mailboxes.overdue(clock.wallMs() - settings.expiryGraceMs, AT_ONCE);",
    put: "mailboxes.overdue(clock.monotonicMs() - settings.expiryGraceMs, AT_ONCE);",
    why: "An expiry, which is a date, is compared with a clock that counts from the start of the machine.",
  },
  {
    id: "expired-before-its-time",
    file: "relay/sweeper.ts",
    find: "mailboxes.overdue(clock.wallMs() - settings.expiryGraceMs, AT_ONCE);",
    put: "mailboxes.overdue(clock.wallMs() + settings.expiryGraceMs, AT_ONCE);",
    why: "The grace is added to the wrong side: mail ends before its expiry.",
  },
  {
    id: "notice-not-written",
    file: `${D}taking.ts`,
    find: "  if (lackOfRoom(state, limits, defences.pools, owner, envelope, OWN_ORIGIN) !== undefined) return undefined;",
    put: "  if (via === undefined || lackOfRoom(state, limits, defences.pools, owner, envelope, OWN_ORIGIN) !== undefined) return undefined;",
    why: "Only the relay that passed mail on is told that it expired, not an own agent.",
  },
  {
    id: "settle-releases-one-more",
    file: `${D}consuming.ts`,
    find: "mailbox.deferred = [[1, Math.min(last, wanted.floor)], ...asked, ...mailbox.deferred];",
    put: "mailbox.deferred = [[1, Math.min(last, wanted.floor + 1)], ...asked, ...mailbox.deferred];",
    why: "Off by one: the floor is taken for the first position that is not settled.",
  },
  {
    id: "deferred-settle-forgotten",
    file: `${D}consuming.ts`,
    find: "  mailbox.deferred = granted.waiting;",
    put: "  mailbox.deferred = [];",
    why: "What a settle asked beyond the durable tail is not applied when the tail rises.",
  },
  {
    id: "tickets-of-a-batch-too-early",
    file: `${D}journal.ts`,
    find: "const end = tickets.findIndex((each) => each.number > upTo);",
    put: "const end = tickets.findIndex((each) => each.number > upTo + 1);",
    why: "Off by one: the effects of the batch after the durable one come true with it.",
  },
  {
    id: "paid-by-who-was-replaced",
    file: `${D}taking.ts`,
    find: `  if (attachment === undefined || attachment.superseded || attachment.role === "forwarder") return;
  const isPaid = payTogether(machine, attachment, mails);
  let before: Accepted | undefined;
  for (const mail of mails) {
    before`,
    put: `  if (attachment === undefined || attachment.role === "forwarder") return;
  const isPaid = payTogether(machine, attachment, mails);
  let before: Accepted | undefined;
  for (const mail of mails) {
    if (attachment.superseded) return;
    before`,
    why: "Mail of a session that another took over from is charged, though nobody looks at it.",
  },
  {
    id: "paid-beyond-the-window",
    file: `${D}taking.ts`,
    find: "  if (beyondTheWindow(machine, attachment, due, bytes) !== undefined) return false;",
    put: "",
    why: "Mail that came together is charged before it is known that its link may bring so much.",
  },
  {
    id: "the-recipient-of-the-one-before",
    file: `${D}mailbox-admission.ts`,
    find: "  for (let at = FROM_AT; at < STREAM_AT; at++) if (bytes[at] !== other[at]) return false;",
    put: "  for (let at = FROM_AT; at < FROM_AT + 32; at++) if (bytes[at] !== other[at]) return false;",
    why: "Of mail that comes together only the senders are compared: what is for somebody else goes into the mailbox of the one before.",
  },
  {
    id: "the-home-of-the-one-before",
    file: `${D}mailbox-admission.ts`,
    find: "  return home === before.home || (home !== undefined && before.home !== undefined && equalBytes(home, before.home));",
    put: "  return true;",
    why: "Mail for an agent of another relay that comes right behind mail for the same agent here is put into the mailbox here.",
  },
];
