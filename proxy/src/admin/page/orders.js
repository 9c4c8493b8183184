// What a reader can order. What moves keys is planned first, and only sent when the plan has been seen.

import { send, unique } from "./api.js";
import { paint } from "./colours.js";
import { Dialog, problemInWords } from "./dialogs.js";
import { byId, el } from "./dom.js";
import * as format from "./format.js";
import { nodeName, number, region, row, table } from "./tables.js";
import { lossInWords, title as titleOf } from "./words.js";

/** What is typed here is no prose. */
const VERBATIM = { spellcheck: "false", autocapitalize: "off" };
const EXAMPLE = "http://10.0.0.7:5101";
const WEIGHT = { type: "number", min: 0, max: 256, step: 1, required: true };

/** The second click of a double click must not order what the first has only just planned. */
const PLAN_SEEN_MS = 600;

let ordered = () => {};
let startsNodes = () => true;

/** `told(words)` is called when the proxy has taken an order; `starts()` says whether it starts nodes itself. */
export function prepareOrders(told, starts) {
  ordered = told;
  startsNodes = starts;
  byId("add-node").addEventListener("click", addNode);
}

/** Asks what kind of node is to be added. */
function addNode() {
  const starts = startsNodes();
  const own = el("input", { type: "radio", name: "kind", value: "own", checked: starts });
  const other = el("input", { type: "radio", name: "kind", value: "other", checked: !starts });
  const url = field("URL", { name: "url", type: "text", inputmode: "url", placeholder: EXAMPLE, ...VERBATIM });
  const name = field("Name, if it must be a certain one", { name: "name", type: "text", maxlength: 63, ...VERBATIM });
  const erase = tick("It was removed from this cluster before: erase what its folder holds");
  const about = [url, name, erase].map(({ element }) => element);
  const running = el("fieldset", { hidden: true }, el("legend", { text: "The node that runs" }), ...about);
  const weight = field("Weight", { name: "weight", value: 1, ...WEIGHT });
  const show = () => {
    running.hidden = own.checked;
    url.input.required = other.checked;
  };
  show();
  own.addEventListener("change", show);
  other.addEventListener("change", show);
  const order = () => {
    const body = { weight: Number(weight.input.value) };
    if (own.checked) return body;
    body.url = url.input.value.trim();
    if (name.input.value.trim()) body.name = name.input.value.trim();
    if (erase.input.checked) body.erase = true;
    return body;
  };
  const kinds = [choice(own, "A new one, started by this proxy"), choice(other, "One that runs already")];
  const which = el("fieldset", {}, el("legend", { text: "Which node?" }), ...kinds);
  const body = [which, running, weight.element];
  plan("Add a node", { method: "POST", path: "/add-server", order, action: "Add it", body });
}

/** Asks whether this node is really to go. */
export function removeNode(node) {
  const dead = node.state === "down" || node.state === "crash-looping";
  const force = tick("It is dead and does not come back: give its keys up");
  const words = dead
    ? `${node.name} is ${node.state}. A plain removal waits until it is back, because its keys must be read from it.`
    : `Its keys move to the other nodes first. Its folder stays as it is.`;
  plan(`Remove ${node.name}`, {
    method: "POST",
    path: "/remove-server",
    action: "Remove it",
    danger: true,
    atOnce: !dead,
    order: () => (force.input.checked ? { name: node.name, force: true } : { name: node.name }),
    body: [el("p", { text: words }), dead ? force.element : null].filter(Boolean),
  });
}

/** Asks for another weight. */
export function reweight(node) {
  const weight = field("New weight", { name: "weight", value: node.weight, ...WEIGHT });
  const now = `The part of the keys that it has, relative to the others; now ${node.weight}.`;
  plan(`Weight of ${node.name}`, {
    method: "PATCH",
    path: `/admin/nodes/${encodeURIComponent(node.name)}`,
    action: "Change the weight",
    order: () => ({ weight: Number(weight.input.value) }),
    body: [el("p", { text: `${now} With 0 it stays and owns nothing.` }), weight.element],
  });
}

/** Holds a change, or lets it go on. */
export async function pauseChange(change) {
  const paused = change.state !== "paused";
  try {
    await send("PATCH", `/admin/changes/${change.id}`, { paused });
    ordered(`Change ${change.id} ${paused ? "is paused" : "goes on"}.`);
  } catch (problem) {
    tell(paused ? "It is not paused" : "It does not go on", problem);
  }
}

/** Asks how fast a change may copy. */
export function limitChange(change) {
  const limit = field("At most, a second", {
    name: "rate",
    type: "text",
    placeholder: "10MiB",
    value: change.rate ?? "",
    "aria-describedby": "limit-hint",
    ...VERBATIM,
  });
  const hint = "Bytes, such as 10000000 or 10MiB. Empty: no limit.";
  new Dialog(`Limit change ${change.id}`, {
    action: "Set the limit",
    body: [limit.element, el("p", { id: "limit-hint", class: "quiet", text: hint })],
    async submit(dialog) {
      const text = limit.input.value.trim();
      const rate = text === "" ? null : /^\d+$/.test(text) ? Number(text) : text;
      await send("PATCH", `/admin/changes/${change.id}`, { rate });
      dialog.close();
      ordered(`Change ${change.id} ${rate === null ? "has no limit" : `copies at most ${text} a second`}.`);
    },
  });
}

/** Asks whether a change is really to be cancelled. */
export function cancelChange(change) {
  const words = change.phase === "switched"
    ? "The new ring serves already. Another change will take it back and move the keys once more."
    : "The old ring stays, nothing is lost, and what was copied is deleted.";
  new Dialog(`Cancel change ${change.id}?`, {
    action: "Cancel the change",
    dismiss: "Let it go on",
    danger: true,
    body: [el("p", {}, el("strong", { text: titleOf(change) })), el("p", { text: words })],
    async submit(dialog) {
      const now = await send("DELETE", `/admin/changes/${change.id}`);
      dialog.close();
      const dropped = now.id === change.id;
      ordered(dropped ? `Change ${change.id} is cancelled.` : `Change ${now.id} takes change ${change.id} back.`);
    },
  });
}

/** Shows what an order would move, and sends it after that. What is altered meanwhile is planned anew. */
function plan(title, { method, path, order, action, body, danger = false, atOnce = false }) {
  const shown = el("div", { class: "plan", "aria-live": "polite" });
  // Of one dialog: to press twice, or again after silence, is one order.
  let key = unique();
  let arming = 0;
  const look = async (dialog) => {
    const wanted = JSON.stringify(order());
    const answer = await send(method, `${path}?dry_run=true`, JSON.parse(wanted));
    if (wanted !== JSON.stringify(order())) return;
    shown.replaceChildren(...(answer.changed === false ? [el("p", { text: answer.detail })] : planInWords(answer)));
    clearTimeout(arming);
    if (answer.changed === false) return;
    arming = setTimeout(() => dialog.setAction(action, () => carryOut(dialog, wanted)), PLAN_SEEN_MS);
  };
  const carryOut = async (dialog, wanted) => {
    const change = await send(method, path, JSON.parse(wanted), key);
    dialog.close();
    ordered(change.changed === false ? change.detail : `Change ${change.id} is taken: ${titleOf(change)}.`);
  };
  const dialog = new Dialog(title, { body: [...body, shown], action: "Show the plan", submit: look, danger });
  dialog.form.addEventListener("input", () => {
    key = unique();
    clearTimeout(arming);
    shown.replaceChildren();
    dialog.setAction("Show the plan", look);
  });
  if (atOnce) dialog.run(() => look(dialog));
}

function planInWords({ moves, shares, share, keys, bytes, ranges, lost }) {
  const what = keys === null ? "A number of keys that is not known yet" : format.some(keys, "key", "keys");
  const size = bytes === null ? "" : `, ${format.bytes(bytes)}`;
  const part = `${format.percent(share)} of the ring, ${format.some(ranges, "range", "ranges")}`;
  const words = lost ? lossInWords(lost) : `${what}${size} would move: ${part}.`;
  const parts = [
    el("h3", { text: "The plan" }),
    el("p", { class: lost ? "wrong" : null, id: "plan-sum", text: words }),
    sharesTable(shares),
  ];
  if (moves.length) parts.push(movesTable(moves, lost ? "Who would serve its ranges" : "What would move"));
  return parts;
}

function sharesTable(shares) {
  const rows = shares.map(({ name, before, after }) => {
    const bar = paint(el("span", { class: "bar two", "aria-hidden": "true" }), name);
    bar.style.setProperty("--part", after);
    bar.style.setProperty("--was", before);
    const [now, then] = [before, after].map((part) => number(format.percent(part)));
    return row(nodeName(name), now, then, el("td", { class: "bars" }, bar));
  });
  const caption = "Each node's part of the ring";
  return region(caption, table({ caption, columns: ["Node", "#Now", "#Then", ""], body: el("tbody", {}, ...rows) }));
}

function movesTable(moves, caption) {
  const known = (value, show) => number(value === null ? "–" : show(value));
  const rows = moves.map(({ from, to, keys, bytes, ranges }) => {
    const figures = [known(keys, format.count), known(bytes, format.bytes), known(ranges, format.count)];
    return row(nodeName(from), el("td", {}, nodeName(to)), ...figures);
  });
  const columns = ["From", "To", "#Keys", "#Bytes", "#Ranges"];
  return region(caption, table({ caption, columns, body: el("tbody", {}, ...rows) }));
}

function tell(title, problem) {
  const submit = (dialog) => dialog.close();
  new Dialog(title, { body: problemInWords(problem), action: "Close", dismiss: null, submit });
}

function field(words, properties) {
  const input = el("input", properties);
  return { input, element: el("label", { class: "labelled" }, el("span", { text: words }), input) };
}

function tick(words) {
  const input = el("input", { type: "checkbox" });
  return { input, element: choice(input, words) };
}

const choice = (input, words) => el("label", { class: "choice" }, input, el("span", { text: words }));
