/** Rows of a contest as a person reads them. */
import { type Shape, YARDSTICK } from "./contenders.ts";
import type { Row } from "./contest.ts";

interface Column {
  readonly title: string;
  readonly cell: (row: Row, all: readonly Row[]) => string;
}

const NAME: Column = { title: "", cell: ({ contender }) => contender };
const SYNC: Column = { title: "the disk", cell: ({ sync }) => sync };

const BESIDE: Column = { title: `x ${YARDSTICK}, cpu`, cell: beside };

const LOAD: readonly Column[] = [
  NAME,
  { title: "messages/s", cell: (row) => whole(medianOf(row, "messagesPerSecond")) },
  BESIDE,
  { title: "server us", cell: (row) => short(medianOf(row, "serverMicrosPerMessage")) },
  { title: "delivered p50/p99 ms", cell: (row) => pair(row, "deliveredP50Ms", "deliveredP99Ms") },
  { title: "acked p50/p99 ms", cell: (row) => pair(row, "ackedP50Ms", "ackedP99Ms") },
  { title: "client cpu", cell: (row) => percent(medianOf(row, "generatorShare")) },
  SYNC,
];
const IDLE: readonly Column[] = [
  NAME,
  { title: "sessions", cell: (row) => whole(medianOf(row, "attached")) },
  { title: "KB each", cell: (row) => short((medianOf(row, "serverBytesPerSession") ?? Number.NaN) / 1024) },
  { title: "attaches/s", cell: (row) => whole(medianOf(row, "attachesPerSecond")) },
  { title: "server us each", cell: (row) => whole(medianOf(row, "serverMicrosPerAttach")) },
];
const DRAIN: readonly Column[] = [
  NAME,
  { title: "stored/s", cell: (row) => whole(medianOf(row, "storedPerSecond")) },
  { title: "server us", cell: (row) => short(medianOf(row, "serverMicrosPerStored")) },
  { title: "read/s", cell: (row) => whole(medianOf(row, "readPerSecond")) },
  { title: "drained/s", cell: (row) => whole(medianOf(row, "drainedPerSecond")) },
  { title: "server us", cell: (row) => short(medianOf(row, "serverMicrosPerDrained")) },
  { title: "client cpu", cell: (row) => percent(medianOf(row, "generatorShare")) },
  SYNC,
];
const COLUMNS = { load: LOAD, idle: IDLE, drain: DRAIN } as const;

/** Of the kernel's own work some is always nobody's. */
const DISTURBED_CORES = 0.25;

/** The lines of one shape. */
export function tableOf({ name, kind, agents, window }: Shape, rows: readonly Row[]): readonly string[] {
  const hasYardstick = rows.some(({ contender }) => contender === YARDSTICK);
  const columns = COLUMNS[kind].filter((column) => column !== BESIDE || hasYardstick);
  const bytes = rows[0]?.payloadBytes ?? 0;
  const what = {
    load: `${agents} connections, ${window} outstanding each, ${bytes} bytes a message`,
    idle: `${agents} connections that wait`,
    drain: `a reader that was away, ${bytes} bytes a message`,
  }[kind];
  const done = rows.filter(({ failed }) => failed === undefined);
  const cells = [columns.map(({ title }) => title), ...done.map((row) => columns.map(({ cell }) => cell(row, rows)))];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => (line[at] as string).length)));
  const isWord = (at: number): boolean => at === 0 || columns[at] === SYNC;
  const lines = cells.map((line) =>
    line.map((cell, at) => (isWord(at) ? cell.padEnd(widths[at] as number) : cell.padStart(widths[at] as number))).join("  "),
  );
  const failures = rows.flatMap(({ contender, failed }) => (failed === undefined ? [] : [`${contender}: ${failed.split("\n")[0]}`]));
  return [`${name}: ${what}`, ...[...lines, ...apart(done), ...disturbance(done), ...failures].map((line) => `  ${line.trimEnd()}`)];
}

/** Where a contender has several servers. */
function apart(rows: readonly Row[]): readonly string[] {
  return rows.flatMap(({ contender, figures }) =>
    Object.entries(figures).flatMap(([figure, { value }]) => {
      const [what, server] = figure.split(" ");
      return what === "serverMicrosPerMessage" && server !== undefined ? [`${contender}: ${short(value)} us at ${server}`] : [];
    }),
  );
}

/** Said where something else took part of the machine. */
function disturbance(rows: readonly Row[]): readonly string[] {
  const most = Math.max(0, ...rows.flatMap(({ figures }) => figures["otherCores"]?.rounds ?? []));
  return most < DISTURBED_CORES ? [] : [`other programs used up to ${short(most)} cores meanwhile`];
}

function medianOf({ figures }: Row, figure: string): number | undefined {
  return figures[figure]?.value;
}

/** How many times the yardstick's rate, and how many times its messages per second of the server's processor time. */
function beside(row: Row, all: readonly Row[]): string {
  const yardstick = all.find(({ contender, failed }) => contender === YARDSTICK && failed === undefined);
  if (yardstick === undefined) return "";
  const rate = (medianOf(row, "messagesPerSecond") ?? 0) / (medianOf(yardstick, "messagesPerSecond") ?? 1);
  const cost = (medianOf(yardstick, "serverMicrosPerMessage") ?? 0) / (medianOf(row, "serverMicrosPerMessage") ?? 1);
  return `${short(rate)}, ${short(cost)}`;
}

function pair(row: Row, first: string, second: string): string {
  const [one, other] = [medianOf(row, first), medianOf(row, second)];
  return one === undefined || other === undefined ? "-" : `${short(one)} / ${short(other)}`;
}

function whole(value: number | undefined): string {
  return value === undefined ? "-" : Math.round(value).toLocaleString("en-US");
}

function short(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "-";
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function percent(value: number | undefined): string {
  return value === undefined ? "-" : `${Math.round(value * 100)}%`;
}
