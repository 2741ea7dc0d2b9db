// A list of any length, of which only what can be seen is in the document. All rows are equally high, so where each one
// stands is a multiplication, and scrolling to the middle of a million costs as much as to the next one.
//
//   <Virtual count=${100000} height=${34} row=${(index, style) => …} scroller=${ref} onRange=${(first, last) => …} />
//
// `row` gives one component, which takes `style` (its place; the same object for as long as it stays there) for its element.
// A component that is told just the same as before is not drawn again, so it should not be told what is new each time. Elements are used again for other rows: a row that leaves
// at the top becomes the one that enters below, so scrolling changes texts and creates nothing. `head` is what stays on top;
// other properties go to the element that scrolls, which `scroller` refers to, and `reveal(ref.current, index)` scrolls so
// far that a row is seen.
//
// Browsers draw nothing beyond some ten million pixels. A longer list has TALLEST pixels, and where one is in it is kept
// apart (`shift`): near scrolling moves by as many pixels as it should, far scrolling by the same part of the whole.

import { Fragment, html, useLayoutEffect, useRef, useState } from "./dom.js";

/** As high as an element may be, in pixels, with any browser. */
const TALLEST = 8_000_000;
/** Rows beside those that are seen, so that a fast wheel finds them there. */
const BESIDE = 6;

/** @param {{count: number, height: number, row: (index: number, style: object) => any}} props */
export function Virtual({ count, height, row, scroller, onRange, head, headHeight = 0, children, ...more }) {
  const [view, setView] = useState({ first: 0, last: 0 });
  const own = useRef(null);
  const place = useRef({ shift: 0, scrolled: 0, styles: [] });
  const box = scroller ?? own;
  const whole = count * height;
  const tall = Math.min(whole, TALLEST);

  const look = () => {
    const element = box.current;
    const seen = element.clientHeight - headHeight;
    const top = whereIs(element, place.current, whole - seen, tall - seen);
    // Always as many rows, also at both ends: so many elements there are, and none is ever made or dropped.
    const rows = Math.min(count, Math.ceil(seen / height) + 1 + 2 * BESIDE);
    const first = Math.max(0, Math.min(count - rows, Math.floor(top / height) - BESIDE));
    const last = first + rows;
    setView((old) => (old.first === first && old.last === last ? old : { first, last }));
    onRange?.(first, last, top);
  };
  useLayoutEffect(() => {
    box.current.revealRow = (index) => toSee(box.current, place.current, index, height, headHeight);
    look();
    const watcher = new ResizeObserver(look);
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, [count, height]);

  const last = Math.min(view.last, count);
  const pool = Math.max(1, view.last - view.first);
  const rows = [];
  for (let index = view.first; index < last; index += 1) {
    const style = styleOf(place.current.styles, index % pool, index * height - place.current.shift, height);
    rows.push(html`<${Fragment} key=${index % pool}>${row(index, style)}<//>`);
  }
  return html`
    <div ref=${box} onScroll=${look} ...${more}>
      ${head}
      <div class="virtual" role="rowgroup" style=${{ height: `${tall}px` }}>${rows}</div>
      ${children}
    </div>`;
}

function styleOf(styles, slot, top, height) {
  const old = styles[slot];
  if (old?.top === top && old.height === height) return old.style;
  const style = { transform: `translateY(${top}px)`, height: `${height}px` };
  styles[slot] = { top, height, style };
  return style;
}

/**
 * The pixel of the whole list at which one looks.
 * @param {{shift: number, scrolled: number}} place is changed
 * @param {number} most where the whole list ends @param {number} least where the element ends
 */
function whereIs(element, place, most, least) {
  const to = element.scrollTop;
  if (most <= least) {
    place.shift = 0;
  } else if (Math.abs(to - place.scrolled) > element.clientHeight * 2 || to <= 0 || to >= least) {
    place.shift = (to / least) * most - to;
  }
  place.scrolled = to;
  return Math.max(0, Math.min(most, to + place.shift));
}

function toSee(element, place, index, height, headHeight) {
  const top = element.scrollTop + place.shift;
  const seen = element.clientHeight - headHeight;
  const at = index * height;
  if (at < top) element.scrollTop = at - place.shift;
  else if (at + height > top + seen) element.scrollTop = at + height - seen - place.shift;
}

/** Scrolls as little as shows the row. @param {HTMLElement} scroller of a Virtual @param {number} index */
export const reveal = (scroller, index) => scroller.revealRow(index);
