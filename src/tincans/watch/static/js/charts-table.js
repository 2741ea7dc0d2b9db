// What the charts show, in figures: a row for each `step`, the newest first.
//
//   <Table points step columns=${ALL} label="The last ten minutes" />     ALL for all conversations, SAID for one

import { html, useMemo } from "./dom.js";
import { bytes, clock, count, duration, time } from "./format.js";

const add = (row, point, name) => (row[name] ?? 0) + point[name];
const last = (row, point, name) => point[name];
const most = (row, point, name) => (point[name] === null ? (row[name] ?? null) : Math.max(row[name] ?? 0, point[name]));

/** What stands in each column: of which value, how several make one, and its text. */
export const SAID = [
  { head: "Client bytes", of: "client_bytes", gather: add, text: bytes, look: "client-ink" },
  { head: "Server bytes", of: "server_bytes", gather: add, text: bytes, look: "server-ink" },
  { head: "Client messages", of: "client_pieces", gather: add, text: count, look: "client-ink" },
  { head: "Server messages", of: "server_pieces", gather: add, text: count, look: "server-ink" },
];
export const ALL = [
  ...SAID,
  { head: "Open", of: "open", gather: last, text: count },
  { head: "Opened", of: "opened", gather: add, text: count },
  { head: "Longest opening", of: "opening", gather: most, text: (value) => (value === null ? "–" : duration(value * 1000)) },
];

/** `from` is where the rows begin to be counted. */
export function Table({ points, step, columns, label, from = 0 }) {
  const rows = useMemo(() => gathered(points, step, columns, from), [points, step]);
  const when = step < 1e6 ? clock : time;
  return html`
    <div class="scroller" tabindex="0" role="region" aria-label=${`${label}, as a table`}><table>
      <caption class="unseen">${label}, in each ${duration(step)}, the newest first</caption>
      <thead><tr><th scope="col">From</th>${columns.map(({ head }) => html`<th key=${head} scope="col">${head}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.at}><th scope="row">${when(row.at)}</th>
        ${columns.map(({ of, text, look }) => html`<td key=${of} class=${look}>${text(row[of])}</td>`)}</tr>`)}
      </tbody></table></div>`;
}

function gathered(points, step, columns, from) {
  const rows = new Map();
  for (const point of points) {
    const at = from + Math.floor((point.at - from) / step) * step;
    const row = rows.get(at) ?? { at };
    for (const { of, gather } of columns) row[of] = gather(row, point, of);
    rows.set(at, row);
  }
  return [...rows.values()].reverse();
}
