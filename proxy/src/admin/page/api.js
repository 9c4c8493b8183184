// Asks the proxy, with the token if there is one.

const KEPT = "keyway-token";
/** A look at the figures is quick. An order waits for the disk and a plan for the nodes. */
const LOOK_MS = 5000;
const ORDER_MS = 30000;

let token = recall();

/** What the proxy refused (RFC 9457), or why nothing came: `status` is 0 then. */
export class Problem extends Error {
  constructor(status, { title, detail, errors } = {}) {
    super(detail ?? title ?? `The answer was ${status}.`);
    this.status = status;
    this.title = title ?? `Answer ${status}`;
    this.detail = detail ?? "";
    /** Per field of a body: `field` and `message`. */
    this.errors = Array.isArray(errors) ? errors : [];
  }
}

/** Reads a document. */
export const get = (path) => ask("GET", path, undefined, {}, LOOK_MS);

/** Sends an order. `key` makes repeating it harmless. */
export function send(method, path, body, key) {
  const headers = { "Content-Type": "application/json", "Keyway-Admin": "1" };
  if (key) headers["Idempotency-Key"] = key;
  return ask(method, path, JSON.stringify(body ?? {}), headers, ORDER_MS);
}

/** Uses this token from now on, in this tab only. An empty one forgets it. */
export function setToken(text) {
  token = text;
  try {
    if (text) sessionStorage.setItem(KEPT, text);
    else sessionStorage.removeItem(KEPT);
  } catch {
    // Storage is switched off: then the token lasts as long as the page.
  }
}

export const hasToken = () => token !== "";

/** A word that nobody else has. (`randomUUID` is missing where there is no TLS.) */
export function unique() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

async function ask(method, path, body, headers, limit) {
  // Other letters cannot stand in a header field, so no proxy has such a token.
  if (token) headers.Authorization = `Bearer ${/^[\x20-\x7e]*$/.test(token) ? token : "impossible"}`;
  let status = 0;
  try {
    const options = { method, body, headers, cache: "no-store", redirect: "error", signal: AbortSignal.timeout(limit) };
    const answer = await fetch(path, options);
    ({ status } = answer);
    const document = await answer.json();
    if (answer.ok) return document;
    throw new Problem(status, document);
  } catch (error) {
    if (error instanceof Problem) throw error;
    // Not JSON, although an answer: something between us and the proxy, or the proxy is stopping.
    const title = status ? `Answer ${status}, which is not Keyway's` : "The proxy does not answer";
    throw new Problem(status && status < 400 ? 0 : status, { title, detail: String(error.message ?? error) });
  }
}

function recall() {
  try {
    return sessionStorage.getItem(KEPT) ?? "";
  } catch {
    return "";
  }
}
