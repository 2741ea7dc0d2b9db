// Where one writes: several lines with Shift-Enter, commands behind a slash, Tab completes, ↑ brings back what was said.
// What is written in a room stays there while one looks elsewhere.

import { classes, html, useId, useLayoutEffect, useRef, useState } from "page/dom.js";
import { Button } from "page/button.js";
import { candidates } from "./completion.js";
import { obey } from "./commands.js";

const bytes = (text) => new TextEncoder().encode(text).length;
/** Lines that were said are brought back by ↑, so many. */
const KEPT = 50;
const said = [];

export function Writer({ chat, room, onFiles }) {
  const field = useRef(null);
  const [text, setText] = useState(room.draft);
  const [wrong, setWrong] = useState("");
  const write = (next) => {
    room.draft = next;
    setText(next);
    setWrong("");
  };
  // With the room itself: what is typed next is for it, and what was written in the one before stays there.
  useLayoutEffect(() => {
    setText(room.draft);
    setWrong("");
    if (matchMedia("(hover: hover)").matches) field.current.focus();
  }, [room]);
  useGrowing(field, text);
  const list = useCompletion(chat, room, field, write);
  const back = useRef(-1);
  const refused = (given, why) => {
    if (chat.room.peek() !== room) return void (room.draft ||= given, chat.tell(why, true)); // one looks elsewhere by now
    if (!room.draft) write(given);
    return setWrong(why);
  };
  const send = () => {
    const given = text.trim() && text.trimEnd();
    if (!given) return;
    if (bytes(given) > chat.limits.text) return setWrong(`At most ${chat.limits.text} bytes can be said at once: drop a file instead.`);
    remember(given);
    back.current = -1;
    write("");
    list.close();
    const doing = given.startsWith("/") && !given.startsWith("//") ? obey(chat, room, given) : chat.say(room, given.replace(/^\/\//, "/"));
    doing.catch((refusal) => refused(given, sentence(refusal.message)));
  };
  const recall = (step) => {
    const to = back.current + step;
    if (to < -1 || to >= said.length) return;
    back.current = to;
    write(to < 0 ? "" : said[to]);
  };
  const onKeyDown = (event) => {
    if (event.isComposing || list.onKeyDown(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) send();
    else if (event.key === "ArrowUp" && (!text || text === said[back.current])) recall(1);
    else if (event.key === "ArrowDown" && back.current >= 0 && text === said[back.current]) recall(-1);
    else return;
    event.preventDefault();
  };
  const onPaste = (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || !onFiles) return;
    event.preventDefault();
    onFiles(files);
  };
  const id = useId();
  return html`
    <div class="writer">
      ${wrong && html`<p class="wrong" role="alert" id=${id}>${wrong}</p>`}
      ${list.shown}
      <div class="line">
        ${onFiles && html`<${Chooser} onFiles=${onFiles} />`}
        <textarea ref=${field} rows="1" aria-label=${`Write in ${room.name}`} placeholder=${`Write in ${room.name}`} value=${text} enterkeyhint="send"
          dir="auto" autocomplete="off" aria-describedby=${wrong ? id : undefined} ...${list.field}
          onInput=${({ target }) => (write(target.value), list.look(false))} onKeyDown=${onKeyDown} onPaste=${onPaste} onBlur=${list.close}></textarea>
        <${Button} icon="send" label="Say it" disabled=${!text.trim()} onClick=${() => (send(), field.current.focus())} />
      </div>
    </div>`;
}

function remember(given) {
  if (said[0] !== given) said.unshift(given);
  said.length = Math.min(said.length, KEPT);
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

/** As high as what is in it; a style sheet says how high at most. */
function useGrowing(field, text) {
  useLayoutEffect(() => {
    const { style } = field.current;
    style.height = "auto";
    style.height = `${field.current.scrollHeight + 2}px`;
  }, [text]);
}

function Chooser({ onFiles }) {
  const chosen = useRef(null);
  const choose = ({ target }) => {
    onFiles([...target.files]);
    target.value = "";
  };
  return html`<${Button} icon="clip" label="Send a file" onClick=${() => chosen.current.click()} />
    <input ref=${chosen} type="file" multiple hidden aria-hidden="true" tabindex="-1" onChange=${choose} />`;
}

/** What could be meant: a list over the field, from which ↑ ↓ choose, and Tab or Enter take. */
function useCompletion(chat, room, field, write) {
  const [found, setFound] = useState(null);
  const [chosen, setChosen] = useState(0);
  const id = useId();
  const close = () => setFound(null);
  useLayoutEffect(close, [room]);
  const look = (isAsked) => {
    const { value, selectionEnd } = field.current;
    const next = candidates(chat, room, value, selectionEnd, isAsked);
    setFound(next);
    setChosen(0);
    return next;
  };
  const take = (from, { puts }) => {
    const spare = puts.endsWith(" ") && field.current.value[from.to] === " " ? 1 : 0;
    field.current.setRangeText(puts, from.from, from.to + spare, "end"); // at once: the next key may be pressed already
    write(field.current.value);
    close();
  };
  const onKeyDown = (event) => {
    if (event.key === "Tab" && !event.shiftKey && !event.ctrlKey && !event.altKey) {
      const { value, selectionEnd } = field.current;
      if (!found && !/\S$/.test(value.slice(0, selectionEnd))) return false; // the browser's: on to the next
      const here = found ?? look(true);
      if (!here) return false;
      if (found || here.all.length === 1) take(here, here.all[found ? chosen : 0]);
    } else if (!found) {
      return false;
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      setChosen((chosen + (event.key === "ArrowDown" ? 1 : -1) + found.all.length) % found.all.length);
    } else if (event.key === "Escape") {
      close();
    } else if (event.key === "Enter" && !isWhole(found, field.current.value)) {
      take(found, found.all[chosen]);
    } else {
      return false;
    }
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  const option = (each, index) => html`<li key=${each.says} role="option" id=${`${id}-${index}`} aria-selected=${index === chosen}
    class=${classes(index === chosen && "chosen")} onMouseDown=${(event) => (event.preventDefault(), take(found, each))}>
    <span>${each.says}</span>${each.about && html`<small>${each.about}</small>`}</li>`;
  return {
    look, close, onKeyDown,
    field: found ? { role: "combobox", "aria-expanded": true, "aria-controls": id, "aria-autocomplete": "list", "aria-activedescendant": `${id}-${chosen}` } : {},
    shown: found && html`<ul class="candidates" role="listbox" id=${id} aria-label="What could be meant">${found.all.map(option)}</ul>`,
  };
}

/** Whether the command is typed already, and Enter does it. */
const isWhole = (found, value) => found.all.some(({ puts }) => puts.trim() === value.slice(found.from, found.to) && puts.startsWith("/"));
