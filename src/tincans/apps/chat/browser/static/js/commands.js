// What can be typed behind a slash, in the manner of IRC: a row each, which is also its help.
//
//   commands                      [{ name, takes, says, run(chat, room, rest) }]
//   await obey(chat, room, text)  does it; a Refusal, or an Error with a sentence, is thrown

import { privateKey } from "./chat.js";

const parted = (rest) => {
  const [, first = "", more = ""] = /^(\S*)\s*(.*)$/s.exec(rest);
  return [first, more];
};

function needs(given, what) {
  if (!given) throw new Error(what);
  return given;
}

function here(room, what) {
  if (!room || room.isPrivate) throw new Error(`${what} is for a room`);
  return room.name;
}

/** A nick and a text, with the room in front where it was said. */
const inRoom = (room, rest, what) => (rest.startsWith("#") ? parted(rest) : [here(room, what), rest]);

export const commands = [
  { name: "join", takes: "#room [key]", says: "go into a room, or make it", run: (chat, room, rest) => chat.join(needs(parted(rest)[0], "say which room: /join #room"), parted(rest)[1]) },
  { name: "part", takes: "[text]", says: "leave this room", run: (chat, room, rest) => chat.part(room ?? needs(null, "there is no room to leave"), rest) },
  { name: "who", takes: "[name]", says: "who is here, or who somebody is", run: (chat, room, rest) => who(chat, room, parted(rest)[0]) },
  { name: "rooms", takes: "", says: "which rooms there are", run: (chat) => rooms(chat) },
  { name: "nick", takes: "name", says: "be called otherwise", run: (chat, room, rest) => chat.link.ask({ do: "nick", nick: needs(parted(rest)[0], "say which name: /nick name") }) },
  { name: "me", takes: "text", says: "say what you do", run: (chat, room, rest) => chat.say(room ?? needs(null, "there is no room to say it in"), needs(rest, "say what you do: /me waves"), "act") },
  { name: "msg", takes: "name [text]", says: "say something to one person", run: (chat, room, rest) => whisper(chat, ...parted(rest)) },
  { name: "notice", takes: "text", says: "say something that no program answers", run: (chat, room, rest) => chat.say(room ?? needs(null, "there is no room to say it in"), needs(rest, "say what"), "notice") },
  { name: "topic", takes: "[text]", says: "say what this room is about", run: (chat, room, rest) => chat.link.ask({ do: "topic", room: here(room, "/topic"), text: rest }) },
  { name: "search", takes: "words", says: "search what was said", run: (chat, room, rest) => chat.searched(rest) },
  { name: "kick", takes: "name [text]", says: "send somebody out of this room", run: (chat, room, rest) => kick(chat, ...inRoom(room, rest, "/kick")) },
  { name: "mode", takes: "modes", says: "set what is allowed here: /mode +o name, /mode +m", run: (chat, room, rest) => mode(chat, ...inRoom(room, rest, "/mode")) },
  { name: "invite", takes: "name", says: "invite somebody into this room", run: (chat, room, rest) => chat.link.ask({ do: "invite", nick: needs(parted(rest)[0], "say whom: /invite name"), room: here(room, "/invite") }) },
  { name: "away", takes: "[text]", says: "be away, or, without a text, be back", run: (chat, room, rest) => chat.link.ask({ do: "away", text: rest }) },
  { name: "help", takes: "", says: "show these commands", run: (chat) => chat.helped() },
];

/** What IRC calls some of them. */
const ALIASES = { leave: "part", close: "part", names: "who", whois: "who", list: "rooms", query: "msg", whisper: "msg", find: "search" };

async function who(chat, room, nick) {
  const { people } = await chat.link.ask(nick ? { do: "who", nick } : { do: "who", room: here(room, "/who") });
  const signs = { operator: "@", voice: "+" };
  const named = people.map((each) => `${signs[each.rank] ?? ""}${each.nick}${each.account && nick ? `, logged in as ${each.account}` : ""}${each.away && ` (away: ${each.away})`}`);
  chat.tell(nick ? named.join("; ") : `${people.length} here: ${named.join(", ")}`);
}

async function rooms(chat) {
  const there = (await chat.link.ask({ do: "rooms" })).rooms;
  chat.tell(there.length ? there.map(({ name, people }) => `${name} (${people})`).join(", ") : "there are no rooms yet: /join #room makes one");
}

async function whisper(chat, nick, text) {
  const talk = chat.whisperTo(needs(nick, "say to whom: /msg name text"));
  chat.show(privateKey(nick));
  if (text) await chat.say(talk, text);
}

function kick(chat, room, rest) {
  const [nick, text] = parted(rest);
  return chat.link.ask({ do: "kick", room, nick: needs(nick, "say whom: /kick name"), text });
}

const mode = (chat, room, modes) => chat.link.ask({ do: "mode", room, modes: needs(modes, "say which: /mode +m") });

/** @param {string} text begins with a slash */
export async function obey(chat, room, text) {
  const [name, rest] = parted(text.slice(1));
  const wanted = ALIASES[name.toLowerCase()] ?? name.toLowerCase();
  const found = commands.find((each) => each.name === wanted);
  if (!found) throw new Error(`there is no /${name}: /help shows what there is; // begins a message with a slash`);
  await found.run(chat, room, rest.trim());
}
