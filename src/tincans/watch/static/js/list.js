// The view "Conversations": all that were recorded, the newest on top, as they are now. Rows come from a source
// (pages.js, or search.js where the recording has to be read), the filters from the address (filterbar.js).
//
// The keyboard's place in the list is kept as the source's `place`, so it stays on its conversation while others begin.
// The grid itself has the focus and names its active row (`aria-activedescendant`): rows are drawn into the same elements
// again and again, and an element that had the focus would take it along to another conversation.

import { classes, html, signal, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./dom.js";
import { FilterBar, Outcome } from "./filterbar.js";
import { isNarrowed, isRead } from "./filters.js";
import { bytes, count, duration, exact, moment, plural, title } from "./format.js";
import { useKey } from "./keys.js";
import { useLook } from "./live.js";
import { Pages } from "./pages.js";
import { href } from "./router.js";
import { Search } from "./search.js";
import { asOf, isLive, now, tick } from "./store.js";
import { Address, Empty, Fault, Icon, Standing, useTitle } from "./ui.js";
import { reveal, Virtual } from "./virtual.js";

const phone = matchMedia("(max-width: 760px)");
/** Whether rows are cards of two lines. */
const isNarrow = signal(phone.matches);
phone.addEventListener("change", () => (isNarrow.value = phone.matches));

const HEAD = 32;
const ROW = 32;
const CARD = 60;
/** Something was said just now, in microseconds. */
const BUSY = 2e6;

const COLUMNS = [
  ["number", "No."], ["began", "Began"], ["lasted", "Lasted"], ["name", "Name"], ["parties", "Client → server"],
  ["protocol", "Protocol"], ["said client", "Client said"], ["said server", "Server said"], ["how", "State"],
];

/** Where one was when something was opened, to be there again on the way back: which list, and the source's place in it. */
let left = { text: null, place: null };

export function View({ query }) {
  const text = String(query);
  const [attempt, setAttempt] = useState(0);
  const source = useMemo(() => (isRead(query) ? new Search(query) : new Pages(query)), [text, attempt]);
  useEffect(() => () => source.close(), [source]);
  useLook({ all: true });
  useTitle("Conversations");
  const again = () => setAttempt(attempt + 1);
  return html`
    <div class="conversations">
      <h1 class="unseen">Conversations</h1>
      <${FilterBar} query=${query} />
      <${Outcome} source=${source} query=${query} again=${again} />
      <${Grid} key=${`${text} ${attempt}`} source=${source} query=${query} text=${text} again=${again} />
    </div>`;
}

function Grid({ source, query, text, again }) {
  const box = useRef(null);
  const [active, setActive] = useState(left.text === text ? left.place : null); // a place of the source's
  const top = useRef(0);
  const size = source.count.value;
  const height = isNarrow.value ? CARD : ROW;
  const headHeight = isNarrow.value ? 0 : HEAD;
  void source.revision.value;

  const hold = () => source.settle(top.current > height || (active !== null && source.indexOf(active) > 0));
  const onRange = (first, last, at) => {
    top.current = at;
    hold();
    source.want(first, last);
  };
  const select = (index) => {
    const to = Math.max(0, Math.min(size - 1, index));
    left = { text, place: source.place(to) };
    setActive(left.place);
    reveal(box.current, to);
  };
  useLayoutEffect(() => {
    if (!size || active === null || !box.current) return;
    reveal(box.current, Math.max(0, source.indexOf(active)));
    box.current.focus({ preventScroll: true });
  }, [size > 0]);
  const newest = useRef(null);
  newest.current = select;
  const pick = useMemo(() => (index) => newest.current(index), []);
  const toTop = () => {
    left = { text, place: null };
    setActive(null);
    box.current.scrollTop = 0;
    source.settle(false);
    box.current.focus();
  };
  useKey("Home", "To the newest", toTop);

  if (source.trouble.value && !size) return isLive.value ? html`<${Fault} error=${source.trouble.value} retry=${again} />` : html`<${Unknown} />`;
  if (!size && source.progress.value?.state !== "looking") return html`<${Nothing} query=${query} />`;
  const at = active === null ? -1 : source.indexOf(active);
  const row = (index, style) => html`<${Row} of=${source.row(index)} index=${index} style=${style} active=${index === at} pick=${pick} />`;
  return html`
    <${Virtual} class="grid" scroller=${box} count=${size} height=${height} headHeight=${headHeight} row=${row} onRange=${onRange}
      role="grid" aria-label="Conversations, the newest first" aria-rowcount=${size + 1} aria-colcount=${COLUMNS.length} tabindex="0"
      aria-activedescendant=${source.row(at) && `row-${source.row(at).number}`}
      onKeyDown=${(event) => onKey(event, { at, size, page: Math.floor(box.current.clientHeight / height) - 2, select, source })}
      head=${html`<${Head} />`} />
    ${source.fresh.value > 0 && !isRead(query) && html`<${New} of=${source} toTop=${toTop} />`}`;
}

/** How many began while one reads further down. */
function New({ of, toTop }) {
  return html`<button type="button" class="new" onClick=${toTop}><${Icon} name="up" />${count(of.fresh.value)} new</button>`;
}

function onKey(event, { at, size, page, select, source }) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const to = {
    ArrowDown: at + 1, ArrowUp: at - 1, j: at + 1, k: at - 1, PageDown: Math.max(at, 0) + page, PageUp: at - page, Home: 0, End: size - 1,
  }[event.key];
  if (to !== undefined) select(to);
  else if (event.key === "Enter" && source.row(at)) location.hash = href("talk", [source.row(at).number]);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function Head() {
  return html`<div class="head" role="rowgroup"><div class="row" role="row" aria-rowindex="1">
    ${COLUMNS.map(([name, says]) => html`<span key=${name} class=${name} role="columnheader">${says}</span>`)}
  </div></div>`;
}

/**
 * One conversation; without one, a place that is being fetched. Both are the same elements, so that scrolling makes none.
 * What a cell leaves out stands in its title.
 */
function Row({ of, index, style, active, pick }) {
  if (of && of.closed === null) void tick.value; // it ages
  const cells = of ? cellsOf(of) : AWAITED;
  const open = (event) => {
    if (!of || event.target.closest("a") || event.ctrlKey || event.metaKey || String(getSelection())) return;
    pick(index);
    location.hash = href("talk", [of.number]);
  };
  const cell = (name, [text, says]) => html`<span class=${name} role="gridcell" title=${says}>${text}</span>`;
  return html`
    <div class=${classes("row", active && "active", !of && "awaited")} role="row" id=${of ? `row-${of.number}` : undefined}
      aria-rowindex=${index + 2} aria-selected=${active} aria-busy=${of ? undefined : "true"}
      style=${style} onClick=${open}>
      <span class="number" role="gridcell"><a href=${of && href("talk", [of.number])} tabindex="-1">${of ? of.number : "…"}</a></span>
      ${cell("began", cells.began)}${cell("lasted", cells.lasted)}${cell("name", cells.name)}
      <span class="parties" role="gridcell"><${Address} of=${cells.client} /><span class="to">→</span><${Address} of=${cells.server} /></span>
      ${cell("protocol", cells.protocol)}${cell("said client", cells.clientSaid)}${cell("said server", cells.serverSaid)}
      <span class="how" role="gridcell"><${Standing} of=${of ?? NOBODY} busy=${Boolean(of) && isBusy(of)} /></span>
    </div>`;
}

const NONE = ["", undefined];
const NOBODY = { how: "", by: null, detail: "", client_ended: null, server_ended: null };
const AWAITED = {
  began: NONE, lasted: NONE, name: NONE, client: "", server: "", protocol: NONE, clientSaid: NONE, serverSaid: NONE,
};

/** What stands in the cells: the text, and what says it whole. */
function cellsOf(of) {
  const lasted = (of.closed ?? asOf()) - of.opened;
  return {
    began: [moment(of.opened, now()), exact(of.opened)],
    lasted: [duration(lasted), `${count(lasted)} µs`],
    name: [of.name || of.kind, title(of)],
    client: of.client,
    server: of.server || of.near,
    protocol: [of.protocol, undefined],
    clientSaid: [bytes(of.client_bytes), plural(of.client_bytes, "byte")],
    serverSaid: [bytes(of.server_bytes), plural(of.server_bytes, "byte")],
  };
}

/** Whether something was said just now. */
function isBusy(of) {
  return of.closed === null && isLive.value && now() - of.last < BUSY;
}

/** The banner says why. */
function Unknown() {
  return html`<${Empty} title="What was recorded cannot be shown now"><p>It is fetched as soon as it can be.</p><//>`;
}

function Nothing({ query }) {
  if (isNarrowed(query)) {
    return html`<${Empty} title="No conversation is like that"><p>Make the search wider, or <a href=${href("conversations")}>clear it</a>.</p><//>`;
  }
  return html`<${Empty} title="Nobody has talked yet"><p>As soon as a client calls one of the listeners or relays, the conversation appears here.</p><//>`;
}
