/** The options of each verb as commander hands them over. */
import type { Metric } from "../file/segment.ts";
import type { ReadingOptions } from "../reading/vector-file.ts";

export interface InspectWords extends ReadingOptions {
  readonly metric: Metric;
  readonly sample?: number;
  readonly queries?: number;
  readonly seed?: number;
}
