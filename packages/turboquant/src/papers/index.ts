/** Forms of the papers that the codec does without, complete, to be compared with it. */
export { createInnerProductQuantizer, type InnerProductOptions, type InnerProductQuantizer } from "./inner-product.ts";
export { createPolarQuantizer, type PolarOptions, type PolarQuantizer, type PolarRadius } from "./polar.ts";
export type { SketchKind } from "./sketch.ts";
