// The head of a room: its name, what it is about (which can be changed there), and what else can be looked at.

import { html, useLayoutEffect, useRef, useState } from "page/dom.js";
import { count } from "page/format.js";
import { Button } from "page/button.js";
import { Menu } from "page/menus.js";
import { Words } from "./words.js";

/** @param {{side: string, setSide: (side: string) => void, onRooms: () => void, items: object[]}} props */
export function RoomHead({ chat, room, side, setSide, onRooms, items }) {
  const unread = chat.sorted.value.reduce((sum, each) => sum + (each === room ? 0 : each.unread.value), 0);
  const turn = (name) => () => setSide(side === name ? "" : name);
  const people = room.people.value.size;
  return html`
    <header class="roomhead">
      <div class="toroomlist"><${Button} icon="list" label=${unread ? `Rooms, ${count(unread)} not read` : "Rooms"} onClick=${onRooms} />
        ${unread > 0 && html`<span class="dot" aria-hidden="true"></span>`}</div>
      <h1><bdi>${room.name}</bdi></h1>
      ${room.isPrivate ? html`<p class="topic note">between you two, and kept nowhere</p>` : html`<${Topic} key=${room.name} chat=${chat} room=${room} />`}
      <div class="tools">
        <${Button} icon="search" label="Search" pressed=${side === "search"} onClick=${turn("search")} />
        ${!room.isPrivate && html`<${Button} icon="people" label=${`People: ${people}`} pressed=${side === "people"} onClick=${turn("people")}><span aria-hidden="true">${people}</span><//>`}
        <${Menu} icon="more" label="More" items=${items} />
      </div>
    </header>`;
}

function Topic({ chat, room }) {
  const [isOpen, setOpen] = useState(false);
  const topic = room.topic.value;
  if (isOpen) return html`<${TopicForm} chat=${chat} room=${room} close=${() => setOpen(false)} />`;
  return html`<p class="topic" title=${topic}>
    ${topic ? html`<${Words} text=${topic} />` : html`<span class="note">No topic</span>`}
    ${chat.place.canSay && html`<${Button} icon="edit" small label="Change the topic" onClick=${() => setOpen(true)} />`}</p>`;
}

function TopicForm({ chat, room, close }) {
  const field = useRef(null);
  useLayoutEffect(() => field.current.select(), []);
  const set = (event) => {
    event.preventDefault();
    chat.link.ask({ do: "topic", room: room.name, text: field.current.value.trim() }).catch((refusal) => chat.tell(refusal.message, true));
    close();
  };
  return html`<form class="topic" onSubmit=${set} onKeyDown=${({ key }) => key === "Escape" && close()}>
    <input ref=${field} aria-label=${`Topic of ${room.name}`} value=${room.topic.peek()} autocomplete="off" maxlength="390" dir="auto" />
    <button type="submit" class="button small">Set</button><button type="button" class="button small" onClick=${close}>Leave it</button></form>`;
}
