/** `perdure doctor`: looks at everything an agent needs and says what to do about what is not right. */
import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import type { Agent } from "../../agent/api.ts";
import { sleep } from "../../host/deadline.ts";
import type { Surroundings } from "../../host/surroundings.ts";
import { formatRelayAddress, limitText } from "../../protocol/link/index.ts";
import { unchosen } from "../../settings/external.ts";
import { PerdureError } from "../../wire/error.ts";
import { MAX_TRANSPORT_BYTES } from "../../wire/limits.ts";
import { type AgentCard, readAgentCard } from "../agent-card.ts";
import { type Check, failedCheck, reportChecks } from "../check.ts";
import { agentFolder } from "../folder.ts";
import { safeLine } from "../foreign-text.ts";
import { type Invocation, openHere, type Verb } from "../invocation.ts";
import { countText, durationText, sizeText } from "../quantity.ts";
import type { DoctorWords } from "../words.ts";
import { bundleVerb } from "./doctor-bundle.ts";

const OLDEST_NODE = 24;
const ROOM_BYTES = 512 * 1024 * 1024;
/** How long the relay has to let the agent in before the examination ends. */
const CONNECT_MS = 5000;
/** How long mail that waits has to be refused again. */
const REFUSED_MS = 500;
const CLOCK_WARN_MS = 30_000;
const KEY_WARN_MS = 3 * 24 * 60 * 60 * 1000;

export function doctorVerb(options: DoctorWords): Verb {
  if (options.bundle !== undefined) return bundleVerb(options.bundle, options);
  return async (invocation) => {
    if (options.relay === true)
      throw new PerdureError("bad-argument", "--relay goes with --bundle", {
        hint: "perdure relay status and perdure relay check examine a relay.",
      });
    const folder = agentFolder(options.at, invocation.environment);
    const checks: Check[] = [checkNode()];
    const { terminal } = invocation;
    const add = (...more: readonly Check[]): void => void checks.push(...more);
    terminal.progress(`examining ${folder}`);
    add(await checkFolder(folder));
    const card = await readCard(invocation, folder);
    add(card.check);
    if (card.card !== undefined) add(await checkKeys(card.card));
    add(await checkDisk(invocation, folder));
    if (card.card !== undefined) {
      add(await checkRelay(invocation, card.card));
      add(...(await checkAgent(invocation, options.at)));
    }
    return reportChecks(terminal, { type: "doctor", folder }, checks);
  };
}

function checkNode(): Check {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= OLDEST_NODE) return { name: "node", state: "ok", says: process.versions.node };
  return { name: "node", state: "fail", says: `${process.versions.node} is too old`, hint: `Node ${OLDEST_NODE} or newer is needed.` };
}

async function checkFolder(folder: string): Promise<Check> {
  try {
    const found = await stat(folder);
    if (!found.isDirectory()) return { name: "folder", state: "fail", says: `${folder} is a file`, hint: "Name a folder with --at." };
    if (process.platform !== "win32" && (found.mode & 0o077) !== 0) {
      return {
        name: "folder",
        state: "warn",
        says: `${folder} can be opened by others (mode ${(found.mode & 0o777).toString(8)})`,
        hint: `chmod 700 ${folder}`,
      };
    }
    await access(folder, constants.R_OK | constants.W_OK);
    return { name: "folder", state: "ok", says: folder };
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (missing)
      return {
        name: "folder",
        state: "fail",
        says: `${folder} is not there`,
        hint: "perdure init --relay <address> makes an agent in it.",
      };
    return {
      name: "folder",
      state: "fail",
      says: `${folder} may not be used`,
      hint: "It has to belong to you: change its owner, or name another with --at.",
    };
  }
}

async function readCard({ host }: Invocation, folder: string): Promise<{ readonly check: Check; readonly card?: AgentCard }> {
  try {
    const card = await readAgentCard(host, folder);
    const leftMs = card.keyExpiresAtMs - host.clock.wallMs();
    const who = `${card.name === undefined ? "" : `@${card.name} `}${card.id}, custody ${card.custody}`;
    if (leftMs < KEY_WARN_MS) {
      return {
        card,
        check: {
          name: "identity",
          state: "warn",
          says: `${who}; its certificate ${leftMs < 0 ? "has run out" : `ends in ${durationText(leftMs)}`}`,
          hint: "Opening the agent renews it: perdure inbox",
        },
      };
    }
    return { card, check: { name: "identity", state: "ok", says: `${who}; certificate for ${durationText(leftMs)}` } };
  } catch (error) {
    return { check: failedCheck("identity", error) };
  }
}

/** Who else could read the keys, and where the next ones are. */
async function checkKeys({ identityFile, custody, isSealed }: AgentCard): Promise<Check> {
  const { mode } = await stat(identityFile);
  if (process.platform !== "win32" && (mode & 0o077) !== 0)
    return {
      name: "keys",
      state: "fail",
      says: `${identityFile} can be read by others (mode ${(mode & 0o777).toString(8)})`,
      hint: `chmod 600 ${identityFile}; if somebody may have read it: perdure id rotate`,
    };
  const where =
    custody === "split" ? "the next ones are in the recovery file" : "the next ones lie with them: whoever takes the folder is this agent";
  return { name: "keys", state: "ok", says: `${isSealed ? "sealed with a passphrase" : "not sealed"}; ${where}` };
}

async function checkDisk({ host }: Invocation, folder: string): Promise<Check> {
  const near = await nearestFolder(folder);
  try {
    const { bavail, bsize } = await statfs(near);
    const free = bavail * bsize;
    if (near !== folder) return { name: "disk", state: free < ROOM_BYTES ? "warn" : "ok", says: `${sizeText(free)} free` };
    const path = join(folder, `doctor-${process.pid}.tmp`);
    const startMs = host.clock.monotonicMs();
    const file = await host.files.open(path, "write");
    try {
      await file.write(0, new Uint8Array(4096));
      await file.sync();
    } finally {
      await file.close();
      await host.files.remove(path);
    }
    const tookMs = host.clock.monotonicMs() - startMs;
    const says = `${sizeText(free)} free; a synced write takes ${durationText(tookMs)}`;
    return free < ROOM_BYTES
      ? { name: "disk", state: "warn", says, hint: "Make room: at a full disk nothing new can be accepted." }
      : { name: "disk", state: "ok", says };
  } catch (error) {
    return failedCheck("disk", error);
  }
}

async function nearestFolder(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    const there = await stat(at).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (there || dirname(at) === at) return at;
  }
}

async function checkRelay({ host, settings, signal }: Invocation, card: AgentCard): Promise<Check> {
  const [home] = card.homes;
  if (home === undefined)
    return { name: "relay", state: "fail", says: "this agent has not joined one", hint: "perdure init --relay <address>" };
  const startMs = host.clock.monotonicMs();
  try {
    const connection = await host.net.dial(home.url, {
      timeoutMs: Math.min(CONNECT_MS, settings.dialTimeoutMs),
      maxMessageBytes: MAX_TRANSPORT_BYTES,
      signal,
    });
    const tookMs = host.clock.monotonicMs() - startMs;
    connection.start({ message: () => {}, drained: () => {}, closed: () => {} });
    connection.close();
    return { name: "relay", state: "ok", says: `${formatRelayAddress(home.url, home.relayId)} answers in ${durationText(tookMs)}` };
  } catch (error) {
    return failedCheck("relay", error);
  }
}

/** Opens the agent as any process would, and sees whether the relay lets it in and what its clock says. */
async function checkAgent(invocation: Invocation, at: string | undefined): Promise<readonly Check[]> {
  const { clock } = invocation.host;
  try {
    await using agent = await openHere(invocation, at);
    const endMs = clock.monotonicMs() + CONNECT_MS;
    let status = await agent.status({ signal: invocation.signal });
    while (!status.relay.caughtUp && clock.monotonicMs() < endMs) {
      await sleep(clock, 50, invocation.signal);
      status = await agent.status({ signal: invocation.signal });
    }
    const mail = `${status.waiting} waiting, ${status.failed} failed${status.failedDropped > 0 ? ` (the box was full, ${status.failedDropped} went)` : ""}, ${status.outgoing} outgoing`;
    const holder: Check = {
      name: "agent",
      state: status.failed > 0 ? "warn" : "ok",
      says: `${status.role === "holder" ? "nobody else has the folder open" : "another process has the folder open and serves this one"}; ${mail}`,
      ...(status.failed > 0 ? { hint: "perdure inbox --box failed" } : {}),
    };
    const alerts = status.alerts.map(
      ({ code, what, run, otherwise }): Check => ({
        name: code,
        state: "fail",
        says: what,
        hint: `${run}${otherwise === "" ? "" : `. ${otherwise}`}`,
      }),
    );
    if (!status.relay.connected)
      return [
        holder,
        ...alerts,
        {
          name: "session",
          state: "fail",
          says: status.relay.lastError ?? "the relay does not let this agent in",
          hint: alerts.length > 0 ? "See the line above." : "See the relay line above.",
        },
      ];
    const offsetMs = status.relay.clockOffsetMs ?? 0;
    const clockCheck: Check =
      Math.abs(offsetMs) > CLOCK_WARN_MS
        ? {
            name: "clock",
            state: "warn",
            says: `differs from the relay's by ${durationText(Math.abs(offsetMs))}`,
            hint: "Set this machine's clock; expiry is judged by clocks.",
          }
        : { name: "clock", state: "ok", says: `within ${durationText(Math.abs(offsetMs))} of the relay's` };
    const strangers: Check =
      status.strangers === "welcome"
        ? { name: "strangers", state: "ok", says: "welcome: anybody's mail reaches your handlers" }
        : { name: "strangers", state: "ok", says: `wait for your word; ${countText(status.requests, "message")} in requests` };
    const loops: readonly Check[] =
      status.paused === 0
        ? []
        : [
            {
              name: "loops",
              state: "warn",
              says: `${countText(status.paused, "thread")} paused by the loop guard`,
              hint: "perdure contacts paused, then perdure contacts resume <thread>",
            },
          ];
    const limits = limitChecks(await agent.surroundings({ signal: invocation.signal }));
    const ways = status.limits.map(
      (limit): Check => ({
        name: "way",
        state: limit.state === "found" ? "warn" : "ok",
        says: limitText(limit),
        hint: "It is worked around. Whoever runs what stands between can end it; perdure settings shows learnLimits and what belongs to it.",
      }),
    );
    const heldUp = await checkHeldUp(invocation, agent, status.outgoing);
    const lies: readonly Check[] =
      status.conflicts === 0
        ? []
        : [
            {
              name: "proofs",
              state: "warn",
              says: `${status.conflicts} time${status.conflicts === 1 ? "" : "s"} a relay signed two statements that cannot both be true`,
              hint: "Every perdure trace <id> --export <file> carries them; perdure verify shows them to anybody.",
            },
          ];
    return [
      ...lies,
      holder,
      ...alerts,
      { name: "session", state: "ok", says: `the relay knows this agent (${status.relay.id.slice(0, 11)}…)` },
      clockCheck,
      strangers,
      ...heldUp,
      ...loops,
      ...ways,
      ...limits,
    ];
  } catch (error) {
    return [failedCheck("agent", error)];
  }
}

/** What the machine imposes that nobody chose, and settings that do not go together. */
function limitChecks({ external, contradictions }: Surroundings): readonly Check[] {
  const found = unchosen(external).map(
    ({ name, value, reason, advice }): Check => ({ name: "limits", state: "warn", says: `${name} = ${value}. ${reason}`, hint: advice }),
  );
  const broken = contradictions.map(({ says, why, hint }): Check => ({ name: "settings", state: "warn", says: `${says}: ${why}`, hint }));
  return [...found, ...broken];
}

/** Mail that a relay does not take now, and the limit it came up against; refused anew when this process has only begun to send it. */
async function checkHeldUp({ host, signal }: Invocation, agent: Agent, outgoing: number): Promise<readonly Check[]> {
  if (outgoing === 0) return [];
  const endMs = host.clock.monotonicMs() + REFUSED_MS;
  for (;;) {
    const heldUp = (await agent.outbox({ signal })).filter(({ trouble }) => trouble !== undefined);
    const [newest] = heldUp;
    if (newest?.trouble !== undefined)
      return [
        {
          name: "outbox",
          state: "warn",
          says: `${countText(heldUp.length, "message")} held up: ${safeLine(newest.trouble, 300)}`,
          hint: "They are tried again by themselves; perdure trace <id> shows each.",
        },
      ];
    if (host.clock.monotonicMs() >= endMs) return [];
    await sleep(host.clock, 50, signal);
  }
}
