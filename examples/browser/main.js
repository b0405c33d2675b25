/** A page whose agent sends and receives mail. Open it in two tabs: both are the same agent. */
import { isPerdureError, openAgent } from "perdure/browser";

const FOLDER = "/example";
/** Strangers may write: whoever tries this out is one to the other. */
const OPTIONS = { strangers: "welcome" };

const byId = (id) => document.getElementById(id);

try {
  begin(await openAgent(FOLDER, OPTIONS));
} catch (error) {
  if (!isPerdureError(error) || error.code !== "no-agent-here") throw complain(error);
  byId("state").textContent = "There is no agent in this browser yet.";
  byId("join").hidden = false;
}

byId("join").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { relay, name } = Object.fromEntries(new FormData(event.target));
  byId("trouble").textContent = "";
  try {
    begin(await openAgent(FOLDER, { ...OPTIONS, join: relay.trim(), name }));
    byId("join").hidden = true;
  } catch (error) {
    complain(error);
  }
});

function begin(agent) {
  byId("desk").hidden = false;
  byId("send").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { to, text } = Object.fromEntries(new FormData(event.target));
    byId("trouble").textContent = "";
    try {
      follow(await agent.send(to.trim(), text));
      event.target.elements.text.value = "";
    } catch (error) {
      complain(error);
    }
  });
  for (const watch of [watchStatus, watchInbox, showOutbox]) watch(agent).catch(complain);
}

async function showOutbox(agent) {
  for (const sent of (await agent.outbox()).toReversed()) follow(sent);
}

async function watchStatus(agent) {
  for (;;) {
    const { id, name, role, relay } = await agent.status();
    const line = relay.connected ? "connected" : `not connected: ${relay.lastError ?? "trying"}`;
    const tab = role === "holder" ? "this tab holds it" : "another tab holds it";
    byId("state").textContent = `${name === undefined ? id : `@${name}`} at ${new URL(relay.url).host}, ${line}; ${tab}.`;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function watchInbox(agent) {
  for await (const mail of agent.inbox({ watch: true })) {
    const from = mail.fromAddress ?? (mail.fromName === undefined ? mail.from : `${mail.fromName} (${mail.from.slice(0, 10)}…)`);
    add("inbox", await mail.text(), `${from}, ${new Date(mail.receivedAtMs).toLocaleString()}`);
  }
}

function follow(sent) {
  const state = add("outbox", `To ${sent.toName === undefined ? sent.to : `@${sent.toName}`}`, "");
  const tell = async () => {
    for await (const step of sent) state.textContent = step.state;
  };
  tell().catch(complain);
}

/** A row on top of a list; what others wrote goes in as text only. Gives the line below it. */
function add(list, text, below) {
  const [row, small] = [document.createElement("li"), document.createElement("small")];
  small.textContent = below;
  row.append(text, small);
  byId(list).querySelector(".none")?.remove();
  byId(list).prepend(row);
  return small;
}

function complain(error) {
  byId("trouble").textContent = isPerdureError(error) ? `${error.message}. ${error.hint ?? ""}` : String(error);
  return error;
}
