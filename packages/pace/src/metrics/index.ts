export { createMetrics, type Metrics, type MetricsOptions } from "./metrics.ts";
export { type Attributes, createTelemetry, type MeterPort, type Telemetry, type TelemetryPorts, type TracerPort } from "./telemetry.ts";
