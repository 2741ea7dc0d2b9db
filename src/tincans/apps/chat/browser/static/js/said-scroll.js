// Where one looks in a room's messages. At most SHOWN of them are in the document, whatever there is: the part is moved
// along before its end is reached, older ones are fetched before they are needed, and what is looked at stays where it is
// on the screen, whatever comes above or below it.
//
//   const scroll = useScroll(chat, room, box)     box: a ref to the element that scrolls; its rows have data-key
//   scroll.part(entries)                           [from, to) of those that are drawn; called while drawing
//   scroll.look()                                  somebody has scrolled
//   scroll.isAtEnd                                 a signal: the newest is seen, and what comes will be

import { signal, useEffect, useLayoutEffect, useMemo, useState } from "page/dom.js";
import { newer, older } from "./fetching.js";

const SHOWN = 160;
const STEP = 60;
/** So near an end, in pixels, there should be more. */
const NEAR = 900;
/** So near the end one is at it. */
const CLOSE = 32;
/** Where on the screen a message stands that was asked for. */
const GOAL = 0.3;

export class Scroll {
  /** @param {() => void} draw draws again */
  constructor(chat, room, draw) {
    this.chat = chat;
    this.room = room;
    this.draw = draw;
    this.isAtEnd = signal(true);
    this.room.isAtEnd = true;
    this.box = null;
  }

  #follows = true;
  #first = 0; // the key of the first that is drawn, where it does not follow
  #anchor = null; // { key, end }: what is seen at the top, and where it ends: its head goes when there is something before it
  #goal = 0; // the key of what is to be seen
  #top = 0; // where it was scrolled to when that was looked at last
  #from = 0;
  #to = 0;
  #entries = []; // of which a part is drawn; the room may have more by now
  #settled = null;

  part(entries) {
    this.#notice();
    const end = entries.length;
    this.#entries = entries;
    if (this.#follows) {
      this.#from = Math.max(0, end - SHOWN);
    } else {
      const at = entries.findIndex(({ key }) => key === this.#first);
      const grew = at > 0 && this.#from === 0 ? STEP : 0; // what was just fetched is drawn at once, or nothing could be above
      this.#from = Math.max(0, at < 0 ? end - SHOWN : at - grew);
      this.#first = entries[this.#from]?.key ?? 0;
    }
    this.#to = Math.min(end, this.#from + SHOWN);
    return [this.#from, this.#to];
  }

  /** Show this one: it is drawn, and will be seen. */
  goTo(entry) {
    const entries = this.room.lane.entries.peek();
    const at = Math.max(0, entries.indexOf(entry) - SHOWN / 2);
    this.#follow(false);
    this.#first = entries[at].key;
    this.#goal = entry.key;
    this.draw();
  }

  goToEnd() {
    this.#follow(true);
    this.draw();
  }

  /** Where one is, before the document changes, and not at the last scroll event: that may be a frame ago. */
  #notice() {
    const { box } = this;
    if (!box?.clientHeight || this.#goal || box.scrollTop === this.#top) return;
    if (this.#follows && this.#hasLeft) {
      this.#follow(false);
      this.#first = this.#entries[this.#from]?.key ?? 0;
    }
    this.#keepAnchor();
  }

  /** Whether somebody has scrolled away from the end: that it has moved away from what is seen is put right. */
  get #hasLeft() {
    return this.box.scrollTop < this.#top && this.#rest >= CLOSE;
  }

  /** How much is left to scroll, in pixels. */
  get #rest() {
    const { box } = this;
    return box.scrollHeight - box.scrollTop - box.clientHeight;
  }

  #follow(whether) {
    this.#follows = whether;
    this.isAtEnd.value = whether;
    this.room.isAtEnd = whether;
  }

  /** Put what is looked at where it was. Done behind each drawing, and when sizes change. */
  settle() {
    const { box } = this;
    if (!box?.clientHeight) return;
    const row = (key) => box.querySelector(`[data-key="${key}"]`);
    const goal = this.#goal && row(this.#goal);
    if (goal) {
      this.#goal = 0;
      box.scrollTop = goal.offsetTop - box.clientHeight * GOAL;
      this.#keepAnchor();
    } else if (this.#follows) {
      box.scrollTop = box.scrollHeight;
    } else if (this.#anchor) {
      const found = row(this.#anchor.key);
      if (found) box.scrollTop = endOf(found) - this.#anchor.end;
    }
    this.#top = box.scrollTop;
    if (this.#settled === this.#entries) return;
    this.#settled = this.#entries;
    requestAnimationFrame(this.look);
  }

  look = () => {
    const { box } = this;
    if (!box?.clientHeight || this.#goal) return;
    const { lane } = this.room;
    const entries = this.#entries;
    const end = entries.length;
    const rest = this.#rest;
    const isLast = this.#to === end && !lane.after.peek();
    const from = this.#from;
    if (this.#follows !== (isLast && (this.#follows ? !this.#hasLeft : rest < CLOSE))) {
      this.#follow(!this.#follows);
      this.#first = entries[from]?.key ?? 0;
    }
    this.#keepAnchor();
    this.seen();
    if (box.scrollTop < NEAR) this.#back(entries, from);
    else if (rest < NEAR && !isLast) this.#on(entries, from);
  };

  #back(entries, from) {
    if (from > 0) this.#move(entries, Math.max(0, from - STEP));
    else older(this.chat, this.room);
  }

  #on(entries, from) {
    if (this.#to < entries.length) this.#move(entries, Math.max(0, Math.min(entries.length - SHOWN, from + STEP)));
    else newer(this.chat, this.room);
  }

  #move(entries, to) {
    if (this.#follows) return;
    this.#first = entries[to].key;
    this.draw();
  }

  #keepAnchor() {
    const { box } = this;
    const rows = box.querySelectorAll("[data-key]");
    let low = 0;
    let high = rows.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (endOf(rows[middle]) > box.scrollTop) high = middle;
      else low = middle + 1;
    }
    const row = rows[low];
    this.#anchor = row ? { key: row.dataset.key, end: endOf(row) - box.scrollTop } : null;
    this.#top = box.scrollTop;
  }

  /** What is at the end was read, where somebody is there. */
  seen = () => {
    if (this.#follows && !document.hidden && document.hasFocus()) this.chat.seen(this.room);
  };
}

const endOf = (row) => row.offsetTop + row.offsetHeight;

/** @returns {Scroll} */
export function useScroll(chat, room, box) {
  const [, count] = useState(0);
  const scroll = useMemo(() => new Scroll(chat, room, () => count((times) => times + 1)), [chat, room]);
  useLayoutEffect(() => {
    scroll.box = box.current;
    scroll.settle();
  });
  useLayoutEffect(() => {
    const { marker, lane } = room;
    const fresh = marker.peek() !== null && lane.entries.peek().find(({ number }) => number > marker.peek());
    if (fresh) scroll.goTo(fresh);
    const watcher = new ResizeObserver(() => scroll.settle());
    watcher.observe(box.current);
    watcher.observe(box.current.firstElementChild);
    return () => watcher.disconnect();
  }, [scroll]);
  useEffect(() => {
    addEventListener("focus", scroll.seen);
    document.addEventListener("visibilitychange", scroll.seen);
    return () => {
      removeEventListener("focus", scroll.seen);
      document.removeEventListener("visibilitychange", scroll.seen);
    };
  }, [scroll]);
  return scroll;
}
