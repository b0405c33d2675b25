/** What a setting is. */
export type Unit =
  | "ms"
  | "bytes"
  | "kibibytes"
  | "messages"
  | "frames"
  | "attempts"
  | "connections"
  | "percent"
  | "agents"
  | "handshakes"
  | "requests"
  | "tickets"
  | "ids"
  | "fields"
  | "messages/s"
  | "messages/h"
  | "bytes/s"
  | "requests/s"
  | "handshakes/s"
  | "agents/h"
  | "yes or no";

export interface SettingDefinition {
  readonly value: number;
  readonly unit: Unit;
  readonly min: number;
  readonly max: number;
  readonly reason: string;
}
