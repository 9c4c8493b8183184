// Charts of the last minutes. One cursor for all of them, moved by pointer or keys; a table has the same figures.

import { byId, el, setAttribute, setFigure, setText, svg } from "./dom.js";
import * as format from "./format.js";
import { number, row, table } from "./tables.js";

const MINUTE_MS = 60_000;
/** What the time axis may show, and how far its marks are apart: the shortest that has room for all samples. */
const SPANS = [[MINUTE_MS, 15_000], [2 * MINUTE_MS, 30_000], [5 * MINUTE_MS, MINUTE_MS]];
const EDGE = { left: 58, right: 10, top: 8, bottom: 20 };
/** Screen readers are told the gist this often. */
const GIST_MS = 10_000;
/** The table has a row for so many samples. */
const ROW_EVERY = 10;

const KINDS = [
  { key: "requests", title: "Requests/s", show: format.perSecond, lines: [["requests_per_second", "requests/s"]] },
  { key: "latency", title: "Latency", show: format.milliseconds, lines: [["p99_ms", "p99"], ["p50_ms", "p50"]] },
  { key: "errors", title: "Errors/s", show: format.perSecond, lines: [["errors_per_second", "errors/s"]], bad: true },
  {
    key: "moved",
    title: "Moved",
    show: format.bytesPerSecond,
    lines: [["moved_bytes_per_second", "moved"]],
    binary: true,
  },
];

let charts = [];
let samples = [];
let every = 1000;
/** The time that the cursor stands at; `null` = now. */
let cursor = null;
let told = 0;

/** Shows these samples, oldest first, taken every so many milliseconds. */
export function showCharts(all, everyMs) {
  if (charts.length === 0) build();
  // A clock that was set, or a machine that slept, leaves samples outside of what the axis shows.
  const newest = all.at(-1)?.at_ms;
  samples = all.filter((sample) => sample.at_ms <= newest && newest - sample.at_ms <= SPANS.at(-1)[0]);
  every = everyMs ?? 1000;
  if (cursor !== null && samples[0]?.at_ms > cursor) cursor = null;
  draw();
  if (Date.now() - told < GIST_MS) return;
  told = Date.now();
  charts.forEach(tellGist);
  fillTable();
}

/** The line of a small chart without axes, in a drawing of `width` times `height`. */
export function sparkline(values, width, height, slots) {
  const largest = Math.max(1e-9, ...values);
  const x = (index) => width - ((values.length - 1 - index) / (slots - 1)) * width;
  return path(values.map((value, index) => [x(index), height - 1 - (value / largest) * (height - 2)]));
}

function build() {
  charts = KINDS.map((kind) => new Chart(kind));
  byId("charts").append(...charts.map((chart) => chart.element));
  byId("samples").addEventListener("toggle", fillTable);
  const widths = new ResizeObserver(() => draw());
  widths.observe(byId("charts"));
}

function draw() {
  for (const chart of charts) chart.draw();
}

/** Puts the cursor onto the sample next to this time. */
function moveCursor(time) {
  const away = (sample) => Math.abs(sample.at_ms - time);
  const near = samples.reduce((best, one) => (away(one) < away(best) ? one : best), samples[0]);
  cursor = near?.at_ms ?? null;
  draw();
}

class Chart {
  constructor(kind) {
    this.kind = kind;
    const id = `chart-${kind.key}`;
    this.values = kind.lines.map(() => figure());
    this.when = el("span", { class: "quiet when" });
    const legend = kind.lines.map(([, words], index) => el("span", { class: `series s${index}` },
      kind.lines.length > 1 ? `${words} ` : "", this.values[index]));
    const now = el("span", { class: "now" }, ...legend, this.when);
    const head = el("figcaption", {}, el("h3", { id, text: kind.title }), now);
    this.axes = svg("g", { class: "axes" });
    this.areas = kind.lines.map((_, index) => svg("path", { class: `area s${index}` }));
    this.lines = kind.lines.map((_, index) => svg("path", { class: `line s${index}` }));
    this.rule = svg("g", { class: "rule" });
    this.drawing = svg("svg", { "aria-hidden": "true" }, this.axes, ...this.areas, ...this.lines, this.rule);
    this.plot = el("div", { class: "plot", tabindex: "0", role: "slider", "aria-labelledby": id, "aria-valuemin": "0",
      "aria-orientation": "horizontal", "aria-describedby": `${id}-gist` }, this.drawing);
    this.gist = el("p", { class: "unseen", id: `${id}-gist` });
    const attributes = { class: kind.bad ? "chart bad" : "chart", "data-chart": kind.key };
    this.element = el("figure", attributes, head, this.plot, this.gist);
    this.listen();
  }

  listen() {
    const time = (event) => {
      const box = this.plot.getBoundingClientRect();
      const part = (event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right);
      return this.end() - (1 - part) * span()[0];
    };
    const leave = () => {
      cursor = null;
      draw();
    };
    this.plot.addEventListener("pointermove", (event) => moveCursor(time(event)));
    this.plot.addEventListener("pointerdown", (event) => moveCursor(time(event)));
    this.plot.addEventListener("pointerleave", leave);
    this.plot.addEventListener("blur", leave);
    this.plot.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const from = cursor ?? this.end();
    const to = { ArrowLeft: from - every, ArrowRight: from + every, ArrowDown: from - every, ArrowUp: from + every,
      PageDown: from - MINUTE_MS, PageUp: from + MINUTE_MS, Home: 0, End: Infinity }[event.key];
    if (to === undefined || samples.length === 0) return;
    event.preventDefault();
    moveCursor(Math.min(to, this.end()));
  }

  end() {
    return samples.at(-1)?.at_ms ?? Date.now();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (width === 0) return;
    setAttribute(this.drawing, "width", width);
    setAttribute(this.drawing, "height", height);
    const { show, lines, binary } = this.kind;
    const top = roundUp(Math.max(...lines.flatMap(([member]) => known(member)), 0), binary);
    const x = (ms) => width - EDGE.right - ((this.end() - ms) / span()[0]) * (width - EDGE.left - EDGE.right);
    const y = (value) => height - EDGE.bottom - (value / top) * (height - EDGE.top - EDGE.bottom);
    this.drawAxes(width, top, x, y);
    lines.forEach(([member], index) => {
      const runs = inRuns(member).map((run) => run.map((sample) => [x(sample.at_ms), y(sample[member])]));
      setAttribute(this.lines[index], "d", runs.map(path).join(""));
      setAttribute(this.areas[index], "d", runs.map((run) => area(run, y(0))).join(""));
    });
    this.drawCursor(x, y, show);
  }

  drawAxes(width, top, x, y) {
    const { show } = this.kind;
    const levels = [0, top / 2, top].map((value) => svg("g", {},
      svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }),
      svg("text", { x: EDGE.left - 6, y: y(value) + 4, class: "level", text: value === 0 ? "0" : show(value) })));
    const [whole, apart] = span();
    const marks = [];
    const ground = y(0) + EDGE.bottom - 4;
    for (let ago = whole; ago > 0; ago -= apart) marks.push(mark(x(this.end() - ago), ground, "mark", agoInWords(ago)));
    marks.push(mark(width - EDGE.right, ground, "last", "now"));
    this.axes.replaceChildren(...levels, ...marks);
  }

  drawCursor(x, y, show) {
    const sample = cursor === null ? samples.at(-1) : samples.find((one) => one.at_ms === cursor);
    this.kind.lines.forEach(([member], index) => setFigure(this.values[index].firstChild, sample?.[member], show));
    setText(this.when, cursor === null ? "" : ` at ${format.clock(cursor)}`);
    setAttribute(this.plot, "aria-valuemax", Math.max(samples.length - 1, 0));
    setAttribute(this.plot, "aria-valuenow", Math.max(samples.indexOf(sample), 0));
    // Only what the reader moves to is read out, not every new sample.
    const words = cursor !== null && sample ? `${format.clock(cursor)}: ${this.inWords(sample)}` : "now";
    setAttribute(this.plot, "aria-valuetext", words);
    const dots = cursor === null || !sample ? [] : this.kind.lines.filter(([member]) => isKnown(sample[member]))
      .map(([member], index) => svg("circle", { class: `s${index}`, r: 3.5, cx: x(cursor), cy: y(sample[member]) }));
    const line = dots.length ? [svg("line", { x1: x(cursor), x2: x(cursor), y1: EDGE.top, y2: y(0) })] : [];
    this.rule.replaceChildren(...line, ...dots);
  }

  inWords(sample) {
    const { lines, show } = this.kind;
    const inWords = (value) => (isKnown(value) ? show(value) : "none");
    return lines.map(([member, words]) => `${words} ${inWords(sample[member])}`).join(", ");
  }
}

function figure() {
  return el("span", { class: "value" }, el("data", { value: "" }));
}

function tellGist(chart) {
  const { lines, show } = chart.kind;
  const gist = lines.map(([member, words]) => {
    const all = known(member);
    if (all.length === 0) return `No figures for ${words}.`;
    return `${words}: now ${show(all.at(-1))}, least ${show(Math.min(...all))}, most ${show(Math.max(...all))}.`;
  });
  setText(chart.gist, `${gist.join(" ")} Arrow keys go through the samples.`);
}

function fillTable() {
  const details = byId("samples");
  if (!details.open) return;
  const lines = KINDS.flatMap(({ lines, show }) => lines.map(([member, words]) => ({ member, words, show })));
  const chosen = samples.filter((_, index) => (samples.length - 1 - index) % ROW_EVERY === 0).reverse();
  const rows = chosen.map((sample) => {
    const figures = lines.map(({ member, show }) => number(isKnown(sample[member]) ? show(sample[member]) : "–"));
    return row(format.clock(sample.at_ms), ...figures);
  });
  const columns = ["Time", ...lines.map(({ words }) => `#${words}`)];
  const caption = "Figures of the last minutes, newest first";
  const shown = table({ caption, hidden: true, columns, body: el("tbody", {}, ...rows) });
  details.querySelector("div").replaceChildren(shown);
}

/** This figure of all samples that have it. */
const known = (member) => samples.map((sample) => sample[member]).filter(isKnown);

const isKnown = (value) => value !== null && value !== undefined;

/** The samples that have this figure, cut where some are missing. */
function inRuns(member) {
  const runs = [];
  let last = null;
  for (const sample of samples) {
    if (!isKnown(sample[member])) {
      last = null;
      continue;
    }
    if (last !== null && sample.at_ms - last <= 3.5 * every) runs.at(-1).push(sample);
    else runs.push([sample]);
    last = sample.at_ms;
  }
  return runs;
}

function path(points) {
  if (points.length === 1) points = [points[0], [points[0][0] + 1, points[0][1]]];
  return points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

function area(points, ground) {
  return `${path(points)}L${points.at(-1)[0].toFixed(1)} ${ground}L${points[0][0].toFixed(1)} ${ground}Z`;
}

/** How much the time axis shows, and how far its marks are apart. */
function span() {
  const needed = samples.length === 0 ? 0 : samples.at(-1).at_ms - samples[0].at_ms;
  return SPANS.find(([whole]) => needed <= whole) ?? SPANS.at(-1);
}

const mark = (x, y, kind, text) => svg("text", { x, y, class: kind, text });

const agoInWords = (ms) => (ms % MINUTE_MS === 0 ? `−${ms / MINUTE_MS} min` : `−${ms / 1000} s`);

/** The next round number: a few times a power of ten; or, for bytes, a power of two. */
function roundUp(value, binary) {
  if (value <= 0) return binary ? 1024 : 1;
  if (binary) return 2 ** Math.ceil(Math.log2(Math.max(value, 1024)));
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((times) => times * power).find((round) => round >= value * 0.999) ?? value;
}
