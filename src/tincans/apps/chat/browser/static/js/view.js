// The chat of one hub: its rooms at the left, what is said in one of them, and who is there or what is searched at the
// right. Where the page is narrow, the sides lie over the middle.

import { classes, html, useCallback, useLayoutEffect, useMemo, useRef, useState } from "page/dom.js";
import { Button } from "page/button.js";
import { useKey } from "page/keys.js";
import { Icon } from "page/signs.js";
import { tick } from "page/store.js";
import { Dialog, Empty } from "page/ui.js";
import { telling, tellOnDesktop, useBadge } from "./badge.js";
import { commands } from "./commands.js";
import { Entry } from "./entry.js";
import { JoinDialog } from "./join-dialog.js";
import { PeopleList } from "./people-list.js";
import { RoomHead } from "./room-head.js";
import { RoomsList } from "./rooms-list.js";
import { Said } from "./said.js";
import { SearchPanel } from "./search-panel.js";
import { Sending, SendingList, useDrops } from "./sending.js";
import { Writer } from "./writer.js";

const isWide = () => matchMedia("(min-width: 1000px)").matches;

/** @param {{chat: import("./chat.js").Chat, signs?: {plain: string, dotted: string}}} props whose signs the tab has, if it is its */
export function ChatView({ chat, signs = null }) {
  const [dialog, setDialog] = useState("");
  const [side, setSide] = useState(isWide() ? "people" : "");
  const [asked, setAsked] = useState("");
  const [showsRooms, setShowsRooms] = useState(false);
  useBadge(chat, signs);
  useLayoutEffect(() => {
    chat.isShown = true;
    return () => void (chat.isShown = false);
  }, [chat]);
  chat.searched = (text) => (setAsked(text), setSide("search"));
  chat.helped = () => setDialog("help");
  const room = chat.room.value;
  useKey("/", "Write", () => document.querySelector(".writer textarea")?.focus());
  useKey("f", "Search what was said", () => setSide("search"));
  useKey("n", "The next room with something new", () => next(chat));
  if (chat.entry.value) return html`<${Entry} chat=${chat} title=${chat.hub.value || "tincans chat"} />`;
  const narrow = () => isWide() || setSide("");
  return html`
    <div class=${classes("chat", side && "sided", showsRooms && "showsrooms")}>
      <${RoomsList} chat=${chat} onChosen=${() => setShowsRooms(false)} onJoin=${() => setDialog("join")} />
      ${showsRooms && html`<button type="button" class="veil" aria-label="Close the rooms" onClick=${() => setShowsRooms(false)}></button>`}
      <div class="middle">
        <${Standing} chat=${chat} />
        ${room ? html`<${Room} chat=${chat} room=${room} side=${side} setSide=${setSide} onRooms=${() => setShowsRooms(!showsRooms)} setDialog=${setDialog} />`
          : html`<${NoRoom} chat=${chat} onJoin=${() => setDialog("join")} />`}
      </div>
      ${room && side === "people" && !room.isPrivate && html`<${PeopleList} chat=${chat} room=${room} onClose=${() => setSide("")} />`}
      ${side === "search" && html`<${SearchPanel} chat=${chat} room=${room} asked=${asked} onClose=${() => setSide("")} onFound=${narrow} />`}
      ${dialog === "join" && html`<${JoinDialog} chat=${chat} onClose=${() => (setDialog(""), setShowsRooms(false))} />`}
      ${dialog === "help" && html`<${Help} onClose=${() => setDialog("")} />`}
    </div>`;
}

function next(chat) {
  const found = chat.sorted.peek().find((room) => room.mentions.peek()) ?? chat.sorted.peek().find((room) => room.unread.peek());
  if (found) chat.show(found.isPrivate ? `@${found.name.toLowerCase()}` : found.name.toLowerCase());
}

function Room({ chat, room, side, setSide, onRooms, setDialog }) {
  const box = useRef(null);
  const sending = useMemo(() => new Sending(chat), [chat]);
  const send = useCallback((files) => sending.send(room, files), [room]);
  const canSend = chat.place.canSay && chat.place.files.post && !room.isPrivate;
  const isOver = useDrops(box, canSend ? send : null);
  const tells = telling.value;
  const items = [
    { says: "Tell me on the desktop when I am called", run: () => tellOnDesktop(chat, tells !== "on"), checked: tells === "on", off: tells === "never" ? "the browser does not let this page" : undefined },
    { says: "Commands", run: () => setDialog("help") },
    { says: room.isPrivate ? "Close this talk" : `Leave ${room.name}`, run: () => chat.part(room).catch((refusal) => chat.tell(refusal.message, true)) },
  ];
  return html`
    <section class=${classes("inroom", isOver && "over")} ref=${box} aria-label=${room.name}>
      <${RoomHead} chat=${chat} room=${room} side=${side} setSide=${setSide} onRooms=${onRooms} items=${items} />
      <${Said} key=${room} chat=${chat} room=${room} />
      <${Notice} chat=${chat} />
      <${SendingList} sending=${sending} />
      ${chat.place.canSay ? html`<${Writer} chat=${chat} room=${room} onFiles=${canSend ? send : null} />` : html`<p class="readonly">This token may only look.</p>`}
      ${isOver && html`<p class="drop" aria-hidden="true"><${Icon} name="clip" />Let go to put it in ${room.name}</p>`}
    </section>`;
}

/** What was said to this person alone, until it is closed. */
function Notice({ chat }) {
  const told = chat.notice.value;
  if (!told) return null;
  const close = () => (chat.notice.value = null);
  const join = () => chat.join(told.invitation).then(close, (refusal) => chat.tell(refusal.message, true));
  return html`<div class=${classes("notice", told.isWrong && "wrong")} role=${told.isWrong ? "alert" : "status"}><p dir="auto">${told.text}</p>
    ${told.invitation && html`<button type="button" class="button small" onClick=${join}>Join</button>`}
    <${Button} icon="close" small label="Close" onClick=${close} /></div>`;
}

/** Whether what is shown is what is now. */
function Standing({ chat }) {
  const { state, again, why } = chat.link.state.value;
  if (state !== "lost") return null;
  const left = Math.max(0, Math.ceil((again - tick.value) / 1000));
  return html`<div class="banner" role="alert"><${Icon} name="warn" />
    <p><strong>${why ? `The hub said: ${why}` : "The hub cannot be reached"}</strong>. <span>What you see is as it was then; what is missed is fetched when it is back.</span></p>
    <span class="next" aria-hidden="true">${left ? `next try in ${left} s` : "trying"}</span>
    <${Button} small onClick=${chat.link.retry}>Try now<//></div>`;
}

function NoRoom({ chat, onJoin }) {
  return html`<${Empty} title="You are in no room"><p>${chat.rooms.value.size ? "Choose one." : "Join one, or make one."}</p>
    <button type="button" class="button primary" onClick=${onJoin}>Join or make a room</button><//>`;
}

function Help({ onClose }) {
  return html`<${Dialog} title="What can be typed" onClose=${onClose}>
    <dl class="help">${commands.map(({ name, takes, says }) => html`<div key=${name}><dt><code>/${name} ${takes}</code></dt><dd>${says}</dd></div>`)}
      <div><dt><kbd>Shift</kbd> <kbd>Enter</kbd></dt><dd>another line</dd></div>
      <div><dt><kbd>Tab</kbd></dt><dd>complete a name, a room or a command</dd></div>
      <div><dt><kbd>↑</kbd></dt><dd>what you said before</dd></div></dl><//>`;
}
