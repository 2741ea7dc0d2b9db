// Where the list gets its rows from: conversations that can be looked up, in pages, as they are scrolled to.
//
// The server counts from the oldest on, so the place of a conversation never changes while others begin, and a page that
// was fetched stays right. The list shows the newest first, so row 0 is the last place but `fresh`: those that began while
// somebody reads further down are counted there, and shown when they want (`settle`).
//
//   source.count, source.fresh, source.revision, source.trouble, source.progress    signals
//   source.row(index)           the conversation there, or undefined while it is fetched
//   source.want(first, last)    fetches what is missing, and gives up what nobody waits for any more
//   source.place(row)           what identifies a row while the list grows; `indexOf(place)` is where it is now
//   source.settle(isHeld)       shows what is new, unless the reader holds the list where it is
//   source.close()

import { signal, whenever } from "./dom.js";
import { get, wasAborted } from "./api.js";
import { isFleeting, isNarrowed, asked, matches } from "./filters.js";
import { epoch, held, latest, newer } from "./store.js";

const PAGE = 200;
/** Pages that are kept: ten thousand rows. */
const MOST_PAGES = 50;
/** A wheel passes many pages: what is missing is asked for so often, in milliseconds. */
const EVERY = 60;
/** How often pages are fetched again whose rows may have moved. */
const AGAIN_EVERY = 1000;

export class Pages {
  count = signal(0);
  fresh = signal(0);
  revision = signal(0);
  trouble = signal(null);
  progress = signal({ state: "looking" });

  /** @param {URLSearchParams} query */
  constructor(query) {
    this.query = asked(query);
    this.isFleeting = isFleeting(query);
    this.isAll = !isNarrowed(query);
    this.total = 0;
    this.newest = 0; // the highest number that has a place
    this.held = false;
    /** `of`: how many there were altogether when it came; 0 where it has to come again. @type {Map<number, {rows: object[], of: number}>} */
    this.pages = new Map();
    /** @type {Map<number, AbortController>} */
    this.asked = new Map();
    this.range = [0, 60];
    this.timer = this.again = 0;
    this.heard = 0; // how often something was heard
    this.asking = new AbortController();
    this.stop = [whenever(epoch, () => this.anew()), whenever(latest, (news) => this.hear(news))];
  }

  close() {
    this.giveUp();
    for (const stop of this.stop) stop();
    clearTimeout(this.timer);
    clearTimeout(this.again);
  }

  // ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Where the row stands, counted from the oldest. */
  place = (index) => this.total - this.fresh.peek() - 1 - index;
  indexOf = this.place; // it mirrors, so it is its own inverse

  row(index) {
    const place = this.place(index);
    return this.pages.get(Math.floor(place / PAGE))?.rows[place % PAGE];
  }

  settle(isHeld) {
    this.held = isHeld;
    if (!isHeld && this.fresh.peek()) {
      this.fresh.value = 0;
      this.counted();
    }
  }

  counted() {
    this.count.value = this.total - this.fresh.peek();
    this.revision.value += 1;
  }

  // ── fetching ─────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * At first, and whenever the server or its journal is there again: it may be another one, with the same numbers. The list
   * stays as long as it was until it is known how long it is.
   */
  anew() {
    this.giveUp();
    this.pages.clear();
    this.newest = 0;
    this.progress.value = { state: "looking" };
    this.revision.value += 1;
    this.begin();
  }

  /** Whatever is still on its way may have been true of another journal. */
  giveUp() {
    this.asking.abort();
    this.asking = new AbortController();
    for (const abort of this.asked.values()) abort.abort();
    this.asked.clear();
  }

  /** Asks how many there are, and for what is looked at: at first, and when something may have been missed. */
  async begin() {
    const { heard, asking } = this;
    try {
      const { total } = await get("/conversations", { ...this.query, limit: 1 }, asking.signal);
      asking.signal.throwIfAborted();
      for (const page of this.pages.values()) page.of = 0;
      if (total < this.total) {
        this.newest = 0; // another journal, or one that forgot: it will say what is the newest
        if (heard !== this.heard) this.lookAgain(); // what was heard meanwhile may not have been counted
      }
      this.trouble.value = null;
      this.progress.value = null;
      this.resize(total);
      this.want(...this.range);
    } catch (error) {
      this.failed(error);
    }
  }

  resize(total) {
    const more = total - this.total;
    this.total = total;
    if (this.held && more > 0) this.fresh.value += more;
    else if (!this.held) this.fresh.value = 0;
    this.fresh.value = Math.min(this.fresh.peek(), total);
    this.counted();
  }

  failed(error) {
    if (!wasAborted(error)) this.trouble.value = error;
  }

  want(first, last) {
    this.range = [first, last];
    this.timer ||= setTimeout(() => {
      this.timer = 0;
      this.fetchMissing();
    }, this.pages.size ? EVERY : 0);
  }

  fetchMissing() {
    const wanted = this.wanted();
    for (const [page, abort] of this.asked) {
      if (!wanted.includes(page)) abort.abort();
    }
    for (const page of wanted) {
      if (!this.isWhole(this.pages.get(page)) && !this.asked.has(page)) this.fetch(page);
    }
  }

  /** A page that is not full has changed when there are more. */
  isWhole = (page) => page !== undefined && page.of > 0 && (page.rows.length === PAGE || page.of >= this.total);

  /** Pages of what is looked at, and of half a page on both sides. */
  wanted() {
    const [first, last] = this.range;
    const from = Math.max(0, Math.floor((this.place(last) - PAGE / 2) / PAGE));
    const to = Math.floor(Math.min(this.total - 1, this.place(first) + PAGE / 2) / PAGE);
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, step) => from + step);
  }

  async fetch(page) {
    const abort = new AbortController();
    this.asked.set(page, abort);
    try {
      const found = await get("/conversations", { ...this.query, offset: page * PAGE, limit: PAGE }, abort.signal);
      abort.signal.throwIfAborted();
      this.keep(page, found);
    } catch (error) {
      this.failed(error);
    } finally {
      if (this.asked.get(page) === abort) this.asked.delete(page);
    }
  }

  keep(page, { rows, total }) {
    const old = new Map((this.pages.get(page)?.rows ?? []).map((row) => [row.number, row]));
    this.pages.delete(page); // so that it is the newest in the map's order
    const known = rows.map((row) => newer(held.get(row.number) ?? old.get(row.number), row)); // more may have been told meanwhile
    this.pages.set(page, { rows: known, of: total });
    if (this.isFleeting && !known.every((row) => matches(this.query, row))) this.lookAgain();
    for (const oldest of this.pages.keys()) {
      if (this.pages.size <= MOST_PAGES) break;
      this.pages.delete(oldest);
    }
    this.trouble.value = null;
    if (rows.length) this.newest = Math.max(this.newest, rows.at(-1).number);
    if (total > this.total || this.isFleeting) this.resize(total);
    else this.revision.value += 1;
    this.want(...this.range);
  }

  // ── what happens now ─────────────────────────────────────────────────────────────────────────────────────

  hear({ rows, skipped, gone }) {
    this.heard += 1;
    let isMissing = skipped > 0 || gone.length > 0;
    // Until the newest page has come, nobody knows which of these it has.
    const isSure = !this.progress.peek() && (this.newest > 0 || this.total === 0);
    const began = [];
    for (const row of rows) {
      if (row.number > this.newest) isSure ? began.push(row) : (isMissing ||= row.number > 0);
      else if (row.number > 0 && this.update(row)) isMissing = true;
    }
    for (const row of began.sort((a, b) => a.number - b.number)) isMissing = !this.append(row) || isMissing;
    if (began.length) this.resize(this.total);
    else this.revision.value += 1;
    if (isMissing) this.lookAgain();
  }

  /** Whether it has ceased to match, or begun to: then others have other places now. */
  update(row) {
    const isOne = matches(this.query, row);
    for (const { rows } of this.pages.values()) {
      if (!rows.length || row.number < rows[0].number || row.number > rows.at(-1).number) continue;
      const at = rows.findIndex(({ number }) => number === row.number);
      if (at >= 0) rows[at] = row;
      return this.isFleeting && isOne !== at >= 0;
    }
    return this.isFleeting && isOne;
  }

  /** Gives a conversation that has just begun its place; false where that is not known. */
  append(row) {
    if (!matches(this.query, row)) return true;
    const [page, at] = [Math.floor(this.total / PAGE), this.total % PAGE];
    if (at === 0) this.pages.set(page, { rows: [], of: this.total });
    const last = this.pages.get(page);
    if (last && last.rows.length !== at) return false;
    last?.rows.push(row);
    this.newest = row.number;
    this.total += 1;
    if (last?.of) last.of = this.total;
    if (this.held) this.fresh.value += 1;
    return true;
  }

  /** Some of what happened was not told, or rows have moved: what is looked at is fetched again, now and then. */
  lookAgain() {
    this.again ||= setTimeout(() => {
      this.again = 0;
      this.begin();
    }, AGAIN_EVERY);
  }
}
