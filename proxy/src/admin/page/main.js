// The stats page. Each part shows its share of stats.json, which is looked at about once a second.
//
//   live.js      looks, and keeps the samples           api.js      asks the proxy, with the token
//   totals.js    the head and the row of totals         dom.js      makes elements, never markup
//   ring.js      the ring and its moves                 format.js   figures in words
//   locate.js    where a key falls                      colours.js  a colour for each node
//   charts.js    the last minutes                       dialogs.js  a dialog with a form
//   nodes.js     the table of nodes                     orders.js   what can be ordered, plans first
//   changes.js   open, waiting and ended changes        words.js    what is said of changes in several places
//   tables.js    what tables and lists are made of

import { hasToken, setToken } from "./api.js";
import { showChanges } from "./changes.js";
import { showCharts } from "./charts.js";
import { byId, setAttribute, setText } from "./dom.js";
import * as format from "./format.js";
import { Live } from "./live.js";
import { prepareLocate, showPlace } from "./locate.js";
import { showNodes } from "./nodes.js";
import { prepareOrders } from "./orders.js";
import { showRing } from "./ring.js";
import { showTotals } from "./totals.js";
import { progress, title } from "./words.js";

/** Progress is read out this often, in parts of the whole. */
const STEPS = 4;
/** More nodes than this are not told one by one. */
const MANY = 3;

let last = null;
let triedToken = false;

const live = new Live({
  stats(stats, samples) {
    showLive();
    showTotals(stats);
    showChanges(stats);
    byId("main").hidden = false;
    showRing(stats);
    showCharts(samples, stats.history?.every_ms);
    showNodes(stats);
    showPlace(stats);
    tellNews(stats);
    // The files of this page are as old as the program that they came from.
    if (last && last.version !== stats.version) byId("newer").hidden = false;
    last = stats;
  },
  problem(problem, lastGood) {
    if (problem.status === 401 || problem.status === 403) showGate(problem);
    else showSilence(problem, lastGood);
  },
});

function showLive() {
  byId("gate").hidden = true;
  byId("notice").hidden = true;
  document.body.classList.remove("stale");
  if (byId("live").dataset.live === "lost") tell("The proxy answers again.");
  setAttribute(byId("live"), "data-live", "on");
  setText(byId("live"), "Live");
}

function showSilence(problem, lastGood) {
  const words = `No answer since ${format.clock(lastGood)}`;
  if (byId("live").dataset.live !== "lost") tell(`${words}.`);
  setAttribute(byId("live"), "data-live", "lost");
  setText(byId("live"), words);
  byId("notice").hidden = false;
  document.body.classList.add("stale");
  const why = problem.status ? `${problem.title}. ${problem.detail}` : "The proxy cannot be reached.";
  const old = last ? ` Everything below is as it was at ${format.clock(lastGood)}.` : "";
  setText(byId("notice"), `${words}. ${why}${old} This page goes on asking.`);
}

/** Asks for the token, or says why none would help. */
function showGate(problem) {
  const asks = problem.status === 401;
  const fresh = byId("gate").hidden;
  setAttribute(byId("live"), "data-live", "wait");
  setText(byId("live"), asks ? "A token is needed" : "Refused");
  byId("main").hidden = true;
  byId("notice").hidden = true;
  byId("gate").hidden = false;
  byId("gate-form").hidden = !asks;
  setText(byId("gate-title"), asks ? "The token, please" : problem.title);
  setText(byId("gate-why"), asks ? "This proxy tells its figures to whoever shows the admin token." : problem.detail);
  setText(byId("gate-wrong"), asks && triedToken ? "That is not this proxy's token." : "");
  if (asks && hasToken()) setToken("");
  triedToken = false;
  if (fresh) byId(asks ? "gate-token" : "gate-title").focus();
}

byId("gate-form").addEventListener("submit", (event) => {
  event.preventDefault();
  triedToken = true;
  setToken(byId("gate-token").value);
  byId("gate-token").value = "";
  live.look();
});

/** Says what has changed to who cannot see it: states of nodes and changes, and progress in a few steps. */
function tellNews(stats) {
  if (!last) return;
  const stateOf = new Map(last.ring.nodes.map((node) => [node.name, node.state]));
  const changed = stats.ring.nodes.filter(({ name, state }) => stateOf.get(name) !== state);
  if (changed.length > MANY) tell(`${changed.length} nodes have changed. ${byId("health").textContent}.`);
  else changed.forEach(({ name, state }) => tell(`${name} is ${state}.`));
  const before = new Map(last.changes.map((change) => [change.id, change]));
  for (const change of stats.changes) {
    const old = before.get(change.id);
    const step = (one) => Math.floor((progress(one) ?? 0) * STEPS);
    if (!old || old.state !== change.state) tell(`Change ${change.id}, ${title(change)}: ${change.state}.`);
    else if (change.blocked && !old.blocked) tell(`Change ${change.id} waits: ${change.blocked}`);
    else if (change.phase && step(change) > step(old)) tell(`Change ${change.id}: ${(step(change) / STEPS) * 100} %.`);
  }
}

/** Each piece of news goes after a while, so that the next one is heard as new. */
function tell(words) {
  const line = document.createElement("p");
  line.textContent = words;
  byId("news").append(line);
  setTimeout(() => line.remove(), 10_000);
}

byId("reload").addEventListener("click", () => location.reload());
prepareLocate();
const told = (words) => {
  tell(words);
  live.look();
};
// Where none of several nodes is its own, the proxy starts none.
prepareOrders(told, () => !last?.ring.nodes.length || last.ring.nodes.some(({ own }) => own));
live.look();
