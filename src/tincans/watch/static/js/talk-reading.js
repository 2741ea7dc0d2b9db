// What is loaded of one conversation: some of its pages, and the part of their items that is shown.
//
// A conversation may have a million entries, so the page never has more than MOST_ITEMS of it in the document. `loaded` are
// pages in their order; where one is missing between two there is a hole, which is shown and counted. [lo, hi) is the part
// of all loaded items that is shown: `more` moves it and fetches what it needs, `jump` begins anew elsewhere, and
// while `following` it stays at the end: what grew is fetched, and what grew faster than can be read is skipped, a hole.
//
// Every change is told by `changed`. One request runs at a time; a jump abandons the one that runs.

import { Pace } from "./pace.js";

/**
 * @typedef {{page: number, first: number, entries: number, pages: number, total: number, protocol: string, exact: boolean,
 *            items: any[], skipped?: {count: number, after: number}}} Page
 */

/** Entries in a page (docs/api.md). */
export const PAGE_ENTRIES = 200;
/** Items in the document at most, and by how many they move. */
export const MOST_ITEMS = 600;
const STEP = 200;
/** Items that are shown while one follows: enough to look back a little. */
const FOLLOWED = 120;
/** Between two fetches while one follows, in milliseconds at the least: nobody reads faster. */
const REST = 100;
/** Entries that are more at once than anybody reads. */
const FLOOD = 50;
/** Pages that are read through while one follows; when more have come, only the last is. */
const CATCH_UP = 3;

export class Reading {
  /** @type {Page[]} */ loaded = [];
  lo = 0;
  hi = 0;
  pages = 0;
  total = 0;
  following = false;
  busy = false;
  /** @type {any} */ error = null;
  /** The item that a jump was to; whoever shows it takes it away. */
  target = "";
  #abort = new AbortController();
  #pace = new Pace(REST);

  /** @param {(page: number, abort: AbortSignal) => Promise<Page>} fetchPage @param {() => void} changed */
  constructor(fetchPage, changed) {
    Object.assign(this, { fetchPage, changed });
  }

  close() {
    this.#abort.abort();
    this.changed = () => {};
  }

  // ── what is shown ────────────────────────────────────────────────────────────────────────────────────────

  /** What is shown: items, and holes of `{ count, after }`, with the page of each. */
  shown() {
    const found = [];
    let at = 0;
    let before = null;
    for (const page of this.loaded) {
      const [from, to] = [Math.max(0, this.lo - at), Math.min(page.items.length, this.hi - at)];
      const hole = from < to && holeBefore(page, before, from);
      if (hole) found.push({ hole, page });
      for (let place = from; place < to; place += 1) found.push({ item: page.items[place], page });
      at += page.items.length;
      before = page;
    }
    return found;
  }

  get isExact() {
    return this.loaded.every(({ exact }) => exact);
  }

  /** Whether the last item that there is is shown. */
  get isAtEnd() {
    const last = this.loaded.at(-1);
    return !last || (this.hi >= this.#count() && last.first + last.entries >= this.total);
  }

  /** When the last that is shown was said. */
  get lastAt() {
    return this.loaded.at(-1)?.items.at(-1)?.at ?? 0;
  }

  get isAtBeginning() {
    return this.lo === 0 && (this.loaded[0]?.page ?? 0) === 0;
  }

  /** The entry that an item came of, as nearly as is known. @param {string} id */
  entryOf(id) {
    const [page, place] = placeOf(id);
    const found = this.loaded.find((each) => each.page === page);
    if (!found) return page * PAGE_ENTRIES;
    return found.first + Math.floor((place / Math.max(1, found.items.length)) * found.entries);
  }

  /** The items of the first `pages` that are loaded, or of all. */
  #count(pages = this.loaded.length) {
    return this.loaded.slice(0, pages).reduce((sum, { items }) => sum + items.length, 0);
  }

  // ── going elsewhere ──────────────────────────────────────────────────────────────────────────────────────

  /** Shows what is around one entry. @param {number} entry */
  jump(entry) {
    const number = Math.max(0, Math.min(Math.floor(entry / PAGE_ENTRIES), Math.max(0, this.pages - 1)));
    return this.#anew(number, (page) => Math.floor(((entry - page.first) / Math.max(1, page.entries)) * page.items.length));
  }

  /** Shows what is around one item. @param {string} id */
  jumpTo(id) {
    const [number, place] = placeOf(id);
    return this.#anew(number, () => place);
  }

  jumpToEnd() {
    return this.#anew(Math.max(0, this.pages - 1), (page) => page.items.length);
  }

  async #anew(number, placeIn) {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.busy = false;
    await this.#work(async () => {
      const page = await this.#fetched(number, signal);
      this.loaded = [page];
      const place = Math.max(0, Math.min(placeIn(page), page.items.length));
      this.target = page.items[place]?.id ?? "";
      this.lo = Math.max(0, place - STEP / 2);
      this.hi = Math.min(page.items.length, this.lo + STEP * 2);
      if (this.hi - place < STEP / 2) await this.#down(signal);
      if (place - this.lo < STEP / 2) await this.#up(signal);
    }, signal);
  }

  // ── going on ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Moves what is shown. @param {1 | -1} direction to the end or to the beginning */
  async more(direction) {
    if (this.busy || this.error || (direction > 0 ? this.isAtEnd : this.isAtBeginning)) return;
    const { signal } = this.#abort;
    await this.#work(() => (direction > 0 ? this.#down(signal) : this.#up(signal)), signal);
  }

  async #down(signal) {
    if (this.hi >= this.#count()) await this.#append(signal);
    this.hi = Math.min(this.#count(), this.hi + STEP);
    this.lo = Math.max(this.lo, this.hi - MOST_ITEMS);
    this.#trim();
  }

  async #up(signal) {
    if (this.lo === 0 && this.loaded[0].page > 0) this.#put(await this.#fetched(this.loaded[0].page - 1, signal));
    this.lo = Math.max(0, this.lo - STEP);
    this.hi = Math.min(this.hi, this.lo + MOST_ITEMS);
    this.#trim();
  }

  /** Fetches what comes after what is loaded: the rest of the last page, or the next one. */
  async #append(signal) {
    const last = this.loaded.at(-1);
    const isWhole = last.entries >= PAGE_ENTRIES || last.first + last.entries >= this.total;
    if (isWhole && last.page + 1 >= this.pages) return;
    this.#put(await this.#fetched(isWhole ? last.page + 1 : last.page, signal));
  }

  /** Loads the first page of a hole. @param {number} after the page before the hole */
  async fill(after) {
    if (this.busy) return;
    const { signal } = this.#abort;
    this.following = false;
    await this.#work(async () => {
      this.#put(await this.#fetched(after + 1, signal));
      const at = this.loaded.findIndex(({ page }) => page === after + 1);
      this.lo = Math.min(this.lo, this.#count(at));
      this.hi = Math.min(this.#count(), this.lo + MOST_ITEMS);
      this.#trim();
    }, signal);
  }

  // ── following ────────────────────────────────────────────────────────────────────────────────────────────

  /** There are so many now. @param {number} pages @param {number} total */
  grow(pages, total) {
    this.pages = Math.max(this.pages, pages);
    this.total = Math.max(this.total, total);
    if (this.following) return this.#catchUp();
    this.changed();
    return undefined;
  }

  /** Stays at the end from here on, or no longer. @param {boolean} on */
  follow(on) {
    if (on === this.following) return;
    this.following = on;
    if (on && this.loaded.length && !this.isAtEnd && this.pages - 1 - this.loaded.at(-1).page > CATCH_UP) this.loaded = [];
    this.changed();
    if (on) (this.loaded.length ? this.#catchUp() : this.jumpToEnd());
  }

  get #isBehind() {
    const last = this.loaded.at(-1);
    return Boolean(last) && last.first + last.entries < this.total;
  }

  async #catchUp() {
    const { signal } = this.#abort;
    if (this.busy || !this.#isBehind) return;
    await this.#work(async () => {
      while (this.following && this.#isBehind) {
        const { page, entries, first } = this.loaded.at(-1);
        this.#pace.isFlood = this.total - first - entries > FLOOD;
        if (this.pages - 1 - page > CATCH_UP) await this.#skip(signal);
        else await this.#append(signal);
        if (!this.following) break;
        this.hi = this.#count();
        this.lo = Math.max(0, this.hi - FOLLOWED);
        this.#trim();
        await this.#pace.drawn(() => this.changed());
        const last = this.loaded.at(-1);
        if (last.page === page && last.entries === entries) break; // what grew is not there yet
        await new Promise((rested) => setTimeout(rested, this.#pace.rest));
        signal.throwIfAborted();
      }
    }, signal);
  }

  /** Goes on with the last page, which remembers what was left out before it. */
  async #skip(signal) {
    const last = this.loaded.at(-1);
    const page = await this.#fetched(this.pages - 1, signal);
    page.skipped = { count: page.first - last.first - last.entries, after: last.page };
    this.#put(page);
  }

  /** What was told while something was fetched may have been the last that is told. */
  #lookAgain() {
    if (this.following && this.#isBehind) setTimeout(() => this.following && this.#catchUp(), REST * 5);
  }

  // ── loading ──────────────────────────────────────────────────────────────────────────────────────────────

  async #work(task, signal) {
    this.busy = true;
    this.error = null;
    try {
      await task();
    } catch (error) {
      if (!signal.aborted) this.error = error;
    }
    if (signal.aborted) return; // another began, and says what holds
    this.busy = false;
    this.changed();
    if (!this.error) this.#lookAgain();
  }

  /** Tries again what failed. */
  retry() {
    this.error = null;
    return this.loaded.length ? this.more(this.isAtEnd ? -1 : 1) : this.jump(0);
  }

  async #fetched(number, signal) {
    const page = await this.fetchPage(number, signal);
    signal.throwIfAborted();
    this.pages = Math.max(this.pages, page.pages);
    this.total = Math.max(this.total, page.total);
    return page;
  }

  /** Puts a page in its place. One that was there before keeps the items that are the same, which are not drawn again. */
  #put(page) {
    const old = this.loaded.findIndex((each) => each.page === page.page);
    if (old >= 0) {
      page.items = page.items.map((item, place) => same(this.loaded[old].items[place], item));
      page.skipped = this.loaded[old].skipped;
      this.loaded[old] = page;
      return;
    }
    const place = this.loaded.findIndex((each) => each.page > page.page);
    this.loaded.splice(place < 0 ? this.loaded.length : place, 0, page);
    if (place === 0) {
      this.lo += page.items.length;
      this.hi += page.items.length;
    }
  }

  /** Forgets the pages of which nothing is shown, but one of no items at the end, from which one reads on. */
  #trim() {
    while (this.loaded.length > 1 && this.lo > 0 && this.loaded[0].items.length <= this.lo) {
      const { length } = this.loaded.shift().items;
      this.lo -= length;
      this.hi -= length;
    }
    while (this.loaded.length > 1 && this.#isUnseen(this.loaded.at(-1))) this.loaded.pop();
  }

  #isUnseen({ items }) {
    return items.length > 0 && this.#count() - items.length >= this.hi;
  }
}

/** What is missing before a page: between it and the one before, or since the one that was skipped from. */
function holeBefore(page, before, from) {
  if (before) {
    const count = page.first - before.first - before.entries;
    return page.page > before.page + 1 ? { count, after: before.page } : null;
  }
  return page.skipped ? { ...page.skipped, count: page.skipped.count + from } : null;
}

/** @param {string} id PAGE.PLACE @returns {[number, number]} */
export function placeOf(id) {
  const [page, place] = id.split(".").map(Number);
  return [page || 0, place || 0];
}

function same(old, item) {
  const isSame = old?.id === item.id && old.end === item.end && old.summary === item.summary && old.at === item.at
    && old.tone === item.tone && old.preview.length === item.preview.length && old.details.length === item.details.length
    && old.content?.size === item.content?.size;
  return isSame ? old : item;
}
