export { certifiedInstance, type Scope } from "./certificate.ts";
export { readRecovery } from "./custody.ts";
export { signNotice, verifyNotice } from "./notice.ts";
export { type CreateIdentity, createIdentity, type OwnIdentity, openIdentity } from "./own-identity.ts";
export { type OpenedPart, type OpenPart, openPart, type SealPart, sealPart } from "./sealing.ts";
export { mergeIdentities, refuseRollback, type VerifiedIdentity, verifyBundle } from "./verify.ts";
