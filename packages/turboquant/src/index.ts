export type { ScaleMode } from "./codec/encoder.ts";
export { createQuantizer, type Quantizer, type QuantizerOptions, type Query } from "./codec/quantizer.ts";
export { isTurboQuantError, TurboQuantError, type TurboQuantErrorCode } from "./error.ts";
export type { KernelKind } from "./kernels/kernels.ts";
export { createKernels, type KernelChoice } from "./kernels/load.ts";
