/** The options of each verb as commander hands them over. */
import type { Metric } from "../file/segment.ts";
import type { KernelKind } from "../kernels/kernels.ts";
import type { ReadingOptions } from "../reading/vector-file.ts";

export interface InspectWords extends ReadingOptions {
  readonly metric: Metric;
  readonly sample?: number;
  readonly queries?: number;
  readonly seed?: number;
}

export interface CompressWords extends ReadingOptions {
  readonly out: string;
  readonly metric: Metric;
  readonly bits: number;
  readonly seed?: number;
  /** Take the mean off first. */
  readonly center?: boolean;
  /** Keep the vectors as well. */
  readonly originals?: boolean;
  readonly force?: boolean;
}

export interface BenchWords extends ReadingOptions {
  readonly metric: Metric;
  readonly bits: number;
  readonly queries?: number;
  readonly limit?: number;
  readonly kernels?: KernelKind;
}
