/** Whose quota a request takes of: from its address, its credentials and the model that it names. */
import { fieldsOf } from "./providers/fields.ts";

export interface Asked {
  readonly url: string;
  readonly headers: Headers;
  /** Where it is text; of a form the fields that are, as JSON. */
  readonly body: string | undefined;
}

const CREDENTIALS = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
/** Names that stand for nothing else, whoever is asked. */
const KEY_IN_QUERY = /^(?:api[-_]?key|access[-_]token)$/i;
/** Google's own name for it means anything elsewhere. */
const GOOGLE = /(?:^|\.)googleapis\.com$/;
/** Of these schemes each request has other words; who signed it is one of their parameters, or stands before a colon and the signature. */
const SIGNED = /^(?:[\w-]*-SHA256|AWS|OSS|SharedKey(?:Lite)?|OAuth|Digest|Hawk|Signature)\s/i;
/** Behind a bare name comes the scope of a credential, with the date. */
const SIGNER = /(?:^|[\s,;&])(?:credential|access|username|keyid|id|oauth_consumer_key|oauth_token)=(?:"([^"]+)|([^/",;&\s]+))/gi;
const BEFORE_COLON = /^\S+\s+([^\s:=]+):/;
const SIGNATURE = /\bsignature=.*$/i;
/** Fields that sign a request (RFC 9421, and the draft before it). */
const SIGNATURES = ["signature-input", "signature"];
const KEY_ID = /\bkeyid="([^"]+)"/i;
/** GitHub counts these apart from all others. */
const OWN_QUOTA = /^\/(search|graphql)(?=[/?]|$)/;
/** As Google writes it, Azure, and Bedrock: other services have deployments too. */
const MODEL_IN_PATH = /\/(?:models|openai\/deployments|model(?=\/[^/]+\/(?:converse|invoke)))\/([\w.@%-]{1,100})/;
const MODEL_IN_BODY = /"model"\s*:\s*"([^"\\]{1,100})"/;
/** Anthropic's fast mode has limits of its own. Both words are needed, so that a tool's argument of that name is none. */
const FAST_IN_BODY = /"speed"\s*:\s*"fast"/;
/** A model is named at the beginning or the end of a body; of long ones the middle is not looked at. */
const LOOKED_AT = 20_000;

/** The same for requests that share their quotas, as the services in `providers/` count. Credentials are in it as a number that does not tell them. */
export function partitionOf(at: URL, { headers, body }: Pick<Asked, "headers" | "body">, model: string | undefined): string {
  const credentials = credentialsOf(at, headers);
  return [
    at.origin,
    credentials === "" ? undefined : hashed(credentials),
    model,
    isFast(headers, body) ? "fast" : undefined,
    at.host === "api.github.com" ? OWN_QUOTA.exec(at.pathname)?.[1] : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(" ");
}

/** All of them: a key may stand beside the credentials of a gateway. */
function credentialsOf(at: URL, headers: Headers): string {
  const fields = fieldsOf(headers);
  const found: string[] = [];
  for (const name of CREDENTIALS) {
    const value = fields.get(name);
    if (value !== null) found.push(SIGNED.test(value) ? signerIn(value) : value);
  }
  for (const name of SIGNATURES) found.push(KEY_ID.exec(fields.get(name) ?? "")?.[1] ?? "");
  if (at.search !== "")
    for (const [name, value] of at.searchParams)
      if (KEY_IN_QUERY.test(name) || (name === "key" && GOOGLE.test(at.hostname))) found.push(value);
  return found.filter((one) => one !== "").join("\n");
}

/** Where nobody is named, all but the signature. */
function signerIn(value: string): string {
  const named = [...value.matchAll(SIGNER)].map(([, quoted, bare]) => quoted ?? bare).join(" ");
  return named || (BEFORE_COLON.exec(value)?.[1] ?? value.replace(SIGNATURE, ""));
}

function isFast(headers: Headers, body: string | undefined): boolean {
  return body !== undefined && headers.get("anthropic-beta")?.includes("fast-mode") === true && FAST_IN_BODY.test(lookedAt(body));
}

/** As the request names it. */
export function modelOf({ url, body }: Asked, at: URL = new URL(url)): string | undefined {
  return modelIn(body) ?? modelInPath(at.pathname);
}

/** Within one model's name Bedrock has a colon, which some write so and some as "%3A". */
function modelInPath(path: string): string | undefined {
  return MODEL_IN_PATH.exec(path)?.[1]?.replace(/%3A/gi, ":");
}

function modelIn(body: string | undefined): string | undefined {
  return body === undefined ? undefined : MODEL_IN_BODY.exec(lookedAt(body))?.[1];
}

function lookedAt(body: string): string {
  return body.length > 2 * LOOKED_AT ? `${body.slice(0, LOOKED_AT)} ${body.slice(-LOOKED_AT)}` : body;
}

/** FNV-1a, 32 bits: enough to tell a handful of keys apart. */
function hashed(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
