// Round numbers for axes. Pure functions.
//
//   stepOf(whole, "bytes" | "count", room)   the round value of which there are at most `room` in the whole
//   roundUp(most, step)                      where an axis ends: steps, at least one
//   timeTicks(from, to, room)                round times, in microseconds, as many as there is room for
//   timeText(at, step)                       as exact as the step between them

import { clock, time } from "./format.js";

/** What a number on an axis may begin with: people count in tens, bytes in powers of two. */
const LEADS = { count: [1, 2, 2.5, 5], bytes: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] };
const BASES = { count: 10, bytes: 1024 };
/** Less than this is not worth an axis: a byte, a thousandth. */
const LEAST = { count: 1e-3, bytes: 1 };

/** @param {number} whole @param {"count" | "bytes"} kind @param {number} room */
export function stepOf(whole, kind, room) {
  const each = Math.max(whole / room, LEAST[kind]);
  const base = BASES[kind];
  const unit = base ** Math.floor(Math.log(each) / Math.log(base) + 1e-9);
  return [...LEADS[kind].map((lead) => lead * unit), base * unit].find((size) => size >= each * 0.9999);
}

/** @param {number} most @param {number} step */
export const roundUp = (most, step) => Math.max(1, Math.ceil(most / step - 1e-9)) * step;

const SECOND = 1e6;
/** Between two times on an axis, in microseconds: thousandths, then what clocks are divided in. */
const TIMES = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((milli) => milli * 1e3),
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400].map((second) => second * SECOND),
];

/** @param {number} from @param {number} to @param {number} room how many there may be */
export function timeTicks(from, to, room) {
  const step = TIMES.find((each) => (to - from) / each <= room) ?? TIMES.at(-1);
  const zone = new Date(from / 1000).getTimezoneOffset() * 60 * SECOND; // so that midnight is ours
  const first = Math.ceil((from - zone) / step) * step + zone;
  const found = [];
  for (let at = first; at <= to; at += step) found.push(at);
  return { step, times: found };
}

/** @param {number} at @param {number} step */
export function timeText(at, step) {
  if (step < SECOND) return clock(at);
  return step < 60 * SECOND ? time(at) : time(at).slice(0, 5);
}
