export { certifiedInstance, type Scope } from "./certificate.ts";
export { createIdentity, type CreateIdentity, openIdentity, type OwnIdentity } from "./own-identity.ts";
export { readRecovery } from "./custody.ts";
export { mergeIdentities, refuseRollback, type VerifiedIdentity, verifyBundle } from "./verify.ts";
