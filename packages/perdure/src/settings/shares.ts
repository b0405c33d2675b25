/** How much a relay keeps, and who may fill how much of it. */
import type { SettingDefinition } from "./definition.ts";

const KB = 1024;
const MB = 1024 * KB;

export const SHARES = {
  mailboxMessages: {
    value: 100_000,
    unit: "messages",
    min: 1,
    max: 100_000_000,
    reason: "Unsettled messages one mailbox holds; more are refused, none is dropped.",
  },
  mailboxBytes: { value: 256 * MB, unit: "bytes", min: 512 * KB, max: 1024 * 1024 * MB, reason: "Unsettled bytes one mailbox holds." },
  storeBytes: {
    value: 8 * 1024 * MB,
    unit: "bytes",
    min: MB,
    max: 1024 * 1024 * MB,
    reason: "Disk ceiling of a relay: at it new mail is refused, accepted mail kept.",
  },
  storeMessages: {
    value: 2_000_000,
    unit: "messages",
    min: 1,
    max: 1_000_000_000,
    reason: "Messages a relay holds in all mailboxes together: each takes up to 50 bytes of memory, and those at hand more.",
  },
  messagesAtHand: {
    value: 500_000,
    unit: "messages",
    min: 0,
    max: 1_000_000_000,
    reason: "Waiting messages with a row in memory, up to 300 bytes each; of others a relay knows where theirs lies.",
  },
  relayPeers: {
    value: 1000,
    unit: "connections",
    min: 1,
    max: 100_000,
    reason: "Other relays a relay remembers; the one with nothing waiting that was met longest ago makes room for a new one.",
  },
  peerPercent: {
    value: 10,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of the store for mail that came from one other relay, however many senders it names.",
  },
  peersPercent: {
    value: 50,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of the store for mail from all other relays together, and for mail to them together.",
  },
  routePercent: { value: 10, unit: "percent", min: 1, max: 100, reason: "Share of the store for mail that waits for one other relay." },
  senderPercent: {
    value: 10,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of a mailbox, or of what waits for another relay, that one sender fills.",
  },
  strangersPercent: {
    value: 20,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of a mailbox for everybody its agent does not know, unless it takes mail from anybody.",
  },
  senderStoredPercent: {
    value: 20,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of the store for mail of one agent, over all mailboxes it waits in.",
  },
  newcomerPeersPercent: {
    value: 50,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of the relays remembered for those no mail was ever exchanged with, so that made-up ones push out no others.",
  },
  openTickets: { value: 1024, unit: "tickets", min: 1, max: 100_000, reason: "Registration tickets that may be open at once." },
  keptBans: { value: 4096, unit: "ids", min: 1, max: 100_000, reason: "Agents and relays turned away: more than a person bans by hand." },
} as const satisfies Readonly<Record<string, SettingDefinition>>;
