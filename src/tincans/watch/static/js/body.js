// Content as it was meant: JSON, a form, text, an image, a page, a mail; and always as its source and its bytes.
//
//   <Body data=${Uint8Array} media="application/json" />
//
// It is hostile. Text becomes text nodes; an image is a blob of one of few types; a page is shown in a frame that may do
// nothing (`sandbox` without a single allowance), from a blob, under this page's own policy, which forbids it scripts,
// styles and the network.

import { classes, html, useEffect, useId, useMemo, useState } from "./dom.js";
import { flat, header, textIn } from "./body-mail.js";
import { Json } from "./body-json.js";
import { honest, Text } from "./body-text.js";
import { waysOf } from "./body-ways.js";
import * as format from "./format.js";
import { Hex, ofData } from "./hex.js";
import { Button } from "./ui.js";

/** @param {{data: Uint8Array, media: string, name?: string}} props */
export function Body({ data, media, name = "content" }) {
  const ways = useMemo(() => waysOf(data, media), [data, media]);
  const [chosen, choose] = useState("");
  const way = ways.find((each) => each.name === chosen) ?? ways[0];
  return html`
    <div class="body">
      <div class="tools">
        ${ways.length > 1 && html`<div class="ways" role="group" aria-label="Shown as">
          ${ways.map((each) => html`<${Button} key=${each.name} small pressed=${each === way} onClick=${() => choose(each.name)}>${each.says}<//>`)}
        </div>`}
        <span class="kind">${honest(media || "no media type")}, ${format.bytes(data.length)}</span>
        <${Button} small icon="download" label="Save this content" onClick=${() => save(data, name)} />
      </div>
      <${Shown} key=${way.name} way=${way} data=${data} />
    </div>`;
}

function Shown({ way, data }) {
  const bytes = useMemo(() => ofData(data), [data]);
  if (!data.length) return html`<p class="nothing">It is empty.</p>`;
  if (way.name === "json") return html`<${Json} value=${way.value} />`;
  if (way.name === "form") return html`<${Fields} fields=${way.fields} caption="Form" />`;
  if (way.name === "image") return html`<${Picture} data=${data} type=${way.type} />`;
  if (way.name === "page") return html`<${Sandbox} text=${way.text} />`;
  if (way.name === "mail") return html`<${Mail} part=${way.part} />`;
  if (way.name === "text") return html`<${Text} text=${way.text} label="Content" />`;
  return html`<${Hex} bytes=${bytes} label="Bytes of the content" />`;
}

/** Offers it as a file. @param {BlobPart} data @param {string} name */
export function save(data, name) {
  const url = URL.createObjectURL(new Blob([data], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name.replace(/[^\p{L}\p{N}._ -]/gu, "_").slice(0, 100) || "content" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The address of a blob, for as long as the component is shown. */
export function useBlob(data, type) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([data], { type }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [data, type]);
  return url;
}

// ── the ways ───────────────────────────────────────────────────────────────────────────────────────────────

function Fields({ fields, caption }) {
  return html`
    <table class="fields">
      <caption class="unseen">${caption}</caption>
      <tbody>${fields.map(([name, value], place) => html`<tr key=${place}><th scope="row">${honest(name)}</th><td>${honest(value)}</td></tr>`)}</tbody>
    </table>`;
}

function Picture({ data, type }) {
  const url = useBlob(data, type);
  const [size, setSize] = useState("");
  const [isBroken, setBroken] = useState(false);
  if (isBroken) return html`<p class="wrong">This is no image that the browser can draw.</p>`;
  return html`
    <figure class="picture">
      ${url && html`<img src=${url} alt="The image that was said" onError=${() => setBroken(true)}
        onLoad=${({ target }) => setSize(`${target.naturalWidth} × ${target.naturalHeight}`)} />`}
      <figcaption>${size}</figcaption>
    </figure>`;
}

/**
 * Elements that ask for something elsewhere before any policy is asked (`<link rel="dns-prefetch">`), or lead the frame there.
 * Under another name they are nothing; the source shows them as they were.
 */
const ASKING = /<(?=(?:link|meta|base|object|embed|i?frame|portal)[\s/>])/gi;

function Sandbox({ text }) {
  const quiet = useMemo(() => text.replace(ASKING, "<off-"), [text]);
  const url = useBlob(quiet, "text/html;charset=utf-8");
  return html`
    <p class="note">The page, with its scripts, styles and links to elsewhere switched off.</p>
    ${url && html`<iframe class="sandbox" sandbox="" referrerpolicy="no-referrer" title="The page that was said, in a sandbox" src=${url}></iframe>`}`;
}

// ── mail ───────────────────────────────────────────────────────────────────────────────────────────────────

const FIRST = ["from", "to", "cc", "subject", "date"];

function Mail({ part }) {
  const parts = flat(part);
  const texts = parts.filter(({ media, isAttached }) => media.startsWith("text/") && !isAttached);
  const others = parts.filter((each) => !texts.includes(each));
  const [chosen, choose] = useState(0);
  const first = FIRST.map((name) => [name, header(part, name)]).filter(([, value]) => value);
  const rest = part.headers.filter(([name]) => !FIRST.includes(name.toLowerCase()));
  const text = texts[chosen];
  return html`
    <div class="mail">
      ${first.length > 0 && html`<${Fields} fields=${first.map(([name, value]) => [name[0].toUpperCase() + name.slice(1), value])} caption="Header" />`}
      ${rest.length > 0 && html`<details class="more"><summary>${format.plural(rest.length, "more header")}</summary><${Fields} fields=${rest} caption="More headers" /></details>`}
      ${texts.length > 1 && html`<div class="ways" role="group" aria-label="Part">
        ${texts.map((each, place) => html`<${Button} key=${place} small pressed=${place === chosen} onClick=${() => choose(place)}>${titleOf(each, place)}<//>`)}
      </div>`}
      ${text && html`<${TextPart} key=${chosen} part=${text} />`}
      ${others.length > 0 && html`<${Attachments} parts=${others} />`}
    </div>`;
}

const titleOf = (part, place) => honest(part.params.field || part.name || part.media.replace("text/", "") || `part ${place + 1}`);

function TextPart({ part }) {
  const text = useMemo(() => textIn(part.data, part.params.charset), [part]);
  const [isSource, setSource] = useState(false);
  if (part.media !== "text/html") return html`<${Text} text=${text} label="Text of the mail" />`;
  return html`
    <${Button} small pressed=${isSource} onClick=${() => setSource(!isSource)}>Source<//>
    ${isSource
      ? html`<${Text} text=${text} label="Source of the mail" />`
      : html`<${Sandbox} text=${text} />`}`;
}

function Attachments({ parts }) {
  const id = useId();
  const [open, setOpen] = useState(-1);
  return html`
    <h2 id=${id}>${format.plural(parts.length, "attachment")}</h2>
    <ul class="attachments" aria-labelledby=${id}>
      ${parts.map((part, place) => {
        const name = part.name || part.params.field || `part ${place + 1}`;
        const isOpen = place === open;
        return html`<li key=${place} class=${classes(isOpen && "open")}>
          <div><strong>${honest(name)}</strong> <span class="kind">${honest(part.media)}, ${format.bytes(part.data.length)}</span>
            <${Button} small pressed=${isOpen} onClick=${() => setOpen(isOpen ? -1 : place)}>Look<//>
            <${Button} small icon="download" label=${`Save ${honest(name)}`} onClick=${() => save(part.data, part.name || name)} /></div>
          ${isOpen && html`<${Body} data=${part.data} media=${part.media} name=${name} />`}
        </li>`;
      })}
    </ul>`;
}
