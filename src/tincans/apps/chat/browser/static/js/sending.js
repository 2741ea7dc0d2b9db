// Files on their way to the hub, one after another in each room, with how far they are: dropped, pasted or chosen.
//
//   const sending = new Sending(chat);  sending.send(room, files)
//   sending.all                           a signal: [{ key, name, size, done, room, wrong }]
//   sending.cancel(each)

import { html, signal, useLayoutEffect, useState } from "page/dom.js";
import { bytes } from "page/format.js";
import { Button } from "page/button.js";

let keys = 0;

export class Sending {
  constructor(chat) {
    this.chat = chat;
    this.all = signal([]);
  }

  #goes = false;

  /** @param {import("./room.js").Room} room @param {File[]} files */
  send(room, files) {
    const more = files.map((file) => ({ key: (keys += 1), file, name: file.name || "file", size: file.size, done: 0, room: room.name, wrong: this.#check(file) }));
    this.all.value = [...this.all.peek(), ...more];
    if (!this.#goes) this.#next();
  }

  #check(file) {
    const { file: most } = this.chat.limits;
    return most && file.size > most ? `it has more than ${bytes(most)}` : "";
  }

  #next() {
    const each = this.all.peek().find(({ wrong }) => !wrong);
    this.#goes = each !== undefined;
    if (!each) return;
    const { place, ticket } = this.chat;
    const request = new XMLHttpRequest();
    request.open("POST", `${place.files.post}?${new URLSearchParams({ room: each.room, name: each.name })}`);
    for (const [name, value] of Object.entries(place.files.headers(ticket))) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => this.#change(each, { done: loaded });
    request.onload = () => this.#ended(each, request.status === 201 ? "" : reasonOf(request));
    request.onerror = () => this.#ended(each, "the hub was lost before all of it was there");
    request.onabort = () => this.#ended(each, "");
    this.#change(each, { request });
    request.send(each.file);
  }

  #change(which, change) {
    this.all.value = this.all.peek().map((each) => (each.key === which.key ? { ...each, ...change } : each));
  }

  #ended(which, wrong) {
    if (wrong) this.#change(which, { wrong });
    else this.all.value = this.all.peek().filter(({ key }) => key !== which.key);
    this.#next();
  }

  /** Do not send it; of what was sent nothing is left. */
  cancel(each) {
    if (each.request && !each.wrong) each.request.abort();
    else this.all.value = this.all.peek().filter(({ key }) => key !== each.key);
  }
}

function reasonOf(request) {
  try {
    return JSON.parse(request.responseText).text;
  } catch {
    return `the hub answers ${request.status}`;
  }
}

export function SendingList({ sending }) {
  const all = sending.all.value;
  if (!all.length) return null;
  return html`<ul class="sending" aria-label="Files on their way">${all.map((each) => html`<li key=${each.key}>
    <bdi class="name">${each.name}</bdi>
    ${each.wrong ? html`<span class="wrong" role="alert">${each.wrong}</span>`
      : html`<progress max=${each.size || 1} value=${each.done} aria-label=${`Sending ${each.name}`}></progress><span class="note">${bytes(each.done)} of ${bytes(each.size)}</span>`}
    <${Button} icon="close" small label=${each.wrong ? `Forget ${each.name}` : `Do not send ${each.name}`} onClick=${() => sending.cancel(each)} /></li>`)}</ul>`;
}

/** Whether files are held over the element; `onFiles` gets those that are let go there. */
export function useDrops(box, onFiles) {
  const [isOver, setOver] = useState(false);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !onFiles) return undefined;
    let depth = 0; // a dragenter of a child comes before the dragleave of its parent
    const has = ({ dataTransfer }) => [...(dataTransfer?.types ?? [])].includes("Files");
    const over = (by) => setOver((depth = Math.max(0, depth + by)) > 0);
    const on = {
      dragenter: (event) => has(event) && (event.preventDefault(), over(1)),
      dragover: (event) => has(event) && event.preventDefault(),
      dragleave: (event) => has(event) && over(-1),
      drop: (event) => {
        if (!has(event)) return;
        event.preventDefault();
        depth = 0;
        setOver(false);
        onFiles([...event.dataTransfer.files]);
      },
    };
    for (const [name, hear] of Object.entries(on)) element.addEventListener(name, hear);
    return () => {
      for (const [name, hear] of Object.entries(on)) element.removeEventListener(name, hear);
    };
  }, [onFiles]);
  return isOver;
}
