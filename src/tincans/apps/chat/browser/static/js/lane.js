// What is at hand of one room: messages that follow each other without a gap, and what else happened between them.
//
//   lane.entries      a signal: [entry], the oldest first; a new array with each change
//   lane.before       there are older ones at the hub that are not here; lane.after: newer ones
//   lane.last         the number of the newest message here, 0 for none; lane.lastId its id
//
// An entry is { key, at, kind, … }: a message as the hub says it, with `at` in milliseconds, or kind "event", with `text`.
// Messages are here once, and by their numbers in order, whichever way they came. At most MOST are held: the far end goes.

import { signal } from "page/dom.js";

const MOST = 12_000;
let keys = 0;

/** A message as an entry. */
export const entryOf = (message) => ({ ...message, key: (keys += 1), at: Date.parse(message.at) });

/** Something that happened. @param {string} text @param {{at?: string, who?: string, what?: string}} [more] */
export const eventOf = (text, { at, ...more } = {}) => ({ key: (keys += 1), at: at ? Date.parse(at) : Date.now(), kind: "event", text, ...more });

export class Lane {
  /** @param {boolean} isAll nothing was said before */
  constructor(isAll) {
    this.entries = signal([]);
    this.before = signal(!isAll);
    this.after = signal(false);
  }

  get last() {
    return this.entries.peek().findLast(({ number }) => number)?.number ?? 0;
  }

  get lastId() {
    return this.entries.peek().findLast(({ number }) => number)?.id ?? "";
  }

  get first() {
    return this.entries.peek().find(({ number }) => number)?.number ?? 0;
  }

  /** Only these, which are all there is between two ends. */
  replace(messages, { before, after }) {
    this.entries.value = messages.map(entryOf);
    this.before.value = before;
    this.after.value = after;
  }

  /** Older ones, which end where these begin. */
  prepend(messages, before) {
    const first = this.first || Infinity;
    const whole = [...messages.filter(({ number }) => number < first).map(entryOf), ...this.entries.peek()];
    if (whole.length > MOST) this.after.value = true;
    this.entries.value = whole.slice(0, MOST);
    this.before.value = before;
  }

  /** Newer ones, and events, which begin where these end; those that are here already are not doubled. @returns what was new */
  append(messages) {
    const { last } = this;
    const fresh = messages.filter(({ number }) => !number || number > last).map((each) => (each.kind === "event" ? each : entryOf(each)));
    if (fresh.length) this.#put(fresh);
    return fresh;
  }

  /** The same event, said otherwise. */
  amend(entry, change) {
    this.entries.value = this.entries.peek().map((each) => (each === entry ? { ...each, ...change } : each));
  }

  #put(entries) {
    const whole = [...this.entries.peek(), ...entries];
    if (whole.length > MOST) this.before.value = true;
    this.entries.value = whole.slice(-MOST);
  }
}
