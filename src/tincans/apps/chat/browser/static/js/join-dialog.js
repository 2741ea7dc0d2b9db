// The rooms that there are, to go into one; or a new one, by its name.

import { html, useEffect, useState } from "page/dom.js";
import { plural } from "page/format.js";
import { Dialog } from "page/ui.js";
import { byName } from "./room.js";

export function JoinDialog({ chat, onClose }) {
  const [rooms, setRooms] = useState([]);
  const [name, setName] = useState("");
  const [key, setKey] = useState("");
  const [refusal, setRefusal] = useState(null);
  useEffect(() => void chat.link.ask({ do: "rooms" }).then(({ rooms: all }) => setRooms(all.sort((a, b) => byName(a.name, b.name))), setRefusal), []);
  const join = (which) => chat.join(which, key).then(onClose, setRefusal);
  const typed = name.trim().toLowerCase().replace(/^#?/, "#");
  const shown = rooms.filter((room) => room.name.toLowerCase().startsWith(typed));
  const submit = (event) => {
    event.preventDefault();
    join(name.trim());
  };
  return html`
    <${Dialog} title="Join or make a room" onClose=${onClose}>
      <form class="joining" onSubmit=${submit}>
        <label for="room">Room</label>
        <div class="line"><input id="room" value=${name} placeholder="#name" required autocomplete="off" autocapitalize="none" spellcheck=${false} onInput=${({ target }) => setName(target.value)} />
          <button type="submit" class="button primary">${rooms.some((room) => room.name.toLowerCase() === typed) ? "Join" : "Make it"}</button></div>
        ${refusal?.code === "wrong-key" && html`<label for="key">Key</label><input id="key" value=${key} autocomplete="off" onInput=${({ target }) => setKey(target.value)} />`}
        ${refusal && html`<p class="wrong" role="alert">${refusal.message}</p>`}
      </form>
      <ul class="roomlist">${shown.map((room) => html`<li key=${room.name}><button type="button" class="room" onClick=${() => join(room.name)}>
        <bdi class="name">${room.name}</bdi><span class="note">${plural(room.people, "person", "people")}</span>
        ${room.topic && html`<span class="about" dir="auto">${room.topic}</span>`}</button></li>`)}</ul>
    <//>`;
}
