// What happens now: the WebSocket /api/live, and who wants to hear what of it.
//
//   useLook({ all: true })                      in a component: for as long as it is shown, the server tells this
//   useLook({ conversation: 12, protocol: "" })  beside what other components want; store.js has what was told
//   begin()                                     connects, and goes on connecting; `retry()` does it at once
//
// One message, `look`, names what all components together want. What comes is gathered, and given to the store as often as
// pace.js says, at most once a frame; the gathering is bounded by what it is keyed by.
//
// When the WebSocket is lost, it is opened again after FIRST_WAIT, twice that … up to LONGEST_WAIT. A browser does not
// say why one could not be opened, so `GET /api` is asked whether it is the token. One that is silent for SILENT is lost too.

import { effect, signal, useEffect } from "./dom.js";
import * as api from "./api.js";
import { Pace } from "./pace.js";
import * as store from "./store.js";

const FIRST_WAIT = 250;
const LONGEST_WAIT = 8000;
/** A second is told each second. Who says nothing for so long, in milliseconds, stands still. */
const SILENT = 5000;
/** What was wanted is told on for so long: a view that follows may want it too. */
const LINGER = 1000;
/** Rows that are gathered between two frames; a server says at most 200 at once. */
const MOST_GATHERED = 2000;
/** So many conversations, or entries of the one that is followed, are more at once than anybody reads. */
const FLOOD_ROWS = 10;
const FLOOD_ENTRIES = 50;

/** @typedef {{all?: boolean, seconds?: boolean, mails?: boolean, conversation?: number, protocol?: string}} Want */

// ── wants ──────────────────────────────────────────────────────────────────────────────────────────────────

/** @type {import("@preact/signals").Signal<Want[]>} */
const wants = signal([]);

/** @param {Want} want */
export function useLook(want) {
  const { all, seconds, mails, conversation, protocol } = want;
  useEffect(() => {
    const mine = { all, seconds, mails, conversation, protocol };
    wants.value = [...wants.peek(), mine];
    return () => (wants.value = wants.peek().filter((each) => each !== mine));
  }, [all, seconds, mails, conversation, protocol]);
}

let looked = "";
/** Whether all was looked at, and until when it is still, although nobody wants it any more: views change, and want it again. */
let all = false;
let allUntil = 0;

function look() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const wanted = merged(wants.peek());
  if (all && !wanted.all && !allUntil) {
    allUntil = Date.now() + LINGER;
    setTimeout(look, LINGER);
  } else if (wanted.all) {
    allUntil = 0;
  }
  wanted.all ||= Date.now() < allUntil;
  // Of what nobody looked at, nothing was told: what the store has may be over. The server begins with all open ones.
  if (wanted.all && !all) store.forgetLive();
  all = wanted.all;
  if (!all) allUntil = 0;
  const message = JSON.stringify(wanted);
  if (message !== looked) socket.send(message);
  looked = message;
}

/** @param {Want[]} several */
function merged(several) {
  const some = (name) => several.some((want) => want[name]);
  const together = { type: "look", all: some("all"), seconds: some("seconds"), mails: some("mails") };
  const followed = several.findLast(({ conversation }) => conversation !== undefined);
  return followed ? { ...together, conversation: followed.conversation, protocol: followed.protocol ?? "" } : together;
}

// Views change within one task: the old one's wants go before the new one's come.
effect(() => void (wants.value, queueMicrotask(look)));

// ── the socket ─────────────────────────────────────────────────────────────────────────────────────────────

/** @type {WebSocket | null} */
let socket = null;
let wait = FIRST_WAIT;
let timer = 0;
let heardAt = 0;

export function begin() {
  effect(() => {
    const known = api.token.value && !api.refused.value;
    hangUp();
    if (known) connect();
  });
  addEventListener("online", retry);
  document.addEventListener("visibilitychange", () => document.hidden || retry());
  setInterval(watch, 1000);
}

/** A program that was stopped, or a machine that was unplugged, closes nothing. */
function watch() {
  if (socket === null || Date.now() - heardAt < SILENT) return;
  hangUp();
  lost();
}

/** Connects now, where it would have waited. */
export function retry() {
  if (timer) {
    clearTimeout(timer);
    wait = FIRST_WAIT;
    connect();
  }
}

function hangUp() {
  clearTimeout(timer);
  timer = 0;
  const old = socket;
  socket = null; // its handlers know themselves by this, and fall silent
  old?.close();
}

function connect() {
  timer = 0;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const mine = new WebSocket(`${scheme}://${location.host}/api/live`, ["tincans", `token.${api.token.peek()}`]);
  socket = mine;
  heardAt = Date.now();
  looked = "";
  all = false;
  allUntil = 0;
  mine.onmessage = ({ data }) => socket === mine && hear(JSON.parse(data));
  mine.onclose = () => socket === mine && lost();
}

async function lost() {
  socket = null;
  const { state, since } = store.link.peek();
  const told = { state: "lost", since: state === "lost" ? since : heardAt, again: Date.now() + wait, error: null };
  store.link.value = told;
  timer = setTimeout(connect, wait);
  wait = Math.min(wait * 2, LONGEST_WAIT);
  const error = await why();
  if (store.link.peek() === told) store.link.value = { ...told, error };
}

/** Null where nobody answers at all; a 401 sets `api.refused` besides, which ends all this. */
async function why() {
  try {
    await api.get("", {}, AbortSignal.timeout(SILENT));
    return { message: "The server answers, but not for what happens now", advice: "Something between you and it may pass no WebSocket on." };
  } catch (error) {
    return error.status ? error : null;
  }
}

// ── what is heard ──────────────────────────────────────────────────────────────────────────────────────────

const nothing = () => ({
  rows: new Map(), skipped: 0, total: null, gone: [], now: null, board: null,
  programs: {}, states: [], seconds: [], grew: new Map(), inboxes: null,
});

const pace = new Pace();
let gathered = nothing();
let planned = false;

const hearing = {
  changes({ rows, skipped, total, now }) {
    for (const row of rows) gathered.rows.set(row.number, row);
    gathered.skipped += skipped;
    Object.assign(gathered, { total, now });
    for (const number of gathered.rows.keys()) {
      if (gathered.rows.size <= MOST_GATHERED) break;
      gathered.rows.delete(number);
      gathered.skipped += 1;
    }
  },
  gone({ numbers }) {
    gathered.gone.push(...numbers);
    for (const number of numbers) gathered.rows.delete(number);
  },
  board: ({ rows }) => (gathered.board = rows),
  programs: ({ of }) => Object.assign(gathered.programs, of),
  states: ({ states }) => gathered.states.push(...states),
  seconds: ({ seconds }) => gathered.seconds.push(...seconds),
  mails: ({ revisions }) => (gathered.inboxes = revisions),
  grew: (said) => gathered.grew.set(said.conversation, said),
};

/** @param {{type: string}} message */
function hear(message) {
  heardAt = Date.now();
  if (message.type === "hello") return welcome(message);
  if (message.type === "trouble") {
    store.trouble.value = { ...message, since: store.trouble.peek()?.since ?? Date.now() };
  } else if (message.type === "well") {
    store.trouble.value = null;
    store.epoch.value += 1;
  } else {
    hearing[message.type]?.(message); // a newer server may say what this page does not know
    plan();
  }
}

function welcome(message) {
  wait = FIRST_WAIT;
  gathered = nothing();
  store.begin(message);
  store.link.value = { state: "live", since: Date.now(), again: 0, error: null };
  look();
}

function plan() {
  if (planned) return;
  planned = true;
  pace.draw(tell);
}

function tell() {
  if (!planned) return;
  planned = false;
  const news = gathered;
  gathered = nothing();
  pace.isFlood = news.rows.size > FLOOD_ROWS || [...news.grew.values()].some(isMuch);
  store.tell(news);
}

const isMuch = ({ conversation, total }) => total - (store.grew.peek().get(conversation)?.total ?? total) > FLOOD_ENTRIES;

// A frame that was asked for and never drawn, because the tab was hidden in between, is made up for.
document.addEventListener("visibilitychange", () => planned && document.hidden && tell());
