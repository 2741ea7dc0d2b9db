// The mailboxes: a list at the side, or a choice above the mails where there is no room for that.

import { html } from "./dom.js";
import { count as number } from "./format.js";
import { href, replace } from "./router.js";
import { Icon } from "./ui.js";

/** The address of a mailbox; "" is all mails of an inbox. */
const to = (inbox, mailbox, text) => href("mails", [], asked(inbox, mailbox, text));

const asked = (inbox, mailbox, text) => Object.fromEntries(Object.entries({ inbox, mailbox, text }).filter(([, value]) => value));

/** The one that is meant where none is named is the first. */
const isHere = (all, inbox, where) => (where.inbox || all[0].name) === inbox.name;

/** @param {{all: any[], where: import("./inbox.js").Where}} props */
export function Boxes({ all, where }) {
  return html`
    <nav class="boxes" aria-label="Mailboxes">
      ${all.map((inbox) => html`
        <section key=${inbox.name} aria-label=${all.length > 1 ? inbox.name : undefined}>
          ${all.length > 1 && html`<h2 title=${inbox.folder}>${inbox.name}</h2>`}
          <ul>
            <${Box} icon="mails" says="All mails" count=${inbox.count} link=${to(inbox.name, "", where.text)} isOn=${isHere(all, inbox, where) && !where.mailbox} />
            ${inbox.mailboxes.map((box) => html`<${Box} key=${box.name} icon="box" says=${box.name} count=${box.count} unseen=${box.unseen}
              link=${to(inbox.name, box.name, where.text)} isOn=${isHere(all, inbox, where) && where.mailbox === box.name} />`)}
          </ul>
          ${inbox.more > 0 && html`<p class="note">${number(inbox.more)} more, with older mails</p>`}
        </section>`)}
    </nav>`;
}

function Box({ icon, says, count, unseen = 0, link, isOn }) {
  return html`
    <li><a href=${link} aria-current=${isOn ? "true" : undefined} class=${unseen ? "unseen-inside" : ""} title=${says}>
      <${Icon} name=${icon} /><span class="says">${says}</span>
      ${unseen > 0 ? html`<span class="fresh">${number(unseen)}<span class="unseen"> not read</span></span>` : html`<span class="count">${number(count)}</span>`}
    </a></li>`;
}

/** The same, as one field. @param {{all: any[], where: import("./inbox.js").Where}} props */
export function BoxChoice({ all, where }) {
  const keyOf = (inbox, mailbox) => JSON.stringify([inbox, mailbox]);
  const choose = ({ target }) => {
    const [inbox, mailbox] = JSON.parse(target.value);
    replace("mails", [], asked(inbox, mailbox, where.text));
  };
  const option = (inbox, box) => html`
    <option key=${box.name} value=${keyOf(inbox.name, box.name)}>${box.name}${box.unseen ? ` (${number(box.unseen)} not read)` : ""}</option>`;
  return html`
    <select class="boxchoice" aria-label="Mailbox" value=${keyOf(where.inbox || all[0].name, where.mailbox)} onChange=${choose}>
      ${all.map((inbox) => html`
        <option key=${`all ${inbox.name}`} value=${keyOf(inbox.name, "")}>All mails${all.length > 1 ? ` of ${inbox.name}` : ""}</option>
        ${inbox.mailboxes.map((box) => option(inbox, box))}`)}
    </select>`;
}
