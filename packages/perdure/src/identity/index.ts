export { certifiedInstance, type Scope } from "./certificate.ts";
export { readRecovery } from "./custody.ts";
export { signNotice, verifyNotice } from "./notice.ts";
export { createIdentity, type CreateIdentity, openIdentity, type OwnIdentity } from "./own-identity.ts";
export { type OpenedPart, openPart, type OpenPart, sealPart, type SealPart } from "./sealing.ts";
export { mergeIdentities, refuseRollback, type VerifiedIdentity, verifyBundle } from "./verify.ts";
