// The ways in which a mail is seen: its HTML in a frame, its texts, its source, its files.
//
// It is hostile. Texts become text nodes. The HTML is made harmless by the server, which gives it under a policy of its own
// (`watch/framed.py`), into a frame that may do nothing but open a tab for a link that somebody presses.

import { html, useEffect, useState } from "./dom.js";
import { fetched, get } from "./api.js";
import { textIn } from "./body-mail.js";
import { honest, Text } from "./body-text.js";
import { Body, save } from "./body.js";
import { bytes, count, plural } from "./format.js";
import { titleOf } from "./inbox-words.js";
import { Button, CopyButton, Fault, toast } from "./ui.js";

/** Bytes of the source that are shown here; all of it can be saved. */
const MOST_SOURCE = 1 << 20;

/** What is fetched once it is looked at: [what came, what went wrong, again]. */
function useFetched(fetch, ...what) {
  const [got, setGot] = useState(null);
  const [error, setError] = useState(null);
  const [times, again] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setGot(null);
    setError(null);
    fetch(abort.signal).then((came) => abort.signal.aborted || setGot(came), (failed) => abort.signal.aborted || setError(failed));
    return () => abort.abort();
  }, [...what, times]);
  return [got, error, () => again(times + 1)];
}

const Waiting = ({ error, retry }) => (error ? html`<${Fault} error=${error} retry=${retry} />` : html`<p class="waiting" role="status">Fetching…</p>`);

const partOf = async (path, query, part, abort) => new Uint8Array(await (await fetched(`${path}/parts/${part.path}`, query, abort)).arrayBuffer());

// ── HTML ───────────────────────────────────────────────────────────────────────────────────────────────────

/** @param {{path: string, query: object, parts: any[]}} props the parts that are HTML */
export function Page({ path, query, parts }) {
  const [chosen, choose] = useState(0);
  const [isNarrow, setNarrow] = useState(false);
  const part = parts[chosen];
  const [frame, error, retry] = useFetched((abort) => get(`${path}/frame`, { ...query, path: part.path }, abort), path, part.path);
  if (!frame) return html`<${Waiting} error=${error} retry=${retry} />`;
  return html`
    <div class="shownas">
      ${parts.length > 1 && html`<div class="ways" role="group" aria-label="Part">
        ${parts.map((each, place) => html`<${Button} key=${each.path} small pressed=${place === chosen} onClick=${() => choose(place)}>part ${each.path}<//>`)}</div>`}
      <p class="note">${frame.is_cut && "Only its beginning is shown. "}${frame.elsewhere > 0 ? `${plural(frame.elsewhere, "picture")} from elsewhere, and its scripts, are left out.` : "Scripts are left out."}</p>
      <${Button} small pressed=${isNarrow} onClick=${() => setNarrow(!isNarrow)}>As on a phone<//>
    </div>
    <iframe class=${isNarrow ? "sandbox phone" : "sandbox"} sandbox="allow-popups allow-popups-to-escape-sandbox" referrerpolicy="no-referrer" title="The mail as HTML, in a sandbox" src=${frame.address}></iframe>
    ${frame.links.length > 0 && html`<${Links} of=${frame.links} />`}`;
}

/** Where its links lead, in full. */
function Links({ of }) {
  return html`
    <details class="links">
      <summary>${plural(of.length, "link")}</summary>
      <ul>${of.map(({ text, href }) => html`<li key=${href}>
        <span>${honest(text) || "without words"}</span>
        <a class="address" href=${href} target="_blank" rel="noopener noreferrer" title=${href}>${honest(href)}</a>
        <${CopyButton} text=${href} label=${`Copy ${honest(href)}`} />
      </li>`)}</ul>
    </details>`;
}

// ── texts ──────────────────────────────────────────────────────────────────────────────────────────────────

/** @param {{path: string, query: object, parts: any[]}} props the parts that are text, which are shown together */
export function Texts({ path, query, parts }) {
  const fetchAll = (abort) => Promise.all(parts.map((part) => partOf(path, query, part, abort)));
  const [all, error, retry] = useFetched(fetchAll, path);
  if (!all) return html`<${Waiting} error=${error} retry=${retry} />`;
  return html`${all.map((data, place) => html`<${Text} key=${place} text=${textIn(data)} label=${place ? `Text ${place + 1} of the mail` : "Text of the mail"} />`)}`;
}

/** @param {{path: string, query: object, size: number}} props */
export function Source({ path, query, size }) {
  const [data, error, retry] = useFetched((abort) => beginning(path, query, abort), path);
  if (!data) return html`<${Waiting} error=${error} retry=${retry} />`;
  return html`
    ${size > data.length && html`<p class="note">The first ${bytes(data.length)} of ${bytes(size)}; all of it can be saved.</p>`}
    <${Text} text=${textIn(data)} label="Source of the mail" />`;
}

async function beginning(path, query, abort) {
  const response = await fetched(`${path}/source`, query, abort);
  const pieces = [];
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (value) pieces.push(value);
    size += value?.length ?? 0;
    if (size >= MOST_SOURCE) await reader.cancel();
    if (done || size >= MOST_SOURCE) return new Uint8Array(await new Blob(pieces).arrayBuffer()).subarray(0, MOST_SOURCE);
  }
}

// ── files ──────────────────────────────────────────────────────────────────────────────────────────────────

/** @param {{path: string, query: object, parts: any[]}} props the parts that are files */
export function Files({ path, query, parts }) {
  const [open, setOpen] = useState("");
  return html`
    <ul class="attachments" aria-label=${`${count(parts.length)} attachments`}>
      ${parts.map((part) => html`<${File} key=${part.path} path=${path} query=${query} part=${part} isOpen=${part.path === open}
        onOpen=${() => setOpen(part.path === open ? "" : part.path)} />`)}
    </ul>`;
}

function File({ path, query, part, isOpen, onOpen }) {
  const name = honest(titleOf(part));
  const saveIt = async () => {
    try {
      save(await partOf(path, query, part), part.name || name);
    } catch (error) {
      toast(`${error.message}. ${error.advice ?? ""}`, true);
    }
  };
  return html`
    <li class=${isOpen ? "open" : ""}>
      <div><strong>${name}</strong> <span class="kind">${honest(part.media)}, ${bytes(part.size)}${part.role === "inline" ? ", shown in the HTML" : ""}</span>
        <${Button} small pressed=${isOpen} onClick=${onOpen}>Look<//>
        <${Button} small icon="download" label=${`Save ${name}`} onClick=${saveIt} /></div>
      ${isOpen && html`<${Opened} path=${path} query=${query} part=${part} name=${name} />`}
    </li>`;
}

function Opened({ path, query, part, name }) {
  const [data, error, retry] = useFetched((abort) => partOf(path, query, part, abort), path, part.path);
  if (!data) return html`<${Waiting} error=${error} retry=${retry} />`;
  return html`<${Body} data=${data} media=${part.media} name=${part.name || name} />`;
}
