// The view "Chat": the hubs that run here, and what is said on one of them. What it is made of is the hub's own page's
// (chat/…); it speaks with the hub over this page's server, as its policy lets it call nobody else.
//
//   #/chat/NAME/%23ops
//
// Who has come in stays on the hub while other views are looked at, so that what is said meanwhile is counted.

import { Chat } from "chat/chat.js";
import { ChatView } from "chat/view.js";
import { effect, html, useEffect, useLayoutEffect, useState } from "./dom.js";
import { get, token } from "./api.js";
import { Tabs } from "./tabs.js";
import { epoch, hello, news } from "./store.js";
import { href, replace } from "./router.js";
import { CopyButton, Empty, Fault, useTitle } from "./ui.js";

/** Where nobody says otherwise. */
const USUAL = "7767";

/** The hubs that one is on, by the names of their listeners. @type {Map<string, Chat>} */
const open = new Map();
/** Which of them is looked at, and the room that its address wants. */
let looked = { name: "", room: "" };

export function View({ parts }) {
  const [rows, error, retry] = useHubs();
  const name = parts[0] ?? "";
  const row = rows?.find((each) => each.name === name) ?? rows?.[0];
  if (error && !rows) return html`<${Fault} error=${error} retry=${retry} />`;
  if (!rows) return html`<p class="waiting" role="status">Fetching…</p>`;
  if (!row) return html`<${Hint} />`;
  return html`
    <div class="hubs">
      ${rows.length > 1 && html`<${Tabs} id="hub" label="Hubs" chosen=${row.name} onChoose=${(next) => replace("chat", [next])}
        of=${rows.map((each) => ({ name: each.name, says: each.name }))} />`}
      <${Hub} key=${row.name} row=${row} room=${row.name === name ? (parts[1] ?? "") : ""} />
    </div>`;
}

/** The hubs as they are now: [them, what went wrong, ask again]. */
function useHubs() {
  const [rows, setRows] = useState(null);
  const [error, setError] = useState(null);
  const [times, again] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    get("/chats", {}, abort.signal).then(
      ({ rows: found }) => (setRows(found), setError(null)),
      (failed) => abort.signal.aborted || setError(failed),
    );
    return () => abort.abort();
  }, [epoch.value, times]);
  return [rows, error, () => again(times + 1)];
}

function Hub({ row, room }) {
  looked = { name: row.name, room };
  const chat = chatOf(row);
  const shown = chat.room.value;
  useTitle(shown ? `${shown.name} · Chat` : "Chat");
  // At once: an address that is a step behind leads nobody back.
  useLayoutEffect(() => {
    if (room && chat.nick.peek() && room.toLowerCase() !== chat.shown.peek()) chat.join(room).catch((refusal) => chat.tell(refusal.message, true));
  }, [room]);
  useLayoutEffect(() => {
    if (!room && shown) replace("chat", [row.name, shown.name]);
  }, [room, shown]);
  useEffect(() => () => void (looked.name === row.name && (looked = { name: "", room: "" })), []); // the next hub may be there already
  return html`
    <div class="hub" role="tabpanel" aria-label=${row.name}>
      ${row.url && html`<p class="aside">The same rooms, and a place to drop files: <a href=${row.url} target="_blank" rel="noopener">${row.url}</a></p>`}
      <${ChatView} chat=${chat} />
    </div>`;
}

function chatOf(row) {
  if (open.has(row.name)) return open.get(row.name);
  const { name, url } = row;
  const chat = new Chat({
    name: `page.${name}`,
    canSay: hello.peek()?.steer ?? false,
    open: () => new WebSocket(`ws://${location.host}/api/chat/${encodeURIComponent(name)}`, ["tincans", `token.${token.peek()}`]),
    files: { base: url, shows: false, post: "" },
    wished: () => (looked.name === name ? looked.room : ""),
    shows: (room) => looked.name === name && queueMicrotask(() => replace("chat", [name, room])),
  });
  open.set(name, chat);
  chat.begin();
  effect(() => void (news.value = { ...news.peek(), [name]: unreadOf(chat) }));
  return chat;
}

const unreadOf = (chat) => chat.sorted.value.reduce((sum, room) => sum + room.unread.value, 0);

/** How to have a hub. */
function Hint() {
  return html`
    <div class="hint">
      <${Empty} title="No hub of a chat runs here">
        <p>Rooms for people and programs, by browser, IRC, nc and whatever opens a socket, on one port. One is started by:</p><//>
      <${Code} says="In tincans.toml" text=${`[[listen]]\nname = "chat"\naddress = ":${USUAL}"\napp = "chat"`} />
      <p><a href=${href("map")}>Back to the map</a></p>
    </div>`;
}

function Code({ says, text }) {
  return html`<figure class="code"><figcaption>${says} <${CopyButton} text=${text} label=${`Copy what is typed ${says.toLowerCase()}`} /></figcaption>
    <pre class="text code" tabindex="0" role="region" aria-label=${says}>${text}</pre></figure>`;
}
