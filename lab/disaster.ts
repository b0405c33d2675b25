/**
 * What happens to one agent, or one relay, of a town besides the weather:
 *
 *   clone       its folder is copied and opened elsewhere too; later its owner says which one goes on
 *   snapshot    its machine is put back to a picture of it, random numbers included; later its owner says that it goes on
 *   snapshot-twice  the same, and once more to the same picture
 *   relay-copy  a relay's folder is put back from an older copy
 *   theft       somebody has its folder, without the next control keys, and uses it; later its owner rotates, or never does. Half of
 *               the time its owner had rotated before, so that the thief can make that rotation once more
 */
import type { Agent } from "../packages/perdure/src/agent/api.ts";
import type { Draws } from "../packages/perdure/src/host/simulated/index.ts";
import { EVERYTHING } from "../packages/perdure/src/host/simulated/index.ts";
import { parseRelayAddress } from "../packages/perdure/src/protocol/link/address.ts";
import { createSettings } from "../packages/perdure/src/settings/register.ts";
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import { isPerdureError, PerdureError } from "../packages/perdure/src/wire/error.ts";
import type { Image } from "./disk-records.ts";
import { forgeRotation } from "./forger.ts";
import { InvariantBroken, type Ledger } from "./ledger.ts";
import { type Census, hasVault, type Town, VAULT } from "./town.ts";

export const DISASTERS = ["none", "clone", "snapshot", "snapshot-twice", "relay-copy", "theft"] as const;
export type Disaster = (typeof DISASTERS)[number];

export interface DisasterOptions {
  readonly kind: Disaster;
  readonly town: Town;
  readonly census: Census;
  readonly ledger: Ledger;
  readonly settings: Readonly<Record<string, number>>;
  readonly draws: Draws;
  /** From now on, virtual milliseconds. */
  readonly durationMs: number;
  /** Keeps the agent of a copy of somebody's folder busy until `isCurrent` is false. */
  readonly live: (host: string, of: string, agent: Agent, isCurrent: () => boolean) => void;
  /** Called before a process ends without a word. */
  readonly ending: (host: string) => void;
  readonly trace: (line: string) => void;
}

export interface DisasterState {
  /** Nothing is left for anybody to do about it. */
  readonly isOver: boolean;
  /** Whose disk was put back. */
  readonly putBack: ReadonlySet<string>;
  /** Whose keys somebody has, for good. */
  readonly abandoned: ReadonlySet<string>;
}

/** The copy of a folder, and the thief, are machines of their own. */
const COPY = "copy";
const THIEF = "thief";
const FORGER = "forger";
const TRY_AGAIN_MS = 1500;
/** How long a machine stands still of which a picture is taken, or which is put back to one: who lives there has something to say by then. */
const OFF_MS = 1000;
/** How long one try of an owner may take. */
const PATIENCE_MS = 20_000;

export function bringDown(options: DisasterOptions): DisasterState {
  const { kind, town, census, ledger, draws, durationMs, live, ending, trace } = options;
  const { world } = town;
  const putBack = new Set<string>();
  const abandoned = new Set<string>();
  let isOver = kind === "none";
  const done = (what: string): void => {
    trace(`          ${what}`);
    isOver = true;
  };
  const at = (share: number, label: string, then: () => void): void => world.after(durationMs * share, label, then);
  const whenUp = (host: string, label: string, then: () => void): void => {
    if (town.isUp(host)) then();
    else world.after(TRY_AGAIN_MS, label, () => whenUp(host, label, then));
  };
  /** The owner tries until it works, whatever dies meanwhile. */
  const insist = (host: string, label: string, work: (agent: Agent) => Promise<unknown>, then: () => void): void => {
    let settled = false;
    const again = (): void => {
      if (settled) return;
      settled = true;
      world.after(TRY_AGAIN_MS, label, () => insist(host, label, work, then));
    };
    const agent = town.agent(host);
    if (agent === undefined) return again();
    world.after(PATIENCE_MS, `${label}: too long`, again);
    work(agent).then(
      () => {
        if (settled) return;
        settled = true;
        then();
      },
      (error: unknown) => {
        if (!isPerdureError(error)) throw new InvariantBroken("10 no silence", `${label}: ${String(error)}`);
        trace(`          ${label}: ${error.code} ${error.message}`);
        again();
      },
    );
  };
  const imageOf = (host: string): Image => world.disk(host).disk.image(EVERYTHING);
  /** Opens a copy of a folder as a host of its own; `then` gets its agent. */
  const openCopy = (host: string, image: Image, then: (agent: Agent, isCurrent: () => boolean) => void): (() => void) => {
    let alive = true;
    world.disk(host).disk.putBack(image);
    const open = (): void => {
      if (!alive) return;
      town.openElsewhere(host).then(
        (agent) => {
          if (alive) then(agent, () => alive);
        },
        (error: unknown) => {
          trace(`          ${host} did not open: ${String(error)}`);
          world.after(TRY_AGAIN_MS, `open ${host}`, open);
        },
      );
    };
    open();
    return () => {
      alive = false;
      ending(host);
      world.crash(host);
    };
  };

  /**
   * Whoever claims without a relay does not know what another life of the folder wrote to its log: two histories freeze the agent, and
   * its owner, who is told, rotates.
   */
  const lookAfter = (victim: string, then: () => void): void =>
    insist(
      victim,
      `${victim} is looked after`,
      async (agent) => {
        if (!(await agent.status()).relay.connected) throw new PerdureError("relay-unreachable", "its relay is away", { retry: "after" });
      },
      () =>
        world.after(TRY_AGAIN_MS, "look", () =>
          insist(
            victim,
            `${victim} decides`,
            async (agent) => {
              if ((await agent.identity.show()).standing !== "frozen") return;
              ledger.excuse(victim, "from");
              await agent.identity.rotate(hasVault(census, victim) ? { recoveryFile: `${VAULT}/0` } : {});
              trace(`          ${victim} rotates, for two histories of it contradict each other`);
            },
            then,
          ),
        ),
    );

  const clone = (victim: string): void =>
    at(0.2, "copy", () =>
      whenUp(victim, "copy", () => {
        const image = imageOf(victim);
        const picture = ledger.picture();
        trace(`          the folder of ${victim} is copied`);
        world.after(draws.below(durationMs * 0.2), "open the copy", () => {
          ledger.double(COPY, victim, picture);
          const end = openCopy(COPY, image, (agent, isCurrent) => live(COPY, victim, agent, isCurrent));
          world.after(durationMs * (0.2 + draws.fraction() * 0.2), "the copy ends", () => {
            end();
            insist(
              victim,
              `claim by ${victim}`,
              (agent) => agent.identity.claim(),
              () => {
                // The copy has read receipts that the original never will.
                ledger.excuse(victim, "from");
                lookAfter(victim, () => done(`${victim} goes on, the copy does not`));
              },
            );
          });
        });
      }),
    );

  /** Each time the same picture, and the same random numbers from there on. */
  const snapshot = (victim: string, times: number): void => {
    const label = `snapshot of ${victim}`;
    const startLater = (): void => world.after(OFF_MS, `start ${victim}`, () => town.start(victim));
    at(0.2, "picture", () => {
      ending(victim);
      town.stop(victim);
      const image = imageOf(victim);
      const picture = ledger.picture();
      town.drawAs(victim, label);
      startLater();
      trace(`          a picture of ${victim} is taken`);
      const again = (left: number): void =>
        world.after(durationMs * (0.1 + (draws.fraction() * 0.3) / times), "put back", () => {
          ending(victim);
          town.stop(victim);
          world.disk(victim).disk.putBack(image);
          ledger.putBack(victim, picture);
          putBack.add(victim);
          town.drawAs(victim, label);
          startLater();
          trace(`          ${victim} is put back to it`);
          whenUp(victim, "as before", () => {
            town.drawAs(victim, undefined);
            world.after(5000 + draws.below(10_000), "claim", () =>
              insist(
                victim,
                `claim by ${victim}`,
                (agent) => agent.identity.claim(),
                () => {
                  // Receipts were sealed to the inbox key of the life between, which is gone, and are not sealed anew as mail is.
                  if (left < times) ledger.excuse(victim, "from");
                  if (left > 1) again(left - 1);
                  else lookAfter(victim, () => done(`${victim} goes on`));
                },
              ),
            );
          });
        });
      again(times);
    });
  };

  const relayCopy = (relay: string): void =>
    at(0.2, "copy of a relay", () => {
      const image = imageOf(relay);
      const forget = ledger.relayPicture(relay);
      trace(`          the folder of ${relay} is copied`);
      world.after(durationMs * (0.2 + draws.fraction() * 0.3), "put back", () => {
        ending(relay);
        town.stop(relay);
        world.disk(relay).disk.putBack(image);
        forget();
        putBack.add(relay);
        town.start(relay);
        done(`the folder of ${relay} is put back`);
      });
    });

  const theft = (victim: string): void => {
    const looksAfter = draws.chance(0.7);
    if (!looksAfter) {
      abandoned.add(victim);
      ledger.abandon(victim);
    }
    const rotatesBefore = draws.chance(0.5);
    at(0.1, "before the theft", () => {
      if (rotatesBefore) rotate(options, insist, victim, undefined, () => trace(`          ${victim} rotates, as one does`));
    });
    at(0.2, "theft", () =>
      whenUp(victim, "theft", () => {
        const image = new Map([...imageOf(victim)].filter(([path]) => !path.startsWith(VAULT)));
        const picture = ledger.picture();
        const stolenAtMs = world.host(victim).clock.wallMs();
        trace(`          the folder of ${victim} is stolen`);
        ledger.double(THIEF, victim, picture);
        const end = openCopy(THIEF, image, (agent, isCurrent) => misuse(options, victim, agent, isCurrent));
        const forging = new AbortController();
        forge(options, victim, image, forging.signal);
        world.after(durationMs * (0.2 + draws.fraction() * 0.3), "the owner notices", () => {
          const finish = (): void => {
            forging.abort();
            end();
            done(looksAfter ? `${victim} has rotated its keys` : `nobody looks after ${victim}`);
          };
          if (!looksAfter) return at(0.3, "the thief ends", finish);
          rotate(options, insist, victim, stolenAtMs, () => world.after(durationMs * 0.2, "the thief ends", finish));
        });
      }),
    );
  };

  const pick = (names: readonly string[]): string => names[draws.below(names.length)] as string;
  if (kind === "clone") clone(pick(census.agents));
  if (kind === "snapshot") snapshot(pick(census.agents), 1);
  if (kind === "snapshot-twice") snapshot(pick(census.agents), 2);
  if (kind === "relay-copy") relayCopy(census.relays.at(-1) as string);
  if (kind === "theft") theft(pick(census.agents.filter((name) => hasVault(census, name))));
  return {
    get isOver() {
      return isOver;
    },
    putBack,
    abandoned,
  };
}

type Insist = (host: string, label: string, work: (agent: Agent) => Promise<unknown>, then: () => void) => void;

/**
 * The owner takes the next key out of the vault, and says since when the old ones are stolen, if they are, or lets them run out. Whether
 * an earlier try got through is seen in the log.
 */
function rotate(
  { ledger, draws }: DisasterOptions,
  insist: Insist,
  victim: string,
  stolenAtMs: number | undefined,
  then: () => void,
): void {
  const stolen = stolenAtMs !== undefined && draws.chance(0.5) ? { stolenSinceMs: stolenAtMs } : {};
  let before: number | undefined;
  insist(
    victim,
    `rotation by ${victim}`,
    async (agent) => {
      const { log } = await agent.identity.show();
      const rotations = log.filter(({ kind }) => kind === "rotate").length;
      before ??= rotations;
      if (rotations > before) return;
      await agent.identity.rotate({ recoveryFile: `${VAULT}/0`, ...stolen });
    },
    () => {
      ledger.excuse(victim, "stolenSinceMs" in stolen ? "both" : "from");
      then();
    },
  );
}

/** What a thief of the keys in force can do with them: everything but outlive the owner's rotation. */
function misuse({ town, draws, live }: DisasterOptions, victim: string, agent: Agent, isCurrent: () => boolean): void {
  const { world } = town;
  if (draws.chance(0.5)) live(THIEF, victim, agent, isCurrent);
  const wishes: readonly (() => Promise<unknown>)[] = [
    () => agent.identity.claim(),
    () => agent.identity.anchor(draws.bytes(32), { about: "mine" }),
    () => agent.identity.pinHome(),
    () => agent.identity.rotate(),
  ];
  const next = (): void => {
    if (!isCurrent()) return;
    const wish = wishes[draws.below(wishes.length)] as () => Promise<unknown>;
    wish().catch((error: unknown) => {
      if (!isPerdureError(error)) throw new InvariantBroken("10 no silence", `the thief met ${String(error)}`);
    });
    world.after(500 + draws.below(6000), "misuse", next);
  };
  next();
}

/** Rotations by who has only the keys in force, shown to every relay again and again. */
function forge({ town, census, settings, draws }: DisasterOptions, victim: string, image: Image, signal: AbortSignal): void {
  const { world } = town;
  world.disk(FORGER).disk.putBack(image);
  const next = (): void => {
    if (signal.aborted) return world.crash(FORGER);
    const home = town.addressOf(draws.chance(0.6) ? (census.homes.get(victim) as string) : (census.relays[0] as string));
    const { url, relayIdRaw } = parseRelayAddress(home as string);
    // That it is refused is what is wanted; that it is not shows on the disks.
    forgeRotation(world.host(FORGER), createSettings(settings), url, relayIdRaw as Bytes, signal).catch(() => undefined);
    world.after(2000 + draws.below(8000), "forge", next);
  };
  next();
}
