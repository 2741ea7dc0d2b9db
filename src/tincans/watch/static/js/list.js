// The view "Conversations": all that were recorded, the newest on top, as they are now. Rows come from a source
// (pages.js, or search.js where the recording has to be read), the filters from the address (filterbar.js).
//
// The keyboard's place in the list is kept as the source's `place`, so it stays on its conversation while others begin.
// The grid itself has the focus and names its active row (`aria-activedescendant`): rows are drawn into the same elements
// again and again, and an element that had the focus would take it along to another conversation.

import { classes, html, signal, useEffect, useMemo, useRef, useState } from "./dom.js";
import { FilterBar, Outcome } from "./filterbar.js";
import { isNarrowed, isRead } from "./filters.js";
import { title } from "./format.js";
import { useKey } from "./keys.js";
import { useLook } from "./live.js";
import { Pages } from "./pages.js";
import { href } from "./router.js";
import { Search } from "./search.js";
import { now, tick } from "./store.js";
import { Address, Bytes, Empty, Fault, Icon, Lasted, Standing, Time, useTitle } from "./ui.js";
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
      <${Grid} key=${`${text} ${attempt}`} source=${source} query=${query} again=${again} />
    </div>`;
}

function Grid({ source, query, again }) {
  const box = useRef(null);
  const [active, setActive] = useState(null); // a place
  const top = useRef(0);
  const count = source.count.value;
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
    const to = Math.max(0, Math.min(count - 1, index));
    setActive(source.place(to));
    reveal(box.current, to);
  };
  const toTop = () => {
    setActive(null);
    box.current.scrollTop = 0;
    source.settle(false);
    box.current.focus();
  };
  useKey("Home", "To the newest", toTop);

  if (source.trouble.value && !count) return html`<${Fault} error=${source.trouble.value} retry=${again} />`;
  if (!count && source.progress.value?.state !== "looking") return html`<${Nothing} query=${query} />`;
  const at = active === null ? -1 : source.indexOf(active);
  const row = (index, style, slot) => html`
    <${Row} of=${source.row(index)} index=${index} style=${style} slot=${slot} active=${index === at} pick=${select} />`;
  return html`
    <${Virtual} class="grid" scroller=${box} count=${count} height=${height} headHeight=${headHeight} row=${row} onRange=${onRange}
      role="grid" aria-label="Conversations, the newest first" aria-rowcount=${count + 1} aria-colcount=${COLUMNS.length} tabindex="0"
      aria-activedescendant=${at >= 0 ? `row-${source.row(at)?.number}` : undefined}
      onKeyDown=${(event) => onKey(event, { at, count, page: Math.floor(box.current.clientHeight / height) - 2, select, source })}
      head=${html`<${Head} />`} />
    ${source.fresh.value > 0 && !isRead(query) && html`<${New} of=${source} toTop=${toTop} />`}`;
}

/** How many began while one reads further down. */
function New({ of, toTop }) {
  return html`<button type="button" class="new" onClick=${toTop}><${Icon} name="up" />${of.fresh.value.toLocaleString("en-US")} new</button>`;
}

function onKey(event, { at, count, page, select, source }) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const to = {
    ArrowDown: at + 1, ArrowUp: at - 1, j: at + 1, k: at - 1, PageDown: Math.max(at, 0) + page, PageUp: at - page, Home: 0, End: count - 1,
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

/** One conversation; without one, a place that is being fetched. */
function Row({ of, index, style, active, pick }) {
  if (!of) {
    return html`<div class="row awaited" role="row" aria-rowindex=${index + 2} aria-busy="true" style=${style}>
      <span role="gridcell" class="number">…</span><span role="gridcell" class="parties"><i></i></span></div>`;
  }
  const to = href("talk", [of.number]);
  const open = (event) => {
    if (event.target.closest("a") || event.ctrlKey || event.metaKey || String(getSelection())) return;
    pick(index);
    location.hash = to;
  };
  return html`
    <div class=${classes("row", active && "active")} role="row" id=${`row-${of.number}`} aria-rowindex=${index + 2}
      aria-selected=${active} style=${style} onClick=${open}>
      <span class="number" role="gridcell"><a href=${to} tabindex="-1">${of.number}</a></span>
      <span class="began" role="gridcell"><${Time} at=${of.opened} /></span>
      <span class="lasted" role="gridcell"><${Lasted} of=${of} /></span>
      <span class="name" role="gridcell" title=${title(of)}>${of.name || html`<i>${of.kind}</i>`}</span>
      <span class="parties" role="gridcell"><${Address} of=${of.client} /><span class="to" aria-label="to">→</span><${Address} of=${of.server || of.near} /></span>
      <span class="protocol" role="gridcell">${of.protocol}</span>
      <span class="said client" role="gridcell"><${Bytes} of=${of.client_bytes} /></span>
      <span class="said server" role="gridcell"><${Bytes} of=${of.server_bytes} /></span>
      <span class="how" role="gridcell"><${Standing} of=${of} busy=${isBusy(of)} /></span>
    </div>`;
}

function isBusy(of) {
  if (of.closed !== null) return false;
  void tick.value;
  return now() - of.last < BUSY;
}

function Nothing({ query }) {
  if (isNarrowed(query)) {
    return html`<${Empty} title="No conversation is like that"><p>Make the search wider, or <a href=${href("conversations")}>clear it</a>.</p><//>`;
  }
  return html`<${Empty} title="Nobody has talked yet"><p>As soon as a client calls one of the listeners or relays, the conversation appears here.</p><//>`;
}
