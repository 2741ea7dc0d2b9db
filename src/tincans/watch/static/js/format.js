// Numbers, times and addresses as people read them. Pure functions, in the manner of `tincans.text`, so that the page
// and the terminal say the same. All times are microseconds since 1970-01-01 UTC, shown in the browser's zone.
//
//   bytes(n) rate(n) count(n) plural(n, "row")   amounts
//   duration(us) span(from, to)                  how long
//   clock(at) time(at) day(at) moment(at, now)   when
//   place("tcp://127.0.0.1:9000")                an address, shortened: ":9000"
//   halves("unix:///run/long/path/x.sock")       an address in two parts, the first of which may be cut
//   title(conversation)                          "relay front"
//   standing(conversation)                       "open", "half-closed", or how it ended

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];
const NUMBERS = new Intl.NumberFormat("en-US");

/** At most nine characters: `512 B`, `1.4 KiB`. @param {number} count */
export function bytes(count) {
  if (count < 1024) return `${Math.round(count)} B`;
  let size = count / 1024;
  let unit = 0;
  while (size >= 1023.95 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(1)} ${UNITS[unit]}`;
}

/** Bytes a second. @param {number} each */
export const rate = (each) => `${bytes(each)}/s`;

/** `12,000`. @param {number} number */
export const count = (number) => NUMBERS.format(number);

/** `1 row`, `12,000 rows`. @param {number} number @param {string} one @param {string} [many] */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** About three digits: `0.4 ms`, `12 ms`, `1.24 s`, `3 min 20 s`. @param {number} micros */
export function duration(micros) {
  const seconds = Math.max(0, micros) / 1e6;
  if (seconds < 0.00995) return `${(seconds * 1e3).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${(seconds * 1e3).toFixed(0)} ms`;
  if (seconds < 59.995) return `${seconds.toFixed(2)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

const two = (number) => String(number).padStart(2, "0");
const three = (number) => String(number).padStart(3, "0");

/** The time of day to a second. @param {number} at */
export function time(at) {
  const when = new Date(at / 1000);
  return `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
}

/** The time of day to a millisecond. @param {number} at */
export const clock = (at) => `${time(at)}.${three(new Date(at / 1000).getMilliseconds())}`;

/** `2026-11-22`. @param {number} at */
export function day(at) {
  const when = new Date(at / 1000);
  return `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`;
}

/** The time, and the day where that is not today's. @param {number} at @param {number} now */
export const moment = (at, now) => (day(at) === day(now) ? time(at) : `${day(at)} ${time(at)}`);

/** For `<time datetime>`, and as a title that leaves nothing out. @param {number} at */
export const exact = (at) => new Date(at / 1000).toISOString();

const HERE = /^((?:[a-z0-9+]+:\/\/)?)(127\.0\.0\.1|localhost|\[::1\])(:\d+.*)$/;

/**
 * An address in three parts, without `tcp://`: the middle one is this machine, which may be left out where room is short.
 * @param {string} address @returns {[string, string, string]}
 */
export function placed(address) {
  const bare = address.replace(/^tcp:\/\//, "");
  const found = HERE.exec(bare);
  return found ? [found[1], found[2], found[3]] : ["", "", bare];
}

/** So much of a path's end is kept, in characters: its name stands there. */
const KEPT = 24;

/**
 * Where a text may be cut: the path of a socket file in the middle, all else at the end.
 * @param {string} address @returns {[string, string]}
 */
export function halves(address) {
  const at = /^(tls\+)?unix:/.test(address) ? Math.max(0, address.length - KEPT) : 0;
  return at ? [address.slice(0, at), address.slice(at)] : [address, ""];
}

/** An address without what is the same everywhere: no `tcp://`, and no host where that is this machine. */
export function place(address) {
  const [scheme, , rest] = placed(address);
  return scheme + rest;
}

/** Which part tincans played, and under which name. @param {{kind: string, name: string}} conversation */
export const title = ({ kind, name }) => `${kind} ${name}`.trimEnd();

/** @param {{how: string | null, client_ended: number | null, server_ended: number | null}} conversation */
export function standing({ how, client_ended, server_ended }) {
  if (how !== null) return how;
  return client_ended === null && server_ended === null ? "open" : "half-closed";
}

/** Whether it ended as nobody wanted. @param {{how: string | null}} conversation */
export const isWrong = ({ how }) => how === "reset" || how === "failed" || how === "lost";
