/**
 * The text that Prometheus reads, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats): of each family its help, its kind, and its samples together.
 */
import type { Histogram } from "./histogram.ts";

export const TEXT_FORMAT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

/** A sample, or a histogram, of one set of labels. */
export interface Series {
  readonly labels: Labels;
  readonly value: number | Histogram;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly kind: "counter" | "gauge" | "histogram";
  /** Of histograms. */
  readonly bounds?: readonly number[];
  readonly series: readonly Series[];
}

/** Families without series are left out. */
export function textOf(families: readonly Family[]): string {
  return families
    .filter(({ series }) => series.length > 0)
    .map(({ name, help, kind, bounds = [], series }) => {
      const samples = series.flatMap(({ labels, value }) =>
        typeof value === "number" ? [sample(name, labels, value)] : histogramSamples(name, labels, value, bounds),
      );
      return [`# HELP ${name} ${escaped(help, false)}`, `# TYPE ${name} ${kind}`, ...samples, ""].join("\n");
    })
    .join("");
}

function histogramSamples(name: string, labels: Labels, histogram: Histogram, bounds: readonly number[]): readonly string[] {
  const counts = histogram.cumulative();
  return [
    ...bounds.map((bound, at) => sample(`${name}_bucket`, { ...labels, le: String(bound) }, counts[at] ?? 0)),
    sample(`${name}_bucket`, { ...labels, le: "+Inf" }, histogram.count),
    sample(`${name}_sum`, labels, histogram.sum),
    sample(`${name}_count`, labels, histogram.count),
  ];
}

function sample(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text, true)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numberText(value)}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf";
}

/** Names of services and models are of others: nothing in them ends a label or a line. */
function escaped(text: string, isLabel: boolean): string {
  const lines = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return isLabel ? lines.replaceAll('"', '\\"').toWellFormed() : lines;
}
