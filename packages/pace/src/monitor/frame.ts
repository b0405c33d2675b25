/** A snapshot as lines of a terminal: of each partition what waits and how it goes, and of each of its quotas a row. */
import { amountText, spanText, windowText } from "./quantity.ts";
import type { PartitionView, QuotaView, SharedView, Snapshot } from "./snapshot.ts";

/** How words look; as they are where nothing is coloured. */
export interface Style {
  strong(text: string): string;
  faint(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
}

const LEAST_COLUMNS = 60;
const MOST_COLUMNS = 120;
/** Of the bar where there are 80 columns, and of what else a row has. */
const BAR = 10;
const NAME = 13;
const REST = 57;
/** Of what is left: below it is told in other colours. */
const LOW = 0.25;
const VERY_LOW = 0.1;

export function frameLines(
  { shared, partitions, targets, upMs }: Snapshot,
  address: string,
  columns: number,
  style: Style,
): readonly string[] {
  const width = Math.max(LEAST_COLUMNS, Math.min(MOST_COLUMNS, columns));
  return [
    style.strong(cut(`pace at ${address}, up ${spanText(upMs)}`, width)),
    style.faint(cut(`for ${targets.join(", ")}`, width)),
    ...shared.flatMap((each) => ["", ...sharedLines(each, width, style)]),
    ...(partitions.length === 0
      ? ["", "No call came yet."]
      : partitions.flatMap((partition) => ["", ...partitionLines(partition, width, style)])),
  ];
}

function sharedLines({ name, quotas }: SharedView, width: number, style: Style): readonly string[] {
  return [
    style.strong(cut(sharedTitle(name), width)),
    style.faint(headRow(width)),
    ...quotas.map((quota) => quotaRow(quota, width, style)),
  ];
}

function sharedTitle(name: string): string {
  return name === "here" ? "of this process" : name === "*" ? "of the policy, for everything" : `of the policy, for ${name}`;
}

function partitionLines(partition: PartitionView, width: number, style: Style): readonly string[] {
  const { name, waiting, underWay, mostUnderWay, perSecond, breaker, pausedMs, totals, quotas } = partition;
  const { answered, refused, overloaded, withdrawn, turnedAway } = totals;
  const plain = (text: string): string => text;
  const state: readonly Fact[] = [
    [`${amountText(waiting)} waiting`, plain],
    [`${amountText(underWay)} of ${amountText(mostUnderWay)} under way`, plain],
    [`${amountText(perSecond)} a second`, plain],
    [`breaker ${breaker}`, breaker === "closed" ? plain : style.bad],
    pausedMs > 0 ? [`pause ${spanText(pausedMs)}`, style.warn] : ["no pause", plain],
  ];
  const ends: readonly Fact[] = [
    [`${amountText(answered)} answered`, style.faint],
    [`${amountText(refused)} refused`, style.faint],
    [`${amountText(overloaded)} overloaded`, style.faint],
    [`${amountText(withdrawn)} broke off`, style.faint],
    [`${amountText(turnedAway)} turned away`, style.faint],
  ];
  return [
    style.strong(cut(name, width)),
    ...factLines(state, width),
    ...factLines(ends, width),
    ...(quotas.length === 0
      ? [style.faint("  no limits told; the pace is found by trying")]
      : [style.faint(headRow(width)), ...quotas.map((quota) => quotaRow(quota, width, style))]),
  ];
}

type Fact = readonly [text: string, paint: (text: string) => string];

/** As many beside each other as there is room for. */
function factLines(facts: readonly Fact[], width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  let length = 0;
  for (const [text, paint] of facts) {
    if (length > 0 && length + 3 + text.length > width) {
      lines.push(line);
      [line, length] = ["", 0];
    }
    line += `${length === 0 ? "  " : "   "}${paint(text)}`;
    length += (length === 0 ? 2 : 3) + text.length;
  }
  return [...lines, line];
}

function widths(width: number): { readonly name: number; readonly bar: number } {
  const spare = Math.max(0, width - REST - NAME - BAR);
  return { name: NAME + Math.floor(spare / 2), bar: BAR + Math.ceil(spare / 2) };
}

function headRow(width: number): string {
  const { name, bar } = widths(width);
  return row(["quota".padEnd(name), "left".padEnd(bar), "", "limit", "per", "full in", "empty in", " known by"]);
}

function quotaRow(quota: QuotaView, width: number, style: Style): string {
  const { unit, limit, available, windowMs, resetInMs, runsOutInMs, source, confidence } = quota;
  const sizes = widths(width);
  const label = quota.name === unit || quota.name === "" ? unit : `${unit} ${quota.name}`;
  const share = limit > 0 ? Math.max(0, Math.min(1, available / limit)) : 0;
  const paint = share < VERY_LOW ? style.bad : share < LOW ? style.warn : style.good;
  return row([
    cut(label, sizes.name).padEnd(sizes.name),
    barText(share, sizes.bar, paint, style.faint),
    amountText(available),
    amountText(limit),
    windowText(windowMs),
    spanText(resetInMs),
    spanText(runsOutInMs),
    ` ${source} ${Math.round(confidence * 100)} %`,
  ]);
}

function row([name = "", bar = "", left = "", limit = "", window = "", full = "", empty = "", source = ""]: readonly string[]): string {
  return `  ${name} ${bar} ${left.padStart(6)} ${limit.padStart(6)} ${window.padStart(7)} ${full.padStart(7)} ${empty.padStart(8)} ${source}`;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

function barText(share: number, length: number, paint: (text: string) => string, faint: (text: string) => string): string {
  const eighths = Math.round(share * length * 8);
  const full = "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
  return `${paint(full)}${faint("·".repeat(length - full.length))}`;
}

function cut(text: string, length: number): string {
  const letters = [...text];
  return letters.length <= length ? text : `${letters.slice(0, Math.max(0, length - 1)).join("")}…`;
}
