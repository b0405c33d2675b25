export * from "./distances";
export * from "./dots";
export * from "./encode";
export * from "./keys";
export * from "./paley";
