// What stands above the mails of a mailbox: the search, which follows what is typed; how many there are; and emptying it.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./dom.js";
import { post } from "./api.js";
import { count, plural } from "./format.js";
import { useKey } from "./keys.js";
import { replace } from "./router.js";
import { hello } from "./store.js";
import { Button, Dialog, Icon, Menu, toast } from "./ui.js";

/** After the last key, in milliseconds. */
const TYPED = 250;

/** @param {{rows: import("./inbox-rows.js").Rows, where: import("./inbox.js").Where, all: any[], query: URLSearchParams}} props */
export function Bar({ rows, where, all, query }) {
  const field = useRef(null);
  const [text, setText] = useState(where.text);
  const [isClearing, setClearing] = useState(false);
  const timer = useRef(0);
  useKey("/", "Search in mails", () => field.current.focus());
  useEffect(() => () => clearTimeout(timer.current), []);
  useLayoutEffect(() => setText(where.text), [where.text]); // before the next key
  const put = (value) => {
    clearTimeout(timer.current);
    const next = new URLSearchParams(query);
    if (value) next.set("text", value);
    else next.delete("text");
    replace("mails", [], next);
  };
  const typed = ({ target }) => {
    setText(target.value);
    clearTimeout(timer.current);
    timer.current = setTimeout(put, TYPED, target.value);
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter") put(text);
    if (event.key === "Escape") event.target.blur();
  };
  const size = rows.count.value ?? 0;
  const off = hello.value?.steer ? (size ? undefined : "Nothing is in it") : "This token may only look";
  const items = [{ says: where.mailbox ? "Empty this mailbox…" : "Delete all mails…", run: () => setClearing(true), off }];
  return html`
    <search class="pilebar">
      <div class="field"><${Icon} name="search" />
        <input ref=${field} type="search" aria-label="Search in mails" placeholder="Search in mails" value=${text} spellcheck=${false} autocomplete="off"
          onInput=${typed} onKeyDown=${onKeyDown} /></div>
      <${Menu} icon="more" label="What can be done with these mails" items=${items} />
    </search>
    <p class="found" role=${where.text ? "status" : undefined}>${found(rows, where)}</p>
    ${isClearing && html`<${Clearing} where=${where} all=${all} onClose=${() => setClearing(false)} />`}`;
}

function found(rows, { text }) {
  const size = rows.count.value;
  if (size === null) return "Counting…";
  const so = `${plural(size, "mail")}${text ? " found" : ""}`;
  return rows.left.value ? `${so} so far; ${count(rows.left.value)} still to be looked through` : so;
}

function Clearing({ where, all, onClose }) {
  const inbox = all.find(({ name }) => name === where.inbox) ?? all[0];
  const mailbox = inbox.mailboxes.find(({ name }) => name === where.mailbox);
  const many = plural(mailbox?.count ?? inbox.count, "mail");
  const clear = async () => {
    onClose();
    try {
      await post(`/mails/clear?${new URLSearchParams({ inbox: inbox.name, mailbox: where.mailbox })}`);
      replace("mails", [], where.inbox ? { inbox: where.inbox } : undefined);
      toast(`Deleted ${many}`);
    } catch (error) {
      toast(`${error.message}. ${error.advice ?? ""}`, true);
    }
  };
  const actions = html`<${Button} onClick=${onClose}>Keep them<//><${Button} danger onClick=${clear}>Delete<//>`;
  return html`
    <${Dialog} title=${where.mailbox ? `Empty ${where.mailbox}?` : "Delete all mails?"} onClose=${onClose} actions=${actions}>
      <p>${many} ${where.mailbox ? "in it" : `in ${inbox.folder}`} will be gone, whatever is searched for now.</p>
    <//>`;
}
