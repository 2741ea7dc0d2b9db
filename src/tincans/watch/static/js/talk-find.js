// Finding in a conversation: page after page from where one is, until an item has the text in its meaning, its details or
// the beginning of its content. It says how far it has looked, and stops when it is told to.

import { html, useLayoutEffect, useRef, useState } from "./dom.js";
import * as format from "./format.js";
import { PAGE_ENTRIES, placeOf } from "./talk-reading.js";
import { Button } from "./ui.js";

/**
 * The next item that has `text`, from one on, in one direction; null where there is none.
 * @param {import("./talk-reading.js").Reading} reading @param {string} text @param {string} from PAGE.PLACE @param {1 | -1} step
 * @param {AbortSignal} abort @param {(entries: number) => void} onLooked
 */
export async function find(reading, text, from, step, abort, onLooked) {
  const wanted = text.toLowerCase();
  let [number, place] = placeOf(from);
  for (let looked = 0; number >= 0 && number < Math.max(1, reading.pages); number += step) {
    const { items, entries } = await reading.fetchPage(number, abort);
    abort.throwIfAborted();
    const rest = step > 0 ? items.slice(place + 1) : items.slice(0, place).reverse();
    const found = rest.find((item) => [item.summary, ...item.details, ...item.preview].some((line) => line.toLowerCase().includes(wanted)));
    if (found) return found;
    onLooked((looked += entries));
    place = step > 0 ? -1 : PAGE_ENTRIES * PAGE_ENTRIES; // all of the next page
  }
  return null;
}

/** @param {{reading: import("./talk-reading.js").Reading, from: () => string, onFound: (item: any) => void, onClose: () => void}} props */
export function Find({ reading, from, onFound, onClose }) {
  const [text, setText] = useState("");
  const [said, say] = useState("");
  const [isLooking, setLooking] = useState(false);
  const abort = useRef(new AbortController());
  const field = useRef(null);
  useLayoutEffect(() => {
    field.current.focus();
    return () => abort.current.abort();
  }, []);

  const look = async (step) => {
    if (!text) return;
    abort.current.abort();
    const { signal } = (abort.current = new AbortController());
    setLooking(true);
    say("");
    try {
      const found = await find(reading, text, from(), step, signal, (entries) => say(`looked at ${format.plural(entries, "entry", "entries")}`));
      say(found ? "" : `nothing ${step > 0 ? "from here to the end" : "from here to the beginning"}`);
      if (found) onFound(found);
    } catch (error) {
      if (!signal.aborted) say(error.message);
    }
    if (!signal.aborted) setLooking(false);
  };
  const stop = () => {
    abort.current.abort();
    setLooking(false);
    say("stopped");
  };
  const onKeyDown = (event) => {
    if (event.key === "Escape") onClose();
    else if (event.key === "Enter" && event.target === field.current) look(event.shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
  };
  return html`
    <search class="find" onKeyDown=${onKeyDown}>
      <input ref=${field} type="search" aria-label="Find in this conversation" placeholder="Find in this conversation" value=${text}
        spellcheck=${false} onInput=${({ target }) => setText(target.value)} />
      <${Button} small icon="up" label="The one before" onClick=${() => look(-1)} />
      <${Button} small icon="down" label="The next one" onClick=${() => look(1)} />
      ${isLooking && html`<${Button} small icon="stop" onClick=${stop}>Stop<//>`}
      <output aria-live="polite">${said}</output>
      <${Button} small icon="close" label="Close" onClick=${onClose} />
    </search>`;
}
