// Where the list of mails gets its rows from: what is looked at is fetched, in pages, wherever in the list that is.
//
// The server counts from the newest on, so each mail that comes moves all the others. Here a row is kept by its place counted
// from the oldest, which stays; and whenever the inbox has changed what is looked at is fetched again, and the rest forgotten.
// Of mails that come while somebody reads further down only their count is told (`fresh`), until he goes back to the top.
//
//   rows.count, rows.fresh, rows.revision, rows.trouble, rows.left     signals; `count` is null until it is known, `left` how
//                                                                      many mails the text was not looked for in yet
//   rows.row(index), rows.indexOf(number)                              the mail there; where a mail is, or -1
//   rows.want(first, last), rows.settle(isHeld), rows.again(), rows.close()

import { signal, whenever } from "./dom.js";
import { get, wasAborted } from "./api.js";
import { inboxes } from "./store.js";

const PAGE = 100;
/** A wheel passes many pages, and mails come in floods: what is missing is asked for so often, in milliseconds. */
const EVERY = 60;
const AGAIN_EVERY = 300;
/** What takes long is asked for again after so many times as long: mails are to be taken meanwhile, and not only looked at. */
export const REST = 5;
/** Rows that are kept. */
const MOST = 5000;

export class Rows {
  count = signal(null);
  fresh = signal(0);
  revision = signal(0);
  trouble = signal(null);
  left = signal(0);

  /** @param {{inbox: string, mailbox: string, text: string}} where */
  constructor(where) {
    this.where = where;
    this.total = 0;
    /** By place. @type {Map<number, any>} */
    this.rows = new Map();
    this.range = [0, 30];
    this.held = false;
    this.isStale = true;
    this.timer = this.due = 0;
    this.took = 0;
    this.asking = null;
    this.stop = whenever(inboxes, () => this.again());
  }

  close() {
    this.stop();
    clearTimeout(this.timer);
    this.asking?.abort();
    this.isClosed = true;
  }

  // ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────

  place = (index) => this.total - this.fresh.peek() - 1 - index;

  row = (index) => this.rows.get(this.place(index));

  indexOf(number) {
    for (const [place, row] of this.rows) if (row.number === number) return this.place(place); // it mirrors
    return -1;
  }

  settle(isHeld) {
    this.held = isHeld;
    if (isHeld || !this.fresh.peek()) return;
    this.fresh.value = 0;
    this.count.value = this.total;
    this.revision.value += 1;
  }

  // ── fetching ─────────────────────────────────────────────────────────────────────────────────────────────

  want(first, last) {
    this.range = [first, last];
    this.plan(this.rows.size ? EVERY : 0);
  }

  /** Something may have changed. */
  again() {
    this.isStale = true;
    this.plan(this.rows.size ? Math.max(AGAIN_EVERY, this.took * REST) : 0);
  }

  /** Who scrolls does not wait for what was to be asked for later. */
  plan(after) {
    const due = performance.now() + after;
    if (this.isClosed || (this.timer && this.due <= due)) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => {
      this.timer = 0;
      if (!this.asking) this.fetch();
    }, after);
  }

  async fetch() {
    const from = this.missing();
    if (from === null) return;
    const mine = (this.asking = new AbortController());
    const wasStale = this.isStale;
    const began = performance.now();
    this.isStale = false;
    try {
      const got = await get("/mails", { ...this.where, offset: from, limit: PAGE }, mine.signal);
      mine.signal.throwIfAborted();
      this.took = performance.now() - began;
      this.keep(got, wasStale);
      this.plan(got.left ? AGAIN_EVERY : EVERY);
    } catch (error) {
      if (!wasAborted(error)) {
        this.trouble.value = error;
        this.revision.value += 1;
      }
    } finally {
      this.asking = null;
    }
  }

  /** Where to fetch from, as the server counts; null where all is there. */
  missing() {
    const [first, last] = this.range;
    const fresh = this.fresh.peek();
    const from = Math.max(0, first + fresh - (PAGE - (last - first)) / 2);
    if (this.isStale) return Math.floor(from);
    for (let index = first; index < Math.min(last, this.count.peek() ?? 0); index += 1) {
      if (!this.row(index)) return index + fresh < from + PAGE ? Math.floor(from) : index + fresh;
    }
    return null;
  }

  keep({ rows, total, offset, left }, isAnew) {
    if (isAnew) this.rows.clear();
    const more = total - this.total;
    if (this.held && more > 0 && this.count.peek() !== null) this.fresh.value += more;
    else if (!this.held) this.fresh.value = 0;
    this.fresh.value = Math.min(this.fresh.peek(), total);
    this.total = total;
    rows.forEach((row, at) => this.rows.set(total - 1 - offset - at, row));
    for (const place of this.rows.keys()) {
      if (this.rows.size <= MOST) break;
      this.rows.delete(place);
    }
    if (left) this.isStale = true;
    this.left.value = left;
    this.trouble.value = null;
    this.count.value = total - this.fresh.peek();
    this.revision.value += 1;
  }

  /** Somebody has read it: the server says so in a moment. */
  markSeen(number) {
    for (const [place, row] of this.rows) {
      if (row.number === number && !row.seen) this.rows.set(place, { ...row, seen: true });
    }
    this.revision.value += 1;
  }
}
