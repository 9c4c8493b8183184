// The table of nodes: one body per node, so that what troubles it has a row of its own below its figures.

import { sparkline } from "./charts.js";
import { paint } from "./colours.js";
import { byId, el, figure, reconcile, setAttribute, setFigure, setText, svg } from "./dom.js";
import * as format from "./format.js";
import { removeNode, reweight } from "./orders.js";
import { emphasise } from "./ring.js";
import { button, region } from "./tables.js";

/** The mark of each state: a shape besides the colour and the word. */
const MARKS = { up: "✓", down: "✕", joining: "…", "crash-looping": "↻" };
const SPARK = { width: 60, height: 18, slots: 60 };
/** The time that means are taken over. */
const MEANS_MS = 10_000;
/** From so many nodes on they can be filtered by name. */
const FILTERED_FROM = 12;

const exactBytes = (bytes) => `${format.count(bytes)} bytes`;

/** Each column: its key, its words, what it shows of a node, how, and what its order goes by where that is not it. */
const COLUMNS = [
  { key: "state", words: "State", value: (node) => node.state },
  { key: "share", words: "Share", value: (node) => node.share, show: format.percent },
  { key: "weight", words: "Weight", value: (node) => node.weight, show: format.count },
  { key: "keys", words: "Keys", value: (node) => node.records, show: format.count },
  { key: "bytes", words: "Bytes", value: (node) => node.bytes, show: format.bytes, exact: exactBytes },
  { key: "requests", words: "Requests/s", value: (node) => node.requests_per_second, show: format.perSecond },
  { key: "p50", words: "p50", value: (node) => node.p50_ms, show: format.milliseconds },
  { key: "p99", words: "p99", value: (node) => node.p99_ms, show: format.milliseconds },
  { key: "errors", words: "Errors/s", value: (node) => node.errors_per_second, show: format.perSecond },
  { key: "flight", words: "In flight", value: (node) => node.in_flight, show: format.count },
  { key: "sync", words: "Sync", value: (node) => node.sync_ms, show: format.milliseconds },
  { key: "cache", words: "Cache hits", value: (node) => node.hit_ratio, show: format.percent },
  { key: "disk", words: "Free disk", value: (node) => node.vitals?.free_bytes, show: format.bytes, exact: exactBytes },
  { key: "heard", words: "Heard", value: (node) => node.last_heard_ms, show: format.ago },
];

const EXPLAINED = {
  share: "Part of the ring", p50: "Half of the requests are quicker", p99: "One request in a hundred is slower",
  sync: "Mean time of a sync to disk in the last seconds", cache: "Reads that the cache answered in the last seconds",
  errors: "Attempts that ended without an answer, or with 5xx", heard: "When it last reported",
};

const before = new Map();
let order = { key: "name", falling: false };
let table = null;
let latest = [];

/** Shows the nodes of this document. */
export function showNodes(stats) {
  if (!table) build();
  latest = merged(stats);
  render();
}

function render() {
  const wanted = byId("filter-text").value.trim().toLowerCase();
  setAttribute(byId("filter"), "hidden", latest.length < FILTERED_FROM && wanted === "");
  const nodes = latest.filter((node) => node.name.includes(wanted)).sort(compare);
  reconcile(table, keepPlaces(nodes), {
    keyOf: ({ name }) => name, create: buildRow, update: showRow, head: table.tHead,
  });
}

/** A row that somebody is about to press a button in stays where it is: figures change each second. */
function keepPlaces(nodes) {
  const busy = order.key !== "name" && table.matches(":has(tbody:hover, tbody:focus-within)");
  if (!busy) return nodes;
  const places = new Map([...table.tBodies].map((body, index) => [body.dataset.node, index]));
  return nodes.sort((one, other) => (places.get(one.name) ?? Infinity) - (places.get(other.name) ?? Infinity));
}

function compare(one, other) {
  const column = COLUMNS.find(({ key }) => key === order.key);
  const sign = order.falling ? -1 : 1;
  if (!column) return sign * format.byName(one.name, other.name);
  const [a, b] = [column.value(one), column.value(other)];
  // What is unknown comes last either way.
  if (a === b || (a ?? b) === undefined) return format.byName(one.name, other.name);
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return sign * (a < b ? -1 : 1);
}

/** The ring's nodes with their reports, and those that arrive. */
function merged(stats) {
  const reports = new Map(stats.nodes.map((report) => [report.name, report]));
  const members = stats.ring.nodes.map((node) => ({ ...reports.get(node.name), ...node }));
  const known = new Set(members.map(({ name }) => name));
  const arriving = stats.nodes.filter(({ name }) => !known.has(name))
    .map((report) => ({ ...report, state: "joining", member: false }));
  return [...members, ...arriving].map((node) => ({ ...node, ...means(node) }));
}

/** What happened between this look and one some looks ago; vitals only count up while the same process runs. */
function means({ name, vitals }) {
  if (!vitals) {
    before.delete(name);
    return {};
  }
  const looks = before.get(name) ?? [];
  if (looks.length && looks.at(-1).commits > vitals.commits) looks.length = 0;
  const now = Date.now();
  looks.push({ ...vitals, now });
  // After a pause, such as that of a hidden tab, the looks before it say nothing of the last seconds.
  while (now - looks[0].now > MEANS_MS) looks.shift();
  before.set(name, looks);
  const grown = (member) => vitals[member] - looks[0][member];
  const reads = grown("cache_hits") + grown("cache_misses");
  return {
    sync_ms: grown("commits") > 0 ? grown("commit_us") / grown("commits") / 1000 : null,
    hit_ratio: reads > 0 ? grown("cache_hits") / reads : null,
  };
}

function build() {
  const heads = [{ key: "name", words: "Node" }, ...COLUMNS].map(({ key, words }) => {
    const sort = button(words, () => sortBy(key), { class: "sort", title: EXPLAINED[key] });
    return el("th", { scope: "col", "data-key": key, class: isText(key) ? null : "num" }, sort);
  });
  const last = el("th", { scope: "col" }, el("span", { class: "unseen", text: "Orders" }));
  const caption = el("caption", { class: "unseen", text: "Nodes. The buttons in the head sort." });
  table = el("table", { class: "nodes" }, caption, el("thead", {}, el("tr", {}, ...heads, last)));
  byId("nodes").append(region("Nodes", table));
  byId("filter-text").addEventListener("input", render);
  markOrder();
}

function sortBy(key) {
  // Figures begin with the largest, words with the first.
  const falling = key === order.key ? !order.falling : !isText(key);
  order = { key, falling };
  markOrder();
  render();
}

const isText = (key) => key === "name" || key === "state";

function markOrder() {
  for (const head of table.querySelectorAll("th[data-key]")) {
    const sorted = head.dataset.key === order.key;
    setAttribute(head, "aria-sort", sorted ? (order.falling ? "descending" : "ascending") : null);
  }
}

function buildRow({ name }) {
  const body = el("tbody", { "data-node": name });
  body.url = el("span", { class: "quiet url" });
  body.cells = new Map(COLUMNS.map(({ key }) => [key, key === "state" ? el("span", { class: "state" }) : figure()]));
  body.bar = paint(el("span", { class: "bar", "aria-hidden": "true" }), name);
  body.spark = paint(svg("path"), name);
  body.orders = [
    button("Weight…", () => reweight(body.node), { "aria-label": `Change the weight of ${name}` }),
    button("Remove…", () => removeNode(body.node), { "aria-label": `Remove ${name}` }),
  ];
  body.trouble = el("td", { colspan: COLUMNS.length + 2, class: "trouble" });
  body.troubled = el("tr", { class: "troubled", hidden: true }, body.trouble);
  const title = paint(el("span", { class: "swatch node-name", title: name, text: name }), name);
  const head = el("th", { scope: "row" }, title, body.url);
  const cells = COLUMNS.map(({ key, words }) => buildCell(body, key, words));
  body.append(el("tr", {}, head, ...cells, el("td", { class: "orders" }, ...body.orders)), body.troubled);
  body.addEventListener("pointerenter", () => emphasise(name));
  body.addEventListener("pointerleave", () => emphasise(null));
  return body;
}

function buildCell(body, key, words) {
  const kind = key === "state" ? "state-cell" : "num";
  const cell = el("td", { class: kind, "data-label": words, "data-key": key }, body.cells.get(key));
  if (key === "share") cell.append(body.bar);
  if (key === "requests") cell.append(sparkDrawing(body.spark));
  return cell;
}

function sparkDrawing(path) {
  const { width, height } = SPARK;
  const viewBox = `0 0 ${width} ${height}`;
  return svg("svg", { class: "spark", width, height, viewBox, "aria-hidden": "true" }, path);
}

function showRow(body, node) {
  body.node = node;
  for (const { key, value, show, exact } of COLUMNS) {
    const data = body.cells.get(key);
    if (key === "state") showState(data, node.state);
    else setFigure(data, value(node), show, exact);
  }
  setText(body.url, node.url ? node.url.replace("http://", "") : "");
  setAttribute(body.url, "title", node.own ? `${node.url}, started by this proxy` : node.url);
  body.bar.style.setProperty("--part", node.share ?? 0);
  showSpark(body.spark, node.requests_history ?? []);
  setAttribute(body, "data-state", node.state);
  setAttribute(body.cells.get("errors").parentElement, "data-bad", node.errors_per_second > 0);
  for (const order of body.orders) setAttribute(order, "disabled", node.member === false);
  setText(body.trouble, node.trouble ?? "");
  body.troubled.hidden = !node.trouble;
}

function showSpark(path, history) {
  const { width, height, slots } = SPARK;
  const values = history.slice(-slots).map((value) => value ?? 0);
  setAttribute(path, "d", values.length > 1 ? sparkline(values, width, height, slots) : null);
}

function showState(element, state) {
  setAttribute(element, "data-state", state);
  setText(element, `${MARKS[state] ?? "?"} ${state}`);
}
