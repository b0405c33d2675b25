/** Rates of the settings beside buckets of time: each under its own setting, with what it says to who is too fast. */
import { createMeter, type MeterName, type RateLimits } from "../../packages/perdure/src/protocol/limits/meter.ts";
import { createRelayRates } from "../../packages/perdure/src/protocol/limits/relay-rates.ts";
import { parted, type Room } from "./room.ts";

interface Step {
  readonly meter: number;
  readonly key: number;
  readonly cost: number;
  readonly waitMs: number;
  readonly only: "look" | "judge" | "measure";
}

/** The setting of each rate, less its ending, and the seconds it is counted by. */
const RATES = [
  ["agentMessages", 1],
  ["agentBytes", 1],
  ["agentRequests", 1],
  ["peerMessages", 1],
  ["peerBytes", 1],
  ["peerRequests", 1],
  ["strangerMessages", 3600],
  ["registrations", 3600],
  ["sourceHandshakes", 1],
  ["sourceRequests", 1],
  ["relayRequests", 1],
] as const satisfies readonly (readonly [MeterName, number])[];
/** One takes whole milliseconds. */
const PER_SECOND = [1, 2, 4, 5, 8, 10, 20] as const;
const STEPS = 60;
const KEYS = 3;

const nameOf = (meter: MeterName, seconds: number): keyof RateLimits =>
  `${meter}Per${seconds === 1 ? "Second" : "Hour"}` as keyof RateLimits;

/** Milliseconds until full, by key. */
function createBuckets(burst: number, eachMs: number) {
  const owed = new Map<string, readonly [owedMs: number, atMs: number]>();
  return (key: string, cost: number, nowMs: number, takes: boolean) => {
    const [before, atMs] = owed.get(key) ?? [0, nowMs];
    const owedMs = Math.max(0, before - (nowMs - atMs));
    const roomMs = burst * eachMs - owedMs;
    const lackMs = cost === 0 ? 0 : Math.max(0, Math.min(cost, burst) * eachMs - roomMs);
    if (takes && lackMs === 0) owed.set(key, [owedMs + cost * eachMs, nowMs]);
    return { lackMs, remaining: Math.max(0, Math.floor(roomMs / eachMs)) };
  };
}

export const meters: Room<Step> = {
  name: "meters",
  about: "rates of the settings, beside buckets of time",
  draw: (draws) =>
    Array.from({ length: STEPS }, () => ({
      meter: draws.below(RATES.length),
      key: draws.below(KEYS),
      cost: draws.chance(0.1) ? 12 : draws.below(4),
      waitMs: draws.chance(0.5) ? 0 : 250 * draws.below(8),
      only: draws.chance(0.7) ? "judge" : draws.chance(0.5) ? "look" : "measure",
    })),
  run: async (steps, { draws }) => {
    const drawn = draws("limits");
    const limits = {} as Record<keyof RateLimits, number>;
    for (const [meter, seconds] of RATES) {
      limits[nameOf(meter, seconds)] = seconds * (PER_SECOND[drawn.below(PER_SECOND.length)] as number);
      limits[`${meter}Burst`] = 1 + drawn.below(9);
    }
    const all = RATES.map(([name, seconds]) => {
      const value = limits[nameOf(name, seconds)];
      const burst = limits[`${name}Burst`];
      return { name, setting: nameOf(name, seconds), value, burst, eachMs: (seconds * 1000) / value, seconds };
    });
    const made = all.map((rate) => ({
      ...rate,
      meter: createMeter(limits, rate.name, KEYS + 1),
      bucket: createBuckets(rate.burst, rate.eachMs),
    }));
    const rates = createRelayRates(limits);
    const shared = new Map(all.map(({ name, burst, eachMs }) => [name as string, createBuckets(burst, eachMs)]));
    let nowMs = 0;
    for (const { meter: index, key, cost, waitMs, only } of steps) {
      nowMs += waitMs;
      const rate = made[index % made.length] as (typeof made)[number];
      const { name, setting, value, burst, eachMs, meter, bucket } = rate;
      if (meter.burst !== burst || meter.windowMs !== Math.ceil(burst * eachMs))
        parted(`${name} is full with ${meter.burst} in ${meter.windowMs} ms`);
      const wanted = bucket(`key ${key}`, cost, nowMs, only !== "look");
      if (only === "measure") {
        const said = meter.measure(`key ${key}`, cost, nowMs);
        if (said.taken !== (wanted.lackMs === 0) || said.resetMs !== Math.ceil(wanted.lackMs))
          parted(`${name} measures ${JSON.stringify(said)}`);
      } else {
        const hit = meter[only](`key ${key}`, cost, nowMs);
        if ((hit === undefined) !== (wanted.lackMs === 0)) parted(`${only} of ${cost} by ${name} says ${hit?.why}`);
        if (hit !== undefined) {
          const said = `${hit.limit.name}=${hit.limit.value}/${hit.limit.remaining} after ${hit.afterMs}`;
          const should = `${setting}=${Math.round(value)}/${wanted.remaining} after ${Math.max(1000, Math.ceil(wanted.lackMs))}`;
          if (said !== should) parted(`${said}, not ${should}`);
          if (!hit.why.includes(String(value)) || !hit.hint.includes(setting))
            parted(`${setting} is not named in "${hit.why} ${hit.hint}"`);
        }
      }
      // The rates a relay keeps are made of the same meters: what is refused takes nothing of either.
      rates.advance(nowMs);
      const takes = (of: string, who: string, much: number, really = true): string | undefined => {
        const { lackMs } = shared.get(of)?.(who, much, nowMs, really) ?? { lackMs: 0 };
        return lackMs > 0 ? of : undefined;
      };
      const isPeer = key === 0;
      const [messages, bytes] = isPeer ? ["peerMessages", "peerBytes"] : ["agentMessages", "agentBytes"];
      const [mail, mailWanted] = [
        rates.mail(`key ${key}`, isPeer, cost),
        takes(messages as string, `key ${key}`, 1, false) ??
          takes(bytes as string, `key ${key}`, cost) ??
          takes(messages as string, `key ${key}`, 1),
      ];
      const stranger = rates.stranger(`key ${key}`, cost === 1);
      const strangerWanted = takes("strangerMessages", `key ${key} ${cost === 1}`, 1);
      const registration = cost === 2 ? rates.registration() : undefined;
      const registrationWanted = cost === 2 ? takes("registrations", "", 1) : undefined;
      const said = [mail, stranger, registration].map((each) => each?.limit.name.replace(/Per(Second|Hour)$/, "")).join();
      const should = [mailWanted, strangerWanted, registrationWanted].join();
      if (said !== should) parted(`a relay's rates say "${said}", not "${should}"`);
    }
  },
};
