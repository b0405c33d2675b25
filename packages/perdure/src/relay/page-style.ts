/** How the status page looks: light or dark as the reader's system is, from 320 px up, with nothing fetched from elsewhere. */
export const PAGE_STYLE = /* css */ `:root {
  color-scheme: light dark;
  --ground: #f6f7f8; --card: #fff; --line: #dcdfe3; --ink: #1a1d21; --soft: #59616b; --link: #0b57c4;
  --good: #12703c; --bad: #b3201b; --gone: #8a5300;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #131518; --card: #1c1f23; --line: #353a41; --ink: #e8eaed; --soft: #a2aab4; --link: #86b7ff;
    --good: #58c98a; --bad: #ff8078; --gone: #eab04f;
  }
}
* { box-sizing: border-box; margin: 0; }
[hidden] { display: none; }
body {
  max-width: 68rem; margin: 0 auto; padding: 1rem 1rem 3rem;
  background: var(--ground); color: var(--ink); font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere;
  --state: var(--soft);
}
body[data-state="good"] { --state: var(--good); }
body[data-state="bad"] { --state: var(--bad); }
body[data-state="gone"] { --state: var(--gone); }
header { display: flex; flex-wrap: wrap; gap: 0 1rem; justify-content: space-between; align-items: baseline; }
h1 { font-size: 1.1rem; }
h2 { margin: 2rem 0 .5rem; font-size: 1rem; }
a { color: var(--link); }
code { font: .875em ui-monospace, monospace; }
ul, ol { padding: 0; list-style: none; }
.note { margin-top: .375rem; }
#answered, .note, dt, th, .figures dd, .who, time { color: var(--soft); font-size: .875rem; }
.health, .figures > div, table, .facts, .incidents { border: 1px solid var(--line); border-radius: .5rem; background: var(--card); }
.health { margin: .75rem 0; padding: .75rem 1rem; border-left: .375rem solid var(--state); }
#headline { color: var(--state); font-size: 1.375rem; font-weight: 650; }
#reasons li { margin-top: .25rem; }
#reasons li::first-letter { text-transform: uppercase; }

/* What is old stays readable and does not look alive. */
[data-state="gone"] :is(.figures, section:not(.health)) { opacity: .8; filter: grayscale(1); }

.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; }
.figures > div { padding: .625rem .875rem; }
.figures dt + dd { color: var(--ink); font-size: 1.375rem; font-weight: 650; font-variant-numeric: tabular-nums; }
meter { width: 100%; height: .75rem; }

table { width: 100%; table-layout: fixed; border-collapse: separate; border-spacing: 0; }
th, td { padding: .5rem .5rem; text-align: right; vertical-align: top; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { padding-left: .875rem; text-align: left; }
th:last-child, td:last-child { padding-right: .875rem; }
th:not(:first-child) { width: 7rem; }
th { font-weight: 400; }
tbody td { border-top: 1px solid var(--line); }
.more { color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
.more:empty { display: none; }
.name, .who { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.name { font-weight: 650; }
.nameless { color: var(--soft); font-weight: 400; }
time { white-space: nowrap; }
.state::before { content: "○ "; }
.connected::before { content: "● "; color: var(--good); }
.state { margin-right: .75rem; }

.incidents:empty { display: none; }
.incidents li { padding: .5rem .875rem; }
.incidents li + li { border-top: 1px solid var(--line); }
.kind { margin: 0 .5rem; white-space: nowrap; color: var(--bad); font-weight: 650; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: .375rem 2rem; padding: .625rem .875rem; }
.wide { grid-template-columns: 1fr; }
.facts > div { display: grid; grid-template-columns: 12rem 1fr; gap: 0 1rem; }
.facts dt { font-size: 1rem; }
.facts dd { font-variant-numeric: tabular-nums; }
.alarm { color: var(--bad); font-weight: 650; }
#address, #join { user-select: all; }

@media (scripting: none) {
  #headline, #answered, .figures, section:not(.health) { display: none; }
}
@media (max-width: 40rem) {
  body { padding: .75rem .75rem 2rem; }
  th:not(:first-child) { width: 4.25rem; }
  th, td { padding: .5rem .25rem; }
  td { font-size: .875rem; }
  .name { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; font-size: 1rem; white-space: normal; }
  .state { display: block; }
  .facts > div { grid-template-columns: 10rem 1fr; }
  .wide > div { grid-template-columns: 1fr; }
}
`;
