// The view "Charts": how much was said, in how many pieces, how many channels were open, and how long opening took, in the
// last ten minutes, second by second: of as much of them as is known. And the same of one conversation, for whoever shows that:
//
//   <ConversationCharts number=${12} open=${true} />     bytes and pieces; followed while it is open
//
// Time goes on while nothing is told: what is not known is a gap at the right, and no line that seems to be still.

import { html, signal, useEffect, useMemo, useRef, useState } from "./dom.js";
import { get, wasAborted } from "./api.js";
import { ALL, SAID, Table } from "./charts-table.js";
import { bytes, count, duration, time } from "./format.js";
import { Plot } from "./plot.js";
import { grew, MOST_SECONDS, now, seconds, tick } from "./store.js";
import { Button, Empty, Fault, useTitle } from "./ui.js";

const SECOND = 1e6;
/** A row of the table: ten minutes are sixty rows. */
const ROW = 10 * SECOND;
/** An axis has at least two minutes: with less, what was said in a second would seem to have lasted. */
const LEAST = 120 * SECOND;

const BYTES = {
  kind: "bytes",
  mirror: true,
  axis: round,
  text: bytes,
  series: [
    { says: "client", colour: "--client", of: (second) => second.client_bytes },
    { says: "server", colour: "--server", of: (second) => second.server_bytes },
  ],
};
const PIECES = {
  kind: "count",
  mirror: true,
  axis: (value) => count(value),
  text: count,
  series: [
    { says: "client", colour: "--client", of: (second) => second.client_pieces },
    { says: "server", colour: "--server", of: (second) => second.server_pieces },
  ],
};
const OPEN = {
  kind: "count",
  axis: count,
  text: count,
  series: [
    { says: "opened", colour: "--edge", of: (second) => second.opened },
    { says: "open", colour: "--ink", of: (second) => second.open, as: "line" },
  ],
};
const OPENING = {
  kind: "count",
  axis: (value) => (value < 1e-9 ? "0" : `${Number(value.toPrecision(3))} ms`),
  text: (value) => duration(value * 1000),
  series: [{ says: "median", colour: "--ink", of: (second) => second.opening, as: "dots" }],
};

/** `4 KiB`, `1.25 MiB`: an axis has round numbers, and says them whole. */
function round(value) {
  const unit = Math.max(0, Math.floor(Math.log2(Math.max(value, 1)) / 10));
  return value === 0 ? "0" : `${Number((value / 1024 ** unit).toPrecision(4))} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}

export function View() {
  const [asTable, setAsTable] = useState(false);
  const cursor = useMemo(() => signal(null), []);
  useTitle("Charts");
  void tick.value;
  const points = seconds.value;
  const to = Math.floor(now() / SECOND) * SECOND;
  const same = { points, step: SECOND, from: beginning(points, to), to, cursor };
  return html`
    <div class="charts">
      <header><h1>The last ten minutes</h1><${AsTable} is=${asTable} set=${setAsTable} /></header>
      ${asTable
        ? html`<${Table} points=${points} step=${ROW} columns=${ALL} label="The last ten minutes" />`
        : html`<div class="plots">
            <${Plot} title="Bytes a second" ...${BYTES} ...${same} summary=${saidSummary(points, "bytes", bytes)} />
            <${Plot} title="Messages a second" ...${PIECES} ...${same} summary=${saidSummary(points, "pieces", count)} />
            <${Plot} title="Open channels" ...${OPEN} ...${same} summary=${openSummary(points)} />
            <${Plot} title="Opening time" ...${OPENING} ...${same} summary=${openingSummary(points)} />
          </div>`}
    </div>`;
}

/** Where the axis begins: at the first second that is known, within its bounds. */
function beginning(points, to) {
  const first = points.length ? points[0].at : to;
  return Math.max(to - MOST_SECONDS * SECOND, Math.min(first, to - LEAST));
}

/** The same in figures, for those who read them rather. */
function AsTable({ is, set }) {
  return html`<${Button} small icon=${is ? "charts" : "table"} onClick=${() => set(!is)}>${is ? "As charts" : "As a table"}<//>`;
}

// ── in words ───────────────────────────────────────────────────────────────────────────────────────────────

const sum = (points, of) => points.reduce((all, point) => all + of(point), 0);
const peak = (points, of) => points.reduce((most, point) => (of(point) > of(most) ? point : most), points[0]);

function saidSummary(points, what, text) {
  if (!points.length) return "Nothing is known yet.";
  const side = (name) => {
    const of = (point) => point[`${name}_${what}`];
    const most = peak(points, of);
    const when = of(most) ? `, most at ${time(most.at)} (${text(of(most))})` : "";
    return `${name}s ${text(sum(points, of))}${when}`;
  };
  return `Altogether ${side("client")}; ${side("server")}.`;
}

function openSummary(points) {
  if (!points.length) return "Nothing is known yet.";
  const most = peak(points, ({ open }) => open);
  return `${count(points.at(-1).open)} now, at most ${count(most.open)} at ${time(most.at)}; ${count(sum(points, ({ opened }) => opened))} opened.`;
}

function openingSummary(points) {
  const known = points.filter(({ opening }) => opening !== null).map(({ opening }) => opening).sort((a, b) => a - b);
  if (!known.length) return "No relay has called its target.";
  const [middle, most] = [known[known.length >> 1], known.at(-1)].map((value) => duration(value * 1000));
  return `Relays called their targets: ${middle} is the median of the seconds' medians, ${most} the longest.`;
}

// ── of one conversation ────────────────────────────────────────────────────────────────────────────────────

/** How often an open conversation's are asked for, in milliseconds. */
const EVERY = 1000;

export function ConversationCharts({ number, open }) {
  const [told, error, retry] = useSeconds(number, open);
  const [asTable, setAsTable] = useState(false);
  const cursor = useMemo(() => signal(null), [number]);
  if (error) return html`<${Fault} error=${error} retry=${retry} />`;
  if (!told) return html`<p class="waiting" role="status">Counting…</p>`;
  const { seconds: points, step } = told;
  if (!points.length) return html`<${Empty} title="Nothing has been said yet" />`;
  const each = step === SECOND ? "a second" : `in each ${duration(step)}`;
  const same = { points, step, from: points[0].at, to: points.at(-1).at + step, cursor };
  return html`
    <div class="charts">
      <header><h2>How much was said when</h2><${AsTable} is=${asTable} set=${setAsTable} /></header>
      ${asTable
        ? html`<${Table} points=${points} step=${step} from=${same.from} columns=${SAID} label=${`Conversation ${number}`} />`
        : html`<div class="plots">
            <${Plot} title=${`Bytes ${each}`} ...${BYTES} ...${same} summary=${saidSummary(points, "bytes", bytes)} />
            <${Plot} title=${`Messages ${each}`} ...${PIECES} ...${same} summary=${saidSummary(points, "pieces", count)} />
          </div>`}
    </div>`;
}

/** What the API says of it, asked for again while it grows, now and then: [told, error, retry]. */
function useSeconds(number, open) {
  const [told, setTold] = useState(null);
  const [error, setError] = useState(null);
  const [attempt, setAttempt] = useState(0);
  const asked = useRef(0);
  const news = grew.value.get(number); // the last of it may be told after the end
  useEffect(() => {
    const abort = new AbortController();
    const ask = () => {
      asked.current = Date.now();
      get(`/conversations/${number}/seconds`, {}, abort.signal).then(setTold, (wrong) => wasAborted(wrong) || setError(wrong));
    };
    const timer = setTimeout(ask, Math.max(0, asked.current + EVERY - Date.now()));
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [number, attempt, open, news]);
  const retry = () => {
    setError(null);
    setAttempt(attempt + 1);
  };
  return [told, error, retry];
}
