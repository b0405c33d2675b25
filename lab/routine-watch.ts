/** What everybody says of itself in an ordinary while, and whether anything of it looks as if something were broken. */
import type { Sent } from "../packages/perdure/src/agent/api.ts";
import type { LogFields, LogLevel } from "../packages/perdure/src/host/log.ts";
import { InvariantBroken, type Ledger } from "./ledger.ts";
import { type Census, isRelay, type Town } from "./town.ts";

export interface Routine {
  readonly town: Town;
  readonly census: Census;
  readonly ledger: Pick<Ledger, "promised" | "step">;
  /** How one agent writes to another. */
  readonly addressFrom: (from: string, to: string) => string;
  /** Called before a process ends without a word. */
  readonly ending: (host: string) => void;
  readonly settings: Readonly<Record<string, number>>;
}

export interface Letter {
  readonly from: string;
  readonly to: string;
  readonly sent: Sent;
  readonly atMs: number;
  readonly parts: number;
}

export function broken(invariant: "routine" | "restart", what: string): InvariantBroken {
  return new InvariantBroken(invariant, what);
}

/** Whether connections last until somebody ends them, and nobody comes up against a limit that is small on purpose. */
export function isPlain({ town, census, settings }: Routine): boolean {
  if ((settings["mailboxMessages"] ?? 0) < 100 || settings["agentMessagesBurst"] !== undefined) return false;
  return census.agents.every((name) => town.world.network.realms.chainOf(name).length === 0);
}

export interface Watch {
  begin(): void;
  end(): void;
  /**
   * Throws unless each relay took each part of these once, and each was started once. Of those on whose `way` both relays were killed the second
   * may have taken a part once more: what it acknowledged last the first one never heard.
   */
  once(letters: readonly Letter[], way?: "killed"): void;
}

export function watchFacts(options: Routine): Watch {
  const { town, census } = options;
  const taken = new Map<string, number>();
  const started = new Map<string, number>();
  const trouble: string[] = [];
  let on = false;
  const count = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);
  let overrun: string | undefined;
  const rates = watchRates(options, (what) => {
    overrun ??= what;
  });
  const leaves = watchLeaves(options, (what) => {
    if (on) overrun ??= what;
  });
  const tap = (host: string, level: LogLevel, event: string, fields: LogFields): void => {
    leaves(host, event, fields);
    rates(host, event, fields);
    if (event === "relay.mail-appended") count(taken, `${host} ${fields["author"] ?? fields["from"]} ${fields["id"]}`);
    if (event === "agent.handler-start") count(started, `${host} ${fields["from"]} ${fields["id"]}`);
    // Two relays that dial each other at once keep one of the two sessions.
    if (fields["code"] === "fenced" && isRelay(host) && ENDS.has(event)) return;
    if (on && (level === "warn" || level === "error" || ENDS.has(event))) trouble.push(`${host}: ${event} ${JSON.stringify(fields)}`);
  };
  town.world.onLog(tap);
  return {
    begin: () => {
      on = true;
    },
    end: () => {
      on = false;
      if (overrun !== undefined) throw broken("routine", overrun);
      if (trouble.length > 0 && isPlain(options)) throw broken("routine", `nothing is broken, and ${trouble.length} times ${trouble[0]}`);
    },
    once(letters, way) {
      for (const { from, to, sent, parts } of letters) {
        const author = String(town.agent(from)?.id);
        const [stream = "", seq = "0"] = String(sent.id).split(".");
        for (const relay of new Set([census.homes.get(from), census.homes.get(to)])) {
          const most = way === "killed" && relay !== census.homes.get(from) ? 2 : 1;
          for (let part = 0; part < parts; part++) {
            const times = taken.get(`${relay} ${author} ${stream}.${Number(seq) + part}`) ?? 0;
            if ((times < 1 || times > most) && isPlain(options))
              throw broken("routine", `part ${part} of ${sent.id} from ${from} to ${to} was taken ${times} times by ${relay}`);
          }
        }
        const starts = started.get(`${to} ${author} ${sent.id}`) ?? 0;
        if (starts !== 1) throw broken("routine", `${sent.id} from ${from} was started ${starts} times at ${to}`);
      }
    },
  };
}

/** What came one after the other on one link since the statement before is one leaf of the next. */
function watchLeaves(options: Routine, fail: (what: string) => void): (host: string, event: string, fields: LogFields) => void {
  const since = new Map<string, [Set<string>, Set<string>]>();
  return (host, event, fields) => {
    const [before, links] = since.get(host) ?? [new Set<string>(), new Set<string>()];
    if (event === "relay.mail-appended") links.add(String(fields["link"]));
    if (event === "relay.statement") {
      const most = new Set([...before, ...links]).size;
      if (Number(fields["leaves"]) > most && isPlain(options)) fail(`${host} signed ${fields["leaves"]} leaves for mail of ${most} links`);
      since.set(host, [links, new Set()]);
    } else since.set(host, [before, links]);
  };
}

/** Nobody brings more than the burst at once, and the rate from then on; each relay counts from its start. */
function watchRates({ town, settings }: Routine, fail: (what: string) => void): (host: string, event: string, fields: LogFields) => void {
  const times = new Map<string, number[]>();
  return (host, event, fields) => {
    if (event === "relay.started") for (const key of times.keys()) if (key.startsWith(`${host} `)) times.delete(key);
    if (event !== "relay.mail-appended") return;
    const of = fields["relayed"] === true ? "peer" : "agent";
    const [perSecond, burst] = [settings[`${of}MessagesPerSecond`], settings[`${of}MessagesBurst`]];
    if (perSecond === undefined || burst === undefined) return;
    const key = `${host} ${fields["from"]}`;
    const all = [...(times.get(key) ?? []), town.world.nowMs];
    times.set(key, all);
    for (const [index, sinceMs] of all.entries()) {
      const most = burst + (perSecond * (town.world.nowMs - sinceMs)) / 1000;
      if (all.length - index > most + 1.01)
        fail(`${host} took ${all.length - index} messages of one in ${town.world.nowMs - sinceMs} ms, ${most} are allowed`);
    }
  };
}

/** Nobody asked for that. */
const ENDS: ReadonlySet<string> = new Set(["agent.apart", "relay.session-ended", "relay.peer-closed", "agent.refused", "agent.too-fast"]);
