// The rooms that one is in, and talks with one person: what was not read in each, and whether one was called there.

import { classes, html } from "page/dom.js";
import { count } from "page/format.js";
import { Button } from "page/button.js";
import { keyOf, privateKey } from "./chat.js";

export function RoomsList({ chat, onChosen, onJoin }) {
  const rooms = chat.sorted.value;
  return html`
    <nav class="rooms" aria-label="Rooms">
      <header><h2>Rooms</h2><${Button} icon="add" small label="Join or make a room" onClick=${onJoin} /></header>
      <ul>${rooms.filter((room) => !room.isPrivate).map((room) => html`<${Entry} key=${room.name} chat=${chat} room=${room} onChosen=${onChosen} />`)}</ul>
      ${rooms.some((room) => room.isPrivate) && html`
        <header><h2>People</h2></header>
        <ul>${rooms.filter((room) => room.isPrivate).map((room) => html`<${Entry} key=${`@${room.name}`} chat=${chat} room=${room} onChosen=${onChosen} />`)}</ul>`}
    </nav>`;
}

function Entry({ chat, room, onChosen }) {
  const key = room.isPrivate ? privateKey(room.name) : keyOf(room.name);
  const isShown = chat.shown.value === key;
  const unread = room.unread.value;
  const mentions = room.mentions.value;
  const choose = () => {
    chat.show(key);
    onChosen?.();
  };
  return html`<li><button type="button" class=${classes("room", unread > 0 && "unread")} aria-current=${isShown ? "true" : undefined} onClick=${choose}>
    <bdi class="name">${room.name}</bdi>
    ${mentions > 0 && html`<span class="called"><span aria-hidden="true">@</span><span class="unseen">, you were called</span></span>`}
    ${unread > 0 && html`<span class=${mentions > 0 ? "count called" : "count"}>${count(unread)}<span class="unseen"> not read</span></span>`}
  </button></li>`;
}
