// The head of the page and the row of totals.

import { byId, el, figure, setAttribute, setFigure, setText } from "./dom.js";
import * as format from "./format.js";

/** Each tile: its key, its words, what it shows of the document, how, and what its second line says of it. */
const TILES = [
  {
    key: "requests",
    words: "Requests/s",
    value: ({ traffic }) => traffic.requests_per_second,
    show: format.perSecond,
    second: ({ traffic }) => `${format.count(traffic.requests)} in all`,
  },
  {
    key: "errors",
    words: "Errors/s",
    value: ({ traffic }) => traffic.errors_per_second,
    show: format.perSecond,
    second: ({ traffic }) =>
      `${format.count(traffic.errors)} in all, ${format.count(traffic.unknown_outcomes)} of unknown outcome`,
  },
  {
    key: "p50",
    words: "p50",
    value: ({ traffic }) => traffic.p50_ms,
    show: format.milliseconds,
    second: () => "half are quicker",
  },
  {
    key: "p99",
    words: "p99",
    value: ({ traffic }) => traffic.p99_ms,
    show: format.milliseconds,
    second: () => "1 in 100 is slower",
  },
  {
    key: "keys",
    words: "Keys",
    value: ({ nodes }) => sum(nodes, "records"),
    show: format.roughly,
    exact: (keys) => `${format.count(keys)} keys`,
    second: ({ ring }) => format.some(ring.copies, "copy of each", "copies of each"),
  },
  {
    key: "bytes",
    words: "Bytes",
    value: ({ nodes }) => sum(nodes, "bytes"),
    show: format.bytes,
    exact: (bytes) => `${format.count(bytes)} bytes`,
    second: () => "keys and values",
  },
  {
    key: "flight",
    words: "In flight",
    value: ({ traffic }) => traffic.in_flight,
    show: format.count,
    second: () => "being answered",
  },
  {
    key: "connections",
    words: "Connections",
    value: ({ traffic }) => traffic.connections,
    show: format.count,
    second: ({ traffic }) => format.some(traffic.resends, "resend in all", "resends in all"),
  },
];

const ABOUT = { epoch: "Epoch", up: "Up for", version: "Version", cluster: "Cluster" };

const tiles = new Map();

/** Shows what is true of the whole. */
export function showTotals(stats) {
  if (tiles.size === 0) TILES.forEach(build);
  for (const { key, value, show, exact, second } of TILES) {
    const { data, more, tile } = tiles.get(key);
    setFigure(data, value(stats), show, exact);
    setText(more, second(stats));
    if (key === "errors") setAttribute(tile, "data-bad", value(stats) > 0);
  }
  showAbout(stats);
  showHealth(stats.ring.nodes);
}

function build({ key, words }) {
  const data = figure();
  const more = el("dd", { class: "quiet" });
  const tile = el("div", { class: "tile", "data-total": key }, el("dt", { text: words }), el("dd", {}, data), more);
  byId("totals").append(tile);
  tiles.set(key, { data, more, tile });
}

function showAbout(stats) {
  const about = byId("about");
  if (about.hidden) {
    about.hidden = false;
    for (const [key, words] of Object.entries(ABOUT)) {
      const data = el("data", { id: `about-${key}`, value: "" });
      about.append(el("div", {}, el("dt", { text: words }), el("dd", {}, data)));
    }
  }
  setFigure(byId("about-epoch"), stats.ring.epoch, format.count);
  setFigure(byId("about-up"), stats.uptime_seconds, format.duration);
  setFigure(byId("about-version"), stats.version, String);
  setFigure(byId("about-cluster"), stats.ring.cluster, (id) => id.slice(0, 8), String);
}

function showHealth(nodes) {
  const health = byId("health");
  const bad = nodes.filter((node) => node.state !== "up");
  health.hidden = false;
  setAttribute(health, "data-state", bad.length === 0 ? "up" : "down");
  const names = bad.slice(0, 3).map((node) => `${node.name} is ${node.state}`).join(", ");
  const rest = bad.length > 3 ? `, and ${bad.length - 3} more are not up` : "";
  setText(health, bad.length === 0 ? `✓ ${allUp(nodes.length)}` : `✕ ${names}${rest}`);
}

function allUp(number) {
  if (number === 0) return "There is no node yet";
  return number === 1 ? "The one node is up" : `All ${format.count(number)} nodes are up`;
}

/** `undefined` where nobody has told yet. */
function sum(reports, member) {
  const told = reports.filter((report) => typeof report[member] === "number");
  return told.length === 0 ? undefined : told.reduce((total, report) => total + report[member], 0);
}
