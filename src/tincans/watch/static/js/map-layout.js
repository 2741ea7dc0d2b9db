// Where everything on the map stands, in pixels: a pure function of the stations and the width.
//
//     wide    callers             tincans                 targets
//             ┌──────────────┐    ┌────────────────┐      ┌──────────────┐
//             │              │    │(:7000 listens) │      │              │      the head of a station
//             │curl   [50312]├════┤[7000]   [41000]├══════┤[8080]   nginx│      a channel: a row, in its slot
//             └──────────────┘    └────────────────┘      └──────────────┘
//
//     tall    the same three under one another, for a phone: the legs run down
//
// A channel has up to four sockets: `caller` and `near` on the first leg, `far` and `target` on the second.

import { wrapped } from "./map-names.js";

/**
 * @typedef {{x: number, y: number}} Point
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 * @typedef {{from: Point, to: Point}} Leg
 * @typedef {{channel: any, y: number, height: number, caller: Box | null, target: Box | null, core: Box | null,
 *            sockets: Object<string, Box>, legs: {first?: Leg, second?: Leg}, sentence: Point & {lines: string[]}}} Drawn
 * @typedef {{station: any, box: Box, head: Point, headWidth: number, rows: Drawn[], more: Point | null,
 *            target: Box | null, empty: Point | null}} Place
 */

export const SOCKET = { width: 116, height: 24 };
export const PORTRAIT_BELOW = 800;

const HEAD = 58;
const ROW = 52;
const SENTENCE = 17;
const MORE = 34;
const GAP = 30;
const PAD = 12;
const CORE = 312;
/** A tall picture is not wider than a phone's, whatever there is. */
const TALL = 460;
/** The width of a character in a sentence, and how many lines of it there are at most. */
const LETTER = 7;
const LINES = 4;
/** The sign before it. */
const MARK = 20;

/**
 * @param {import("./map-model.js").Station[]} stations @param {number} width
 * @param {(channel: import("./map-model.js").Channel) => string} sentenceOf why a channel stands still, or ""
 */
export function layout(stations, width, sentenceOf) {
  const place = width < PORTRAIT_BELOW ? tall : wide;
  const places = [];
  let y = 0;
  for (const station of stations) {
    const placed = place(station, width, y, sentenceOf);
    places.push(placed);
    y += placed.box.height + GAP;
  }
  return { places, height: Math.max(0, y - GAP), columns: columns(width), portrait: width < PORTRAIT_BELOW };
}

/** The three columns of the wide picture. @returns {{left: Box, core: Box, right: Box}} */
function columns(width) {
  const leg = Math.max(60, Math.min(320, width * 0.13));
  const side = Math.max(200, Math.min(330, (width - CORE - 2 * leg) / 2));
  const core = (width - CORE) / 2;
  const column = (x, wide) => ({ x, y: 0, width: wide, height: 0 });
  return { left: column(0, side), core: column(core, CORE), right: column(width - side, side) };
}

/** Which channel sits in which slot: an array with holes. */
function seats(station) {
  const seated = [];
  for (const channel of station.channels) if (channel.slot >= 0) seated[channel.slot] = channel;
  return seated;
}

function wide(station, width, top, sentenceOf) {
  const at = columns(width);
  const rows = [];
  let y = top + HEAD;
  const seated = seats(station);
  for (let slot = 0; slot < station.slots; slot += 1) {
    const text = seated[slot] ? sentenceOf(seated[slot]) : "";
    const lines = text ? wrapped(text, (CORE - 2 * PAD - MARK) / LETTER, LINES) : [];
    if (seated[slot]) rows.push(wideRow(station, seated[slot], at, y, lines));
    y += ROW + lines.length * SENTENCE;
  }
  const more = station.hidden || station.unfolded ? { x: at.core.x, y: y + MORE / 2 } : null;
  const empty = station.slots || more ? null : { x: at.core.x, y: y + 18 };
  y += more ? MORE : empty ? 32 : 6;
  const box = { x: at.core.x, y: top, width: CORE, height: y - top };
  const target = station.kind === "listen" ? null : { ...at.right, y: top, height: y - top };
  return { station, box, head: { x: at.core.x, y: top }, headWidth: CORE, rows, more, target, empty };
}

function wideRow(station, channel, at, y, lines) {
  const height = ROW + lines.length * SENTENCE;
  const middle = y + ROW / 2;
  const socket = (x) => ({ x, y: middle - SOCKET.height / 2, ...SOCKET });
  const has = { first: station.kind !== "connect", second: station.kind !== "listen" };
  const sockets = {};
  const legs = {};
  const leftEnd = at.left.x + at.left.width;
  const coreEnd = at.core.x + CORE;
  if (has.first) {
    sockets.caller = socket(leftEnd - SOCKET.width);
    sockets.near = socket(at.core.x);
    legs.first = { from: { x: leftEnd, y: middle }, to: { x: at.core.x, y: middle } };
  }
  if (has.second) {
    sockets.far = socket(coreEnd - SOCKET.width);
    sockets.target = socket(at.right.x);
    legs.second = { from: { x: coreEnd, y: middle }, to: { x: at.right.x, y: middle } };
  }
  const caller = has.first ? { ...at.left, y: middle - 20, height: 40 } : null;
  const inner = at.core.x + (has.first ? SOCKET.width : PAD);
  const core = { x: inner, y: middle, width: coreEnd - inner - (has.second ? SOCKET.width : PAD), height: 0 };
  const beside = at.right.x + SOCKET.width;
  const target = has.second ? { x: beside, y: middle, width: at.right.width - SOCKET.width, height: 0 } : null;
  return { channel, y, height, caller, target, core, sockets, legs, sentence: { x: at.core.x + PAD, y: y + ROW + 8, lines } };
}

function tall(station, room, top, sentenceOf) {
  const width = Math.min(room, TALL);
  const rows = [];
  let y = top + HEAD;
  const seated = seats(station);
  for (let slot = 0; slot < station.slots; slot += 1) {
    if (!seated[slot]) continue; // on a phone every pixel of height is dear
    const text = sentenceOf(seated[slot]);
    const lines = text ? wrapped(text, (width - 2 * PAD - MARK) / LETTER, LINES) : [];
    const row = tallRow(station, seated[slot], width, y, lines);
    rows.push(row);
    y += row.height;
  }
  const more = station.hidden || station.unfolded ? { x: 0, y: y + MORE / 2 } : null;
  const empty = rows.length || more ? null : { x: 0, y: y + 18 };
  y += more ? MORE : empty ? 32 : 0;
  const box = { x: 0, y: top, width, height: y - top };
  return { station, box, head: { x: 0, y: top }, headWidth: width, rows, more, target: null, empty };
}

/** Zigzag: down on the right from the caller, down on the left to the target. */
function tallRow(station, channel, width, y, lines) {
  const leg = 34;
  const line = 34;
  const left = PAD;
  const right = width - PAD - SOCKET.width;
  const socket = (x, top) => ({ x, y: top + (line - SOCKET.height) / 2, ...SOCKET });
  const strip = (top) => ({ x: PAD, y: top, width: width - 2 * PAD, height: line });
  const down = (x, from) => ({ from: { x: x + SOCKET.width / 2, y: from }, to: { x: x + SOCKET.width / 2, y: from + leg } });
  const sockets = {};
  const legs = {};
  const has = { first: station.kind !== "connect", second: station.kind !== "listen" };
  let at = y + 6;
  let caller = null;
  let target = null;
  if (has.first) {
    caller = strip(at);
    sockets.caller = socket(right, at);
    legs.first = down(right, at + line - 5);
    at += line + leg - 10;
    sockets.near = socket(right, at);
  }
  const inner = has.second ? left + SOCKET.width : left;
  const core = { x: inner, y: at + line / 2, width: (has.first ? right : width - PAD) - inner, height: 0 };
  if (has.second) {
    sockets.far = socket(left, at);
    legs.second = down(left, at + line - 5);
    at += line + leg - 10;
    target = { ...strip(at), x: left + SOCKET.width, width: width - 2 * PAD - SOCKET.width };
    sockets.target = socket(left, at);
  }
  at += line;
  const sentence = { x: PAD + 2, y: at + 14, lines };
  at += lines.length ? lines.length * SENTENCE + 4 : 0;
  return { channel, y, height: at + 20 - y, caller, target, core, sockets, legs, sentence };
}
