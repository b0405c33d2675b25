/** What the load asks of a system, whatever it speaks: one adapter per system makes the lines of its agents. */
import type { Wires } from "./wire.ts";

/** What a line tells. */
export interface LineEvents {
  /** Bytes came; what is told until the next time is of this moment. */
  turnBegins(): void;
  /** The system has taken so many more messages of this agent. */
  acked(agent: number, count: number): void;
  /** The agent `reader` was given message `seq`, from 1, of `sender`. */
  delivered(reader: number, sender: number, seq: number): void;
  /** The line has something to write at the end of the turn. */
  owes(agent: number): void;
  failed(error: unknown): void;
}

/** One agent's way to the system. */
export interface Line {
  /** Writes what the line owes (acknowledgements of what it read) and so many more messages, at once. */
  write(count: number): void;
  /** Resolves when the system has taken everything the line acknowledged so far. */
  settled(): Promise<void>;
  /** Ends the session in order; resolves when the system can be told of it no more. */
  close(): Promise<void>;
}

export interface Adapter {
  /** Whether a sender is told that its message was taken. */
  readonly tellsAcks: boolean;
  /** Makes what agents have before they connect: mailboxes, queues, consumers. */
  prepare(): Promise<void>;
  /** Connects an agent; it reads from here on. */
  attach(agent: number): Promise<Line>;
  /** Between rounds: throws away what a system keeps of what was acknowledged, so that all rounds begin alike. */
  tidy?(): Promise<void>;
}

/** What an adapter is told; plain data, for it travels to the process of the load. */
export interface Place {
  /** Where the servers listen; those of Perdure as relay addresses. */
  readonly addresses: readonly string[];
  readonly agents: number;
  readonly window: number;
  /** Bytes a message carries: as many as the envelope of Perdure has. */
  readonly payloadBytes: number;
  /** How it is to be used, in words of the adapter. */
  readonly how: Readonly<Record<string, string>>;
}

export type CreateAdapter = (place: Place, events: LineEvents, wires: Wires) => Adapter;

/** Whom an agent writes to. */
export function successor(agent: number, agents: number): number {
  return (agent + 1) % agents;
}

/** Whom an agent reads from. */
export function predecessor(agent: number, agents: number): number {
  return (agent + agents - 1) % agents;
}
