// How a mail came: what was said about it when it was handed over, and the dialogue in which that was said.

import { classes, html, useEffect, useState } from "./dom.js";
import { get } from "./api.js";
import * as format from "./format.js";
import { href } from "./router.js";
import { Address, Icon } from "./ui.js";

/** @param {{of: any, at: number}} props a mail's `delivery`, and when it was taken */
export function Dialogue({ of, at }) {
  const facts = [
    ["Sender", of.sender || "nobody: it is a bounce, or a notice"],
    ["Recipients", of.recipients.map((each) => withParameters(each, of.recipient_parameters[each])).join(", ")],
    ["Logged in", of.user],
    ["Client", html`<${Address} of=${of.client} />${of.hello && html` <span class="kind">calls itself ${of.hello}</span>`}`],
    ["Parameters", withParameters("", of.parameters).trim()],
    ["Taken", `${format.day(at)} ${format.clock(at)}`],
  ].filter(([, value]) => value);
  return html`
    <dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${of.conversation === null
      ? html`<p class="note">The conversation that delivered it is not in this journal.</p>`
      : html`<p><a class="button" href=${href("talk", [of.conversation])}><${Icon} name="talk" />Open conversation ${of.conversation}</a></p>
        <${Said} number=${of.conversation} />`}`;
}

const withParameters = (text, parameters) => [text, ...Object.entries(parameters ?? {}).map(([name, value]) => (value ? `${name}=${value}` : name))].join(" ");

/** The beginning of it, a line an item. */
function Said({ number }) {
  const [items, setItems] = useState(null);
  useEffect(() => {
    const abort = new AbortController();
    get(`/conversations/${number}/pages/0`, {}, abort.signal).then(
      (page) => setItems(page.items.filter(({ side }) => side)),
      () => abort.signal.aborted || setItems([]), // who opens it is told why
    );
    return () => abort.abort();
  }, [number]);
  if (!items) return html`<p class="waiting" role="status">Fetching…</p>`;
  return html`
    <ol class="exchange" aria-label="What was said">
      ${items.map((item) => html`<li key=${item.id} class=${classes(item.side, item.tone)}>
        <span class="unseen">The ${item.side}: </span><span class="summary">${item.summary}</span>
        <time datetime=${format.exact(item.at)}>${format.clock(item.at)}</time></li>`)}
    </ol>`;
}
