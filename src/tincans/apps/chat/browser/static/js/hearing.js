// What the hub tells, done to what the page knows of its rooms: a function for each `on` of docs/chat.md. What this page
// does not know it passes over: a newer hub may say more.

import { keyOf } from "./chat.js";
import { arrive } from "./fetching.js";
import { eventOf } from "./lane.js";

const roomOf = (chat, name) => chat.rooms.peek().get(keyOf(name));
const reason = (text) => (text ? `: ${text}` : "");
/** People who come and go within so many milliseconds are told in one line. */
const TOGETHER = 5 * 60_000;

/** @param {import("./chat.js").Chat} chat @param {{on: string}} said */
export function hear(chat, said) {
  HEARD[said.on]?.(chat, said);
}

/** Something happened, behind what was said before. */
const tell = (chat, room, text, more) => arrive(chat, room, [eventOf(text, more)]);

/** Say who came or went; those who did the same just before are in the same line. */
function tellOf(chat, room, what, nick, { at, text = "" }) {
  const { lane } = room;
  const last = room.waiting ? null : lane.entries.peek().at(-1);
  if (!text && last?.what === what && last.names && Date.parse(at) - last.at < TOGETHER) {
    const names = [...last.names.filter((name) => name !== nick), nick];
    lane.amend(last, { names, text: `${listed(names)} ${what}` });
  } else {
    tell(chat, room, `${nick} ${what}${reason(text)}`, { at, what, ...(text ? {} : { names: [nick] }) });
  }
}

function listed(names) {
  if (names.length > 6) return `${names.slice(-5).join(", ")} and ${names.length - 5} others`;
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
}

function gone(chat, nick, how) {
  for (const room of chat.rooms.peek().values()) {
    if (!room.has(nick)) continue;
    room.change(nick, null);
    how(room);
  }
}

const LETTERS = { o: "operator", v: "voice" };
const VALUED = "ovbeIqk";

/** Ranks that `+o-v ann bob` changes. */
function rank(room, modes) {
  const [letters, ...values] = modes.split(" ");
  let on = true;
  for (const letter of letters) {
    if (letter === "+" || letter === "-") {
      on = letter === "+";
      continue;
    }
    const value = VALUED.includes(letter) || (letter === "l" && on) ? values.shift() : "";
    if (LETTERS[letter] && value && room.has(value)) room.change(value, { rank: on ? LETTERS[letter] : "" });
  }
}

const HEARD = {
  ping: (chat) => chat.link.ask({ do: "pong" }).catch(() => null),
  message(chat, { label, ...said }) {
    const room = roomOf(chat, said.room);
    if (room) arrive(chat, room, [said]);
  },
  whisper(chat, { label, ...said }) {
    const isMine = said.from === chat.nick.peek();
    arrive(chat, chat.whisperTo(isMine ? said.to : said.from), [said]);
  },
  room(chat, said) {
    const room = roomOf(chat, said.room);
    if (!room) return;
    room.topic.value = said.topic?.text ?? "";
    room.setPeople(said.people);
  },
  joined(chat, said) {
    const room = roomOf(chat, said.room);
    if (!room) return;
    room.change(said.who.nick, { account: said.who.account, rank: "", away: "" });
    if (said.who.nick !== chat.nick.peek()) tellOf(chat, room, "joined", said.who.nick, said);
  },
  left(chat, said) {
    const room = roomOf(chat, said.room);
    if (!room || said.who.nick === chat.nick.peek()) return;
    room.change(said.who.nick, null);
    tellOf(chat, room, "left", said.who.nick, said);
  },
  quit: (chat, said) => gone(chat, said.who.nick, (room) => tellOf(chat, room, "left", said.who.nick, said)),
  renamed(chat, { nick, new: now, at }) {
    if (nick === chat.nick.peek()) chat.called(now);
    for (const room of chat.rooms.peek().values()) {
      if (!room.has(nick)) continue;
      room.change(nick, { nick: now });
      tell(chat, room, `${nick} is now ${now}`, { at });
    }
  },
  account: (chat, { who }) => everywhere(chat, who.nick, { account: who.account }),
  away: (chat, { who, text }) => everywhere(chat, who.nick, { away: text }),
  topic(chat, { room: name, who, text, at }) {
    const room = roomOf(chat, name);
    if (!room) return;
    room.topic.value = text;
    tell(chat, room, text ? `${who.nick} set the topic: ${text}` : `${who.nick} took the topic away`, { at });
  },
  mode(chat, { room: name, who, modes, at }) {
    const room = roomOf(chat, name);
    if (!room) return;
    rank(room, modes);
    tell(chat, room, `${who?.nick ?? "the hub"} set ${modes}`, { at });
  },
  kicked(chat, { room: name, nick, by, text, at }) {
    const room = roomOf(chat, name);
    if (!room) return;
    if (nick === chat.nick.peek()) {
      chat.forget(room);
      chat.tell(`${by.nick} sent you out of ${name}${reason(text)}`, true);
    } else {
      room.change(nick, null);
      tell(chat, room, `${by.nick} sent ${nick} out${reason(text)}`, { at });
    }
  },
  invited(chat, { room: name, nick, by }) {
    const room = roomOf(chat, name);
    if (nick === chat.nick.peek()) chat.tell(`${by.nick} invites you to ${name}`, false, { invitation: name });
    else if (room) tell(chat, room, `${by.nick} invited ${nick}`);
  },
};

function everywhere(chat, nick, change) {
  for (const room of chat.rooms.peek().values()) if (room.has(nick)) room.change(nick, change);
}
