// The side panel: one item, by its meaning, its content and its bytes.

import { classes, html, useEffect, useId, useMemo, useState } from "./dom.js";
import { fetched, get } from "./api.js";
import { Body } from "./body.js";
import * as format from "./format.js";
import { fromHex, Hex } from "./hex.js";
import { useKey } from "./keys.js";
import { href } from "./router.js";
import { panelOf, Tabs } from "./tabs.js";
import { Button, CopyButton, Fault, Icon, SideTag } from "./ui.js";

/** Content beyond this is not taken into the page; it can be saved. */
const MOST_CONTENT = 16 << 20;

/**
 * @param {{of: any, item: any, said: {client: number, server: number}, query: Record<string, any>, link: string,
 *          tab: string, onTab: (tab: string) => void, onClose: () => void}} props
 */
export function Panel({ of, item, said, query, link, tab, onTab, onClose }) {
  const id = useId();
  const { number } = of;
  const tabs = ["meaning", item.content && "content", item.side && item.end > item.start && "bytes"].filter(Boolean);
  const shown = tabs.includes(tab) ? tab : tabs[0];
  useKey("Escape", "Close the side panel", onClose);
  const onKeyDown = (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) {
      event.preventDefault();
      onClose();
    }
  };
  return html`
    <aside class=${classes("sidepanel", item.side)} aria-label="The chosen item" onKeyDown=${onKeyDown}>
      <header>
        <${Tabs} of=${tabs.map((name) => ({ name, says: name[0].toUpperCase() + name.slice(1) }))} label="Shown of it" id=${id} chosen=${shown} onChoose=${onTab} />
        <${CopyButton} text=${() => new URL(link, location.href).href} label="Copy a link to this item">Link<//>
        <${Button} small icon="close" label="Close the side panel" onClick=${onClose} />
      </header>
      <div ...${panelOf(id, shown)} tabindex=${shown === "meaning" ? 0 : undefined}>
        ${shown === "meaning" && html`<${Meaning} item=${item} of=${of} />`}
        ${shown === "content" && html`<${Content} key=${item.content.first} number=${number} first=${item.content.first} query=${query} />`}
        ${shown === "bytes" && html`<${Bytes} number=${number} item=${item} size=${said[item.side]} query=${query} />`}
      </div>
    </aside>`;
}

function Meaning({ item, of }) {
  const facts = [
    ["Who", item.side ? html`<${SideTag} side=${item.side} />` : "tincans noted it"],
    ["What", `${item.kind}${item.protocol ? ` (${item.protocol})` : ""}`],
    ["When", `${format.day(item.at)} ${format.clock(item.at)}${String(item.at % 1000).padStart(3, "0")}`],
    item.began !== item.at && ["Took", `${format.duration(item.at - item.began)} from its first byte to its last`],
    item.side && item.end > item.start
      && ["Bytes", `${format.count(item.start)} to ${format.count(item.end - 1)} of what the ${item.side} said: ${format.plural(item.end - item.start, "byte")}`],
  ].filter(Boolean);
  return html`
    <h2 class=${classes("summary", item.tone)}>${item.summary}</h2>
    ${item.details.length > 0 && html`<ul class="details">${item.details.map((line, place) => html`<li key=${place}>${line}</li>`)}</ul>`}
    <${MailLink} item=${item} of=${of} />
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** What the app `mail` says of one that it has taken. It is the mail only if this conversation is said to have delivered it. */
const KEPT = /^250 2\.0\.0 kept as mail (\d+)/;

function MailLink({ item, of }) {
  const number = item.side === "server" && of.kind === "listen" && KEPT.exec(item.summary)?.[1];
  const [isIt, setIt] = useState(false);
  useEffect(() => {
    if (!number) return undefined;
    const abort = new AbortController();
    get(`/mails/${number}`, { inbox: of.name }, abort.signal).then(({ delivery }) => setIt(delivery.conversation === of.number), () => null);
    return () => abort.abort();
  }, [number, of.name, of.number]);
  return isIt && html`<p><a class="button" href=${href("mails", [number], { inbox: of.name })}><${Icon} name="mails" />Open mail ${number}</a></p>`;
}

/** All that the message carries, fetched once it is looked at. */
function Content({ number, first, query }) {
  const [got, setGot] = useState(null);
  const [error, setError] = useState(null);
  const [times, again] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setError(null);
    content(number, first, query, abort.signal).then(setGot, (failed) => abort.signal.aborted || setError(failed));
    return () => abort.abort();
  }, [number, first, query, times]);
  if (error) return html`<${Fault} error=${error} retry=${() => again(times + 1)} />`;
  if (!got) return html`<p class="waiting" role="status">Fetching…</p>`;
  return html`
    ${got.isCut && html`<p class="note">Only the first ${format.bytes(got.data.length)} are shown here.</p>`}
    <${Body} data=${got.data} media=${got.media} name=${`conversation-${number}-${first}`} />`;
}

async function content(number, first, query, abort) {
  const response = await fetched(`/conversations/${number}/content/${first}`, query, abort);
  const media = response.headers.get("Tincans-Media") ?? "";
  const pieces = [];
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return { data: joined(pieces, size), media, isCut: false };
    pieces.push(value);
    size += value.length;
    if (size >= MOST_CONTENT) {
      await reader.cancel();
      return { data: joined(pieces, size), media, isCut: true };
    }
  }
}

function joined(pieces, size) {
  const data = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    data.set(piece, at);
    at += piece.length;
  }
  return data;
}

/** All that this side said, with the item's own bytes lit. */
function Bytes({ number, item, size, query }) {
  const { side } = item;
  const total = Math.max(size, item.end);
  const bytes = useMemo(() => ({
    size: total,
    read: async (start, end) => {
      const { data, hidden } = await get(`/conversations/${number}/bytes`, { ...query, side, start, end });
      return { data: fromHex(data), hidden };
    },
  }), [number, side, total, query]);
  return html`<${Hex} bytes=${bytes} mark=${[item.start, item.end]} label=${`Bytes that the ${side} said`} />`;
}
