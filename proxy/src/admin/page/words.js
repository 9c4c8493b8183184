// What is said about changes in more than one place.

import * as format from "./format.js";

/** What a change does, as a heading. */
export function title({ kind, node, weight, force, reverses }) {
  const words = { "add-server": `Add ${node}`, "remove-server": force ? `Give up ${node}` : `Remove ${node}`,
    reweight: `Give ${node} weight ${weight}` }[kind] ?? `${kind} ${node}`;
  return reverses ? `${words}, to take back change ${reverses}` : words;
}

/** How far a change is, 0 to 1; `null` while nobody knows. */
export function progress({ bytes, keys }) {
  const { done, total } = bytes.total > 0 ? bytes : keys;
  return total > 0 ? Math.min(done / total, 1) : null;
}

/** What goes with a dead node. */
export function lossInWords({ ranges, keys, bytes, reported_seconds_ago: ago }) {
  const what = keys === null || keys === undefined ? "an unknown number of keys"
    : `${format.some(keys, "key", "keys")}, ${format.bytes(bytes ?? 0)}`;
  const when = ago === null || ago === undefined ? "" : `, as reported ${format.duration(ago)} ago`;
  return `Lost: ${what}${when} (${format.some(ranges, "range", "ranges")}).`;
}
