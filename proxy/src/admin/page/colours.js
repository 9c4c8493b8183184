// A colour for each node that stays the same while nodes come and go, and after a reload.

/** The first ones differ most. No red: that is for what is wrong. */
const HUES = [262, 72, 165, 318, 215, 120, 350, 45, 290, 190, 95, 240];
const SHADES = [0, 0.08, -0.025];
const PLACES = HUES.length * SHADES.length;
/** Names without a number begin with one of so many places. */
const FIRST = 6;

const given = new Map();

/** Marks an element, whose style then has the colour of this node as `--node`. */
export function paint(element, name) {
  const place = placeOf(name);
  element.classList.add("node-colour");
  element.style.setProperty("--hue", HUES[place % HUES.length]);
  element.style.setProperty("--shade", SHADES[Math.floor(place / HUES.length) % SHADES.length]);
  return element;
}

function placeOf(name) {
  if (!given.has(name)) given.set(name, freePlace(name));
  return given.get(name);
}

/** The number that a name ends with, as `n4` does, or one made of its letters; another one where that is taken. */
function freePlace(name) {
  const number = /\d+$/.exec(name)?.[0];
  const first = number ? (Number(number) + PLACES - 1) % PLACES : hash(name) % FIRST;
  const taken = new Set(given.values());
  const among = number ? PLACES : FIRST;
  for (let tries = 0; tries < among; tries += 1) {
    const place = (first + tries) % among;
    if (!taken.has(place)) return place;
  }
  return Array.from({ length: PLACES }, (_, place) => place).find((place) => !taken.has(place)) ?? first;
}

function hash(text) {
  let sum = 2166136261;
  for (let i = 0; i < text.length; i += 1) sum = Math.imul(sum ^ text.charCodeAt(i), 16777619);
  return sum >>> 0;
}
