// What was too much to be told: of more than a few hundred conversations in which something happens at once, the server
// only counts the rest. An end that was not told would leave a conversation open on this page for ever, so which ones are
// open is asked for then, in a moment when less is said, and at least now and then.

import { whenever } from "./dom.js";
import { get } from "./api.js";
import * as store from "./store.js";

/** After what was not told, in milliseconds: what comes meanwhile is asked for together. */
const AFTER = 1000;
const PAGE = 500;

let timer = 0;
let isMissing = false;

export function begin() {
  whenever(store.latest, ({ skipped }) => skipped > 0 && plan());
}

function plan() {
  isMissing = true;
  timer ||= setTimeout(catchUp, AFTER);
}

async function catchUp() {
  isMissing = false;
  const before = new Map(store.held);
  try {
    store.seeOpen(await allOpen(), before);
  } catch {
    // The banner says why nobody answers; and once somebody does, all that is open is told anew.
  }
  timer = 0;
  if (isMissing) plan();
}

/** Those that are open, the newest if there are more than can be held. */
async function allOpen() {
  const { total } = await get("/conversations", { state: "open", limit: 1 });
  const found = [];
  for (let offset = Math.max(0, total - store.MOST_HELD); offset < total; offset += PAGE) {
    found.push(...(await get("/conversations", { state: "open", offset, limit: PAGE })).rows);
  }
  return found;
}
