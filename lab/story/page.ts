/** A run as one page: a lane per process, time downwards, messages as arrows, and the moment it broke. Nothing is fetched from elsewhere. */
import { LEVELS, type PageData } from "./page-data.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { PAGE_STYLE } from "./page-style.ts";

/** The whole file. What processes and scripts said comes into it as JSON, and as text alone into the document. */
export function storyPage(data: PageData): string {
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  const levels = LEVELS.map((name, level) => `<label><input type="radio" name="level" value="${level}">${name}</label>`).join("");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<title>Perdure lab</title>
<link rel="icon" href="data:,">
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<div class="top"><h1 id="title">Perdure lab</h1><p id="town"></p></div>
<p id="verdict" role="status"></p>
<div class="tools">
<fieldset aria-label="How much to show">${levels}</fieldset>
<button id="to-break" type="button" hidden>To the break</button>
<button id="last-fault" type="button" aria-label="Fault before">‹ fault</button>
<button id="next-fault" type="button" aria-label="Next fault">fault ›</button>
<input id="filter" type="search" placeholder="message id, name or word" aria-label="Only what names this message, process or word" spellcheck="false" autocomplete="off">
<span id="count"></span>
</div>
<canvas id="overview" tabindex="0" role="slider" aria-label="Time, to scale"></canvas>
</header>
<main>
<div id="scroller" tabindex="-1">
<div id="heads"></div>
<div id="sheet">
<svg id="drawing" aria-hidden="true"><defs>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse" markerUnits="userSpaceOnUse"><path d="M0 1L7 4L0 7" fill="none" stroke="var(--flight)" stroke-width="1.25"/></marker>
<marker id="head-mail" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse" markerUnits="userSpaceOnUse"><path d="M0 1L7 4L0 7Z" fill="var(--link)"/></marker>
</defs></svg>
<ol id="rows" role="listbox" aria-label="What happened"></ol>
</div>
</div>
<aside id="detail" aria-label="The moment chosen" hidden>
<button id="close" type="button" aria-label="Close">×</button>
<h2 id="detail-title"></h2>
<dl id="detail-facts"></dl>
<div id="detail-ids" class="ids"></div>
<p id="detail-raw" class="raw" hidden></p>
<p id="again"></p>
<p class="keys"><kbd>↑</kbd> <kbd>↓</kbd> one moment, <kbd>b</kbd> to the break, <kbd>f</kbd> <kbd>F</kbd> faults, <kbd>1</kbd> <kbd>2</kbd> <kbd>3</kbd> how much, <kbd>/</kbd> filter, <kbd>Esc</kbd> no filter</p>
</aside>
</main>
<noscript><p>This page needs JavaScript, its own and nobody else's.</p></noscript>
<script type="application/json" id="run">${json}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}
