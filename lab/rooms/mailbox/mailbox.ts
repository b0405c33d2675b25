/** A relay's mailboxes beside a reference of lists: sessions, mail, settles, expiry, statements, and a crash at any step. */
import { FIXED } from "../../../packages/perdure/src/settings/fixed.ts";
import { RATES } from "../../../packages/perdure/src/settings/rates.ts";
import { MAX_EXPIRY_MS } from "../../../packages/perdure/src/wire/limits.ts";
import { parted, type Room } from "../room.ts";
import type { Limits } from "./doors.ts";
import { createPlay, type Play } from "./play.ts";
import { compareStates } from "./states.ts";
import { drawSteps, type Step } from "./steps.ts";

const STEPS = 180;

/** What is drawn for a relay: bounds that are met within some steps. */
const drawLimits = (below: (count: number) => number): Limits => ({
  mailboxMessages: 3 + below(5),
  mailboxBytes: 900 + below(900),
  storeMessages: 6 + below(8),
  storeBytes: 2000 + below(2000),
  senderStoredPercent: 100,
  windowFrames: 3 + below(7),
  windowBytes: 600 + below(900),
  agents: 3 + below(3),
  bundleBytes: 60,
  openTickets: 2 + below(2),
  keptBans: 1 + below(2),
  ticketsRequired: below(4) === 0,
  expiryGraceMs: 1000,
  noticeExpiryMs: 20_000,
  agentMessagesPerSecond: 4,
  agentMessagesBurst: 3 + below(6),
  agentBytesPerSecond: 1000,
  agentBytesBurst: 800 + below(800),
  strangerMessagesPerHour: 7200,
  strangerMessagesBurst: 1 + below(4),
  registrationsPerHour: 3600,
  registrationsBurst: 2 + below(3),
  sessions: 16,
  keptRefusals: 512,
  keptProofs: 16,
  blockedMs: FIXED.blockedPauseMs.value,
  fullMs: FIXED.fullPauseMs.value,
  troubleMs: 700,
  longestMs: MAX_EXPIRY_MS,
  shortestPauseMs: 1000,
});

/** What the room has nothing to do with. */
const ELSEWHERE = {
  ...(Object.fromEntries(Object.keys(RATES).map((name) => [name, 1e9])) as { [Name in keyof typeof RATES]: number }),
  peerWindowFrames: 9,
  peerWindowBytes: 9000,
  relayPeers: 3,
  newcomerPeersPercent: 50,
  peerPercent: 10,
  peersPercent: 50,
  routePercent: 10,
  senderPercent: 10,
  strangersPercent: 20,
};

export const mailbox: Room<Step> = {
  name: "mailbox",
  about: "what a relay says and knows after each step, beside lists; lives end at any step",
  draw: (draws) => drawSteps(draws, STEPS),
  run: async (steps, tools) => {
    const limits = drawLimits(tools.draws("limits").below);
    const play = createPlay(tools.hash.sha256, limits, { ...ELSEWHERE, ...limits });
    for (const step of steps) {
      attempt(play, step);
      compareStates(play);
    }
  },
};

function attempt(play: Play, step: Step): void {
  try {
    play.take(step);
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) parted(`${step.do}: ${error.stack ?? error.message}`);
    throw error;
  }
}
