/** Every shape that travels, by the page of the specification that explains it. */
import {
  challenge,
  confirm,
  contacts,
  found,
  goodbye,
  goodbyeOfVersion0,
  hello,
  join,
  limitSaid,
  lookup,
  offer,
  ping,
  pong,
  position,
  proof,
  publish,
  published,
  refuse,
  resume,
  route,
  settle,
  welcome,
} from "./control.ts";
import { evidence, evidenceItem, evidenceStep, signedEvidence, signedReceipt, statementConflict, storedProof } from "./evidence.ts";
import {
  agentRecord,
  anchorBody,
  certificate,
  eventSignature,
  home,
  homeSetBody,
  identityBundle,
  identityEvent,
  inboxKey,
  instanceRevokeBody,
  retireBody,
  rotateBody,
  signedCertificate,
  signedEvent,
  signedRecord,
} from "./identity.ts";
import { invite, inviteHome } from "./invite.ts";
import { inboxSecret, keptIdentity, nextSecret, sealedIdentity } from "./kept-identity.ts";
import { innerSaid, messageRef, receipt, receiptEntry, sealedHead } from "./sealed.ts";
import type { Shape } from "./shape.ts";
import { notice, signedNotice, statement, statementProof, storedLeaf } from "./statement.ts";

export const SHAPES_BY_PAGE = {
  "frames-and-session": [
    hello,
    challenge,
    proof,
    welcome,
    join,
    confirm,
    refuse,
    limitSaid,
    settle,
    position,
    lookup,
    found,
    publish,
    published,
    route,
    contacts,
    offer,
    resume,
    ping,
    pong,
    goodbye,
    goodbyeOfVersion0,
  ],
  identity: [
    identityEvent,
    rotateBody,
    instanceRevokeBody,
    homeSetBody,
    anchorBody,
    retireBody,
    signedEvent,
    eventSignature,
    certificate,
    signedCertificate,
    agentRecord,
    inboxKey,
    home,
    signedRecord,
    identityBundle,
    keptIdentity,
    inboxSecret,
    nextSecret,
    sealedIdentity,
  ],
  invites: [invite, inviteHome],
  sealing: [sealedHead, messageRef, innerSaid, receipt, receiptEntry],
  statements: [storedLeaf, statement, statementProof, notice, signedNotice],
  evidence: [evidenceItem, storedProof, signedReceipt, statementConflict, evidenceStep, evidence, signedEvidence],
} as const;

export type SpecificationPage = keyof typeof SHAPES_BY_PAGE;

/** The shapes of one page, or of all, without their value types. */
export function listShapes(page?: SpecificationPage): readonly Shape<unknown>[] {
  const typed: unknown = page === undefined ? Object.values(SHAPES_BY_PAGE).flat() : SHAPES_BY_PAGE[page];
  return typed as readonly Shape<unknown>[];
}
