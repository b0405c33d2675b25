/**
 * The status page's script, as the browser gets it. Names, reasons and incidents come from others: they reach the page through
 * `say` alone, as text. The page's policy forbids what would make HTML of a string, so that a slip here stays a slip.
 */
export const PAGE_SCRIPT = /* js */ String.raw`const ASK_EVERY_MS = 2000;
const ANSWER_WITHIN_MS = 4000;
const RATE_OVER_MS = 60000;

// Marks that hide letters or turn the reading direction; foreign text must not use them on what stands beside it.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const INCIDENT_KINDS = { disk: "disk", damage: "damaged mail", clock: "clock", fenced: "fenced", peer: "visitor", link: "other relay", tls: "certificate", identity: "identity", internal: "mistake of ours" };

const COUNTERS = ["accepted", "delivered", "settled", "expired", "lost", "duplicates", "statements"];

// bound: rows of one status
const agentRows = new Map();
// bound: rows of one status
const peerRows = new Map();
const token = ownersToken();
let shownIncidents = "";
// bound: RATE_OVER_MS
let samples = [];
let lastAnswerMs;
let nextAsk;

async function ask() {
  nextAsk = undefined;
  try {
    const response = await fetchStatus();
    if (response === undefined) showNoAnswer("nothing answers at " + location.host);
    else if (response.status === 401) showNoAnswer("only its owner sees the numbers: open the link that perdure relay page prints");
    else show(await response.json());
  } catch (error) {
    showNoAnswer("what answers at " + location.host + " is not a status this page can read (" + error.message + "); try loading it again");
  }
  nextAsk = setTimeout(ask, ASK_EVERY_MS);
}

function fetchStatus() {
  const headers = token === undefined ? {} : { authorization: "Bearer " + token };
  return fetch("/status.json", { cache: "no-store", headers, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }).catch(() => undefined);
}

// A public relay's link carries its owner's token behind the #: it leaves the address bar, and stays with this tab.
function ownersToken() {
  const said = (location.hash ?? "").match(/^#token=(\w+)$/)?.[1];
  if (said !== undefined) {
    sessionStorage.setItem("token", said);
    history.replaceState(null, "", location.pathname);
  }
  return said ?? globalThis.sessionStorage?.getItem("token") ?? undefined;
}

function show(status) {
  const starting = status.id === undefined;
  if (!starting) {
    showFigures(status);
    showAgents(status);
    showPeers(status);
    showDoor(status);
    showIncidents(status.incidents);
    showCounters(status.counters);
    showRelay(status);
    lastAnswerMs = Date.now();
  }
  const headline = starting ? "Starting" : status.healthy ? "Healthy" : "Needs attention";
  showHealth(starting ? "gone" : status.healthy ? "good" : "bad", headline, status.reasons);
  say(byId("answered"), "Asks the relay every 2 s · " + timeOf(Date.now()));
}

function showNoAnswer(why) {
  const age = lastAnswerMs === undefined ? [] : ["what stands below is from " + timeOf(lastAnswerMs) + ", " + duration(Date.now() - lastAnswerMs) + " ago"];
  showHealth("gone", "No answer from the relay", [why, ...age]);
  say(byId("answered"), "Asks again every 2 s");
}

function showHealth(state, headline, reasons) {
  document.body.dataset.state = state;
  document.title = (state === "good" ? "" : headline + " – ") + "Perdure relay";
  say(byId("headline"), headline);
  const list = byId("reasons");
  while (list.children.length > reasons.length) list.lastChild.remove();
  while (list.children.length < reasons.length) list.append(make("li"));
  reasons.forEach((reason, at) => say(list.children[at], reason));
}

function showFigures(status) {
  say(byId("waiting"), count(status.waitingMessages));
  say(byId("waiting-size"), size(status.waitingBytes));
  const rate = rates(status);
  say(byId("rate"), perSecond(rate.accepted));
  say(byId("rate-out"), "out " + perSecond(rate.delivered));
  say(byId("agent-count"), count(status.agentCount));
  say(byId("connections"), count(status.connections) + (status.connections === 1 ? " connection" : " connections"));
  say(byId("disk"), size(status.diskBytes));
  say(byId("disk-limit"), "of " + size(status.diskLimitBytes) + " set");
  byId("disk-meter").value = status.diskBytes / status.diskLimitBytes;
  say(byId("memory"), status.memoryBytes === undefined ? "unknown" : size(status.memoryBytes));
  say(byId("running"), duration(status.nowMs - status.startedAtMs));
  say(byId("started"), "since " + dateOf(status.startedAtMs));
}

// Over the last minute, or as long as this page knows this run of the relay.
function rates({ generation, counters }) {
  const now = { atMs: performance.now(), generation, accepted: counters.accepted, delivered: counters.delivered };
  samples = [...samples.filter((each) => each.generation === generation && now.atMs - each.atMs <= RATE_OVER_MS), now];
  const [first] = samples;
  const seconds = (now.atMs - first.atMs) / 1000;
  if (seconds === 0) return { accepted: undefined, delivered: undefined };
  return { accepted: (now.accepted - first.accepted) / seconds, delivered: (now.delivered - first.delivered) / seconds };
}

function showAgents({ agents, agentCount, address, tickets, nowMs }) {
  showRows(byId("agent-rows"), agentRows, agents, (row, agent) => {
    fillWho(row, agent, agent.name === undefined ? undefined : "@" + agent.name, "no name", "away");
    say(row.children[0].children[2], agent.standing === "open" ? "" : agent.standing);
    fillWaiting(row, agent, nowMs);
  });
  byId("agents").hidden = agentCount === 0;
  byId("agents-note").hidden = agentCount === 0;
  byId("nobody").hidden = agentCount > 0;
  const rest = agents.length < agentCount ? "The " + count(agents.length) + " with most waiting, of " + count(agentCount) + ". " : "";
  say(byId("agents-note"), rest + "A name is what an agent calls itself; its id is who it is.");
  say(byId("join"), "perdure init --relay " + (tickets.required ? "<what perdure relay ticket prints>" : address) + " --name desk");
}

function showPeers({ peers, nowMs }) {
  showRows(byId("peer-rows"), peerRows, peers, (row, peer) => {
    fillWho(row, peer, peer.url, "address unknown", peer.waitingMessages === 0 && peer.lastError === undefined ? "idle" : "away");
    const parked = peer.parkedLanes === 0 ? "" : " · " + count(peer.parkedLanes) + " held back";
    const dialled = peer.dialledBy === undefined ? "" : " · dialled by " + peer.dialledBy;
    const trouble = peer.lastError === undefined ? "" : " · " + peer.lastError;
    say(row.children[0].children[2], "passed on " + count(peer.passedOn) + " · taken in " + count(peer.relayedIn) + parked + dialled + trouble);
    fillWaiting(row, peer, nowMs);
  });
  byId("peers").hidden = peers.length === 0;
  say(byId("peers-note"), peers.length === 0 ? "None yet: it meets another when its agents write there, or are written to." : "An address is what it says of itself; its id is who it is.");
}

function showDoor({ tickets, origins, bans }) {
  say(byId("tickets"), tickets.required ? "needs a ticket; " + count(tickets.open) + " open" : "open to whoever reaches this relay");
  say(byId("origins"), origins.length === 0 ? "none may connect" : "may connect from " + origins.join(", "));
  byId("bans").replaceChildren(...bans.map((ban) => {
    const parts = [make("code"), make("span"), make("time")];
    [ban.id, " " + (ban.why || "no reason given") + " ", dateOf(ban.atMs)].forEach((text, at) => say(parts[at], text));
    const item = make("li");
    item.append(...parts);
    return item;
  }));
  byId("no-bans").hidden = bans.length > 0;
}

// Rows are kept and changed in place: a selection or a screen reader's position survives the next answer.
function showRows(body, rows, values, fill) {
  const present = new Set(values.map((value) => value.id));
  for (const [id, row] of rows) {
    if (present.has(id)) continue;
    row.remove();
    rows.delete(id);
  }
  values.forEach((value, at) => {
    if (!rows.has(value.id)) rows.set(value.id, makeRow());
    const row = rows.get(value.id);
    if (body.children[at] !== row) body.insertBefore(row, body.children[at] ?? null);
    fill(row, value);
  });
}

function makeRow() {
  const cell = make("td");
  const who = make("p", "who");
  who.append(make("span"), make("code"));
  cell.append(make("p"), who, make("p", "more"));
  const row = make("tr");
  row.append(cell, make("td"), make("td"), make("td"));
  return row;
}

function fillWho(row, value, called, otherwise, gone) {
  const [name, who] = row.children[0].children;
  name.className = called === undefined ? "name nameless" : "name";
  say(name, called ?? otherwise);
  const [state, id] = who.children;
  state.className = value.connected ? "state connected" : "state";
  say(state, value.connected ? "connected" : gone);
  say(id, value.id);
  id.title = value.id;
}

function fillWaiting(row, value, nowMs) {
  const [, waiting, bytes, oldest] = row.children;
  say(waiting, count(value.waitingMessages));
  say(bytes, value.waitingMessages === 0 ? "–" : size(value.waitingBytes));
  say(oldest, value.oldestWaitingSinceMs === undefined ? "–" : duration(nowMs - value.oldestWaitingSinceMs));
}

function showIncidents(incidents) {
  say(byId("incidents-note"), incidents.length === 0 ? "Nothing since it started." : "Newest first.");
  const key = JSON.stringify(incidents);
  if (key === shownIncidents) return;
  shownIncidents = key;
  byId("incidents").replaceChildren(...incidents.toReversed().map((incident) => {
    const parts = [make("time"), make("span", "kind"), make("span")];
    const kind = Object.hasOwn(INCIDENT_KINDS, incident.kind) ? INCIDENT_KINDS[incident.kind] : incident.kind;
    [dateOf(incident.atMs), kind, incident.what].forEach((text, at) => say(parts[at], text));
    const item = make("li");
    item.append(...parts);
    return item;
  }));
}

function showCounters(counters) {
  for (const name of COUNTERS) say(byId(name), count(counters[name]));
  byId("lost").className = counters.lost > 0 ? "alarm" : "";
  const codes = Object.entries(counters.refused).filter(([, times]) => times > 0);
  const limits = Object.entries(counters.limited).filter(([, times]) => times > 0);
  byId("limits").hidden = limits.length === 0;
  say(byId("limited"), limits.map(([name, times]) => name + " " + count(times)).join(", ") + "; perdure relay --set raises one");
  say(byId("refused"), codes.length === 0 ? "0" : codes.map(([code, times]) => code + " " + count(times)).join(", "));
}

function showRelay({ address, generation, settings }) {
  say(byId("address"), address);
  say(byId("generation"), generation);
  const changed = settings.filter((setting) => setting.origin !== "default" && setting.origin !== "fixed");
  say(byId("settings"), changed.length === 0 ? "none" : changed.map(settingText).join(", "));
}

function settingText({ name, value, unit }) {
  return name + " = " + (unit === "yes or no" ? (value === 0 ? "no" : "yes") : count(value) + " " + unit);
}

function say(element, text) {
  const seen = String(text).replace(UNSEEN, "\ufffd");
  if (element.textContent !== seen) element.textContent = seen;
}

function make(tag, className = "") {
  const element = document.createElement(tag);
  element.className = className;
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

function count(value) {
  return value.toLocaleString("en");
}

function perSecond(value) {
  return value === undefined ? "…" : (value > 0 && value < 10 ? value.toFixed(1) : count(Math.round(value))) + "/s";
}

function size(bytes) {
  const at = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), 4);
  const value = bytes / 1024 ** at;
  return (at > 0 && value < 100 ? value.toFixed(1).replace(".0", "") : Math.round(value)) + " " + ["B", "KB", "MB", "GB", "TB"][at];
}

function duration(ms) {
  const seconds = Math.max(Math.round(ms / 1000), 0);
  if (seconds < 120) return seconds + " s";
  if (seconds < 7200) return Math.floor(seconds / 60) + " min";
  return seconds < 172800 ? Math.floor(seconds / 3600) + " h" : Math.floor(seconds / 86400) + " d";
}

// Swedish custom writes dates and times as 2026-11-21 14:03:02, in the reader's time zone.
function dateOf(ms) {
  return new Date(ms).toLocaleString("sv-SE");
}

function timeOf(ms) {
  return new Date(ms).toLocaleTimeString("sv-SE");
}

// A page in the background is asked for seldom by the browser's own rules; who looks at it again sees what is so.
document.addEventListener("visibilitychange", () => {
  if (document.hidden || nextAsk === undefined) return;
  clearTimeout(nextAsk);
  ask();
});
ask();
`;
