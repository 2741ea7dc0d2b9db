// Which view is shown, from the address: everything after `#` is the page's own, and never sent to a server.
//
//   #/map   #/conversations?text=hello&state=open   #/conversations/12/pages   #/charts   #/mails/12?mailbox=you@example.org   #/chat/NAME/%23ops
//
//   route                          a signal: { view, parts, query }
//   href(view, parts, query)       the address of a view, for an <a>
//   go(view, parts, query)         goes there; `replace(…)` without a new step in the history
//
// `view` is "map", "conversations", "talk" (a conversation that was opened; parts[0] is its number), "charts", "mails" or
// "chat".

import { signal } from "./dom.js";

/** @typedef {{view: string, parts: string[], query: URLSearchParams}} Route */

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [first, ...parts] = path.split("/").filter(Boolean).map(decoded);
  const asked = new URLSearchParams(query);
  if (first === "conversations" && /^-?\d+$/.test(parts[0] ?? "")) return { view: "talk", parts, query: asked };
  return { view: ["conversations", "charts", "mails", "chat"].includes(first) ? first : "map", parts, query: asked };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // somebody typed a lone %
  }
}

/** @type {import("@preact/signals").Signal<Route>} */
export const route = signal(parse(location.hash));

addEventListener("hashchange", () => (route.value = parse(location.hash)));

/**
 * @param {string} view
 * @param {(string | number)[]} [parts]
 * @param {URLSearchParams | Record<string, string>} [query]
 */
export function href(view, parts = [], query = undefined) {
  const path = [view === "talk" ? "conversations" : view, ...parts].map((part) => encodeURIComponent(part)).join("/");
  const asked = String(new URLSearchParams(query));
  return `#/${path}${asked && `?${asked}`}`;
}

/** @type {typeof href} */
export const go = (...where) => void (location.hash = href(...where));

/** @type {typeof href} */
export function replace(...where) {
  history.replaceState(null, "", href(...where));
  route.value = parse(location.hash);
}
