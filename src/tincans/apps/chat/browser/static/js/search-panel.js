// Searching what was said, in this room or in all that one is in: who presses a message is shown it among those around it.

import { html, useEffect, useLayoutEffect, useRef, useState } from "page/dom.js";
import { Button } from "page/button.js";
import { Nick, plain } from "./words.js";

/** Who types is waited for, in milliseconds. */
const REST = 250;
const PART = 50;
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function SearchPanel({ chat, room, asked, onClose, onFound }) {
  const field = useRef(null);
  const [text, setText] = useState(asked);
  const [isAll, setAll] = useState(false);
  useLayoutEffect(() => setText(asked), [asked]);
  useLayoutEffect(() => field.current.focus(), []);
  const where = isAll || !room || room.isPrivate ? "" : room.name;
  const [found, more, lack, wrong, next] = useSearch(chat, text, where);
  return html`
    <aside class="wing search" aria-label="Search" onKeyDown=${({ key }) => key === "Escape" && onClose()}>
      <header><h2>Search</h2><${Button} icon="close" small label="Close" onClick=${onClose} /></header>
      <form role="search" onSubmit=${(event) => event.preventDefault()}>
        <input ref=${field} type="search" aria-label="Search what was said" placeholder="words, or “a phrase”, from:name" value=${text}
          autocomplete="off" spellcheck=${false} onInput=${({ target }) => setText(target.value)} />
        ${room && !room.isPrivate && html`<label><input type="checkbox" checked=${isAll} onChange=${({ target }) => setAll(target.checked)} /> in all my rooms</label>`}
      </form>
      <p class="note" role="status">${wrong || (found && text.trim() ? (found.length ? `${found.length}${more ? " or more" : ""} found` : "Nothing was found") + lack : "")}</p>
      <ol>${found?.map((each) => html`<${Found} key=${each.number} of=${each} onFound=${onFound} chat=${chat} />`)}</ol>
      ${more && html`<button type="button" class="button" onClick=${next}>Show older ones</button>`}
    </aside>`;
}

function Found({ of, chat, onFound }) {
  const jump = () => {
    onFound();
    chat.jump(of.room, of.number).catch((refusal) => chat.tell(refusal.message, true));
  };
  return html`<li><button type="button" class="found" onClick=${jump}>
    <span class="where"><bdi>${of.room}</bdi> <time datetime=${of.at}>${WHEN.format(new Date(of.at))}</time></span>
    <${Nick} nick=${of.from} /> <span class="text" dir="auto">${plain(of.file?.name ?? of.text.slice(0, 300))}</span></button></li>`;
}

/** [what was found, whether there is more, what is said of those that were not searched, what is wrong, to ask for more]. */
function useSearch(chat, text, room) {
  const [found, setFound] = useState(null);
  const [more, setMore] = useState(false);
  const [lack, setLack] = useState("");
  const [wrong, setWrong] = useState("");
  const newest = useRef(0);
  const ask = async (before) => {
    const mine = (newest.current += 1);
    if (!text.trim()) return setFound(null), setMore(false), setWrong("");
    try {
      const said = await chat.link.ask({ do: "search", text, room, limit: PART, ...(before && { before: before.at(-1).number }) });
      if (mine !== newest.current) return;
      setFound([...(before ?? []), ...said.messages]);
      setMore(said.more);
      setLack(said.unsearched ? "; older messages are still being indexed, and were not searched yet" : "");
      setWrong("");
    } catch (refusal) {
      if (mine === newest.current) setWrong(refusal.message);
    }
  };
  useEffect(() => {
    const timer = setTimeout(ask, REST);
    return () => clearTimeout(timer);
  }, [text, room]);
  return [found, more, lack, wrong, () => ask(found)];
}
