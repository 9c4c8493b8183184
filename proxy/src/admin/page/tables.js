// What tables and lists are made of.

import { paint } from "./colours.js";
import { el } from "./dom.js";

/** A node's name, with its colour beside it. */
export const nodeName = (name) => paint(el("span", { class: "swatch", text: name }), name);

/** A cell with a figure. */
export const number = (text) => el("td", { class: "num", text });

/** A row that is about one thing, which its first cell names. */
export const row = (head, ...cells) => el("tr", {}, el("th", { scope: "row" }, head), ...cells);

/** What may be wider than the screen, and then moves by itself, by keys too. */
export function region(label, ...children) {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, ...children);
}

/**
 * A table. `columns` are their words; one that begins with `#` is of figures, an empty one has no head. `hidden` says
 * that the caption is not for the eye, because a heading says the same.
 */
export function table({ caption, columns, body, hidden = false, kind = "" }) {
  const heads = columns.map((words) => {
    if (words === "") return el("td");
    return words.startsWith("#")
      ? el("th", { scope: "col", class: "num", text: words.slice(1) })
      : el("th", { scope: "col", text: words });
  });
  return el(
    "table",
    { class: `plain ${kind}` },
    el("caption", { class: hidden ? "unseen" : null, text: caption }),
    el("thead", {}, el("tr", {}, ...heads)),
    body,
  );
}

/** A button that does something here, and sends no form. */
export const button = (text, click, more = {}) => el("button", { type: "button", text, on: { click }, ...more });
