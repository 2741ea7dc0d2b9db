// Where the list gets its rows from when the recording has to be read for them: what was said, and in which protocol. The
// server reads a moment a request, the newest first; this asks on until enough is found, and goes on as one scrolls down.
// It has the face of `Pages` (pages.js); `progress` is { state, looked, total } with the state "looking", "enough",
// "stopped" (by the reader) or "done".

import { signal, whenever } from "./dom.js";
import { get, wasAborted } from "./api.js";
import { asked, matches } from "./filters.js";
import { epoch, latest, now } from "./store.js";

/** Rows that are found ahead of what is looked at. */
const AHEAD = 200;
/** Rows that are kept: more are not looked through one by one. */
const MOST = 20_000;

export class Search {
  count = signal(0);
  fresh = signal(0);
  revision = signal(0);
  trouble = signal(null);
  progress = signal({ state: "looking", looked: 0, total: 0 });

  /** @param {URLSearchParams} query */
  constructor(query) {
    this.query = asked(query);
    this.enough = AHEAD;
    this.stops = [whenever(epoch, () => this.anew()), whenever(latest, (news) => this.hear(news))];
  }

  close() {
    for (const stop of this.stops) stop();
    this.abort?.abort();
  }

  /** At first, and whenever the server or its journal is there again: it may be another one, with the same numbers. */
  anew() {
    this.abort?.abort();
    this.abort = null;
    this.rows = [];
    this.next = undefined; // where to read on: undefined from the newest, null when all was read
    this.begun = now();
    this.since = new Set();
    this.count.value = this.fresh.value = 0;
    this.progress.value = { state: "looking", looked: 0, total: 0 };
    this.goOn();
  }

  place = (index) => index;
  indexOf = (place) => place;
  row = (index) => this.rows[index];

  /** What is new has not been read: the reader asks for it by looking again. */
  settle() {}

  want(first, last) {
    this.enough = Math.min(MOST, last + AHEAD);
    if (this.progress.peek().state === "enough" && this.rows.length < this.enough) this.goOn();
  }

  stop() {
    this.abort?.abort();
    this.say("stopped");
  }

  /** @param {boolean} [further] although enough was found */
  async goOn(further = false) {
    if (this.abort) return;
    if (further) this.enough = this.rows.length + AHEAD;
    const mine = (this.abort = new AbortController());
    this.trouble.value = null;
    this.say("looking");
    try {
      while (this.next !== null && this.rows.length < this.enough) await this.read(mine.signal);
      this.say(this.next === null ? "done" : "enough");
    } catch (error) {
      if (!wasAborted(error)) {
        this.trouble.value = error;
        this.say("stopped");
      }
    } finally {
      if (this.abort === mine) this.abort = null;
    }
  }

  async read(abort) {
    const { rows, next, looked, total } = await get("/conversations", { ...this.query, before: this.next }, abort);
    abort.throwIfAborted();
    this.rows.push(...rows);
    this.next = next;
    this.progress.value = { state: "looking", looked: this.progress.peek().looked + looked, total };
    this.count.value = this.rows.length;
    this.revision.value += 1;
  }

  say(state) {
    this.progress.value = { ...this.progress.peek(), state };
  }

  hear({ rows }) {
    const found = new Map(rows.map((row) => [row.number, row]));
    this.rows.forEach((row, at) => found.has(row.number) && (this.rows[at] = { ...found.get(row.number), protocol: row.protocol }));
    for (const row of rows) {
      if (row.opened > this.begun && this.since.size < MOST && matches(this.query, row)) this.since.add(row.number);
    }
    this.fresh.value = this.since.size;
    this.revision.value += 1;
  }
}
