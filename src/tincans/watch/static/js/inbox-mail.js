// One mail: who, about what, and below as its HTML in a frame, its text, its source, its files, its header, and the dialogue
// that delivered it.

import { html, useEffect, useId, useState } from "./dom.js";
import { fetched, get, post } from "./api.js";
import { honest } from "./body-text.js";
import { save } from "./body.js";
import * as format from "./format.js";
import { Dialogue } from "./inbox-dialogue.js";
import { Files, Page, Source, Texts } from "./inbox-ways.js";
import { about, partsOf } from "./inbox-words.js";
import { useKey } from "./keys.js";
import { href, replace } from "./router.js";
import { hello } from "./store.js";
import { panelOf, Tabs } from "./tabs.js";
import { Button, CopyButton, Fault, Time, toast } from "./ui.js";

export function Letter({ number, where, rows, query, open }) {
  const [got, error, retry] = useMail(number, where, rows);
  const close = () => {
    open(null);
    document.querySelector(".mails")?.focus();
  };
  useKey("Escape", "Close the mail", close);
  if (error) return html`<article class="letter" aria-label=${`Mail ${number}`}><${Back} onClick=${close} /><${Fault} error=${error} retry=${retry} /></article>`;
  if (!got) return html`<article class="letter" aria-label=${`Mail ${number}`} aria-busy="true"><p class="waiting" role="status">Fetching…</p></article>`;
  return html`<${Shown} got=${got} where=${where} rows=${rows} query=${query} open=${open} close=${close} />`;
}

/** The mail, which from now on is read. */
function useMail(number, where, rows) {
  const [got, setGot] = useState(null);
  const [error, setError] = useState(null);
  const [times, again] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setError(null);
    get(`/mails/${number}`, { inbox: where.inbox }, abort.signal).then(setGot, (failed) => abort.signal.aborted || setError(failed));
    return () => abort.abort();
  }, [number, where.inbox, times]);
  useEffect(() => {
    if (!got || got.mail.seen || !hello.value?.steer) return;
    rows.markSeen(number);
    post(`/mails/${number}/seen?${new URLSearchParams({ inbox: where.inbox })}`).catch(() => null); // it stays as it was
  }, [got]);
  return [got, error, () => again(times + 1)];
}

const Back = ({ onClick }) => html`<${Button} small icon="left" label="Back to the mails" class="button small bare back" onClick=${onClick} />`;

function Shown({ got, where, rows, query, open, close }) {
  const id = useId();
  const { mail, read, delivery } = got;
  const tabs = tabsOf(read);
  const asked = query.get("tab");
  const shown = tabs.some(({ name }) => name === asked) ? asked : tabs[0].name;
  const choose = (name) => {
    const next = new URLSearchParams(query);
    next.set("tab", name);
    replace("mails", [mail.number], next);
  };
  const path = `/mails/${mail.number}`;
  const inbox = { inbox: where.inbox };
  return html`
    <article class="letter" aria-labelledby=${`${id}-subject`}>
      <${Head} id=${id} got=${got}><${Tools} mail=${mail} where=${where} rows=${rows} open=${open} close=${close} /><//>
      ${read.lack && html`<p class="note">Not all of it can be shown: ${read.lack}.</p>`}
      <${Tabs} of=${tabs} label="Shown of the mail" id=${id} chosen=${shown} onChoose=${choose} />
      <div ...${panelOf(id, shown)} tabindex=${shown === "header" ? 0 : undefined}>
        ${shown === "html" && html`<${Page} path=${path} query=${inbox} parts=${partsOf(read).pages} />`}
        ${shown === "text" && html`<${Texts} path=${path} query=${inbox} parts=${partsOf(read).texts} />`}
        ${shown === "source" && html`<${Source} path=${path} query=${inbox} size=${mail.size} />`}
        ${shown === "files" && html`<${Files} path=${path} query=${inbox} parts=${partsOf(read).files} />`}
        ${shown === "header" && html`<${Header} fields=${read.headers} />`}
        ${shown === "dialogue" && html`<${Dialogue} of=${delivery} at=${mail.at} />`}
      </div>
    </article>`;
}

/** What there is to be seen of a mail, the best first. */
function tabsOf(read) {
  const { pages, texts, files } = partsOf(read);
  return [
    pages.length > 0 && { name: "html", says: "HTML" },
    texts.length > 0 && { name: "text", says: "Text" },
    { name: "source", says: "Source" },
    files.length > 0 && { name: "files", says: html`Attachments <span class="count">${files.length}</span>` },
    read.headers.length > 0 && { name: "header", says: "Header" },
    { name: "dialogue", says: "Dialogue" },
  ].filter(Boolean);
}

function Head({ id, got, children }) {
  const { mail, delivery, read } = got;
  const said = (name) => read.headers.find(([each]) => each.toLowerCase() === name)?.[1] ?? "";
  const facts = [
    ["From", said("from") || mail.from || delivery.sender || "nobody"],
    ["To", said("to") || mail.to || delivery.recipients.join(", ")],
    ["Cc", said("cc")],
    ["In", mail.mailboxes.join(", ")],
  ].filter(([, value]) => value);
  return html`
    <header>
      <div class="first"><h2 id=${`${id}-subject`}>${about(mail)}</h2><div class="tools">${children}</div></div>
      <dl>
        ${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd title=${value}>${value}</dd></div>`)}
        <div><dt>Came</dt><dd><${Time} at=${mail.at} />, ${format.bytes(mail.size)}</dd></div>
      </dl>
    </header>`;
}

function Tools({ mail, where, rows, open, close }) {
  const remove = async () => {
    const at = rows.indexOf(mail.number);
    const next = at >= 0 ? rows.row(at + 1) ?? rows.row(at - 1) : null;
    try {
      await post(`/mails/${mail.number}/delete?${new URLSearchParams({ inbox: where.inbox, mailbox: where.mailbox })}`);
      rows.again();
      if (next) open(next.number);
      else close();
      toast(where.mailbox && mail.mailboxes.length > 1 ? `Deleted from ${where.mailbox}` : "Deleted");
    } catch (error) {
      toast(`${error.message}. ${error.advice ?? ""}`, true);
    }
  };
  const steer = Boolean(hello.value?.steer);
  useKey("Delete", "Delete the mail", () => steer && remove());
  const saveIt = async () => {
    try {
      const response = await fetched(`/mails/${mail.number}/source`, { inbox: where.inbox });
      save(await response.blob(), `mail-${mail.number}.eml`);
    } catch (error) {
      toast(`${error.message}. ${error.advice ?? ""}`, true);
    }
  };
  const link = href("mails", [mail.number], where.inbox ? { inbox: where.inbox } : undefined);
  return html`
    <${Back} onClick=${close} />
    <${CopyButton} text=${() => new URL(link, location.href).href} label="Copy a link to this mail" />
    <${Button} small icon="download" label="Save this mail" onClick=${saveIt} />
    ${steer && html`<${Button} small icon="trash" label="Delete this mail" onClick=${remove} />`}`;
}

function Header({ fields }) {
  return html`
    <table class="fields">
      <caption class="unseen">Header</caption>
      <tbody>${fields.map(([name, value], place) => html`<tr key=${place}><th scope="row">${honest(name)}</th><td>${honest(value)}</td></tr>`)}</tbody>
    </table>`;
}
