/** How the page of a run looks: light or dark as the reader's system is, from 320 px up; the colours are those of a relay's status page. */
export const PAGE_STYLE = /* css */ `:root {
  color-scheme: light dark;
  --ground: #f6f7f8; --card: #fff; --line: #dcdfe3; --ink: #1a1d21; --soft: #59616b; --link: #0b57c4;
  --good: #12703c; --bad: #b3201b; --gone: #8a5300; --fault: #8a530022; --broke: #b3201b1a; --lane: #c3c9d0; --flight: #7f97b8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #131518; --card: #1c1f23; --line: #353a41; --ink: #e8eaed; --soft: #a2aab4; --link: #86b7ff;
    --good: #58c98a; --bad: #ff8078; --gone: #eab04f; --fault: #eab04f26; --broke: #ff807826; --lane: #4a515a; --flight: #5d7799;
  }
}
* { box-sizing: border-box; margin: 0; }
[hidden] { display: none !important; }
html, body { height: 100%; }
body { display: flex; flex-direction: column; background: var(--ground); color: var(--ink); font: .9375rem/1.4 system-ui, sans-serif; }
button, input { font: inherit; color: inherit; }
button { cursor: pointer; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
code, time, .raw { font-family: ui-monospace, monospace; font-size: .875em; font-variant-numeric: tabular-nums; }

header { padding: .625rem 1rem .5rem; border-bottom: 1px solid var(--line); background: var(--card); }
.top { display: flex; flex-wrap: wrap; gap: .125rem 1rem; align-items: baseline; }
h1 { font-size: 1.1rem; }
#town, #again { color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
#again { user-select: all; }
#verdict { margin: .25rem 0 .375rem; color: var(--good); font-weight: 650; overflow-wrap: anywhere; }
#verdict.broken { color: var(--bad); }
.tools { display: flex; flex-wrap: wrap; gap: .375rem .75rem; align-items: center; font-size: .875rem; }
.tools button, .ids button, #close { padding: .1875rem .625rem; border: 1px solid var(--line); border-radius: .375rem; background: var(--ground); }
.tools button:hover, .ids button:hover, #close:hover { border-color: var(--soft); }
#to-break { border-color: var(--bad); color: var(--bad); font-weight: 650; }
fieldset { display: flex; border: 1px solid var(--line); border-radius: .375rem; padding: 0; overflow: hidden; }
fieldset label { padding: .1875rem .625rem; cursor: pointer; white-space: nowrap; }
fieldset label + label { border-left: 1px solid var(--line); }
fieldset label:has(:checked) { background: var(--link); color: var(--card); }
fieldset label:has(:focus-visible) { outline: 2px solid var(--link); outline-offset: 1px; }
fieldset input { position: absolute; opacity: 0; pointer-events: none; }
#filter { width: 15rem; max-width: 100%; padding: .1875rem .625rem; border: 1px solid var(--line); border-radius: .375rem; background: var(--ground); }
#count { color: var(--soft); }
#overview { display: block; width: 100%; height: 44px; margin-top: .5rem; border: 1px solid var(--line); border-radius: .375rem; cursor: pointer; touch-action: none; }

main { position: relative; display: flex; flex: 1; min-height: 0; }
#scroller { position: relative; flex: 1; min-width: 0; overflow: auto; overflow-x: hidden; overscroll-behavior: contain; }
#heads { position: sticky; top: 0; z-index: 3; height: 1.75rem; background: var(--ground); border-bottom: 1px solid var(--line); }
#heads button { position: absolute; top: .1875rem; padding: 0 .25rem; border: 0; border-radius: .25rem; background: none; transform: translateX(-50%);
  font-size: .8125rem; font-weight: 650; white-space: nowrap; }
#heads button[aria-pressed="true"] { background: var(--link); color: var(--card); }
#heads.slanted { height: 3.5rem; }
#heads.slanted button { top: auto; bottom: .375rem; padding: 0; transform-origin: left bottom; transform: rotate(-52deg); }
#sheet { position: relative; }
#drawing { position: absolute; left: 0; pointer-events: none; }
#rows { padding: 0; list-style: none; }
#rows li { position: absolute; left: 0; right: 0; display: flex; align-items: center; cursor: pointer; border-radius: .25rem; }
#rows li:hover { background: color-mix(in srgb, var(--link) 9%, transparent); }
#rows li[aria-selected="true"] { background: color-mix(in srgb, var(--link) 18%, transparent); }
#rows time { flex: none; padding-left: .75rem; color: var(--soft); white-space: nowrap; }
#rows .said { position: absolute; right: .75rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
#rows b { font-weight: 650; }
#rows .warn .said { color: var(--gone); }
#rows .fault .said, #rows .note .said { color: var(--gone); font-weight: 650; }
#rows .life .said, #rows .flight .said { color: var(--soft); }
#rows .broke, #rows .broke[aria-selected="true"] { background: var(--broke); }
#rows .broke .said { color: var(--bad); font-weight: 650; }
#rows .mark { color: var(--soft); cursor: default; }
#rows .mark .said { font-style: italic; }
#rows .gap { color: var(--soft); font-size: .8125rem; cursor: default; }

.lane { stroke: var(--lane); stroke-width: 1; stroke-dasharray: 2 5; }
.up { stroke: var(--lane); stroke-width: 5; }
.still { stroke: var(--gone); stroke-width: 5; stroke-dasharray: 3 3; }
.fault { fill: var(--fault); }
.between { fill: none; stroke: var(--gone); stroke-dasharray: 4 4; }
.arrow { stroke: var(--flight); stroke-width: 1.25; fill: none; marker-end: url(#head); pointer-events: stroke; cursor: pointer; }
.arrow.mail { stroke: var(--link); stroke-width: 1.5; marker-end: url(#head-mail); }
.arrow.lost { stroke: var(--bad); marker-end: none; stroke-dasharray: 4 3; }
.arrow.chosen { stroke-width: 3.5; }
.grip { stroke: transparent; stroke-width: 11; pointer-events: stroke; cursor: pointer; }
.cross { stroke: var(--bad); stroke-width: 2; }
.dot { fill: var(--ink); stroke: var(--ground); stroke-width: 1.5; }
.dot.life { fill: var(--soft); } .dot.fault, .dot.note, .dot.warn { fill: var(--gone); } .dot.aside { fill: var(--lane); } .dot.done { fill: var(--good); }
.break { stroke: var(--bad); stroke-width: 2; }
.rule { stroke: var(--line); }

#detail { flex: none; width: 22rem; padding: .75rem 1rem; overflow: auto; border-left: 1px solid var(--line); background: var(--card);
  overflow-wrap: anywhere; }
#detail h2 { font-size: 1rem; }
#detail dl { margin: .625rem 0; display: grid; grid-template-columns: auto 1fr; gap: .125rem .75rem; font-size: .875rem; }
#detail dt { color: var(--soft); }
#detail .raw { margin-top: .625rem; padding-top: .625rem; border-top: 1px solid var(--line); color: var(--soft); white-space: pre-wrap; }
.ids { display: flex; flex-wrap: wrap; gap: .375rem; margin-top: .5rem; }
#close { float: right; margin-left: .75rem; line-height: 1.2; }
.keys { margin-top: .75rem; color: var(--soft); font-size: .8125rem; }
kbd { padding: 0 .25rem; border: 1px solid var(--line); border-radius: .25rem; font: .75rem ui-monospace, monospace; }
.message-id { color: var(--link); }

@media (max-width: 48rem) {
  header { padding: .5rem .625rem; }
  .tools { gap: .375rem; }
  #again, #count { display: none; }
  #filter { flex: 1; min-width: 8rem; }
  #town { font-size: .75rem; }
  #verdict { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; font-size: .875rem; }
  #overview { height: 36px; }
  #rows { font-size: .8125rem; }
  #rows time { padding-left: .375rem; font-size: .6875rem; }
  #rows .said { right: .375rem; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; white-space: normal; line-height: 1.2; }
  #heads button { font-size: .6875rem; padding: .25rem 0; }
  #detail { position: absolute; z-index: 4; inset: auto 0 0; width: auto; max-height: 45%; border: 0; border-top: 1px solid var(--line); box-shadow: 0 -.5rem 1.5rem #0003; }
  .keys { display: none; }
}
`;
