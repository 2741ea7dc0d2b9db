// The mails of a mailbox, a card each. As in the list of conversations the grid itself has the focus and names its active row;
// here that is a mail's number, so it stays on its mail while others come.

import { classes, html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./dom.js";
import { bytes, count, exact, moment, plural } from "./format.js";
import { about, who } from "./inbox-words.js";
import { href } from "./router.js";
import { isLive, now } from "./store.js";
import { Empty, Fault, Icon } from "./ui.js";
import { reveal, Virtual } from "./virtual.js";

const CARD = 58;
/** Where mails are beside the list, the arrow keys open what they pass, after so long on it. */
const PASSED = 120;

const isBeside = () => matchMedia("(min-width: 861px)").matches;

export function List({ rows, where, number, query, open }) {
  const box = useRef(null);
  const [active, setActive] = useState(number);
  const timer = useRef(0);
  const size = rows.count.value;
  const { trouble } = rows;
  void rows.revision.value;
  useEffect(() => () => clearTimeout(timer.current), []);
  useLayoutEffect(() => void (number !== null && setActive(number)), [number]); // before the next key
  const at = active === null ? -1 : rows.indexOf(active);
  const select = (index) => {
    const to = Math.max(0, Math.min(size - 1, index));
    reveal(box.current, to);
    const row = rows.row(to);
    if (!row) return;
    setActive(row.number);
    clearTimeout(timer.current);
    if (number !== null && isBeside()) timer.current = setTimeout(open, PASSED, row.number);
  };
  const onRange = (first, last, top) => {
    rows.settle(top > CARD);
    rows.want(first, last);
  };
  const newest = useRef(null);
  newest.current = open;
  const pick = useMemo(() => (next) => newest.current(next), []);
  const row = (index, style) => html`<${Card} of=${rows.row(index)} index=${index} style=${style} active=${rows.row(index)?.number === active}
    isOpen=${rows.row(index)?.number === number} query=${query} pick=${pick} />`;
  return html`
    ${trouble.value && !size ? html`<${Fault} error=${trouble.value} retry=${() => rows.again()} />` : null}
    ${size === 0 && !trouble.value && html`<${Nothing} rows=${rows} where=${where} />`}
    ${(size > 0 || (size === null && !trouble.value)) && html`
      <${Virtual} class="mails" scroller=${box} count=${size ?? 0} height=${CARD} row=${row} onRange=${onRange}
        role="grid" aria-label="Mails, the newest first" aria-rowcount=${size ?? -1} tabindex="0"
        aria-activedescendant=${at >= 0 ? `mail-${active}` : undefined}
        onKeyDown=${(event) => onKey(event, { at, size, page: Math.floor(box.current.clientHeight / CARD) - 1, select, active, open })} />`}
    ${rows.fresh.value > 0 && html`<button type="button" class="new" onClick=${() => (box.current.scrollTop = 0)}>
      <${Icon} name="up" />${count(rows.fresh.value)} new</button>`}`;
}

function onKey(event, { at, size, page, select, active, open }) {
  if (event.ctrlKey || event.metaKey || event.altKey || !size) return;
  const to = {
    ArrowDown: at + 1, ArrowUp: at - 1, j: at + 1, k: at - 1, PageDown: Math.max(at, 0) + page, PageUp: at - page, Home: 0, End: size - 1,
  }[event.key];
  if (to !== undefined) select(to);
  else if (event.key === "Enter" && active !== null) open(active);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** One mail; without one, a place that is being fetched. */
function Card({ of, index, style, active, isOpen, query, pick }) {
  const press = (event) => {
    if (!of || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    pick(of.number);
  };
  const look = classes("card", active && "active", isOpen && "open", of && !of.seen && "fresh", !of && "awaited");
  return html`
    <div class=${look} role="row" id=${of ? `mail-${of.number}` : undefined} aria-rowindex=${index + 1} aria-selected=${active}
      aria-busy=${of ? undefined : "true"} style=${style} onClick=${press}>
      <span class="who" role="gridcell" title=${of?.from || of?.sender}>${of ? who(of) : "…"}${of && !of.seen && html`<span class="unseen">, not read</span>`}</span>
      <span class="when" role="gridcell">${of && html`<time datetime=${exact(of.at)} title=${exact(of.at)}>${moment(of.at, now())}</time>`}</span>
      <span class="about" role="gridcell">${of && html`<a href=${href("mails", [of.number], query)} tabindex="-1">${about(of)}</a>`}</span>
      <span class="size" role="gridcell">${of?.attachments > 0 && html`<${Icon} name="clip" /><span class="unseen">${plural(of.attachments, "attachment")}, </span>`}
        ${of && bytes(of.size)}</span>
    </div>`;
}

function Nothing({ rows, where }) {
  if (where.text) {
    const more = rows.left.value > 0;
    return html`<${Empty} title=${more ? "Nothing yet" : "No mail is like that"}>
      <p>${more ? "The mails that have come lately were not looked through before." : html`All words must stand in it. <a href=${href("mails", [], where.mailbox ? { mailbox: where.mailbox } : undefined)}>Clear the search</a>`}</p><//>`;
  }
  return html`<${Empty} title="This mailbox is empty"><p>${isLive.value ? "What is sent to it appears here at once." : "It was, when the server was last heard."}</p><//>`;
}
