// The JSON API over HTTP (docs/api.md), and the token that it wants.
//
//   get("/conversations", { party: "9000", state: ["open", "reset"] }, abort)   → the JSON
//   post("/conversations/12/say", { side: "client", text: "hello" })             → the JSON
//   fetched("/conversations/12/diagram.svg", {}, abort)                          → the Response, for what is no JSON
//   token, refused                                                               signals; giveToken(text)
//
// What goes wrong is thrown as a `Trouble`, which has the sentence that the server said and what would help. A request
// that was aborted throws the browser's AbortError: `wasAborted(error)`.

import { signal } from "./dom.js";

const KEPT = "tincans.token";

export class Trouble extends Error {
  /** @param {string} error @param {string} advice @param {number} status 0 where there was no answer at all */
  constructor(error, advice, status) {
    super(error);
    this.advice = advice;
    this.status = status;
  }
}

export const wasAborted = (error) => error instanceof DOMException && error.name === "AbortError";

/** The token, or "" where there is none. @type {import("@preact/signals").Signal<string>} */
export const token = signal(takeToken());

/** Whether the server has said that it does not know this token. */
export const refused = signal(false);

/**
 * The token of the address that was printed (`#token=…`), or the one that this tab had before. It leaves the address at
 * once: addresses are kept in histories, shown to others and copied into chats.
 */
function takeToken() {
  const given = /^#token=([^&/]+)/.exec(location.hash)?.[1];
  if (!given) return sessionStorage.getItem(KEPT) ?? "";
  history.replaceState(null, "", location.pathname + location.search + "#/map");
  sessionStorage.setItem(KEPT, given);
  return given;
}

/** @param {string} text as it was printed, alone or as the end of the address */
export function giveToken(text) {
  const given = text.trim().replace(/^.*#token=/s, "");
  sessionStorage.setItem(KEPT, given);
  refused.value = false;
  token.value = given;
}

// An address with a token that is pasted into a tab which shows the page already loads nothing: only this is told.
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) {
    refused.value = false;
    token.value = takeToken();
  }
});

/** @param {string} path @param {Record<string, any>} [query] values; undefined, null and "" are left out */
export function address(path, query = {}) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null && each !== "") asked.append(name, String(each));
    }
  }
  return `/api${path}${asked.size ? `?${asked}` : ""}`;
}

/**
 * The answer, once it is a good one.
 * @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [abort] @param {RequestInit} [more]
 */
export async function fetched(path, query = {}, abort = undefined, more = {}) {
  let response;
  try {
    const headers = { Authorization: `Bearer ${token.peek()}`, ...more.headers };
    response = await fetch(address(path, query), { ...more, headers, signal: abort, cache: "no-store" });
  } catch (error) {
    if (wasAborted(error)) throw error;
    throw new Trouble("the server does not answer", "Is tincans still running?", 0);
  }
  if (response.ok) return response;
  if (response.status === 401) refused.value = true;
  throw await troubleOf(response);
}

async function troubleOf(response) {
  try {
    const { error, advice } = await response.json();
    return new Trouble(error, advice, response.status);
  } catch {
    return new Trouble(`the server answers ${response.status}`, "", response.status);
  }
}

/** @param {string} path @param {Record<string, any>} [query] @param {AbortSignal} [abort] */
export const get = async (path, query, abort) => (await fetched(path, query, abort)).json();

/** @param {string} path @param {object} [body] */
export async function post(path, body = {}) {
  const headers = { "Content-Type": "application/json" };
  const response = await fetched(path, {}, undefined, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}
