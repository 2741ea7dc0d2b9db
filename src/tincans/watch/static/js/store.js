// What the page knows, as signals: live.js writes here, views read. Everything is bounded, whatever is said.
//
//   hello          { version, steer, journal, now, protocols, board } or null before the server said it
//   link           how the WebSocket stands: { state: "connecting" | "live" | "lost", since, again, error }
//   epoch          grows whenever the server is reached (again): fetch then what may have been missed
//   trouble        { error, advice, since } while the server cannot show something, else null
//   board          rows of the switchboard
//   held           Map of number → conversation: the newest news of at most MOST_HELD, those that are open first
//   latest         the newest news, at most once a frame: { rows, skipped, total, gone }; read it to hear of all changes
//   programs       Map of number → { client, server }
//   states         Map of number → state, of conversations that are silent
//   seconds        the last ten minutes, a `second` each
//   inboxes        by name, a number that is another one once something in that inbox has changed
//   news           by the name of a chat's hub that one is on, how much was said there and not read
//   grew           Map of number → what was last said of a conversation that is followed (`useLook({ conversation })`)
//   now(), asOf()  the server's time, in microseconds, and that up to which what is shown is known; `tick` is a signal that
//                  changes once a second, for what ages
//
// Only the functions below change them.

import { batch, computed, signal } from "./dom.js";

/** Conversations that are held: what a person can look through, and what a map can draw. */
export const MOST_HELD = 4000;
/** Ten minutes. */
export const MOST_SECONDS = 600;
/** States and programs that are held. */
const MOST_BESIDE = 4000;
/** What may be held beyond a bound before it is trimmed: trimming sorts, so it is done seldom. */
const SLACK = 500;

let firstVersion = "";
export const hello = signal(null);
export const link = signal({ state: "connecting", since: Date.now(), again: 0, error: null });
export const epoch = signal(0);
export const trouble = signal(null);
export const board = signal([]);
export const programs = signal(new Map());
export const states = signal(new Map());
export const seconds = signal([]);
export const inboxes = signal({});
export const news = signal({});
export const grew = signal(new Map());
export const held = new Map();
export const latest = signal({ rows: [], skipped: 0, total: 0, gone: [] });

/** Whether what is shown is what is now. */
export const isLive = computed(() => link.value.state === "live" && trouble.value === null);
/** Whether the server is another version than the one that this page came from. */
export const isOutdated = computed(() => firstVersion !== "" && hello.value?.version !== firstVersion);
/** The last second that ended, or null. */
export const lastSecond = computed(() => seconds.value.at(-1) ?? null);

// ── time ───────────────────────────────────────────────────────────────────────────────────────────────────

let ahead = 0;

/** The server's clock may be another machine's. @param {number} at microseconds, just now, there */
export const setClock = (at) => (ahead = at - Date.now() * 1000);
export const now = () => Date.now() * 1000 + ahead;

/** The time up to which what is shown is known: now, or when the server was last heard. */
export function asOf() {
  const since = link.value.state === "lost" ? link.value.since : trouble.value?.since;
  return since ? since * 1000 + ahead : now();
}

export const tick = signal(Date.now());
setInterval(() => document.hidden || (tick.value = Date.now()), 1000);

// ── what is told ───────────────────────────────────────────────────────────────────────────────────────────

/**
 * What happened since the last frame, in one go: every component is drawn once.
 * @param {{
 *   rows: Map<number, object>, skipped: number, total: number | null, gone: number[], now: number | null,
 *   board: object[] | null, programs: object, states: object[], seconds: object[], grew: Map<number, object>,
 *   inboxes: Record<string, number> | null,
 * }} news
 */
export function tell(news) {
  batch(() => {
    if (news.now !== null) setClock(news.now);
    if (news.board) board.value = news.board;
    if (news.rows.size || news.skipped || news.gone.length || news.total !== null) changed(news);
    beside(programs, Object.entries(news.programs).map(([number, of]) => [Number(number), of]));
    beside(states, news.states.map((state) => [state.conversation, state]));
    if (news.seconds.length) seconds.value = joined(seconds.peek(), news.seconds);
    if (news.grew.size) grew.value = news.grew;
    if (news.inboxes) inboxes.value = news.inboxes;
  });
}

function changed({ rows, skipped, total, gone }) {
  for (const number of gone) held.delete(number);
  for (const [number, row] of rows) held.set(number, row);
  forgetBeside([...gone, ...[...rows.values()].filter(({ closed }) => closed !== null).map(({ number }) => number)]);
  if (held.size > MOST_HELD + SLACK) trim();
  latest.value = { rows: [...rows.values()], skipped, total: total ?? latest.peek().total, gone };
}

/**
 * All that are open, as they were asked for. Of those that were held before and of which nothing was told since, the others
 * are over. What is not recorded cannot be asked for, and stays.
 * @param {object[]} rows @param {Map<number, object>} before
 */
export function seeOpen(rows, before) {
  const open = new Set(rows.map(({ number }) => number));
  const over = [...before.values()].filter((row) => isOver(row, open) && held.get(row.number) === row).map(({ number }) => number);
  const news = rows.filter((row) => newer(held.get(row.number), row) === row);
  batch(() => {
    for (const number of over) held.delete(number);
    for (const row of news) held.set(row.number, row);
    forgetBeside(over);
    if (held.size > MOST_HELD + SLACK) trim();
    latest.value = { ...latest.peek(), rows: news, skipped: 0, gone: [] };
  });
}

const isOver = ({ number, closed }, open) => number > 0 && closed === null && !open.has(number);

/** Those that are over go first, the oldest of them before the others. */
function trim() {
  const least = [...held.values()].sort((a, b) => (a.closed === null) - (b.closed === null) || a.number - b.number);
  for (const row of least.slice(0, held.size - MOST_HELD)) held.delete(row.number);
}

function beside(map, news) {
  if (!news.length) return;
  const next = new Map([...map.peek(), ...news]);
  for (const number of next.keys()) {
    if (next.size <= MOST_BESIDE) break;
    next.delete(number);
  }
  map.value = next;
}

/** Who is over waits for nobody, and their programs have gone on to something else. */
function forgetBeside(numbers) {
  for (const map of [programs, states]) {
    const known = numbers.filter((number) => map.peek().has(number));
    if (!known.length) continue;
    const next = new Map(map.peek());
    for (const number of known) next.delete(number);
    map.value = next;
  }
}

/** Seconds in order, each once, the newest MOST_SECONDS: a server that is asked again begins from the beginning. */
function joined(old, more) {
  const first = more[0].at;
  return [...old.filter(({ at }) => at < first), ...more].slice(-MOST_SECONDS);
}

/** The server was reached: what was open before may be over by now, and it will say what is. @param {object} said */
export function begin(said) {
  firstVersion ||= said.version;
  batch(() => {
    setClock(said.now);
    hello.value = said;
    trouble.value = null;
    forgetLive();
    epoch.value += 1;
  });
}

/** Drops all that may no longer hold. */
export function forgetLive() {
  batch(() => {
    held.clear();
    programs.value = new Map();
    states.value = new Map();
    grew.value = new Map();
    latest.value = { ...latest.peek(), rows: [], skipped: 0, gone: [] };
  });
}

/**
 * The newer of two looks at one conversation, the second of which was asked for later; either may be undefined. A number
 * that began at another time is another journal's.
 * @template T @param {T | undefined} a @param {T | undefined} b @returns {T | undefined}
 */
export function newer(a, b) {
  if (!a || !b) return a ?? b;
  return a.opened !== b.opened || age(b) >= age(a) ? b : a;
}

const age = (row) => (row.closed === null ? row.last : Infinity);
