// A room that one is in, or a talk with one person, which has no history.
//
//   room.topic, room.people, room.unread, room.mentions    signals; people is a Map of nick → { nick, account, rank, away }
//   room.marker                                             a signal: the number behind which all was new when one came, or null
//   room.read                                               the number up to which one has read, or null before one was there

import { computed, signal } from "page/dom.js";
import { Lane } from "./lane.js";

export class Room {
  /** @param {string} name @param {{isPrivate?: boolean, read?: number | null}} [how] */
  constructor(name, { isPrivate = false, read = null } = {}) {
    this.name = name;
    this.isPrivate = isPrivate;
    this.lane = new Lane(isPrivate);
    this.topic = signal("");
    this.people = signal(new Map());
    this.unread = signal(0);
    this.mentions = signal(0);
    this.marker = signal(null);
    this.read = read;
    this.draft = "";
    /** What is said and happens while messages are being fetched; else null. @type {object[] | null} */
    this.waiting = null;
    /** Fulfilled when what is being fetched is here, or was not to be had; else null. @type {Promise<unknown> | null} */
    this.fetched = null;
    this.sorted = computed(() => [...this.people.value.values()].sort(byRank));
  }

  setPeople(people) {
    this.people.value = new Map(people.map((each) => [each.nick, each]));
  }

  /** @param {string} nick @param {object | null} change null takes them away */
  change(nick, change) {
    const next = new Map(this.people.peek());
    const old = next.get(nick) ?? { nick, account: "", rank: "", away: "" };
    next.delete(nick);
    if (change) next.set(change.nick ?? nick, { ...old, ...change });
    this.people.value = next;
  }

  has(nick) {
    return this.people.peek().has(nick);
  }
}

const RANKS = ["operator", "voice"];
const placed = ({ rank }) => (RANKS.indexOf(rank) + RANKS.length + 1) % (RANKS.length + 1);

const names = new Intl.Collator("en", { sensitivity: "base", numeric: true });
export const byName = (a, b) => names.compare(a, b);
const byRank = (a, b) => placed(a) - placed(b) || byName(a.nick, b.nick);
