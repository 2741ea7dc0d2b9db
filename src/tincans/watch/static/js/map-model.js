// The map's model: what there is to draw, made of board rows and conversations, without a pixel.
//
// A `Station` is one place where tincans takes callers, or from which it calls: a row of the board, or, where there is no
// switchboard, what the addresses of the conversations tell. A `Channel` is one conversation drawn. It gets the first
// free slot of its station and keeps it until it has faded, so that nothing jumps while others come and go; only so many
// have a slot, and the rest is counted, unless the station was unfolded.
//
// How fast each side speaks is the difference between what was told before and now; after MOVING_MS without a word a
// line stands still. Times are milliseconds of the page's own clock, which the caller gives.

/**
 * @typedef {import("./map-names.js").Place} Place
 * @typedef {{bytes: number, rate: number, moved: number}} Voice   rate in bytes a second; when it moved last
 * @typedef {{conversation: any, voices: {client: Voice, server: Voice}, seen: number, gone: number | null,
 *            missed: number | null, slot: number}} Channel
 * @typedef {{key: string, kind: string, name: string, address: string, answers: string, row: any | null,
 *            channels: Channel[], open: number, hidden: number, hiddenStuck: number, slots: number,
 *            unfolded: boolean}} Station
 */

/** How many channels of a station are drawn before the rest is only counted. */
export const SHOWN = 8;
/** How long a line goes on moving after the last word. */
export const MOVING_MS = 1200;
/** How long a channel that is over is still drawn. */
export const FADING_MS = 4000;
/** How long one is still drawn of which the page knows no longer. */
const MISSED_MS = 1500;
/** Of those that came and went between two looks, as many at a time; a flood of short calls is no picture. */
const GLIMPSES = 60;
/** From how many bytes a second on a line is heavier. */
const WEIGHTS = [1, 4096, 262_144, 16_777_216];

/** From 0, still, to 4, as fast as it goes. @param {number} rate */
export function weightOf(rate) {
  return WEIGHTS.filter((least) => rate >= least).length;
}

/** How a channel stands, in the word that its class on the map has. @param {Channel} channel @param {any} [state] */
export function lookOf(channel, state) {
  const { how, kind, far, closed, last } = channel.conversation;
  if (closed !== null) return how === "finished" || how === "idle" || how === "stopped" ? "over" : "broken";
  if (state?.is_stuck && state.at >= last) return "stuck";
  if (kind === "relay" && !far) return "calling";
  return "open";
}

export class Picture {
  /** @type {Map<number, Channel>} */ #channels = new Map();
  /** @type {Set<string>} */ #unfolded = new Set();

  /** What is known of these conversations now; those it has not heard of before are new. */
  see(conversations, at) {
    for (const each of conversations) {
      const known = this.#channels.get(each.number);
      if (known) follow(known, each, at);
      else if (each.closed === null) this.#channels.set(each.number, begun(each, at));
    }
  }

  /** One that began and ended before the page heard of it: it is drawn for as long as it fades. */
  glimpse(conversation, at) {
    if (this.#channels.has(conversation.number)) return;
    const fading = [...this.#channels.values()].filter(({ gone }) => gone !== null);
    if (fading.length < GLIMPSES) this.#channels.set(conversation.number, { ...begun(conversation, at), gone: at });
  }

  /**
   * Lets time pass: stills lines, forgets what has faded. Says whether it is to be drawn again: something has changed just
   * now, or is still to change by itself.
   */
  age(at) {
    let again = false;
    for (const [number, channel] of this.#channels) {
      const isOver = channel.gone !== null && at - channel.gone >= FADING_MS;
      const isMissed = channel.missed !== null && at - channel.missed >= MISSED_MS;
      if (isOver || isMissed) this.#channels.delete(number);
      again ||= channel.gone !== null || channel.missed !== null;
      for (const voice of Object.values(channel.voices)) {
        again ||= voice.rate > 0;
        if (at - voice.moved >= MOVING_MS) voice.rate = 0;
      }
    }
    return again;
  }

  /**
   * Those of which the page knows no longer are forgotten, but not at once: when the server is reached again, it tells of
   * all of them anew.
   * @param {(number: number) => boolean} isKnown @param {number} at
   */
  miss(isKnown, at) {
    for (const [number, channel] of this.#channels) channel.missed = isKnown(number) ? null : (channel.missed ?? at);
  }

  /** @param {string} key */
  fold(key) {
    if (!this.#unfolded.delete(key)) this.#unfolded.add(key);
  }

  /** What is to be drawn. @param {any[]} rows @param {(n: number) => any} stateOf @returns {Station[]} */
  stations(rows, stateOf, shown = SHOWN) {
    const stations = new Map(rows.map((row) => [keyOf(row.kind, row.name, row.address), ofRow(row)]));
    for (const channel of [...this.#channels.values()].sort(byAge)) {
      const station = home(stations, channel.conversation);
      station.channels.push(channel);
      if (channel.gone === null) station.open += 1;
    }
    for (const station of stations.values()) {
      station.unfolded = this.#unfolded.has(station.key);
      seat(station, station.unfolded ? Infinity : shown, stateOf);
    }
    return [...stations.values()];
  }
}

// ── channels ────────────────────────────────────────────────────────────────────────────────────────────

/** @returns {Channel} */
function begun(conversation, at) {
  // What it said before the page was looking is no movement.
  const fresh = Date.now() * 1000 - conversation.last < MOVING_MS * 1000;
  const voice = (bytes) => ({ bytes, rate: fresh ? bytes : 0, moved: at });
  const voices = { client: voice(conversation.client_bytes), server: voice(conversation.server_bytes) };
  return { conversation, voices, seen: at, gone: null, missed: null, slot: -1 };
}

function follow(channel, conversation, at) {
  const seconds = Math.max(0.1, (at - channel.seen) / 1000);
  for (const side of ["client", "server"]) {
    const voice = channel.voices[side];
    const more = conversation[`${side}_bytes`] - voice.bytes;
    if (more <= 0) continue;
    const rate = more / Math.min(seconds, MOVING_MS / 1000);
    voice.rate = voice.rate ? (voice.rate + rate) / 2 : rate; // weights change, and do not flicker
    voice.bytes += more;
    voice.moved = at;
  }
  if (conversation !== channel.conversation) channel.seen = at;
  channel.conversation = conversation;
  if (conversation.closed !== null) channel.gone ??= at;
}

const byAge = (a, b) => a.conversation.opened - b.conversation.opened || a.conversation.number - b.conversation.number;

// ── stations ────────────────────────────────────────────────────────────────────────────────────────────

const keyOf = (kind, name, address) => `${kind} ${name || address}`;

function ofRow(row) {
  return { ...blank(row.kind, row.name, row.address, row.answers), row };
}

/** @returns {Station} */
function blank(kind, name, address, answers) {
  const key = keyOf(kind, name, address);
  return {
    key, kind, name, address, answers, row: null,
    channels: [], open: 0, hidden: 0, hiddenStuck: 0, slots: 0, unfolded: false,
  };
}

/** The station of a conversation: where its caller called, or, when tincans called, whom. */
function home(stations, { kind, name, near, server }) {
  const address = kind === "relay" ? near : server;
  const key = keyOf(kind, name, address);
  let station = stations.get(key);
  if (!station) {
    station = blank(kind, name, address, kind === "relay" ? server : "");
    stations.set(key, station);
  }
  return station;
}

/** Gives slots to those that have none, as far as there are any. When most are empty, all move together once. */
function seat(station, most, stateOf) {
  const seated = station.channels.filter(({ slot }) => slot >= 0).sort((a, b) => a.slot - b.slot);
  if (seated.length * 2 < (seated.at(-1)?.slot ?? 0) + 1) seated.forEach((channel, place) => (channel.slot = place));
  const taken = new Set();
  for (const channel of station.channels) {
    if (channel.slot >= most || taken.has(channel.slot)) channel.slot = -1;
    if (channel.slot >= 0) taken.add(channel.slot);
  }
  let free = 0;
  for (const channel of station.channels) {
    if (channel.slot >= 0) continue;
    while (taken.has(free)) free += 1;
    if (free < most) {
      channel.slot = free;
      taken.add(free);
    } else if (channel.gone === null) {
      station.hidden += 1;
      if (lookOf(channel, stateOf(channel.conversation.number)) === "stuck") station.hiddenStuck += 1;
    }
  }
  station.slots = taken.size ? Math.max(...taken) + 1 : 0;
}
