/** The relations, one row each: less on the left, more on the right. */
import type { ExternalName } from "./external.ts";
import type { FixedName } from "./fixed.ts";
import type { SettingName } from "./register.ts";

export type ValueName = SettingName | FixedName | ExternalName;
/** So many times this value. */
export type Term = readonly [times: number, name: ValueName];

export interface RelationDefinition {
  readonly less: readonly Term[];
  readonly than: readonly Term[];
  readonly orEqual?: true;
  /** Nothing starts with it. */
  readonly hard?: true;
  readonly why: string;
  readonly hint: string;
}

export const RELATIONS = {
  // Sessions
  "ping-before-silence": {
    less: [[1, "pingEveryMs"]],
    than: [[1, "silenceTimeoutMs"]],
    hard: true,
    why: "every session in which nobody writes would be cut for its silence",
    hint: "Lower pingEveryMs, or raise silenceTimeoutMs to three times as much.",
  },
  "pings-may-be-lost": {
    less: [[3, "pingEveryMs"]],
    than: [[1, "silenceTimeoutMs"]],
    orEqual: true,
    why: "one late ping ends a good session",
    hint: "Raise silenceTimeoutMs to three times pingEveryMs.",
  },
  "probe-before-silence": {
    less: [
      [1, "ackTimeoutMs"],
      [1, "probeTimeoutMs"],
    ],
    than: [[1, "silenceTimeoutMs"]],
    why: "a dead connection is found by its silence before it was probed",
    hint: "Lower ackTimeoutMs and probeTimeoutMs, or raise silenceTimeoutMs.",
  },
  "handshake-before-silence": {
    less: [[1, "handshakeTimeoutMs"]],
    than: [[1, "silenceTimeoutMs"]],
    why: "somebody who has not said who he is may be silent for longer than somebody who has",
    hint: "Lower handshakeTimeoutMs.",
  },
  "ping-below-idle-limits": {
    less: [[1, "pingEveryMs"]],
    than: [[1, "herokuRouterIdleMs"]],
    why: "the strictest common routers and balancers cut an idle session before its next ping",
    hint: "Lower pingEveryMs, unless you know every machine on the way.",
  },
  "ping-below-own-firewall": {
    less: [[1, "pingEveryMs"]],
    than: [[1, "trackedIdleMs"]],
    why: "this machine's own firewall forgets an idle session before its next ping",
    hint: "Lower pingEveryMs, or raise net.netfilter.nf_conntrack_tcp_timeout_established.",
  },
  "redial-grows": {
    less: [[1, "redialMinMs"]],
    than: [[1, "redialMaxMs"]],
    orEqual: true,
    hard: true,
    why: "the first pause before dialling again would be longer than the longest",
    hint: "Raise redialMaxMs, or lower redialMinMs.",
  },
  "dial-tries-addresses": {
    less: [[1, "addressAttemptMs"]],
    than: [[1, "dialTimeoutMs"]],
    why: "of the addresses of a relay only the first is tried",
    hint: "Raise dialTimeoutMs above addressAttemptMs.",
  },
  "close-before-drain": {
    less: [[1, "closeTimeoutMs"]],
    than: [[1, "drainTimeoutMs"]],
    why: "a relay that stops does not wait for goodbyes that are under way",
    hint: "Raise drainTimeoutMs above closeTimeoutMs.",
  },
  // The port of a relay
  "headers-within-request": {
    less: [[1, "requestHeadersTimeoutMs"]],
    than: [[1, "requestTimeoutMs"]],
    orEqual: true,
    hard: true,
    why: "the head of a request would have longer than all of it",
    hint: "Raise requestTimeoutMs, or lower requestHeadersTimeoutMs.",
  },
  "keep-alive-below-idle": {
    less: [
      [1, "requestKeepAliveMs"],
      [1, "requestKeepAliveExtraMs"],
    ],
    than: [[1, "requestIdleMs"]],
    why: "a kept HTTP connection is cut as idle while its next request is on the way",
    hint: "Raise requestIdleMs, or lower requestKeepAliveMs.",
  },
  "server-waits-fit-timers": {
    less: [[1, "requestIdleMs"]],
    than: [[1, "longestTimerMs"]],
    orEqual: true,
    hard: true,
    why: "a longer timer of Node fires at once",
    hint: "Lower requestIdleMs.",
  },
  "backlog-is-granted": {
    less: [[1, "listenBacklog"]],
    than: [[1, "acceptBacklog"]],
    orEqual: true,
    why: "the system holds fewer waiting connections than asked for, and refuses the rest",
    hint: "sysctl net.core.somaxconn, or lower listenBacklog.",
  },
  "files-for-connections": {
    less: [
      [1, "relayConnections"],
      [1, "plainSockets"],
      [1, "peerDials"],
    ],
    than: [[1, "openFiles"]],
    why: "the process runs out of open files before it turns connections away, and log files need some too",
    hint: "Raise LimitNOFILE= in the service or ulimit -n, or lower relayConnections.",
  },
  "memory-for-queues": {
    less: [
      [1, "allQueuesBytes"],
      [300, "messagesAtHand"],
      [50, "storeMessages"],
    ],
    than: [[1, "memoryBytes"]],
    why: "slow readers and waiting mail may use more memory than this process is given, and it is killed",
    hint: "Lower allQueuesBytes, messagesAtHand and storeMessages, or give it more memory.",
  },
  "heap-for-mail": {
    less: [
      [300, "messagesAtHand"],
      [50, "storeMessages"],
    ],
    than: [[1, "heapBytes"]],
    why: "waiting mail may use more than the heap of this process, and it ends",
    hint: "Lower messagesAtHand and storeMessages, or NODE_OPTIONS=--max-old-space-size.",
  },
  "handshakes-fit": {
    less: [[1, "relayHandshakes"]],
    than: [[1, "relayConnections"]],
    orEqual: true,
    why: "more handshakes are let in than there are places",
    hint: "Lower relayHandshakes.",
  },
  "source-fits": {
    less: [[1, "sourceConnections"]],
    than: [[1, "relayConnections"]],
    orEqual: true,
    why: "one address can take all places",
    hint: "Lower sourceConnections.",
  },
  "source-rate-fits": {
    less: [[1, "sourceRequestsPerSecond"]],
    than: [[1, "relayRequestsPerSecond"]],
    orEqual: true,
    why: "one address can take all requests",
    hint: "Lower sourceRequestsPerSecond.",
  },
  "queue-fits": {
    less: [[1, "sendQueueBytes"]],
    than: [[1, "allQueuesBytes"]],
    orEqual: true,
    why: "one slow reader can take the memory of all",
    hint: "Raise allQueuesBytes, or lower sendQueueBytes.",
  },
  // What a relay keeps
  "mailbox-fits-store": {
    less: [[1, "mailboxBytes"]],
    than: [[1, "storeBytes"]],
    orEqual: true,
    why: "one mailbox can fill the disk of all",
    hint: "Raise storeBytes, or lower mailboxBytes.",
  },
  "mailbox-count-fits-store": {
    less: [[1, "mailboxMessages"]],
    than: [[1, "storeMessages"]],
    orEqual: true,
    why: "one mailbox can take the memory of all",
    hint: "Raise storeMessages, or lower mailboxMessages.",
  },
  "segments-fit-store": {
    less: [[2, "segmentBytes"]],
    than: [[1, "storeBytes"]],
    orEqual: true,
    why: "a store of less than two log files is full before the first can be cleared",
    hint: "Raise storeBytes, or lower segmentBytes.",
  },
  "segment-fits-system": {
    less: [[1, "segmentBytes"]],
    than: [[1, "fileSizeBytes"]],
    hard: true,
    why: "the system ends the process while it writes its log",
    hint: "ulimit -f unlimited, or lower segmentBytes.",
  },
  "peer-within-peers": {
    less: [[1, "peerPercent"]],
    than: [[1, "peersPercent"]],
    orEqual: true,
    why: "one other relay has a larger share than all of them",
    hint: "Lower peerPercent.",
  },
  "route-within-peers": {
    less: [[1, "routePercent"]],
    than: [[1, "peersPercent"]],
    orEqual: true,
    why: "mail for one other relay has a larger share than that for all of them",
    hint: "Lower routePercent.",
  },
  // Mail
  "memory-beyond-replay": {
    less: [[1, "expiryGraceMs"]],
    than: [[1, "forgetStreamMs"]],
    orEqual: true,
    hard: true,
    why: "a stream would be forgotten while relays may still deliver its mail, and that mail be handled twice",
    hint: "Raise forgetStreamMs above expiryGraceMs.",
  },
  "verdict-after-grace": {
    less: [[1, "expiryGraceMs"]],
    than: [[1, "unconfirmedAfterMs"]],
    orEqual: true,
    why: "a sender gives its own verdict while relays may still deliver",
    hint: "Raise unconfirmedAfterMs above expiryGraceMs.",
  },
  "keys-outlive-mail": {
    less: [[1, "defaultExpiryMs"]],
    than: [
      [1, "inboxKeyGraceMs"],
      [1, "inboxKeyKeepMs"],
    ],
    orEqual: true,
    why: "an inbox key is destroyed while mail sealed to it may still wait",
    hint: "Raise inboxKeyKeepMs above defaultExpiryMs.",
  },
  "retry-grows": {
    less: [[1, "retryMinMs"]],
    than: [[1, "retryMaxMs"]],
    orEqual: true,
    hard: true,
    why: "the first pause before a failed handler is tried again would be longer than the longest",
    hint: "Raise retryMaxMs, or lower retryMinMs.",
  },
  "handler-within-expiry": {
    less: [[1, "handlerTimeoutMs"]],
    than: [[1, "defaultExpiryMs"]],
    why: "mail expires while its handler is still at work",
    hint: "Raise defaultExpiryMs, or lower handlerTimeoutMs.",
  },
  "answer-within-expiry": {
    less: [[1, "askTimeoutMs"]],
    than: [[1, "defaultExpiryMs"]],
    orEqual: true,
    why: "a question expires while its answer is still waited for",
    hint: "Raise defaultExpiryMs, or lower askTimeoutMs.",
  },
  "window-within-outbox": {
    less: [[1, "windowBytes"]],
    than: [[1, "outboxBytes"]],
    orEqual: true,
    why: "the window to the relay can never be used",
    hint: "Raise outboxBytes, or lower windowBytes.",
  },
  "window-within-burst": {
    less: [[1, "windowFrames"]],
    than: [[1, "agentMessagesBurst"]],
    orEqual: true,
    why: "an agent that uses its window is refused for its rate",
    hint: "Raise agentMessagesBurst, or lower windowFrames.",
  },
  "thread-within-pair": {
    less: [[1, "autoPerThread"]],
    than: [[1, "autoPerPair"]],
    orEqual: true,
    why: "the loop guard pauses a pair before it can tell which thread runs in circles",
    hint: "Raise autoPerPair, or lower autoPerThread.",
  },
  "one-sender-of-many": {
    less: [[2, "liveStreams"]],
    than: [[1, "allStreams"]],
    orEqual: true,
    why: "one sender can take the streams of all",
    hint: "Raise allStreams, or lower liveStreams.",
  },
  // Identity
  "record-fresh-before-stale": {
    less: [[1, "recordFreshMs"]],
    than: [[1, "recordValidMs"]],
    orEqual: true,
    hard: true,
    why: "a record would be refused before anybody asks for a newer one",
    hint: "Lower recordFreshMs, or raise recordValidMs.",
  },
  "old-keys-within-certificate": {
    less: [[1, "oldKeysGraceMs"]],
    than: [[1, "certificateMs"]],
    why: "what stolen keys signed is taken for longer than a certificate lives",
    hint: "Lower oldKeysGraceMs.",
  },
  // One machine
  "retry-within-call": {
    less: [[1, "diskRetryMs"]],
    than: [[1, "callTimeoutMs"]],
    why: "a call fails before a write that failed is tried again",
    hint: "Lower diskRetryMs, or raise callTimeoutMs.",
  },
  "takeover-within-opening": {
    less: [[1, "takeoverPauseMs"]],
    than: [[1, "openTimeoutMs"]],
    why: "opening a folder gives up before it can be taken over from a process that ended",
    hint: "Raise openTimeoutMs.",
  },
} as const satisfies Readonly<Record<string, RelationDefinition>>;

export type RelationName = keyof typeof RELATIONS;
