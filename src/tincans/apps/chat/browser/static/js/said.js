// What was said in a room, the newest at the bottom.

import { html, useLayoutEffect, useMemo, useRef, useState } from "page/dom.js";
import { count } from "page/format.js";
import { isTyping } from "page/keys.js";
import { Icon } from "page/signs.js";
import { privateKey, keyOf } from "./chat.js";
import { Rows, Waiting } from "./said-rows.js";
import { useScroll } from "./said-scroll.js";

/** So much of what somebody says is said by a screen reader at once, in characters. */
const TOLD = 300;
/** How long a message that was searched for stays marked, in milliseconds. */
const FOUND = 4000;

export function Said({ chat, room }) {
  const box = useRef(null);
  const { lane } = room;
  const entries = lane.entries.value;
  const scroll = useScroll(chat, room, box);
  const rows = useMemo(() => new Rows(), [room]);
  const found = useTarget(chat, room, scroll, box);
  const [from, to] = scroll.part(entries);
  const nick = chat.nick.value;
  const key = room.isPrivate ? privateKey(room.name) : keyOf(room.name);
  const pending = chat.pending.value.filter((each) => each.key === key);
  const shown = rows.of(entries, from, to, { marker: room.marker.value, nick, found, files: chat.place.files });
  return html`
    <div class="said" ref=${box} role="log" aria-label=${`What is said in ${room.name}`} aria-live="off" tabindex="0" onScroll=${scroll.look}>
      <div class="rows">
        ${from === 0 && html`<${Beginning} key="beginning" room=${room} isAll=${!lane.before.value} />`}
        ${shown}
        ${to === entries.length && pending.map((each) => html`<${Waiting} key=${each.id} text=${each.text} nick=${nick} />`)}
      </div>
    </div>
    <${ToEnd} chat=${chat} room=${room} scroll=${scroll} />
    <${Teller} chat=${chat} room=${room} />`;
}

/** The number of the message that was asked for, for a while. It gets the focus, but not from who has begun to write. */
function useTarget(chat, room, scroll, box) {
  const [found, setFound] = useState(null);
  const target = chat.target.value;
  const entries = room.lane.entries.value;
  useLayoutEffect(() => {
    if (!target || chat.rooms.peek().get(target.key) !== room) return;
    const entry = entries.find(({ number }) => number === target.number);
    if (!entry) return;
    chat.target.value = null;
    scroll.goTo(entry);
    if (target.isMarked) setFound(target);
  }, [target, entries, room]);
  useLayoutEffect(() => {
    if (!found) return undefined;
    if (!isTyping(document.activeElement)) box.current.querySelector(`[data-number="${found.number}"]`)?.focus({ preventScroll: true });
    const timer = setTimeout(setFound, FOUND, null);
    return () => clearTimeout(timer);
  }, [found]);
  return found?.number ?? 0;
}

function Beginning({ room, isAll }) {
  if (!isAll) return html`<p class="edge" role="status">Fetching what was said before…</p>`;
  if (room.isPrivate) return html`<p class="edge all">What is said here is for ${room.name} alone, and kept nowhere.</p>`;
  return html`<p class="edge all">This is where ${room.name} begins.</p>`;
}

function ToEnd({ chat, room, scroll }) {
  if (scroll.isAtEnd.value) return null;
  const unread = room.unread.value;
  const go = () => chat.toEnd(room).then(() => scroll.goToEnd(), () => scroll.goToEnd());
  return html`<button type="button" class="toend" onClick=${go}><${Icon} name="down" />${unread ? `${count(unread)} new` : "To the newest"}</button>`;
}

/** Says to a screen reader what others say, as it is said. */
function Teller({ chat, room }) {
  const since = useMemo(() => room.lane.entries.peek().at(-1)?.key ?? 0, [room]);
  const last = room.lane.entries.value.at(-1);
  const isNews = last && last.key > since && last.from !== chat.nick.value;
  return html`<p class="unseen" role="status">${isNews && `${last.from ? `${last.from}: ` : ""}${last.text.slice(0, TOLD)}`}</p>`;
}
