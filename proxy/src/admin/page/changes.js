// Changes: the open one with all that is known about it, those that wait, and those that ended with their receipts.

import { byId, el, reconcile, setAttribute, setText } from "./dom.js";
import * as format from "./format.js";
import { cancelChange, limitChange, pauseChange } from "./orders.js";
import { button, nodeName, number, region, row, table } from "./tables.js";
import { lossInWords, progress, title } from "./words.js";

const PHASES = {
  arriving: "waiting for the node to say hello",
  moving: "copying; the old owners serve",
  switched: "switched; the new owners serve, the old ones seal",
};
const MARKS = { done: "✓", failed: "✕", cancelled: "↩", queued: "…", paused: "‖", running: "▶" };

const FACTS = {
  keys: "Keys",
  bytes: "Bytes",
  rate: "Rate",
  limit: "Limit",
  eta: "Time left",
  hold: "Longest hold of writes",
};
const MOVE = ["From", "To", "State", "#Ranges", "#Keys", "#Bytes", "#Done"];
const RECEIPT = ["From", "To", "#Records", "#Bytes", "Digest", "Both sides", "#Writes held"];

let open = null;

/** Shows the changes of this document. */
export function showChanges({ changes }) {
  const ended = (change) => change.finished_at !== undefined;
  showOpen(changes.find((change) => change.phase));
  const queued = changes.filter((change) => !change.phase && !ended(change));
  byId("queue").hidden = queued.length === 0;
  reconcile(byId("queued"), queued, { keyOf: ({ id }) => id, create: buildQueued, update: showQueued });
  const past = changes.filter(ended);
  byId("no-past").hidden = past.length > 0;
  reconcile(byId("past"), past, { keyOf: ({ id }) => id, create: buildPast, update: () => {} });
}

function showOpen(change) {
  const section = byId("open-change");
  section.hidden = !change;
  if (!change) {
    // A button in it may have had the focus.
    if (section.contains(document.activeElement)) byId("main").focus();
    return;
  }
  if (!open) build(section);
  open.change = change;
  const held = change.state === "paused";
  setAttribute(section, "data-held", held || change.blocked !== undefined);
  setText(open.title, title(change));
  setText(open.id, `Change ${change.id}`);
  setText(open.phase, `${MARKS[change.state] ?? ""} ${change.state}: ${PHASES[change.phase] ?? change.phase}`);
  showWhy(change);
  showBar(change);
  setText(open.pause, held ? "Resume" : "Pause");
  showMoves(change);
  const receipts = change.receipt ?? [];
  open.receipts.hidden = receipts.length === 0;
  if (receipts.length > 0 && open.told !== `${change.id} ${receipts.length}`) {
    open.told = `${change.id} ${receipts.length}`;
    open.receipt.replaceChildren(receiptTable(receipts));
  }
}

function build(section) {
  open = {
    id: el("span", { class: "quiet" }),
    title: el("h2", { id: "open-title" }),
    phase: el("p", { class: "phase" }),
    why: el("p", { class: "why" }),
    bar: el("progress", { "aria-labelledby": "open-title", max: 1 }),
    part: el("strong", { class: "part" }),
    pause: button("Pause", () => pauseChange(open.change)),
    figures: {},
    body: el("tbody"),
    receipt: region("Receipt"),
  };
  const caption = "Moves of the open change";
  open.moves = region("Moves", table({ caption, hidden: true, kind: "moves", columns: MOVE, body: open.body }));
  open.receipts = el("details", { hidden: true }, el("summary", { text: "Receipt" }), open.receipt);
  const buttons = [
    open.pause,
    button("Limit…", () => limitChange(open.change)),
    button("Cancel…", () => cancelChange(open.change), { class: "danger" }),
  ];
  section.append(
    el("div", { class: "heading" }, el("div", {}, open.id, open.title), el("div", { class: "buttons" }, ...buttons)),
    open.phase,
    open.why,
    el("div", { class: "progress" }, open.bar, open.part),
    buildFacts(),
    open.moves,
    open.receipts,
  );
}

function buildFacts() {
  const facts = Object.entries(FACTS).map(([key, words]) => {
    open.figures[key] = el("dd", { "data-fact": key });
    return el("div", {}, el("dt", { text: words }), open.figures[key]);
  });
  return el("dl", { class: "facts wide" }, ...facts);
}

function showWhy({ blocked, reason, lost }) {
  const all = [blocked && `Waiting: ${blocked}`, reason && `Stopped: ${reason}`, lost && lossInWords(lost)];
  const words = all.filter(Boolean);
  open.why.hidden = words.length === 0;
  setText(open.why, words.join("\n"));
}

function showBar(change) {
  const part = progress(change);
  if (part === null) open.bar.removeAttribute("value");
  else open.bar.value = part;
  setText(open.part, part === null ? "" : `${Math.floor(part * 100)} %`);
  const { figures } = open;
  setText(figures.keys, ofTotal(change.keys, format.count));
  setText(figures.bytes, ofTotal(change.bytes, format.bytes));
  setText(figures.rate, change.bytes_per_second === undefined ? "–" : format.bytesPerSecond(change.bytes_per_second));
  setText(figures.limit, change.rate === null ? "none" : format.bytesPerSecond(change.rate));
  setText(figures.eta, change.eta_seconds === undefined ? "–" : `about ${format.duration(change.eta_seconds)}`);
  setText(figures.hold, change.longest_hold_us === undefined ? "–" : format.microseconds(change.longest_hold_us));
}

function ofTotal({ done, total }, show) {
  return total === null || total === undefined ? `${show(done)} so far` : `${show(done)} of ${show(total)}`;
}

function showMoves({ moves }) {
  open.moves.hidden = moves.length === 0;
  reconcile(open.body, moves, { keyOf: ({ from, to }) => `${from} ${to}`, create: buildMove, update: showMove });
}

function buildMove({ from, to }) {
  const state = el("td");
  const figures = ["ranges", "keys", "bytes"].map(() => number(""));
  const bar = el("progress", { max: 1, "aria-label": `From ${from} to ${to}` });
  const line = row(nodeName(from), el("td", {}, nodeName(to)), state, ...figures, el("td", { class: "num" }, bar));
  return Object.assign(line, { state, figures, bar });
}

function showMove(row, move) {
  setText(row.state, move.trouble ? `${move.state}: ${move.trouble}` : move.state);
  setAttribute(row.state, "class", move.trouble ? "wrong" : null);
  setText(row.figures[0], move.ranges === null || move.ranges === undefined ? "–" : format.count(move.ranges));
  setText(row.figures[1], ofTotal(move.keys, format.count));
  setText(row.figures[2], ofTotal(move.bytes, format.bytes));
  const part = move.state === "done" ? 1 : progress(move);
  if (part === null) row.bar.removeAttribute("value");
  else row.bar.value = part;
}

function buildQueued() {
  const item = el("li", { class: "item" });
  item.text = el("span", { class: "grow" });
  item.pause = button("", () => pauseChange(item.change));
  const cancel = button("Cancel…", () => cancelChange(item.change), { class: "danger" });
  item.append(item.text, el("div", { class: "buttons" }, item.pause, cancel));
  return item;
}

function showQueued(item, change) {
  item.change = change;
  const blocked = change.blocked ? `. Waiting: ${change.blocked}` : "";
  setText(item.text, `${MARKS[change.state]} Change ${change.id}: ${title(change)}, ${change.state}${blocked}`);
  setText(item.pause, change.state === "paused" ? "Resume" : "Pause");
}

function buildPast(change) {
  const { state, finished_at: finished } = change;
  const when = el("time", { datetime: finished, text: format.dayAndClock(finished) });
  const summary = el(
    "summary",
    {},
    el("span", { class: "state", "data-state": state, text: MARKS[state] ?? "" }),
    " ",
    el("strong", { text: title(change) }),
    " ",
    el("span", { class: "quiet" }, when, pastInWords(change)),
  );
  const details = el("details", {}, summary);
  // Most are never opened.
  details.addEventListener("toggle", () => details.append(...pastDetails(change)), { once: true });
  return el("li", { class: "item past", "data-change": change.id }, details);
}

function pastInWords(change) {
  const { state, started_at: started, finished_at: finished, keys, bytes, longest_hold_us: hold, lost } = change;
  const seconds = started && (Date.parse(finished) - Date.parse(started)) / 1000;
  const facts = [
    state,
    started && `in ${seconds < 1 ? "less than 1 s" : format.duration(seconds)}`,
    keys.done > 0 && `${format.some(keys.done, "key", "keys")}, ${format.bytes(bytes.done)}`,
    lost && (lost.keys > 0 ? `${format.some(lost.keys, "key", "keys")} lost` : "by force"),
    hold !== undefined && `writes held ${format.microseconds(hold)} at most`,
  ];
  return facts.filter(Boolean).map((fact) => ` · ${fact}`).join("");
}

function pastDetails(change) {
  const asked = `Change ${change.id}, asked for ${format.dayAndClock(change.requested_at)}.`;
  const words = [asked, change.reason, change.lost && lossInWords(change.lost)].filter(Boolean);
  const lines = words.map((text) => el("p", { text }));
  if (!change.receipt?.length) return [...lines, el("p", { class: "quiet", text: "No receipt: nothing was moved." })];
  return [...lines, region(`Receipt of change ${change.id}`, receiptTable(change.receipt))];
}

/** What both sides of every move counted, side by side. */
function receiptTable(receipts) {
  const rows = receipts.map(({ from, to, source, target, hold_us: hold }) => {
    const equal = ["records", "bytes", "digest"].every((member) => source[member] === target[member]);
    const digest = both(source.digest, target.digest, String);
    return row(
      nodeName(from),
      el("td", {}, nodeName(to)),
      number(both(source.records, target.records, format.count)),
      number(both(source.bytes, target.bytes, (bytes) => `${format.count(bytes)} B`)),
      el("td", { class: "digest", title: digest, text: digest }),
      el("td", { class: equal ? "good" : "wrong", text: equal ? "✓ equal" : "✕ different" }),
      number(hold === null || hold === undefined ? "nobody sealed" : format.microseconds(hold)),
    );
  });
  const caption = "Counted on both sides before ownership switched";
  return table({ caption, columns: RECEIPT, body: el("tbody", {}, ...rows) });
}

/** One figure where both sides agree, else both. */
const both = (source, target, show) => (source === target ? show(source) : `${show(source)} / ${show(target)}`);
