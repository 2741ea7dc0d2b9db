// Who is in the room: operators first, then who may always speak, then all others; who is away is faint, and says why.

import { classes, html } from "page/dom.js";
import { plural } from "page/format.js";
import { Button } from "page/button.js";
import { privateKey } from "./chat.js";
import { Nick } from "./words.js";

const SIGNS = { operator: ["@", "operator"], voice: ["+", "may always speak"] };

export function PeopleList({ chat, room, onClose }) {
  const people = room.sorted.value;
  const talk = (nick) => {
    chat.whisperTo(nick);
    chat.show(privateKey(nick));
  };
  return html`
    <aside class="wing people" aria-label=${`People in ${room.name}`}>
      <header><h2>${plural(people.length, "person", "people")}</h2><${Button} icon="close" small label="Close" onClick=${onClose} /></header>
      <ul>${people.map(({ nick, rank, away, account }) => {
        const [sign, says] = SIGNS[rank] ?? ["", ""];
        const isMe = nick === chat.nick.value;
        return html`<li key=${nick}><button type="button" class=${classes("person", away && "away")} disabled=${isMe || !chat.place.canSay}
            title=${[account && `logged in as ${account}`, says, away && `away: ${away}`].filter(Boolean).join(", ") || undefined} onClick=${() => talk(nick)}>
          <span class="rank" aria-hidden="true">${sign}</span><${Nick} nick=${nick} />
          ${says && html`<span class="unseen">, ${says}</span>`}
          ${isMe && html`<span class="note">you</span>`}
          ${away && html`<span class="note" dir="auto"><span class="unseen">, away: </span>${away}</span>`}
        </button></li>`;
      })}</ul>
    </aside>`;
}
