/**
 * A service with limits on your own machine, that answers as OpenAI, Anthropic and GitHub do, until it is stopped:
 *
 *   npm ci                            once, in the repository
 *   node examples/pace/provider.js
 *   node examples/pace/provider.js port=8080 requestsPerMinute=60 tokensPerMinute=20000 wait=words tells=nothing overloaded=0.1
 *
 * Give a client its address in place of the real one: baseURL "http://127.0.0.1:8080/v1" for OpenAI's, "http://127.0.0.1:8080" for Anthropic's; any key will do.
 */
import process from "node:process";
import { LOCAL_PROVIDER_SETTINGS, startLocalProvider } from "@perdure/pace/local-provider";

// Who reads the first lines and goes away, as head does, has read enough.
process.stdout.on("error", ({ code }) => process.exit(code === "EPIPE" ? 0 : 1));

const given = Object.fromEntries(process.argv.slice(2).map((one) => one.split("=", 2)));
const settings = {};
for (const [name, text] of Object.entries(given)) {
  if (name === "port") continue;
  const usual = LOCAL_PROVIDER_SETTINGS[name];
  const value = typeof usual === "number" ? Number(text) : text;
  if (usual === undefined || Number.isNaN(value)) {
    process.stderr.write(`"${name}=${text}" is no setting. They are port and: ${Object.keys(LOCAL_PROVIDER_SETTINGS).join(", ")}.\n`);
    process.exit(1);
  }
  settings[name] = value;
}

const { url, counts } = await startLocalProvider(settings, Number(given.port ?? 8080)).catch(({ message, hint = "" }) => {
  process.stderr.write(`${message}. ${hint}\n`);
  process.exit(1);
});
process.stdout.write(`${url} answers /v1/chat/completions, /v1/messages and /repos/…; Ctrl-C ends it.\n`);
process.on("SIGINT", () => {
  for (const [name, { accepted, refused, overloaded }] of counts())
    process.stdout.write(`${name}: let in ${accepted}, refused ${refused}, overloaded ${overloaded}\n`);
  process.exit(0);
});
