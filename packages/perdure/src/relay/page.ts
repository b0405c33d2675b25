/**
 * The status page: a frame without a single number in it. The script beside it asks `/status.json` and fills the elements
 * by id, so that what a browser parses as HTML never contains what an agent chose.
 */
export const PAGE_HTML = /* html */ `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Perdure relay</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
</head>
<body data-state="asking">
<header>
<h1>Perdure relay</h1>
<p id="answered">Asks the relay every 2 s</p>
</header>
<main>
<section class="health" aria-labelledby="headline">
<p id="headline" role="status">Asking the relay …</p>
<ul id="reasons"></ul>
<noscript><p>The numbers on this page need JavaScript. <a href="/healthz">/healthz</a> says whether the relay is well, <a href="/status.json">/status.json</a> says everything.</p></noscript>
</section>

<dl id="figures" class="figures">
<div><dt>Waiting</dt><dd id="waiting">–</dd><dd id="waiting-size"></dd></div>
<div><dt>In, last minute</dt><dd id="rate">–</dd><dd id="rate-out"></dd></div>
<div><dt>Agents</dt><dd id="agent-count">–</dd><dd id="connections"></dd></div>
<div><dt>Disk</dt><dd id="disk">–</dd><dd id="disk-limit"></dd><dd><meter id="disk-meter" min="0" max="1" value="0" high="0.8" optimum="0" aria-label="Share of the disk space set for mail"></meter></dd></div>
<div><dt>Memory</dt><dd id="memory">–</dd><dd>of its process</dd></div>
<div><dt>Running for</dt><dd id="running">–</dd><dd id="started"></dd></div>
</dl>

<section aria-labelledby="agents-title">
<h2 id="agents-title">Agents</h2>
<table id="agents" hidden>
<thead><tr><th scope="col">Agent</th><th scope="col">Waiting</th><th scope="col">Size</th><th scope="col">Oldest</th></tr></thead>
<tbody id="agent-rows"></tbody>
</table>
<p id="agents-note" class="note">–</p>
<p id="nobody" hidden>Nobody has joined. This makes an agent that does: <code id="join"></code></p>
</section>

<section aria-labelledby="peers-title">
<h2 id="peers-title">Other relays</h2>
<table id="peers" hidden>
<thead><tr><th scope="col">Relay</th><th scope="col">Waiting</th><th scope="col">Size</th><th scope="col">Oldest</th></tr></thead>
<tbody id="peer-rows"></tbody>
</table>
<p id="peers-note" class="note">–</p>
</section>

<section aria-labelledby="incidents-title">
<h2 id="incidents-title">What broke lately</h2>
<ol id="incidents" class="incidents"></ol>
<p id="incidents-note" class="note"></p>
</section>

<section aria-labelledby="counters-title">
<h2 id="counters-title">Mail since it started</h2>
<dl class="facts">
<div><dt>Accepted</dt><dd id="accepted">–</dd></div>
<div><dt>Handed out</dt><dd id="delivered">–</dd></div>
<div><dt>Settled by readers</dt><dd id="settled">–</dd></div>
<div><dt>Expired unread</dt><dd id="expired">–</dd></div>
<div><dt>Lost to damage</dt><dd id="lost">–</dd></div>
<div><dt>Duplicates dropped</dt><dd id="duplicates">–</dd></div>
<div><dt>Statements signed</dt><dd id="statements">–</dd></div>
<div><dt>Refused</dt><dd id="refused">–</dd></div>
<div id="limits" hidden><dt>Limits hit</dt><dd id="limited"></dd></div>
</dl>
<p class="note">Mail above 256 KiB travels in parts, and each counts.</p>
</section>

<section aria-labelledby="door-title">
<h2 id="door-title">Who may come</h2>
<dl class="facts wide">
<div><dt>Registration</dt><dd id="tickets">–</dd></div>
<div><dt>Pages of browsers</dt><dd id="origins">–</dd></div>
<div><dt>Turned away</dt><dd id="no-bans">nobody</dd><dd><ol id="bans"></ol></dd></div>
</dl>
</section>

<section aria-labelledby="relay-title">
<h2 id="relay-title">This relay</h2>
<dl class="facts wide">
<div><dt>Address to join</dt><dd><code id="address">–</code></dd></div>
<div><dt>Generation</dt><dd><code id="generation">–</code></dd></div>
<div><dt>Settings changed</dt><dd id="settings">–</dd></div>
<div><dt>For programs</dt><dd><a href="/healthz">/healthz</a> <a href="/status.json">/status.json</a> <a href="/metrics">/metrics</a></dd></div>
</dl>
</section>
</main>
</body>
</html>
`;
