// Makes and changes elements. Whatever comes from outside becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. `properties` are attributes; `text` is its text, `on` has listeners. */
export function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** An SVG element, likewise. */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, { text, on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  if (text !== undefined) element.textContent = text;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The element of this id. */
export const byId = (id) => document.getElementById(id);

/** Changes a text only where it differs: what stays the same keeps its selection and is not read out again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute where it differs; `null` and `false` take it away, `true` is an empty one. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** A figure for people, with the exact one for programs and under the pointer. */
export function figure() {
  return el("data", { value: "" });
}

/** Shows `value` in a [`figure`] as `format` has it. Absent: a dash. */
export function setFigure(data, value, format, exact) {
  const known = value !== null && value !== undefined && !Number.isNaN(value);
  setText(data, known ? format(value) : "–");
  setAttribute(data, "value", known ? value : "");
  setAttribute(data, "title", known && exact ? exact(value) : null);
}

/**
 * Makes the children of `parent` behind `head` (or all of them) those of `items`, in their order, one per key. Elements
 * stay the same, and those that stand right are not touched, so that focus and what is open stays.
 */
export function reconcile(parent, items, { keyOf, create, update, head }) {
  const old = parent.keyed ?? new Map();
  const keyed = new Map();
  for (const item of items) keyed.set(keyOf(item), old.get(keyOf(item)) ?? create(item));
  for (const [key, element] of old) if (!keyed.has(key)) element.remove();
  let place = head ? head.nextElementSibling : parent.firstElementChild;
  for (const element of keyed.values()) {
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const item of items) update(keyed.get(keyOf(item)), item);
  parent.keyed = keyed;
}
