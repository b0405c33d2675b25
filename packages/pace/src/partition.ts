/** Whose quota a request takes of: from its address, its credentials and the model that it names. */
import { fieldsOf } from "./providers/fields.ts";

export interface Asked {
  readonly url: string;
  readonly headers: Headers;
  /** Where it is text. */
  readonly body: string | undefined;
}

const CREDENTIALS = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
/** GitHub counts these apart from all others. */
const OWN_QUOTA = /^\/(search|graphql)(?=[/?]|$)/;
const MODEL_IN_PATH = /\/models\/([\w.-]{1,80})/;
const MODEL_IN_BODY = /"model"\s*:\s*"([^"\\]{1,100})"/;
/** A model is named at the beginning or the end of a body; of long ones the middle is not looked at. */
const LOOKED_AT = 20_000;

/** The same for requests that share their quotas, as the services in `providers/` count. Credentials are in it as a number that does not tell them. */
export function partitionOf({ origin, pathname, host }: URL, headers: Headers, model: string | undefined): string {
  const fields = fieldsOf(headers);
  const credential = CREDENTIALS.map((name) => fields.get(name)).find((value) => value !== null);
  const own = host === "api.github.com" ? OWN_QUOTA.exec(pathname)?.[1] : undefined;
  return [origin, credential === undefined ? undefined : hashed(credential), model, own].filter((part) => part !== undefined).join(" ");
}

/** As the request names it. */
export function modelOf({ url, body }: Asked, at: URL = new URL(url)): string | undefined {
  return modelIn(body) ?? MODEL_IN_PATH.exec(at.pathname)?.[1];
}

function modelIn(body: string | undefined): string | undefined {
  if (body === undefined) return undefined;
  const looked = body.length > 2 * LOOKED_AT ? `${body.slice(0, LOOKED_AT)} ${body.slice(-LOOKED_AT)}` : body;
  return MODEL_IN_BODY.exec(looked)?.[1];
}

/** FNV-1a, 32 bits: enough to tell a handful of keys apart. */
function hashed(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
