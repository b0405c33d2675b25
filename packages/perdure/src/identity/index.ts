export { signNotice, verifyNotice } from "./notice.ts";
export { createIdentity, type OwnIdentity, openIdentity } from "./own-identity.ts";
export { type OpenedPart, openPart, sealPart, verifySignedPlaintext } from "./sealing.ts";
export { mergeIdentities, refuseRollback, relateIdentities, type VerifiedIdentity, verifyBundle } from "./verify.ts";
