// What the list of conversations is narrowed to: the page's address says it (so that a link shows the same), the API is
// asked for it, and what happens now is compared with it.
//
//   asked(query)              of an address: the parameters of GET /api/conversations
//   isRead(query)             whether the recording has to be read for it, and not only looked up
//   isFleeting(query)         whether a conversation may cease to match (an open one ends, a small one grows)
//   matches(query, row)       whether a conversation is one of them, as far as it can be looked up
//   sizeOf("1.5 MiB")         bytes, or null
//   STATES KINDS TIMES        what one can choose from

import { now } from "./store.js";

export const STATES = ["open", "finished", "reset", "failed", "idle", "stopped", "lost"];
export const KINDS = ["listen", "connect", "relay"];

const MINUTE = 60e6;
/** `when` in an address: it means the same stretch before now whenever the link is opened. */
export const TIMES = {
  "5m": { says: "Last 5 minutes", since: () => now() - 5 * MINUTE },
  "1h": { says: "Last hour", since: () => now() - 60 * MINUTE },
  today: { says: "Today", since: () => new Date().setHours(0, 0, 0, 0) * 1000 },
  "24h": { says: "Last 24 hours", since: () => now() - 1440 * MINUTE },
  "7d": { says: "Last 7 days", since: () => now() - 7 * 1440 * MINUTE },
};

/** All parameters of an address that narrow the list. */
export const NAMES = ["text", "party", "name", "kind", "protocol", "state", "least", "most", "when", "since", "until"];

/** @param {URLSearchParams} query */
export const isNarrowed = (query) => NAMES.some((name) => query.get(name));
/** @param {URLSearchParams} query */
export const isRead = (query) => Boolean(query.get("text") || query.get("protocol"));
/** @param {URLSearchParams} query */
export const isFleeting = (query) => ["state", "least", "most"].some((name) => query.get(name));

/** @param {URLSearchParams} query */
export function asked(query) {
  const plain = Object.fromEntries(["text", "party", "name", "kind", "protocol", "until"].map((name) => [name, query.get(name)]));
  const when = TIMES[query.get("when")];
  return {
    ...plain,
    state: query.getAll("state").filter((state) => STATES.includes(state)),
    least: sizeOf(query.get("least")),
    most: sizeOf(query.get("most")),
    since: when ? Math.round(when.since()) : query.get("since"),
  };
}

/** @param {ReturnType<typeof asked>} wanted @param {object} row */
export function matches(wanted, row) {
  const { party, name, kind, state, least, most, since, until } = wanted;
  const size = row.client_bytes + row.server_bytes;
  const parties = [row.client, row.near, row.far, row.server];
  return (
    (!party || parties.some((each) => each.toLowerCase().includes(party.toLowerCase()))) &&
    (!name || row.name === name) &&
    (!kind || row.kind === kind) &&
    (!state.length || state.includes(row.how ?? "open")) &&
    (least === null || size >= least) &&
    (most === null || size <= most) &&
    (!since || row.opened >= Number(since)) &&
    (!until || row.opened <= Number(until))
  );
}

const SIZES = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** @param {string | null} text as people write it: `512`, `1.5k`, `2 MiB` */
export function sizeOf(text) {
  const found = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*$/i.exec(text ?? "");
  return found && Math.round(Number(found[1]) * SIZES[found[2].toLowerCase()]);
}

/** What is chosen, in words, for each filter that is not a field of its own. @param {URLSearchParams} query */
export function inWords(query) {
  const [least, most, when] = ["least", "most", "when"].map((name) => query.get(name));
  const states = query.getAll("state");
  const size = least && most ? `${least} – ${most}` : least ? `≥ ${least}` : most ? `≤ ${most}` : "";
  const isTimed = query.get("since") || query.get("until");
  return {
    state: states.length > 2 ? `${states.length} states` : states.join(", "),
    size,
    time: TIMES[when]?.says ?? (isTimed ? "From … to …" : ""),
  };
}
