// Where a key falls: on the ring, in words, and through a lens that shows the real arcs around it.

import { get } from "./api.js";
import { paint } from "./colours.js";
import { byId, el, svg } from "./dom.js";
import { point } from "./ring.js";

/** Arcs on each side of the key's. */
const ARCS = 6;
const LENS = { width: 400, height: 78, top: 26, bottom: 50 };
/** After the last letter; then the answer is for what stands there. */
const TYPING_MS = 250;

let epoch = null;
/** How many nodes own a part of the ring. */
let owners = 0;
let timer = 0;
let number = 0;
let shown = null;

/** Makes the field work. */
export function prepareLocate() {
  byId("locate").addEventListener("submit", (event) => {
    event.preventDefault();
    locate();
  });
  byId("locate-key").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(locate, TYPING_MS);
  });
}

/** Another ring: the key may be elsewhere. */
export function showPlace(stats) {
  const moved = epoch !== null && epoch !== stats.ring.epoch;
  epoch = stats.ring.epoch;
  owners = stats.ring.nodes.filter(({ share }) => share > 0).length;
  if (moved) locate();
}

async function locate() {
  clearTimeout(timer);
  const key = byId("locate-key").value;
  const mine = (number += 1);
  if (key === "") return show(null);
  const query = `key=${encodeURIComponent(key.toWellFormed?.() ?? key)}`;
  try {
    const place = await get(`/admin/locate?${query}&arcs=${ARCS}`);
    const without = `/admin/locate?${query}&without=${encodeURIComponent(place.owner)}`;
    const heir = owners > 1 ? await get(without).catch(() => null) : null;
    if (mine === number) show(place, key, heir);
  } catch (problem) {
    if (mine === number) show(null, key, null, problem);
  }
}

function show(place, key, heir, problem) {
  const words = byId("place");
  point(place?.position ?? null, place?.owner);
  const now = place ? JSON.stringify([place.owner, place.position, place.url, heir?.owner, key]) : problem?.message;
  // Told once: it is read out.
  if (now !== shown) words.replaceChildren(...(place ? inWords(place, key, heir) : [problem?.message ?? ""]));
  shown = now;
  byId("lens").replaceChildren(...(place?.arcs?.length ? [lens(place)] : []));
}

function inWords(place, key, heir) {
  const owner = paint(el("strong", { id: "place-owner", class: "swatch", text: place.owner }), place.owner);
  const others = place.replicas.slice(1);
  return [
    el("p", {}, "“", el("span", { class: "key", text: key }), "” is on ", owner,
      others.length ? ` (copies on ${others.join(", ")})` : "", "."),
    el("dl", { class: "facts" },
      el("dt", { text: "Position" }), el("dd", {}, el("code", { id: "place-position", text: place.position })),
      el("dt", { text: "URL" }), el("dd", {}, el("code", { id: "place-url", text: place.url ?? "unknown" })),
      ...(heir ? [el("dt", { text: "Without it" }), el("dd", {}, `${heir.owner} would have the key`)] : [])),
  ];
}

function lens(place) {
  const start = BigInt(`0x${place.arcs[0].from}`);
  const distance = (position) => Number(BigInt.asUintN(64, BigInt(`0x${position}`) - start));
  const whole = distance(place.arcs.at(-1).to) || 1;
  const x = (position) => (distance(position) / whole) * LENS.width;
  const here = distance(place.position);
  const around = place.arcs.find(({ from, to }) => distance(from) < here && here <= distance(to));
  const middle = around ?? place.arcs[Math.floor(place.arcs.length / 2)];
  const [from, to, key] = [x(middle.from), x(middle.to), x(place.position)];
  const viewBox = `-6 0 ${LENS.width + 12} ${LENS.height}`;
  const drawing = svg("svg", { viewBox, "aria-hidden": "true", class: "lens" });
  drawing.append(...place.arcs.map((arc) => stripe(arc, x(arc.from), x(arc.to), arc === middle)));
  drawing.append(
    svg("path", { class: "way", d: `M${key.toFixed(1)} 16H${to.toFixed(1)}V${LENS.top - 2}` }),
    svg("path", { class: "tip", d: `M${to.toFixed(1)} ${LENS.top}l-4-6h8z` }),
    svg("circle", { class: "here", cx: key.toFixed(1), cy: 16, r: 4 }),
    label(Math.min(Math.max((from + to) / 2, 24), LENS.width - 24), LENS.height - 6, place.owner));
  const sizes = (whole / 2 ** 64) * 100;
  const caption = el("figcaption", { class: "quiet",
    text: `The ring around it, ${sizes.toPrecision(2)} % of the whole. The key goes clockwise, to the next point: ` +
      `${middle.to}, one of ${place.owner}'s.` });
  return el("figure", { class: "lens-figure" }, drawing, caption);
}

function stripe(arc, from, to, own) {
  const { top, bottom } = LENS;
  const box = { x: from.toFixed(1), width: Math.max(to - from, 0.5).toFixed(1), y: top, height: bottom - top };
  const rectangle = svg("rect", { ...box, class: own ? "own" : "other" }, svg("title", { text: arc.owner }));
  const end = svg("path", { class: "point", d: `M${to.toFixed(1)} ${top - 3}V${bottom + 3}` });
  const roomy = to - from > 8 * Math.min(arc.owner.length, 8);
  const name = roomy && !own ? label((from + to) / 2, (top + bottom) / 2 + 4, arc.owner, true) : null;
  return svg("g", {}, paint(rectangle, arc.owner), end, name);
}

function label(x, y, name, inside) {
  const text = name.length > 8 ? `${name.slice(0, 7)}…` : name;
  return svg("text", { x: x.toFixed(1), y, class: inside ? "inside" : "under", text });
}
