// Where the items of a conversation scroll: it keeps the reader's place while items come and go above, stays at the end
// while that is followed, fetches more before the reader is there, and moves the choice from item to item by keys.
//
//   ↓ ↑  j k    the next item, the one before        Enter   the item in the side panel
//   Home End    the first and the last that there is

import { html, useLayoutEffect, useRef } from "./dom.js";
import { Turn } from "./talk-items.js";
import { turnsOf } from "./talk-turns.js";

/** More is fetched when less than this is left to scroll, in pixels. */
const AHEAD = 900;
/** What is seen of an item that was scrolled past, in pixels: less than stands above one that was jumped to (talk.css). */
const PEEP = 14;
/** As near to the end counts as there. */
const AT_END = 32;

/**
 * @param {{reading: import("./talk-reading.js").Reading, isOpen: boolean, chosen: string, label: string,
 *          onChoose: (item: any) => void, onEnter: (item: any, byPointer?: boolean) => void, onPlace: (place: any) => void}} props
 */
export function Scroll({ reading, isOpen, chosen, label, onChoose, onEnter, onPlace }) {
  const box = useRef(null);
  const kept = useRef(null); // { id, top }: an item and where it was seen
  const printed = useRef(""); // what was in the document, in short
  const filled = useRef(""); // what was loaded when more was asked for because it did not fill the box
  const top = useRef(0); // where it was scrolled to when that was looked at last
  const wanted = useRef(""); // "first" or "last", which a key asked for and which may still be on its way
  const shown = reading.shown();
  const items = new Map(shown.filter(({ item }) => item).map(({ item }) => [item.id, item]));
  const reachable = items.has(chosen) ? chosen : ([...items.keys()].at(isOpen ? -1 : 0) ?? "");

  // Before the document changes, and not at the last scroll event: that may be a frame ago.
  const print = `${shown.length} ${shown[0]?.item?.id} ${shown.at(-1)?.item?.id}`;
  if (box.current && print !== printed.current) kept.current = firstSeen(box.current);
  useLayoutEffect(() => {
    if (print !== printed.current || reading.following || reading.target || wanted.current) settle(box.current, reading, kept, wanted);
    printed.current = print;
    top.current = box.current.scrollTop;
    tellPlace();
    fillUp(box.current, reading, filled);
  });

  const tellPlace = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    const isLast = reading.isAtEnd && scrollHeight - scrollTop - clientHeight < AT_END;
    const seen = firstSeen(box.current);
    if (seen) onPlace({ id: seen.id, entry: reading.entryOf(seen.id), at: items.get(seen.id)?.at ?? 0, isLast });
  };
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    const left = scrollHeight - scrollTop - clientHeight;
    const isThere = left < AT_END;
    const hasLeft = !isThere && scrollTop < top.current; // else the end has moved away, and not who reads
    top.current = scrollTop;
    if (reading.following && hasLeft) reading.follow(false);
    else if (reading.following && !isThere) box.current.scrollTop = scrollHeight;
    else if (!reading.following && isThere && isOpen && reading.isAtEnd && !reading.busy) reading.follow(true);
    if (!reading.following && scrollTop < AHEAD) reading.more(-1);
    else if (!reading.following && left < AHEAD) reading.more(1);
    tellPlace();
  };
  const onKeyDown = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("button")) return;
    const item = items.get(event.target.dataset.id);
    if (event.key === "Enter" && item) onEnter(item);
    else if (event.key === "Home" || event.key === "End") goTo(event.key, reading, isOpen, wanted);
    else if (!step(event, box.current)) return;
    event.preventDefault();
  };
  const onFocus = ({ target }) => items.has(target.dataset?.id) && onChoose(items.get(target.dataset.id));
  const onClick = ({ target }) => {
    const item = items.get(target.closest("article")?.dataset.id);
    if (item && String(getSelection()) === "") onEnter(item, true);
  };
  return html`
    <div class="scroll" ref=${box} onScroll=${onScroll}>
      <div class="feed" role="feed" aria-label=${label} aria-busy=${reading.busy && !reading.following} onKeyDown=${onKeyDown}
        onFocusIn=${onFocus} onClick=${onClick}>
        ${turnsOf(shown).map((turn) => html`<${Turn} key=${turn.key} turn=${turn} chosen=${chosen} reachable=${reachable}
          onFill=${(after) => reading.fill(after)} />`)}
      </div>
      ${!reading.isAtEnd && html`<p class="waiting" aria-hidden="true">…</p>`}
    </div>`;
}

/** To an end of all there is, which may have to be fetched. */
function goTo(key, reading, isOpen, wanted) {
  wanted.current = key === "Home" ? "first" : "last";
  if (key === "End" && isOpen) return reading.follow(true);
  reading.follow(false);
  return key === "Home" ? reading.jump(0) : reading.jumpToEnd();
}

/** From item to item; whether the key was one of these. */
function step(event, box) {
  const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (!by) return false;
  const all = [...box.querySelectorAll("article")];
  const article = all[Math.max(0, all.indexOf(event.target.closest("article")) + by)];
  article?.focus({ preventScroll: true });
  article?.scrollIntoView({ block: "nearest" });
  return true;
}

/** After the items have changed: the reader sees what was seen before, or what was asked for. */
function settle(box, reading, kept, wanted) {
  const found = wanted.current && edge(box, reading, wanted.current);
  const target = reading.target && itemOf(box, reading.target);
  if (found || target) reading.target = "";
  if (found) {
    box.scrollTop = wanted.current === "first" ? 0 : box.scrollHeight;
    wanted.current = "";
    found.focus({ preventScroll: true });
  } else if (reading.following) {
    box.scrollTop = box.scrollHeight;
  } else if (target) {
    target.scrollIntoView({ block: "start" });
  } else if (kept.current) {
    const now = itemOf(box, kept.current.id);
    if (now) box.scrollTop += now.getBoundingClientRect().top - box.getBoundingClientRect().top - kept.current.top;
  }
}

/** What is loaded may fill less than the box, as of a long body, or of a line without an end: then nobody can scroll for more. */
function fillUp(box, reading, filled) {
  if (reading.following || reading.busy || box.scrollHeight - box.clientHeight >= AT_END) return;
  const loaded = `${reading.loaded[0]?.page} ${reading.loaded.at(-1)?.page} ${reading.lo} ${reading.hi}`;
  if (loaded === filled.current) return; // asking again would give the same
  filled.current = loaded;
  if (!reading.isAtEnd) reading.more(1);
  else if (!reading.isAtBeginning) reading.more(-1);
}

function edge(box, reading, which) {
  const all = box.querySelectorAll("article");
  if (which === "first") return reading.isAtBeginning ? all[0] : null;
  return reading.isAtEnd ? all[all.length - 1] : null;
}

const itemOf = (box, id) => box.querySelector(`article[data-id="${CSS.escape(id)}"]`);

/** The first item that is seen, and where. */
function firstSeen(box) {
  const { top } = box.getBoundingClientRect();
  for (const article of box.querySelectorAll("article[data-id]")) {
    const place = article.getBoundingClientRect();
    if (place.bottom > top + PEEP) return { id: article.dataset.id, top: place.top - top };
  }
  return null;
}
