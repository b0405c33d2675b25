/**
 * The script of a run's page, as the browser gets it. Rows are written as text, never as HTML; only what is in sight is in the document.
 * Time runs downwards and not to scale: what happened gets room, what did not is a gap with its length; the strip on top is to scale.
 */
export const PAGE_SCRIPT = /* js */ String.raw`const data = JSON.parse(document.getElementById("run").textContent);
const { hosts, moments, flights, spans, ids, broken } = data;
const get = (id) => document.getElementById(id);
const [scroller, sheet, rowList, drawing, detail, overview, filter] = ["scroller", "sheet", "rows", "drawing", "detail", "overview", "filter"].map(get);
const SVG = "http://www.w3.org/2000/svg";

const GAP_MS = 400;
const FLIGHT_PX = 5;
const MOST_FLIGHTS_PX = 60;
const BUCKET_PX = 2000;
const MOST_ARROWS = 1500;

let level = 0;
let chosenHost = -1;
let words = "";
let chosen;          // index of a row
let shape;           // what follows from the width
let rows = [];       // everything in the list: moments, messages, gaps, marks
let lines = [];      // [atMs, y]: where times are
let arrows = [];
let buckets = [];
let height = 0;

const clock = (ms) => Math.floor(ms / 60000).toString().padStart(2, "0") + ":" + ((ms % 60000) / 1000).toFixed(3).padStart(6, "0");
const long = (ms) => ms < 1000 ? ms.toFixed(ms < 10 ? 1 : 0) + " ms" : ms < 120000 ? (ms / 1000).toFixed(1) + " s" : (ms / 60000).toFixed(1) + " min";

function setShape() {
  const width = scroller.clientWidth;
  const narrow = width < 640;
  const time = narrow ? 58 : 92;
  const lane = Math.max(narrow ? 20 : 44, Math.min(92, (width * (narrow ? 0.36 : 0.4)) / hosts.length));
  shape = { width, narrow, time, lane, row: narrow ? 36 : 23, text: time + lane * hosts.length + (narrow ? 6 : 14), x: (host) => time + lane * (host + 0.5) };
}

function matcher() {
  const said = words.trim().toLowerCase();
  if (said === "") return { any: true, moment: () => true, flight: () => true };
  const wanted = new Set(ids.flatMap((id, place) => (id.startsWith(said) || said.startsWith(id + " ") ? [place] : [])));
  const isId = /^[0-9a-f]{4,6}(\.\d*)?$/.test(said) && wanted.size > 0;
  const named = (each) => each.ids !== undefined && each.ids.some((place) => wanted.has(place));
  return {
    any: false,
    isId,
    moment: (each) => isId ? named(each) || each.kind === "fault" : each.what.toLowerCase().includes(said) || (hosts[each.host] ?? "").toLowerCase().includes(said) || each.kind === "fault",
    flight: (each) => isId ? named(each) : each.what.toLowerCase().includes(said),
  };
}

/** Everything that is shown, with its place. */
function lay() {
  const match = matcher();
  const onHost = (...places) => chosenHost < 0 || places.includes(chosenHost) || places.includes(-1);
  const shownLevel = match.any ? level : Math.max(level, 1);
  const shown = moments.filter((each) => each.level <= shownLevel && onHost(each.host) && match.moment(each));
  const flown = flights.filter((each) => onHost(each.from, each.to) && match.flight(each) &&
    (match.isId || shownLevel === 2 || each.arrived === undefined || (shownLevel === 1 ? each.ids !== undefined || /hello|welcome|goodbye/.test(each.what) : each.ids !== undefined)));
  const items = [
    ...shown.map((moment, order) => ({ at: moment.at, order, moment })),
    ...flown.map((flight) => ({ at: flight.at, order: Infinity, flight })),
    ...(data.beginMs <= data.firstMs ? [] : [{ at: data.beginMs, order: -2, mark: "everybody is open; times of faults and letters count from here" }]),
    ...(data.clearMs === undefined ? [] : [{ at: data.clearMs, order: -2, mark: "the weather is over; everything must come to its end" }]),
    ...(broken ? [{ at: broken.atMs, order: 1e9, broke: true }] : []),
  ].sort((a, b) => a.at - b.at || a.order - b.order);
  rows = []; lines = []; arrows = []; buckets = [];
  let y = 4, before, squeezed = 0;
  for (const item of items) {
    const isRow = item.flight === undefined || level === 2;
    if (before !== undefined && item.at - before > GAP_MS) {
      lines.push([before, y]);
      rows.push({ gap: item.at - before, y, height: 20 });
      y += 20;
      lines.push([item.at, y]);
      squeezed = 0;
    }
    if (isRow) {
      lines.push([item.at, y + shape.row / 2]);
      rows.push({ ...item, y, height: shape.row });
      y += shape.row;
      squeezed = 0;
    } else if (squeezed < MOST_FLIGHTS_PX) {
      lines.push([item.at, y]);
      y += FLIGHT_PX;
      squeezed += FLIGHT_PX;
    }
    if (item.flight !== undefined) arrows.push({ flight: item.flight, y0: isRow ? y - shape.row / 2 : y - FLIGHT_PX / 2 });
    before = item.at;
  }
  height = y + 40;
  for (const arrow of arrows) {
    const { arrived } = arrow.flight;
    arrow.y1 = arrived === undefined ? arrow.y0 + 12 : Math.max(arrow.y0 + 3, yAt(arrived));
    for (let bucket = Math.floor(arrow.y0 / BUCKET_PX); bucket <= Math.floor(arrow.y1 / BUCKET_PX); bucket++) (buckets[bucket] ??= []).push(arrow);
  }
  sheet.style.height = height + "px";
  drawing.setAttribute("width", shape.text);
  const facts = rows.filter((row) => row.moment).length;
  get("count").textContent = facts.toLocaleString("en") + " of " + moments.length.toLocaleString("en") + " moments, " + arrows.length.toLocaleString("en") + " of " + flights.length.toLocaleString("en") + " messages" +
    (data.forgotten > 0 ? "; " + data.forgotten.toLocaleString("en") + " earlier ones are not kept" : "");
}

/** Where a time is on the sheet: after everything that happened then, or where the first of it is. */
function yAt(ms, first = false) {
  let low = 0, high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (first ? lines[middle][0] < ms : lines[middle][0] <= ms) low = middle + 1; else high = middle;
  }
  if (first && lines[low]?.[0] === ms) return lines[low][1];
  const before = lines[low - 1], after = lines[low];
  if (before === undefined) return 0;
  if (after === undefined) return Math.min(before[1] + 20, height);
  return before[1] + ((ms - before[0]) / (after[0] - before[0])) * (after[1] - before[1]);
}

function timeAt(y) {
  let low = 0, high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle][1] <= y) low = middle + 1; else high = middle;
  }
  return (lines[low - 1] ?? lines[0] ?? [0])[0];
}

function firstRow(y) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].y + rows[middle].height < y) low = middle + 1; else high = middle;
  }
  return low;
}

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Draws what is in sight, and a little around it. */
function draw() {
  const top = Math.max(0, scroller.scrollTop - 400), bottom = scroller.scrollTop + scroller.clientHeight + 400;
  drawing.style.top = top + "px";
  drawing.setAttribute("height", Math.min(bottom, height) - top);
  const parts = [];
  const put = (name, attributes, text) => { const made = element(name, attributes, text); parts.push(made); return made; };
  const clip = (from, to) => [Math.max(yAt(from, true), top) - top, Math.min(yAt(to), bottom) - top];
  for (const span of spans) if (span.kind === "fault") {
    let [from, to] = clip(span.from, span.to);
    if (to - from < 6 && yAt(span.from) >= top && yAt(span.from) <= bottom) to = from + 6;
    if (to < from) continue;
    for (const host of [span.host, span.other]) if (host >= 0) put("rect", { class: "fault", x: shape.x(host) - shape.lane / 2, y: from, width: shape.lane, height: to - from });
    if (span.other >= 0) put("path", { class: "between", d: "M" + shape.x(span.host) + " " + (from + 3) + "H" + shape.x(span.other) });
  }
  hosts.forEach((_, host) => put("line", { class: "lane", x1: shape.x(host), x2: shape.x(host), y1: 0, y2: bottom - top }));
  for (const span of spans) if (span.kind !== "fault") {
    const [from, to] = clip(span.from, span.to);
    if (to > from) put("line", { class: span.kind, x1: shape.x(span.host), x2: shape.x(span.host), y1: from, y2: to });
  }
  let drawn = 0;
  const seen = new Set();
  for (let bucket = Math.floor(top / BUCKET_PX); bucket <= Math.floor(bottom / BUCKET_PX); bucket++)
    for (const arrow of buckets[bucket] ?? []) {
      if (seen.has(arrow) || arrow.y1 < top || arrow.y0 > bottom || drawn >= MOST_ARROWS) continue;
      seen.add(arrow);
      drawn++;
      drawArrow(arrow, top, put);
    }
  const items = [];
  for (let index = firstRow(top); index < rows.length && rows[index].y < bottom; index++) {
    const row = rows[index];
    items.push(rowElement(row, index));
    const middle = row.y + row.height / 2 - top;
    if (row.moment && row.moment.host >= 0) {
      const { kind, host, warn, what, level: rank } = row.moment;
      put("circle", { class: "dot " + (kind === "fact" ? (warn ? "warn" : rank === 2 ? "aside" : /^completes/.test(what) ? "done" : "") : kind), cx: shape.x(host), cy: middle, r: kind === "fact" ? 4 : 5 });
    }
    if (row.broke) put("line", { class: "break", x1: shape.time, x2: shape.text, y1: middle, y2: middle });
    if (row.mark) put("line", { class: "rule", x1: shape.time, x2: shape.text, y1: middle, y2: middle });
  }
  const [markers] = drawing.getElementsByTagName("defs");
  drawing.replaceChildren(markers, ...parts);
  const focused = document.activeElement?.closest?.("#rows li")?.dataset.index;
  rowList.replaceChildren(...items);
  if (focused !== undefined) rowList.querySelector('[data-index="' + focused + '"]')?.focus({ preventScroll: true });
  drawOverview();
}

function drawArrow({ flight, y0, y1 }, top, put) {
  const x0 = shape.x(flight.from), x1 = shape.x(flight.to), lost = flight.arrived === undefined;
  const side = Math.sign(x1 - x0) * 6;
  const endX = lost ? (x0 + x1) / 2 : x1 - side;
  const d = "M" + (x0 + side) + " " + (y0 - top) + "L" + endX + " " + (y1 - top);
  const isChosen = chosen !== undefined && chosen.flight === flight;
  put("path", { class: "arrow" + (lost ? " lost" : flight.ids ? " mail" : "") + (isChosen ? " chosen" : ""), d });
  if (lost) put("path", { class: "cross", d: "M" + (endX - 4) + " " + (y1 - top - 4) + "l8 8m-8 0l8 -8" });
  const grip = put("path", { class: "grip", d });
  grip.append(element("title", {}, sayFlight(flight)));
  grip.addEventListener("click", () => choose({ flight }));
}

function sayFlight({ from, to, at, arrived, again, bytes, what }) {
  return hosts[from] + " → " + hosts[to] + ": " + what + ", " + bytes + " bytes, " + (arrived === undefined ? "never arrives" : "takes " + long(arrived - at)) + (again ? ", comes " + again + " times" : "");
}

function rowElement(row, index) {
  const item = document.createElement("li");
  item.style.top = row.y + "px";
  item.style.height = row.height + "px";
  if (row.gap !== undefined) {
    item.className = "gap";
    item.style.paddingLeft = shape.text + "px";
    item.textContent = "· · ·  " + long(row.gap) + "  · · ·";
    return item;
  }
  const { moment, flight } = row;
  item.dataset.index = index;
  item.tabIndex = chosen !== undefined && isSame(chosen, row) ? 0 : -1;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", chosen !== undefined && isSame(chosen, row));
  item.className = row.broke ? "broke" : row.mark ? "mark" : flight ? "flight" : moment.kind + (moment.warn ? " warn" : "");
  const time = document.createElement("time");
  time.textContent = shape.narrow ? clock(row.at).replace(/^00:/, "").slice(0, 7) : clock(row.at);
  const said = document.createElement("span");
  said.className = "said";
  said.style.left = shape.text + "px";
  const who = document.createElement("b");
  who.textContent = row.broke ? "Broken " : row.mark ? "" : flight ? hosts[flight.from] + " " : moment.host < 0 ? "" : hosts[moment.host] + " ";
  const what = row.broke ? broken.what : row.mark ? row.mark : flight ? "sends " + flight.what + " to " + hosts[flight.to] + (flight.arrived === undefined ? ", which never arrives" : "") : moment.what;
  said.append(who, what);
  said.title = what;
  item.append(time, said);
  if (!row.mark) item.addEventListener("click", () => choose(row));
  return item;
}

function isSame(one, other) {
  return one.moment !== undefined ? one.moment === other.moment : one.flight !== undefined ? one.flight === other.flight : one.broke === true && other.broke === true;
}

function choose(row) {
  chosen = row;
  showDetail(row);
  draw();
}

function showDetail({ moment, flight, broke }) {
  const pairs = broke ? [["at", clock(broken.atMs)], ["invariant", broken.invariant]]
    : flight ? [["from", hosts[flight.from]], ["to", hosts[flight.to]], ["sent", clock(flight.at)], ["arrived", flight.arrived === undefined ? "never" : clock(flight.arrived)], ["took", flight.arrived === undefined ? "–" : long(flight.arrived - flight.at)], ["size", flight.bytes + " bytes"]]
    : [["at", clock(moment.at)], ["since all were open", moment.at >= data.beginMs ? long(moment.at - data.beginMs) : "–"], ["who", hosts[moment.host] ?? "the script"]];
  get("detail-title").textContent = broke ? broken.what : flight ? flight.what : moment.what;
  get("detail-facts").replaceChildren(...pairs.flatMap(([name, value]) => [Object.assign(document.createElement("dt"), { textContent: name }), Object.assign(document.createElement("dd"), { textContent: value })]));
  const named = broke ? idsIn(broken.what) : (flight ?? moment).ids ?? [];
  get("detail-ids").replaceChildren(...[...new Set(named)].map((place) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "only " + ids[place] });
    button.addEventListener("click", () => setWords(ids[place]));
    return button;
  }));
  get("detail-raw").textContent = moment?.raw === undefined ? "" : moment.raw.replace(/[{,]"/g, (mark) => mark[0] + "\n  \"").replace(/}$/, "\n}");
  get("detail-raw").hidden = moment?.raw === undefined;
  detail.hidden = false;
}

function idsIn(text) {
  return [...text.matchAll(/\b[0-9a-f]{6}\.\d+/g)].map(([id]) => ids.indexOf(id)).filter((place) => place >= 0);
}

function drawOverview() {
  const scale = devicePixelRatio || 1, width = overview.clientWidth, tall = overview.clientHeight;
  if (overview.width !== width * scale) { overview.width = width * scale; overview.height = tall * scale; density = undefined; }
  const paint = overview.getContext("2d");
  const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name);
  paint.setTransform(scale, 0, 0, scale, 0, 0);
  paint.clearRect(0, 0, width, tall);
  const x = (ms) => Math.max(0, ((ms - data.firstMs) / span) * width);
  if (density === undefined) {
    density = new Float64Array(width);
    for (const { at } of moments) density[Math.min(width - 1, Math.floor(x(at)))]++;
  }
  const most = Math.max(1, ...density);
  paint.fillStyle = colour("--lane");
  density.forEach((count, place) => { if (count > 0) { const tallness = Math.max(2, (tall - 10) * Math.sqrt(count / most)); paint.fillRect(place, tall - tallness, 1, tallness); } });
  for (const span of spans) if (span.kind === "fault") {
    paint.fillStyle = colour("--gone");
    paint.fillRect(x(span.from), 0, Math.max(2, x(span.to) - x(span.from)), 4);
  }
  const from = x(timeAt(scroller.scrollTop)), to = x(timeAt(scroller.scrollTop + scroller.clientHeight - 28));
  paint.strokeStyle = colour("--link");
  paint.lineWidth = 2;
  paint.strokeRect(Math.max(1, Math.min(from, width - 6)), 1, Math.max(5, Math.min(to - from, width - 2)), tall - 2);
  if (broken) { paint.fillStyle = colour("--bad"); paint.fillRect(Math.min(x(broken.atMs), width - 3) - 1.5, 0, 3, tall); }
  overview.setAttribute("aria-valuenow", Math.round(timeAt(scroller.scrollTop)));
  overview.setAttribute("aria-valuetext", clock(timeAt(scroller.scrollTop)));
}
let density;
const span = Math.max(1, data.endMs - data.firstMs);

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}

/** Lays everything out again and stays where it was. */
function relay(atMs) {
  setShape();
  lay();
  showHeads();
  scroller.scrollTop = yAt(atMs) - 28;
  draw();
}

function showHeads() {
  get("heads").className = shape.lane < 34 ? "slanted" : "";
  get("heads").replaceChildren(...hosts.map((host, place) => {
    const short = shape.lane < 34 ? host.slice(0, 9) : shape.lane < 50 ? host.replace(/^relay-(\d+)$/, "R$1").slice(0, 5) : host;
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: short, title: "Only what happens to " + host });
    button.style.left = shape.x(place) + "px";
    button.setAttribute("aria-pressed", chosenHost === place);
    button.addEventListener("click", () => { const at = timeAt(scroller.scrollTop); chosenHost = chosenHost === place ? -1 : place; relay(at); });
    return button;
  }));
}

function setWords(text) {
  const at = chosen?.at ?? chosen?.flight?.at ?? timeAt(scroller.scrollTop + scroller.clientHeight / 2);
  words = filter.value = text;
  relay(0);
  centre(at);
}

function setLevel(wanted) {
  const at = timeAt(scroller.scrollTop + scroller.clientHeight / 2);
  level = wanted;
  for (const input of document.querySelectorAll("[name=level]")) input.checked = Number(input.value) === wanted;
  relay(0);
  centre(at);
}

function centre(atMs) {
  scroller.scrollTop = yAt(atMs) - scroller.clientHeight / 2;
  draw();
}

function toBreak() {
  if (!broken) return;
  const row = rows.find((each) => each.broke);
  scroller.scrollTop = row.y - scroller.clientHeight * 0.7;
  choose(row);
}

function step(by) {
  let index = chosen === undefined ? firstRow(scroller.scrollTop) - Math.sign(by) : rows.findIndex((row) => isSame(chosen, row));
  for (let left = Math.abs(by); left > 0; left--) {
    let next = index + Math.sign(by);
    while (rows[next] !== undefined && (rows[next].gap !== undefined || rows[next].mark)) next += Math.sign(by);
    if (rows[next] === undefined) break;
    index = next;
  }
  const row = rows[index];
  if (row === undefined) return;
  if (row.y < scroller.scrollTop + 30) scroller.scrollTop = row.y - 60;
  if (row.y + row.height > scroller.scrollTop + scroller.clientHeight - 40) scroller.scrollTop = row.y - scroller.clientHeight + 100;
  choose(row);
  rowList.querySelector('[aria-selected="true"]')?.focus({ preventScroll: true });
}

function toFault(by) {
  const at = chosen?.moment?.kind === "fault" ? chosen.moment.at : timeAt(scroller.scrollTop + scroller.clientHeight / 2);
  const faults = rows.filter((row) => row.moment?.kind === "fault");
  const row = by > 0 ? faults.find((each) => each.at > at) : faults.findLast((each) => each.at < at);
  if (row === undefined) return;
  choose(row);
  centre(row.at);
}

function seek(event) {
  const { left, width } = overview.getBoundingClientRect();
  centre(data.firstMs + ((event.clientX - left) / width) * span);
}

document.title = data.title + " – Perdure lab";
get("title").textContent = data.title;
get("town").textContent = data.town;
get("again").textContent = data.again;
get("verdict").textContent = broken ? "Broken after " + clock(broken.atMs) + ": " + broken.what.split("\n", 1)[0] : "Nothing broke";
get("verdict").className = broken ? "broken" : "";
get("to-break").hidden = !broken;
overview.setAttribute("aria-valuemin", Math.round(data.firstMs));
overview.setAttribute("aria-valuemax", Math.round(data.endMs));
for (const input of document.querySelectorAll("[name=level]")) input.addEventListener("change", () => setLevel(Number(input.value)));
get("to-break").addEventListener("click", toBreak);
get("next-fault").addEventListener("click", () => toFault(1));
get("last-fault").addEventListener("click", () => toFault(-1));
get("close").addEventListener("click", () => { detail.hidden = true; chosen = undefined; draw(); });
filter.addEventListener("input", () => setWords(filter.value));
overview.addEventListener("pointerdown", (event) => { overview.setPointerCapture(event.pointerId); seek(event); });
overview.addEventListener("pointermove", (event) => { if (event.buttons > 0) seek(event); });
scroller.addEventListener("scroll", redraw, { passive: true });
new ResizeObserver(() => {
  if (scroller.clientWidth === shape.width) return;
  // What was chosen stays where it is on the screen; otherwise what is on top does.
  const place = () => chosen && rows.find((row) => isSame(chosen, row));
  const above = place() && place().y - scroller.scrollTop;
  relay(timeAt(scroller.scrollTop));
  if (above === undefined) return;
  scroller.scrollTop = place().y - Math.max(30, Math.min(above, scroller.clientHeight - 60));
  draw();
}).observe(scroller);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
overview.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  centre(timeAt(scroller.scrollTop + scroller.clientHeight / 2) + by * 1000);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") { setWords(""); filter.blur(); return; }
  if (event.target === filter) return;
  const does = {
    ArrowDown: () => step(1), ArrowUp: () => step(-1), PageDown: () => step(20), PageUp: () => step(-20),
    Home: () => { scroller.scrollTop = 0; draw(); }, End: () => { scroller.scrollTop = height; draw(); },
    b: toBreak, f: () => toFault(1), F: () => toFault(-1), "/": () => filter.focus(),
    1: () => setLevel(0), 2: () => setLevel(1), 3: () => setLevel(2),
  }[event.key];
  if (does === undefined || (event.target.name === "level" && event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  does();
});
setShape();
setLevel(broken ? 1 : 0);
if (broken) toBreak(); else { scroller.scrollTop = 0; draw(); }
// On a small screen the verdict on top says it already.
if (shape.narrow) detail.hidden = true;
`;
