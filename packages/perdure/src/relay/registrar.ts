/**
 * What an offered identity is to the one this relay holds: the compare of compare-and-append.
 *
 * What must hold: nothing that a longer or higher ranking log undoes comes back, whoever offers it; two logs of which neither outranks
 * the other are both kept, and freeze the agent; the instance of a session is judged by everything known of its agent, not by what it
 * chose to show. What comes out names the bundle it was compared with, and the machine takes it only in place of that one.
 */
import type { Host } from "../host/host.ts";
import { certifiedInstance, type VerifiedCertificate, validAt } from "../identity/certificate.ts";
import { readVerified } from "../identity/verified-before.ts";
import { mergeIdentities, relateIdentities, type VerifiedIdentity, verifyBundle } from "../identity/verify.ts";
import type { Registration } from "../protocol/delivery/mailbox-events.ts";
import { type Bytes, EMPTY, equalBytes } from "../wire/bytes.ts";
import type { Role } from "../wire/control.ts";
import { PerdureError } from "../wire/error.ts";

export interface Judged {
  /** Everything known of it, what was offered included. */
  readonly identity: VerifiedIdentity;
  readonly registration: Registration;
}

export interface Registrar {
  /** Verifies a bundle somebody showed; of what this relay holds already no signature is verified twice. */
  verify(bundle: Bytes, idRaw: Bytes, role: Role): Promise<VerifiedIdentity>;
  judge(offered: VerifiedIdentity, role: Role): Promise<Judged>;
  /**
   * As `judge`, for a session that this instance of it signed. Throws `instance-revoked`, `certificate-expired` or `bad-signature` when
   * that may not act for it any more, by all that is known; `identity-forked` for a relay of which two logs contradict each other.
   */
  admit(offered: VerifiedIdentity, instanceKey: Bytes, role: Role): Promise<Judged & { readonly validUntilMs: number }>;
  /** When the certificate of that instance ends by what is held; throws as `admit` when it has. */
  certifiedUntil(idRaw: Bytes, instanceKey: Bytes, role: Role): Promise<number>;
  /** The bundle that is held now: the same bytes until another is registered. */
  held(idRaw: Bytes, role: Role): Bytes;
}

export interface RegistrarOptions {
  readonly host: Pick<Host, "clock" | "crypto">;
  /** The newest bundle of an agent here, or of a relay that was met; empty when there is none. */
  readonly held: (idRaw: Bytes, role: Role) => Bytes;
}

/** Registrations of one agent that may come between a comparison and its end. */
const TRIES = 8;
const SCOPE_OF = { agent: "mail", relay: "relay" } as const;

export function createRegistrar({ host, held }: RegistrarOptions): Registrar {
  const { clock, crypto } = host;

  const compare = async (offered: VerifiedIdentity, replaces: Bytes): Promise<Judged> => {
    const nowMs = clock.wallMs();
    if (replaces.length === 0 || equalBytes(replaces, offered.bundle))
      return { identity: offered, registration: registrationOf(offered, replaces, "", nowMs) };
    const { idRaw, id } = offered;
    const before = { idRaw, id, bundle: replaces };
    const relation = relateIdentities(offered, before);
    const merged = await mergeIdentities(crypto, before, offered, nowMs);
    const verdict = merged.frozen ? "identity-forked" : relation === "behind" || relation === "outranked" ? "record-rolled-back" : "";
    return { identity: merged, registration: registrationOf(merged, replaces, verdict, nowMs) };
  };

  const judge: Registrar["judge"] = async (offered, role) => {
    for (let tries = 0; tries < TRIES; tries++) {
      const replaces = held(offered.idRaw, role);
      const judged = await compare(offered, replaces);
      if (equalBytes(held(offered.idRaw, role), replaces)) return judged;
    }
    throw new PerdureError("too-busy", `the identity of ${offered.id} changes all the time`, { retry: "after", afterMs: 1000 });
  };

  return {
    held,
    verify: async (bundle, idRaw, role) => {
      const read = equalBytes(held(idRaw, role), bundle) ? readVerified : verifyBundle;
      return await read(crypto, bundle, clock.wallMs(), idRaw);
    },
    judge,
    admit: async (offered, instanceKey, role) => {
      const judged = await judge(offered, role);
      const { identity } = judged;
      if (role === "relay" && identity.frozen)
        throw new PerdureError("identity-forked", `two histories of the relay ${identity.id} contradict each other`, {
          retry: "after",
          afterMs: 60_000,
          hint: "Its owner decides with the recovery file: perdure id rotate.",
        });
      // While nobody can say which log counts, each side is let in by its own: it reads no mail, and may bring what decides.
      const judgedBy = identity.frozen ? offered : identity;
      return { ...judged, validUntilMs: actingUntil(judgedBy, instanceKey, role, clock.wallMs()) };
    },
    certifiedUntil: async (idRaw, instanceKey, role) => {
      const nowMs = clock.wallMs();
      const identity = await readVerified(crypto, held(idRaw, role), nowMs, idRaw);
      // As when it was let in: while nobody can say which log counts, no session ends for one of them.
      if (identity.frozen && role === "agent") return Number.MAX_SAFE_INTEGER;
      return actingUntil(identity, instanceKey, role, nowMs);
    },
  };
}

function registrationOf(identity: VerifiedIdentity, replaces: Bytes, verdict: Registration["verdict"], nowMs: number): Registration {
  const { idRaw, bundle, name, recordVersion, frozen, retired, certificates } = identity;
  return {
    idRaw,
    bundle,
    name,
    recordVersion,
    replaces,
    verdict,
    standing: frozen ? "frozen" : retired ? "retired" : "open",
    instances: certificates.filter((each) => validAt(each, nowMs) && acts(identity, each)).map(({ instanceKey }) => instanceKey),
  };
}

/**
 * Whether a certificate lets its instance open sessions. The time a rotation leaves to old keys is for what they signed before it came
 * to everybody; a thief of them is out at once. Instances of a retired agent read what waits until their time is over.
 */
function acts({ retired, frozen }: VerifiedIdentity, { validUntilMs, notAfterMs }: VerifiedCertificate): boolean {
  return retired || frozen || validUntilMs === notAfterMs;
}

function actingUntil(identity: VerifiedIdentity, instanceKey: Bytes, role: Role, nowMs: number): number {
  certifiedInstance(identity, instanceKey, SCOPE_OF[role], nowMs);
  const acting = identity.certificates.filter((each) => acts(identity, each));
  if (!acting.some((each) => equalBytes(each.instanceKey, instanceKey)))
    throw new PerdureError("instance-revoked", "the control key behind this instance was replaced by the agent's owner", {
      hint: "Go on in the folder that replaced it.",
    });
  return certifiedInstance({ certificates: acting }, instanceKey, SCOPE_OF[role], nowMs).validUntilMs;
}

/** Of a relay: who it is was judged before, and what it stands under here is no agent's registration. */
export function peerRegistration(idRaw: Bytes, bundle: Bytes): Registration {
  return { idRaw, bundle, name: undefined, recordVersion: 0, replaces: EMPTY, verdict: "", standing: "open", instances: [] };
}
