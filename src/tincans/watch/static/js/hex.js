// Bytes as they are: offset, sixteen bytes, and what they are in ASCII, for any number of them. Only the rows that are seen
// are in the document, and only what they show is fetched.
//
//   <Hex bytes=${{ size, read: async (start, end) => ({ data, hidden }) }} mark=${[start, end]} label="…" />
//
// `data` is a Uint8Array, `hidden` the spans of secrets, which are shown as stars; `mark` is lit, and scrolled to. One
// byte is where the cursor is: arrows move it, with Shift they choose from there on, and what is chosen can be copied.

import { classes, html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./dom.js";
import * as format from "./format.js";
import { CopyButton } from "./ui.js";
import { Virtual } from "./virtual.js";

/** Bytes that are fetched at once (the API gives 64 KiB at most), and how many such pieces are kept. */
const PIECE = 16_384;
const PIECES = 64;
const ROW = 20;
/** What fits sixteen bytes, in pixels; below it there are eight in a row. */
const WIDE = 574;
/** What can be copied at once. */
export const MOST_COPIED = 1 << 20;

/**
 * @typedef {{data: Uint8Array, hidden: [number, number][]}} Piece
 * @param {{bytes: {size: number, read: (start: number, end: number) => Promise<Piece>}, mark?: [number, number],
 *          label: string}} props
 */
export function Hex({ bytes, mark = [0, 0], label }) {
  const scroller = useRef(null);
  const whole = useRef(null);
  const [each, setEach] = useState(16);
  const [cursor, setCursor] = useState({ at: mark[0], from: mark[0] });
  const { byteAt, want, error } = usePieces(bytes);
  const rows = Math.ceil(bytes.size / each);

  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setEach(whole.current.clientWidth < WIDE ? 8 : 16));
    observer.observe(whole.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    setCursor({ at: mark[0], from: mark[0] });
    const row = Math.floor(mark[0] / each);
    const seen = Math.floor(scroller.current.clientHeight / ROW);
    scroller.current.revealRow(Math.min(Math.max(0, rows - 1), row + seen - 3)); // so that the mark is near the top
    scroller.current.revealRow(Math.max(0, row - 1));
  }, [bytes, mark[0], mark[1], each]);

  const move = (at, extend) => {
    const to = Math.max(0, Math.min(bytes.size - 1, at));
    setCursor({ at: to, from: extend ? cursor.from : to });
    scroller.current.revealRow(Math.floor(to / each));
  };
  const onKeyDown = (event) => {
    const page = Math.max(1, Math.floor(scroller.current.clientHeight / ROW) - 1) * each;
    const row = cursor.at - (cursor.at % each);
    const far = event.ctrlKey || event.metaKey;
    const to = {
      ArrowLeft: cursor.at - 1, ArrowRight: cursor.at + 1, ArrowUp: cursor.at - each, ArrowDown: cursor.at + each,
      PageUp: cursor.at - page, PageDown: cursor.at + page, Home: far ? mark[0] : row, End: far ? mark[1] - 1 : row + each - 1,
    }[event.key];
    if (to === undefined || event.altKey) return;
    event.preventDefault();
    move(to, event.shiftKey);
  };
  const onPointerDown = (event) => {
    const at = event.target.closest("[data-at]")?.dataset.at;
    if (at !== undefined) setCursor({ at: Number(at), from: event.shiftKey ? cursor.from : Number(at) });
  };
  const unchosen = mark[1] > mark[0] ? mark : [0, bytes.size];
  const chosen = cursor.at === cursor.from ? unchosen : [Math.min(cursor.at, cursor.from), Math.max(cursor.at, cursor.from) + 1];
  const onRange = (first, last) => want(first * each, Math.min(bytes.size, last * each));
  return html`
    <div class="hex" ref=${whole}>
      <div class="tools">
        <${CopyButton} text=${() => copied(bytes, chosen, asHex)}>Hex<//>
        <${CopyButton} text=${() => copied(bytes, chosen, asText)}>Text<//>
        <span class="chosen">${format.plural(chosen[1] - chosen[0], "byte")}</span>
        <output class="at" aria-live="polite">${saysAt(cursor.at, byteAt(cursor.at))}</output>
      </div>
      ${error && html`<p class="wrong" role="alert">${error.message}</p>`}
      <${Virtual} class="rows" scroller=${scroller} count=${rows} height=${ROW} onRange=${onRange} role="grid" tabindex="0"
        aria-label=${label} aria-rowcount=${rows} onKeyDown=${onKeyDown} onPointerDown=${onPointerDown}
        row=${(index, style) => html`<${Row} index=${index} style=${style} each=${each} size=${bytes.size} byteAt=${byteAt} mark=${mark}
          chosen=${cursor.at === cursor.from ? null : chosen} cursor=${cursor.at} />`} />
    </div>`;
}

function Row({ index, style, each, size, byteAt, mark, chosen, cursor }) {
  const start = index * each;
  const places = Array.from({ length: Math.min(each, size - start) }, (_, place) => start + place);
  const looks = places.map((at) => classes(
    at >= mark[0] && at < mark[1] && "marked", chosen && at >= chosen[0] && at < chosen[1] && "chosen",
    at === cursor && "cursor", byteAt(at) === null && "secret", byteAt(at) === undefined && "absent",
  ));
  const lacking = each - places.length; // in the last row: what is missing keeps the next column in its place
  const cell = (at, text, place) => html`<span key=${place} class=${looks[place]} data-at=${at}>${text}</span>`;
  return html`
    <div role="row" style=${style} aria-rowindex=${index + 1}>
      <span role="rowheader" class="offset">${start.toString(16).padStart(8, "0")}</span>
      <span role="gridcell" class="bytes">${places.map((at, place) => cell(at, hexOf(byteAt(at)) + (place === 7 ? "\u00a0" : ""), place))}
        ${Array.from({ length: lacking }, (_, place) => html`<span key=${each - lacking + place}>${"\u00a0\u00a0"}${each - lacking + place === 7 && "\u00a0"}</span>`)}</span>
      <span role="gridcell" class="ascii">${places.map((at, place) => cell(at, charOf(byteAt(at)), place))}</span>
    </div>`;
}

// ── what is fetched ────────────────────────────────────────────────────────────────────────────────────────

/** The pieces of `bytes` that were seen last: a byte is a number, null where it is secret, undefined where not yet there. */
function usePieces(bytes) {
  const [, draw] = useState(0);
  const [error, setError] = useState(null);
  const pieces = useMemo(() => new Map(), [bytes]);
  const want = (start, end) => {
    for (let number = Math.floor(start / PIECE); number * PIECE < end; number += 1) {
      const known = pieces.get(number);
      if (known && (known === "asked" || known.data.length >= Math.min(PIECE, bytes.size - number * PIECE))) continue;
      pieces.set(number, "asked");
      bytes.read(number * PIECE, Math.min(bytes.size, (number + 1) * PIECE)).then((piece) => {
        pieces.set(number, { ...piece, secret: secretIn(piece, number * PIECE) });
        if (pieces.size > PIECES) pieces.delete(pieces.keys().next().value);
        setError(null);
        draw((times) => times + 1);
      }, (failed) => {
        pieces.delete(number);
        setError(failed);
      });
    }
  };
  const byteAt = (at) => {
    const piece = pieces.get(Math.floor(at / PIECE));
    if (!piece || piece === "asked") return undefined;
    return piece.secret.has(at) ? null : piece.data[at % PIECE];
  };
  return { byteAt, want, error };
}

function secretIn({ data, hidden }, start) {
  const found = new Set();
  for (const [from, to] of hidden) {
    for (let at = Math.max(from, start); at < Math.min(to, start + data.length); at += 1) found.add(at);
  }
  return found;
}

/** All of a span, piece by piece. */
async function copied(bytes, [start, end], as) {
  const found = [];
  for (let at = start; at < Math.min(end, start + MOST_COPIED); at += PIECE) {
    const { data, hidden } = await bytes.read(at, Math.min(end, at + PIECE));
    const secret = secretIn({ data, hidden }, at);
    data.forEach((byte, place) => found.push(secret.has(at + place) ? null : byte));
  }
  return as(found);
}

// ── bytes as text ──────────────────────────────────────────────────────────────────────────────────────────

const hexOf = (byte) => (byte === null ? "**" : byte === undefined ? "··" : byte.toString(16).padStart(2, "0"));
const charOf = (byte) => (byte === null ? "*" : byte === undefined ? " " : byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·");

const asHex = (found) => found.map(hexOf).join(" ");
const asText = (found) => new TextDecoder().decode(Uint8Array.from(found, (byte) => byte ?? 0x2a));

function saysAt(at, byte) {
  const place = `${format.count(at)} (0x${at.toString(16)})`;
  if (byte === undefined) return place;
  if (byte === null) return `${place}: secret`;
  const char = byte >= 0x20 && byte < 0x7f ? ` “${String.fromCharCode(byte)}”` : "";
  return `${place}: ${hexOf(byte)} = ${byte}${char}`;
}

/** A Uint8Array as what `Hex` reads. @param {Uint8Array} data */
export function ofData(data) {
  return { size: data.length, read: async (start, end) => ({ data: data.subarray(start, end), hidden: [] }) };
}

/** What the API gives, as bytes. @param {string} hex */
export function fromHex(hex) {
  const data = new Uint8Array(hex.length / 2);
  for (let at = 0; at < data.length; at += 1) data[at] = parseInt(hex.slice(at * 2, at * 2 + 2), 16);
  return data;
}
