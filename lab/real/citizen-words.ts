/** What a process of a real town is started with, what it says (a JSON object a line), and what it is asked. */
import type { LogFields, LogLevel } from "../../packages/perdure/src/host/log.ts";
import type { Planted } from "../planting.ts";
import type { Letter } from "../scenario.ts";
import type { DefenceName } from "../town.ts";

export interface CitizenConfig {
  readonly name: string;
  /** Holds all of its folders. */
  readonly disk: string;
  /** The port a relay listens on; 0 the first time. */
  readonly port: number;
  /** What an agent joins. */
  readonly join: string;
  /** Ports of lines, by the name of the relay they lead to. */
  readonly lines: Readonly<Record<string, number>>;
  readonly settings: Readonly<Record<string, number>>;
  /** Takes mail from anybody. */
  readonly open: boolean;
  readonly hasVault: boolean;
  readonly without: readonly DefenceName[];
  readonly planted: Planted | undefined;
  /** Keeps its inputs and its incidents, as the product does. */
  readonly recorded: boolean;
  /** Within which call of its ports it ends itself; 0 when it does not. */
  readonly endAt: number;
  /** What its chance is drawn from. */
  readonly label: string;
}

/** From when the town is open, an agent lives. */
export interface Living {
  readonly ask: "live";
  /** Of the clock all processes share. */
  readonly beginMs: number;
  readonly untilMs: number;
  readonly stormy: boolean;
  readonly neighbours: readonly { readonly name: string; readonly address: string }[];
  readonly letters: readonly Letter[];
}

export type Question =
  | Living
  | { readonly ask: "status" }
  | { readonly ask: "show" }
  /** Its inputs, as `perdure doctor --bundle` gets them. */
  | { readonly ask: "bundle" }
  | { readonly ask: "invite" }
  | { readonly ask: "accept"; readonly text: string }
  | { readonly ask: "contact"; readonly id: string }
  | { readonly ask: "jump"; readonly byMs: number }
  | { readonly ask: "end-at"; readonly calls: number };

/** A question, and by which number it is answered. */
export interface Order {
  readonly number: number;
  readonly question: Question;
}

/** What a mail is to the ledger. */
export interface HandedMail {
  readonly from: string;
  readonly id: string;
  readonly auto: boolean;
  readonly depth: number;
  readonly thread: string;
}

export type Word =
  | { readonly say: "fact"; readonly level: LogLevel; readonly event: string; readonly fields: LogFields }
  | { readonly say: "promised"; readonly id: string; readonly to: string; readonly text: string }
  | { readonly say: "step"; readonly id: string; readonly step: unknown }
  | { readonly say: "handed"; readonly mail: HandedMail; readonly text: string }
  | { readonly say: "refused"; readonly code: string }
  | { readonly say: "unexpected"; readonly what: string }
  | { readonly say: "wrote" }
  | { readonly say: "up"; readonly id: string; readonly address: string; readonly listens: string }
  | { readonly say: "not-started"; readonly code: string; readonly why: string }
  | {
      readonly say: "answer";
      readonly number: number;
      readonly value: unknown;
      readonly error?: { readonly code: string; readonly why: string };
    };

/** A word, and when it was said by the clock all processes of a machine share. */
export type Utterance = Word & { readonly atMs: number };

/** What an agent shows of itself. */
export interface Shown {
  readonly outgoing: number;
  readonly failed: number;
  readonly failedDropped: number;
  readonly outbox: readonly { readonly id: string; readonly state: string | undefined }[];
  readonly boxes: Readonly<Record<string, readonly { readonly from: string; readonly id: string }[]>>;
}

/** Milliseconds of the monotonic clock of this machine: the same in each of its processes. */
export function sharedMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
