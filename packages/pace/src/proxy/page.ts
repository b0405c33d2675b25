/**
 * The live page of a proxy, all in one: it asks `/pace/state` every second. Names are of others, so nothing is written into it but as text.
 */
export const PAGE_SCRIPT = `
"use strict";
const trimmed = (text) => text.includes(".") ? text.replace(/\\.?0+$/, "") : text;
const span = (ms) => {
  if (ms === undefined) return "\\u2013";
  const s = ms / 1000;
  if (s < 9.95) return trimmed(s.toFixed(1)) + " s";
  if (s < 99.5) return Math.round(s) + " s";
  if (s < 5970) return Math.round(s / 60) + " min";
  if (s < 172800) return Math.round(s / 3600) + " h";
  return Math.round(s / 86400) + " days";
};
const windowText = (ms) => {
  for (const [size, unit] of [[86400000, "d"], [3600000, "h"], [60000, "min"]]) if (ms >= size && ms % size === 0) return ms / size + " " + unit;
  return span(ms);
};
const amount = (n) => {
  const figures = (v) => v.toFixed(v < 9.995 ? 2 : v < 99.95 ? 1 : 0);
  for (const [least, size, sign] of [[999.5e6, 1e9, "G"], [999.5e3, 1e6, "M"], [1e4, 1e3, "k"]]) if (n >= least) return trimmed(figures(n / size)) + sign;
  if (n >= 10 || Number.isInteger(n)) return String(Math.round(n));
  return n >= 0.995 ? n.toFixed(1) : trimmed(n.toFixed(Math.min(4, 1 - Math.floor(Math.log10(n)))));
};
const make = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};
const fact = (list, name, says, how) => {
  const box = make("div", how);
  box.append(make("dt", "", name), make("dd", "", says));
  list.append(box);
};
const quota = (q) => {
  const row = make("div", "quota");
  const left = q.limit > 0 ? Math.max(0, Math.min(1, q.available / q.limit)) : 0;
  const head = make("div", "line");
  head.append(make("b", "", q.unit + (q.name === q.unit ? "" : " (" + q.name + ")")));
  head.append(make("span", "", amount(q.available) + " of " + amount(q.limit) + " left" + (q.windowMs ? " in " + windowText(q.windowMs) : "")));
  const bar = make("div", "bar" + (left < 0.1 ? " bad" : left < 0.25 ? " low" : ""));
  const fill = make("i");
  fill.style.width = (left * 100).toFixed(1) + "%";
  bar.append(fill);
  const foot = make("div", "line faint");
  const out = q.runsOutInMs === undefined ? "" : ", empty in " + span(q.runsOutInMs);
  foot.append(make("span", out ? "warn" : "", "full in " + span(q.resetInMs) + out));
  foot.append(make("span", "", "by " + q.source + ", " + Math.round(q.confidence * 100) + " % sure"));
  row.append(head, bar, foot);
  return row;
};
const card = (p) => {
  const made = make("article");
  const title = make("h2", "", p.name);
  made.append(title);
  const facts = make("dl");
  fact(facts, "waiting", amount(p.waiting));
  fact(facts, "under way", amount(p.underWay) + " of " + amount(p.mostUnderWay));
  fact(facts, "may leave", amount(p.perSecond) + " a second");
  fact(facts, "breaker", p.breaker, p.breaker === "closed" ? "" : "warn");
  fact(facts, "pause", p.pausedMs > 0 ? span(p.pausedMs) : "none", p.pausedMs > 0 ? "warn" : "");
  fact(facts, "answered", amount(p.totals.answered));
  fact(facts, "refused by it", amount(p.totals.refused + p.totals.overloaded));
  fact(facts, "turned away", amount(p.totals.turnedAway));
  made.append(facts, ...p.quotas.map(quota));
  if (p.quotas.length === 0) made.append(make("p", "faint", "The service tells no limits; the pace is found by trying."));
  return made;
};
const shared = (s) => {
  const made = make("article");
  made.append(make("h2", "", s.name === "here" ? "of this process" : "of the policy, for " + (s.name === "*" ? "everything" : s.name)), ...s.quotas.map(quota));
  return made;
};
const main = document.querySelector("main");
const state = document.querySelector("#state");
const look = async () => {
  try {
    const answer = await fetch("state", { cache: "no-store" });
    const now = await answer.json();
    state.textContent = "for " + now.targets.join(", ") + " \\u00b7 up " + span(now.upMs);
    state.className = "";
    const shown = now.partitions.slice(0, 200);
    main.replaceChildren(...now.shared.map(shared), ...shown.map(card));
    if (shown.length === 0) main.append(make("p", "faint", "No call came yet. Change the base URL of a program to " + location.origin + "/\\u2026"));
  } catch {
    state.textContent = "The proxy does not answer.";
    state.className = "warn";
  }
  setTimeout(look, 1000);
};
look();
`;

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #5b6470; --paper: #f6f7f9; --card: #fff; --line: #dfe3e8; --good: #2b7a4b; --low: #b7791f; --bad: #b83232; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --faint: #9aa4b2; --paper: #14171b; --card: #1c2026; --line: #2d333b; --good: #4fae78; --low: #d9a441; --bad: #e06c6c; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 20px; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
header { max-width: 1200px; margin: 0 auto 16px; }
h1 { font-size: 20px; margin: 0; }
main { max-width: 1200px; margin: 0 auto; display: grid; gap: 16px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 360px), 1fr)); align-items: start; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; min-width: 0; }
h2 { font-size: 15px; margin: 0 0 10px; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(100px, 1fr)); gap: 8px 12px; margin: 0 0 6px; }
dt { color: var(--faint); font-size: 12px; }
dd { margin: 0; }
.quota { border-top: 1px solid var(--line); padding-top: 10px; margin-top: 10px; }
.line { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 12px; }
.bar { height: 8px; margin: 5px 0; border-radius: 4px; background: var(--line); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--good); }
.bar.low i { background: var(--low); }
.bar.bad i { background: var(--bad); }
.faint, #state { color: var(--faint); font-size: 13px; margin: 0; }
.warn, .warn dd, #state.warn { color: var(--bad); font-weight: 600; }
`;

export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>pace</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>pace</h1><p id="state">…</p></header>
<main></main>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
