export { signNotice, verifyNotice } from "./notice.ts";
export { createIdentity, type OwnIdentity, openIdentity } from "./own-identity.ts";
export { type OpenedPart, openPart, sealPart, verifySignedPlaintext } from "./sealing.ts";
export { createSealingSecrets } from "./sealing-secrets.ts";
export {
  changesAtMs,
  mergeIdentities,
  readIdentity,
  refuseRollback,
  speaksAt,
  type VerifiedIdentity,
  verifyBundle,
} from "./verify.ts";
