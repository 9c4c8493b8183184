// A modal dialog with a form: what is asked, what the proxy says to it, and buttons. The browser keeps the focus in it,
// closes it on Escape, and gives the focus back.

import { el } from "./dom.js";

let number = 0;

/** One dialog, open. It leaves the document when it is closed. */
export class Dialog {
  #opener = document.activeElement;

  /**
   * `body` are elements of the form; `submit` is called for its main button, whose words are `action`. `dismiss` are
   * the words on the other one, which only closes it; `null` = there is none.
   */
  constructor(title, { body, action, submit, danger = false, dismiss = "Close" }) {
    number += 1;
    const id = `dialog-${number}`;
    this.title = el("h2", { id, text: title });
    this.body = el("div", { class: "dialog-body" }, ...body);
    this.problem = el("div", { class: "problem", role: "alert" });
    this.button = el("button", { class: danger ? "danger filled" : "primary", text: action });
    this.back = dismiss && el("button", { type: "button", text: dismiss, on: { click: () => this.close() } });
    this.form = el("form", { method: "dialog", autocomplete: "off" }, this.title, this.body, this.problem,
      el("div", { class: "buttons end" }, this.back, this.button));
    this.element = el("dialog", { "aria-labelledby": id }, this.form);
    this.submit = submit;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run(() => this.submit(this));
    });
    this.element.addEventListener("close", () => this.#gone());
    document.body.append(this.element);
    this.element.showModal();
  }

  /** Does something that takes time, and shows the problem in which it ends. */
  async run(work) {
    if (this.busy) return;
    this.setBusy(true);
    this.problem.replaceChildren();
    try {
      await work();
    } catch (problem) {
      this.problem.replaceChildren(...problemInWords(problem));
    } finally {
      this.setBusy(false);
    }
  }

  setBusy(busy) {
    this.busy = busy;
    // Not `disabled`: that would lose the focus.
    this.button.setAttribute("aria-disabled", String(busy));
    this.form.setAttribute("aria-busy", String(busy));
  }

  /** Other words on the main button, and another deed behind it. */
  setAction(action, submit) {
    this.button.textContent = action;
    this.submit = submit;
  }

  close() {
    this.element.close();
  }

  #gone() {
    this.element.remove();
    // What opened it may be gone meanwhile, as the row of a removed node is.
    if (!this.#opener?.isConnected) document.getElementById("main").focus();
  }
}

/** A problem as its sender tells it. */
export function problemInWords(problem) {
  const fields = (problem.errors ?? []).map(({ field, message }) => el("li", { text: `${field}: ${message}` }));
  return [
    el("strong", { text: problem.title ?? "This page made a mistake" }),
    problem.detail || !problem.title ? el("p", { text: problem.detail || String(problem) }) : null,
    fields.length ? el("ul", {}, ...fields) : null,
  ].filter(Boolean);
}
