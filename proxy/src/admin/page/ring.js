// Draws the ring: outside who really owns what, inside how much each node owns, in the middle what moves.

import { get } from "./api.js";
import { paint } from "./colours.js";
import { byId, el, reconcile, setAttribute, setText, svg } from "./dom.js";
import * as format from "./format.js";

const SLICES = 720;
/** In the units of the drawing, whose centre is (0, 0) and whose half width is 200. */
const FINE = { outer: 184, inner: 164 };
const BROAD = { outer: 156, inner: 116 };
const REACH = 110;
/** About how wide a letter of a name is; names are written where there is room. */
const LETTER = { large: 8.5, small: 7 };

const parts = {};
let slicesOf = null;
let asked = 0;

/** Shows the ring of this document. */
export function showRing(stats) {
  if (!parts.drawing) build();
  const nodes = stats.ring.nodes;
  showShares(nodes);
  showFlows(stats);
  const key = `${stats.ring.cluster} ${stats.ring.epoch}`;
  if (slicesOf !== key && Date.now() - asked > 900) askSlices(key);
  setText(parts.centre, format.some(nodes.length, "node", "nodes"));
  setText(parts.below, `epoch ${format.count(stats.ring.epoch)}`);
  setText(parts.words, inWords(nodes));
  parts.broad.classList.toggle("many", nodes.length > 60);
}

/** Points at the place where a key falls, and marks its owner; `null` takes the pointer away. */
export function point(position, owner) {
  setAttribute(parts.marker, "hidden", position === null);
  for (const part of parts.broad.children) {
    part.classList.toggle("owner", position !== null && part.dataset.node === owner);
  }
  if (position !== null) parts.marker.setAttribute("transform", `rotate(${turn(position) * 360})`);
}

/** Lets the parts of one node stand out; `null` = all are alike. */
export function emphasise(name) {
  for (const part of parts.drawing.querySelectorAll("[data-node]")) {
    part.classList.toggle("faint", name !== null && part.dataset.node !== name);
  }
  for (const row of document.querySelectorAll("tbody[data-node]")) {
    row.classList.toggle("lit", row.dataset.node === name);
  }
  const share = parts.shares.get(name);
  setText(parts.hint, share === undefined ? "" : `${name}: ${format.percent(share)}`);
}

/** A position of 16 hexadecimal digits as a part of the circle, 0 to 1. */
export function turn(position) {
  return Number(BigInt(`0x${position}`) >> 11n) / 2 ** 53;
}

function build() {
  for (const name of ["fine", "broad", "names", "flows"]) parts[name] = svg("g", { class: name });
  const line = svg("line", { x1: 0, x2: 0, y1: -FINE.inner, y2: -FINE.outer });
  parts.marker = svg("g", { class: "marker", hidden: true }, line, svg("path", { d: "M0-183l-8-14h16z" }));
  parts.centre = svg("text", { class: "centre", y: -2 });
  parts.below = svg("text", { class: "below", y: 18 });
  parts.middle = svg("g", {}, parts.centre, parts.below);
  parts.newcomer = svg("g", { class: "names newcomer", hidden: true }, svg("circle", { r: 30 }), svg("text", { y: 5 }));
  const zero = svg("path", { class: "zero", d: "M0-186v-6" });
  const { fine, broad, names, flows, newcomer, middle, marker } = parts;
  const layers = [fine, broad, names, flows, newcomer, middle, marker, zero];
  parts.drawing = svg("svg", { viewBox: "-200 -200 400 400", "aria-hidden": "true" }, ...layers);
  parts.words = el("p", { class: "unseen" });
  parts.hint = el("p", { class: "quiet hint" });
  parts.shares = new Map();
  parts.drawing.addEventListener("pointerover", (event) => emphasise(event.target.dataset?.node ?? null));
  parts.drawing.addEventListener("pointerleave", () => emphasise(null));
  const legend = "Outside: whose each place is. Inside: how much each node has.";
  byId("ring").append(parts.drawing, parts.words, parts.hint, el("p", { class: "quiet small", text: legend }));
}

async function askSlices(key) {
  asked = Date.now();
  try {
    const slices = await get(`/admin/slices?count=${SLICES}`);
    showSlices(slices);
    slicesOf = key;
  } catch {
    // The next look asks again; whether the proxy answers at all is said elsewhere.
  }
}

function showSlices({ nodes, owners }) {
  const paths = nodes.map(() => "");
  for (let from = 0; from < owners.length; ) {
    let to = from + 1;
    while (to < owners.length && owners[to] === owners[from]) to += 1;
    paths[owners[from]] += arc(from / owners.length, to / owners.length, FINE);
    from = to;
  }
  reconcile(parts.fine, nodes.map((name, index) => ({ name, path: paths[index] })), {
    keyOf: ({ name }) => name,
    create: ({ name }) => paint(svg("path", { "data-node": name }), name),
    update: (element, { path }) => setAttribute(element, "d", path),
  });
}

function showShares(nodes) {
  parts.shares = new Map(nodes.map((node) => [node.name, node.share]));
  let from = 0;
  const owners = nodes.filter((node) => node.share > 0).sort((one, other) => format.byName(one.name, other.name));
  const arcs = owners.map((node) => {
    const place = { name: node.name, state: node.state, from, to: from + node.share };
    from += node.share;
    return place;
  });
  parts.places = new Map(arcs.map((place) => [place.name, place]));
  reconcile(parts.broad, arcs, {
    keyOf: ({ name }) => name,
    create: ({ name }) => paint(svg("path", { "data-node": name }), name),
    update(element, { from, to, state }) {
      setAttribute(element, "d", arc(from, to, BROAD));
      setAttribute(element, "data-state", state);
    },
  });
  reconcile(parts.names, arcs.filter(sizeOf), {
    keyOf: ({ name }) => name,
    create: () => svg("text"),
    update(element, place) {
      const [x, y] = at(middleOf(place), (BROAD.outer + BROAD.inner) / 2);
      setAttribute(element, "x", x.toFixed(1));
      setAttribute(element, "y", (y + 5).toFixed(1));
      setAttribute(element, "class", sizeOf(place));
      setAttribute(element, "data-state", place.state);
      setText(element, labelOf(place));
    },
  });
}

/** What an open change moves, as bows from old owners to new ones. One that owns nothing yet is in the middle. */
function showFlows({ changes }) {
  const open = changes.find((change) => change.phase);
  const moves = (open?.moves ?? []).filter((move) => move.state !== "done");
  setAttribute(parts.flows, "data-paused", open?.state === "paused");
  const largest = Math.max(1, ...moves.map((move) => move.bytes.total ?? 0));
  reconcile(parts.flows, moves, {
    keyOf: ({ from, to }) => `${from} ${to}`,
    create: ({ from, to }) => paint(svg("path", { "data-node": from, class: "flow" }), to),
    update(element, { from, to, bytes }) {
      const [[x, y], [u, v]] = [end(from), end(to)];
      setAttribute(element, "d", `M${x} ${y}Q${(x + u) * 0.15} ${(y + v) * 0.15} ${u} ${v}`);
      element.style.strokeWidth = (1.5 + 4 * Math.sqrt((bytes.total ?? 0) / largest)).toFixed(1);
    },
  });
  parts.middle.toggleAttribute("hidden", moves.length > 0);
  showNewcomer(moves.map(({ to }) => to).find((name) => !parts.places.has(name)));
}

function showNewcomer(name) {
  parts.newcomer.toggleAttribute("hidden", name === undefined);
  if (name === undefined) return;
  paint(parts.newcomer, name).dataset.node = name;
  setText(parts.newcomer.lastChild, shortened(name));
}

function end(name) {
  const place = parts.places.get(name);
  if (!place) return [0, 0];
  return at(middleOf(place), REACH).map((number) => Number(number.toFixed(1)));
}

function inWords(nodes) {
  const largest = [...nodes].sort((one, other) => other.share - one.share).slice(0, 12);
  const rest = nodes.length - largest.length;
  const shares = largest.map((node) => `${node.name} ${format.percent(node.share)}`).join(", ");
  return `Shares of the ring: ${shares}${rest > 0 ? `, and ${rest} smaller ones` : ""}.`;
}

/** Whether the name has room in its arc, which is as thick as it is, and in which size. */
function sizeOf(place) {
  const length = (place.to - place.from) * Math.PI * (BROAD.outer + BROAD.inner);
  const letters = labelOf(place).length;
  const fits = (size) => length > 2 * size && letters * size < Math.max(length, BROAD.outer - BROAD.inner);
  return ["large", "small"].find((size) => fits(LETTER[size]));
}

/** A whole circle is drawn in two halves: its name stands beside where they meet. */
const middleOf = ({ from, to }) => (to - from > 0.9999 ? 0.25 : (from + to) / 2);

const labelOf = ({ name, state }) => (state === "up" ? shortened(name) : `✕ ${shortened(name)}`);

const shortened = (name) => (name.length > 8 ? `${name.slice(0, 7)}…` : name);

/** The point at this part of a turn from the top, clockwise. */
function at(part, radius) {
  const angle = part * 2 * Math.PI;
  return [radius * Math.sin(angle), -radius * Math.cos(angle)];
}

function arc(from, to, { outer, inner }) {
  // The ends of a whole circle are one point, and nothing would be drawn.
  if (to - from > 0.9999) return [0, 0.5].map((half) => arc(half, half + 0.49999, { outer, inner })).join("");
  const far = to - from > 0.5 ? 1 : 0;
  const [a, b, c, d] = [at(from, outer), at(to, outer), at(to, inner), at(from, inner)]
    .map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`);
  return `M${a}A${outer} ${outer} 0 ${far} 1 ${b}L${c}A${inner} ${inner} 0 ${far} 0 ${d}Z`;
}
