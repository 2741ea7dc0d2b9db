// What could be meant by what is being typed: a command behind a slash, a name, a room.
//
//   candidates(chat, room, text, at)   { from, to, all: [{ puts, says, about }] }, or null where there is none

import { commands } from "./commands.js";
import { byName } from "./room.js";

const MOST = 8;

/** @param {string} text @param {number} at where the cursor is @param {boolean} isAsked somebody has pressed Tab */
export function candidates(chat, room, text, at, isAsked) {
  const from = text.slice(0, at).search(/\S*$/);
  const word = text.slice(from, at);
  const all = word.startsWith("/") && from === 0 ? commandsLike(word) : isAsked || /^[@#]./.test(word) ? namesLike(chat, room, word, from === 0) : [];
  return all.length ? { from, to: at, all: all.slice(0, MOST) } : null;
}

const commandsLike = (word) =>
  word.startsWith("//") ? [] : commands.filter(({ name }) => `/${name}`.startsWith(word.toLowerCase()))
    .map(({ name, takes, says }) => ({ puts: `/${name} `, says: `/${name} ${takes}`, about: says }));

function namesLike(chat, room, word, isStart) {
  const wanted = word.toLowerCase();
  if (wanted.startsWith("#")) {
    return [...chat.rooms.peek().values()].filter(({ name }) => name.toLowerCase().startsWith(wanted))
      .map(({ name }) => ({ puts: `${name} `, says: name, about: "" }));
  }
  const bare = wanted.replace(/^@/, "");
  const nicks = [...(room?.people.peek().keys() ?? [])].filter((nick) => nick !== chat.nick.peek() && nick.toLowerCase().startsWith(bare));
  return nicks.sort(byName).map((nick) => ({ puts: `${nick}${isStart ? ": " : " "}`, says: nick, about: "" }));
}
