export { createQuantizer, type Quantizer, type QuantizerOptions, type Query, type ScaleMode } from "./codec/quantizer.ts";
export { isTurboQuantError, TurboQuantError, type TurboQuantErrorCode } from "./error.ts";
