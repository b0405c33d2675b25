/**
 * Writes what the relay does beside its peers into the README and docs/relay-figures.svg, from the newest whole result of
 * `npm run bench -- relay` in bench/results:
 *
 *   <!-- relay figures -->
 *   <!-- end of relay figures -->
 *
 * Run after a new result was kept: `node scripts/relay-figures.ts`. A test fails when the README or the picture is behind.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../", import.meta.url);
const RESULTS = new URL("bench/results/", ROOT);
const README = new URL("README.md", ROOT);
const PICTURE = new URL("docs/relay-figures.svg", ROOT);
const BLOCK = /<!-- relay figures -->\n[\s\S]*?<!-- end of relay figures -->/;
const YARDSTICK = "jetstream";
/** A result without one of these is of a part of the shapes or peers. */
const WHOLE = { shapes: ["2x1", "50x8", "50x64", "1000x2", "drain"], peers: ["perdure", YARDSTICK, "mosquitto", "redis-always", "naive"] };
/** Shown, in this order. */
const LOADS = ["2x1", "50x1", "50x8", "50x64", "1000x2", "4k"];

interface Row {
  readonly shape: string;
  readonly contender: string;
  readonly sync: string;
  readonly agents: number;
  readonly window: number;
  readonly payloadBytes: number;
  readonly failed?: string;
  readonly figures: Readonly<Record<string, { readonly value: number }>>;
}

export interface Result {
  readonly conditions: {
    readonly at: string;
    readonly commit: string;
    readonly changed: boolean;
    readonly node: string;
    readonly processor: string;
    readonly cores: number;
    readonly load: number;
  };
  readonly rows: readonly Row[];
  readonly versions: Readonly<Record<string, string>>;
}

/** The newest result with all shapes and peers that belongs to a commit, and its file; `undefined` where there is none. */
export function newestResult(): { readonly file: string; readonly result: Result } | undefined {
  const names = readdirSync(RESULTS).filter((name) => name.endsWith("-relay.json"));
  for (const file of names.sort().reverse()) {
    const result = JSON.parse(readFileSync(new URL(file, RESULTS), "utf8")) as Result;
    if (!result.conditions.changed && isWhole(result)) return { file, result };
  }
  return undefined;
}

function isWhole({ rows }: Result): boolean {
  const done = rows.filter(({ failed }) => failed === undefined);
  return (
    WHOLE.shapes.every((shape) => done.some((row) => row.shape === shape)) &&
    WHOLE.peers.every((peer) => done.some((row) => row.contender === peer))
  );
}

/** The README with its figures as the result has them. */
export function renderReadme(readme: string, file: string, result: Result): string {
  return readme.replace(BLOCK, () => `<!-- relay figures -->\n${tableOf(file, result)}\n<!-- end of relay figures -->`);
}

function tableOf(file: string, { conditions, rows, versions }: Result): string {
  const find = (shape: string, contender: string): Row | undefined =>
    rows.find((row) => row.shape === shape && row.contender === contender && row.failed === undefined);
  const lines = LOADS.flatMap((shape) => {
    const [ours, theirs] = [find(shape, "perdure"), find(shape, YARDSTICK)];
    if (ours === undefined || theirs === undefined) return [];
    const beside = (contender: string): string => {
      const peer = find(shape, contender);
      return peer === undefined ? "–" : `${times(of(ours, "messagesPerSecond") / of(peer, "messagesPerSecond"))}`;
    };
    return [
      `| ${ours.agents} x ${ours.window}${shape === "4k" ? ", 4 KiB" : ""} | ${whole(of(ours, "messagesPerSecond"))} | ${short(of(ours, "serverMicrosPerMessage"))} | ${times(
        of(theirs, "serverMicrosPerMessage") / of(ours, "serverMicrosPerMessage"),
      )} | ${beside(YARDSTICK)} | ${beside("mosquitto")} | ${beside("redis-always")} | ${beside("naive")} | ${pair(ours)} | ${pair(theirs)} |`,
    ];
  });
  const drain = [find("drain", "perdure"), find("drain", YARDSTICK)] as const;
  const bytes = find("50x64", "perdure")?.payloadBytes ?? 0;
  return [
    `![Messages per second of the relay and its peers, by load](docs/relay-figures.svg)`,
    "",
    `Each message is ${bytes} bytes, sealed; every check is on (sender, rate, shares, order, statements). \`x\` is our rate by theirs in the same run, in turns.`,
    "",
    "| connections x outstanding | messages/s | server µs each | x JetStream, cpu | x JetStream | x mosquitto | x Redis, synced | x naive | delivered p50 / p99 ms | JetStream's |",
    "|---|---|---|---|---|---|---|---|---|---|",
    ...lines,
    "",
    ...(drain[0] === undefined || drain[1] === undefined
      ? []
      : [
          `A reader that was away gets ${whole(readRate(drain[0]))} waiting messages a second at ${short(of(drain[0], "serverMicrosPerDrained"))} µs each; JetStream's ${whole(
            readRate(drain[1]),
          )} at ${short(of(drain[1], "serverMicrosPerDrained"))}.`,
          "",
        ]),
    ...otherLayouts(find("1000x2", "perdure-shared"), find("1000x2", "jetstream-shared")),
    ...idleSessions(find("idle", "perdure"), find("idle", "perdure-shared"), find("idle", YARDSTICK)),
    `Before it acknowledges, ${["perdure", YARDSTICK, "mosquitto", "redis-always", "naive"]
      .map((name) => `${title(name)}: ${rows.find((row) => row.contender === name)?.sync ?? "–"}`)
      .join("; ")}.`,
    `${conditions.processor}, ${conditions.cores} cores for servers and load together, Node ${conditions.node.replace("v", "")}, load ${short(conditions.load)} at the start, ${Object.entries(
      versions,
    )
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}; [bench/results/${file}](bench/results/${file}), by \`npm run bench -- relay${shapesText(rows)}\`.`,
  ].join("\n");
}

/** Which shapes, where it was not all of them. */
function shapesText(rows: readonly Row[]): string {
  const shapes = [...new Set(rows.map(({ shape }) => shape))];
  return rows.some(({ shape }) => shape === "idle") ? "" : ` --shapes ${shapes.join(",")}`;
}

/** In the table each agent has a connection, and at JetStream a consumer; with many agents other layouts are better. */
function otherLayouts(ours: Row | undefined, theirs: Row | undefined): readonly string[] {
  if (ours === undefined || theirs === undefined) return [];
  const does = (row: Row): string => `${whole(of(row, "messagesPerSecond"))} at ${short(of(row, "serverMicrosPerMessage"))} µs`;
  return [
    `Of 1,000 agents 50 share a connection when they are of one program: then it is ${does(ours)}. JetStream's other layout, 16 consumers for all of them, does ${does(theirs)}.`,
    "",
  ];
}

function idleSessions(own: Row | undefined, shared: Row | undefined, theirs: Row | undefined): readonly string[] {
  if (own === undefined || shared === undefined || theirs === undefined) return [];
  const kilobytes = (row: Row): string => `${short(of(row, "serverBytesPerSession") / 1024)} KB`;
  return [
    `Each of 10,000 agents that wait costs ${kilobytes(own)} of resident memory, ${kilobytes(shared)} where 50 share a connection; at JetStream ${kilobytes(theirs)}.`,
    "",
  ];
}

/** Bars of rate by load and contender; hollow where an acknowledgement does not wait for the disk. */
export function renderPicture({ rows }: Result): string {
  const contenders = ["perdure", "jetstream", "mosquitto", "redis-always", "naive"];
  const shapes = LOADS.filter((shape) => rows.some((row) => row.shape === shape));
  const [left, barHeight, gap, group, width] = [150, 16, 4, 26, 860];
  const scale = (rate: number): number => ((Math.log10(Math.max(rate, 100)) - 2) / 4) * (width - left - 110);
  let y = 46;
  const parts: string[] = [];
  for (const shape of shapes) {
    const sample = rows.find((row) => row.shape === shape);
    parts.push(text(16, y + 13, `${sample?.agents} x ${sample?.window}${shape === "4k" ? ", 4 KiB" : ""}`, 'font-weight="600"'));
    for (const contender of contenders) {
      const row = rows.find((each) => each.shape === shape && each.contender === contender && each.failed === undefined);
      if (row === undefined) continue;
      const rate = of(row, "messagesPerSecond");
      const colour = contender === "perdure" ? "#0a6c5b" : "#6b7280";
      const fill = row.sync.startsWith("synced") ? colour : "#ffffff";
      parts.push(
        `<rect x="${left}" y="${y}" width="${scale(rate).toFixed(1)}" height="${barHeight}" fill="${fill}" stroke="${colour}" stroke-width="1.5"/>`,
        text(left + scale(rate) + 8, y + 13, `${whole(rate)}  ${title(contender)}`),
      );
      y += barHeight + gap;
    }
    y += group - gap;
  }
  const grid = [100, 1000, 10_000, 100_000, 1_000_000].map((rate) => {
    const x = left + scale(rate);
    return `<line x1="${x}" y1="36" x2="${x}" y2="${y - 10}" stroke="#e5e7eb"/>${text(x - 4, 30, whole(rate), 'fill="#6b7280" font-size="11"')}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 16}" width="${width}" height="${y + 16}" font-family="system-ui, sans-serif" font-size="13" role="img">`,
    "<title>Messages per second by load: connections x messages outstanding of each</title>",
    `<rect width="${width}" height="${y + 16}" fill="#ffffff"/>`,
    text(16, 16, "messages per second, logarithmic; filled: synced before it acknowledges, hollow: not", 'fill="#374151"'),
    ...grid,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function text(x: number, y: number, words: string, more = ""): string {
  return `<text x="${x.toFixed(1)}" y="${y}" ${more.includes("fill=") ? "" : 'fill="#111827" '}${more}>${words}</text>`;
}

function title(contender: string): string {
  return (
    { perdure: "Perdure", jetstream: "JetStream", "redis-always": "Redis streams, always synced", naive: "naive design" }[contender] ??
    contender
  );
}

function of({ figures }: Row, figure: string): number {
  return figures[figure]?.value ?? Number.NaN;
}

/** Messages a second that a reader that was away has; older results know only when the server had taken its last acknowledgement. */
function readRate(row: Row): number {
  return row.figures["readPerSecond"]?.value ?? of(row, "drainedPerSecond");
}

function pair(row: Row): string {
  return `${short(of(row, "deliveredP50Ms"))} / ${short(of(row, "deliveredP99Ms"))}`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function times(value: number): string {
  return value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2);
}

export function readReadme(): string {
  return readFileSync(README, "utf8");
}

export function readPicture(): string {
  return readFileSync(PICTURE, "utf8");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const newest = newestResult();
  if (newest === undefined) throw new Error("no result in bench/results has all shapes and peers: npm run bench -- relay");
  writeFileSync(README, renderReadme(readReadme(), newest.file, newest.result));
  writeFileSync(PICTURE, renderPicture(newest.result));
}
