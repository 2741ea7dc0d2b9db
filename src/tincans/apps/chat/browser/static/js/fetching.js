// What was said before, asked of the hub in parts, so that a room's messages stay without a gap: docs/chat.md, `history`.
//
// One fetch runs at a time in a room, so what one answers still fits what is here. Those that are said meanwhile, and what
// else happens, wait (`room.waiting`), and are put behind.

import { isFor } from "./words.js";

/** A room's name, as it is compared. */
export const keyOf = (name) => name.toLowerCase();

const PART = 100;
const MOST = 500;
/** Who missed more than so many parts sees the newest, and those between when they scroll. */
const PARTS = 4;

const ask = (chat, room, more) => chat.link.ask({ do: "history", room: room.name, limit: PART, ...more });

/** Fetch with `run`, behind what is being fetched; what is said meanwhile comes behind, each message once. */
async function fetching(chat, room, run) {
  while (room.fetched) await room.fetched;
  room.waiting = [];
  const mine = run();
  room.fetched = mine.catch(() => null); // it is told to who asked for it
  try {
    await mine;
  } finally {
    const waited = room.waiting;
    room.fetched = room.waiting = null;
    arrive(chat, room, waited);
  }
}

/** One is in the room, again perhaps: what is not here yet. */
export const catchUp = (chat, room) =>
  fetching(chat, room, async () => {
    const { lane } = room;
    if (!lane.last) return begin(chat, room);
    const [same] = (await ask(chat, room, { before: lane.last + 1, limit: 1 })).messages;
    if (same?.id !== lane.lastId) return begin(chat, room); // the hub has forgotten all, and counts anew
    if (lane.after.peek()) return undefined; // one looks at what was long before
    for (let parts = 0; parts < PARTS; parts += 1) {
      const { messages, more } = await ask(chat, room, { after: lane.last, limit: MOST });
      count(chat, room, lane.append(messages));
      if (!more) return undefined;
    }
    return latest(chat, room);
  });

async function begin(chat, room) {
  await latest(chat, room);
  if (room.read > room.lane.last) room.read = null; // it counts anew
  if (room.read === null) return void chat.seen(room); // one was never here before
  const { read } = room;
  const missed = room.lane.entries.peek().filter(({ number }) => number > read);
  tell(chat, room, missed);
  if (missed.length && chat.room.peek() === room) chat.target.value = { key: keyOf(room.name), number: missed[0].number };
  return undefined;
}

async function latest(chat, room) {
  const { messages, more } = await ask(chat, room, {});
  room.lane.replace(messages, { before: more, after: false });
}

export const newest = (chat, room) => fetching(chat, room, () => latest(chat, room));

/** Those before. */
export async function older(chat, room) {
  const { lane } = room;
  if (room.isOlderAsked || !lane.before.peek() || !lane.first) return;
  room.isOlderAsked = true;
  await fetching(chat, room, async () => {
    const { messages, more } = await ask(chat, room, { before: lane.first });
    lane.prepend(messages, more);
  }).catch(() => null); // it is asked for again when somebody scrolls there
  room.isOlderAsked = false;
}

/** Those behind, where one looks at what was long before. */
export async function newer(chat, room) {
  if (room.fetched) return; // it is asked for again when somebody scrolls there
  await fetching(chat, room, async () => {
    const { messages, more } = await ask(chat, room, { after: room.lane.last });
    room.lane.append(messages);
    room.lane.after.value = more;
  }).catch(() => null);
}

/** Those around one message. */
export const context = (chat, room, number) =>
  fetching(chat, room, async () => {
    const [until, from] = await Promise.all([ask(chat, room, { before: number + 1 }), ask(chat, room, { after: number })]);
    room.lane.replace([...until.messages, ...from.messages], { before: until.more, after: from.more });
  });

/** Messages as they are said, and what else happens (`eventOf`). */
export function arrive(chat, room, messages) {
  if (!messages.length) return;
  if (room.waiting) room.waiting.push(...messages);
  else if (room.lane.after.peek()) count(chat, room, messages);
  else count(chat, room, room.lane.append(messages));
}

/** What of these was not read is told. */
function count(chat, room, messages) {
  if (!isLookedAt(chat, room)) tell(chat, room, messages);
}

function tell(chat, room, messages) {
  const others = messages.filter(({ from }) => from && from !== chat.nick.peek());
  if (!others.length) return;
  if (!room.unread.peek()) room.marker.value = room.isPrivate ? null : (room.read ?? 0);
  room.unread.value += others.length;
  const called = others.filter((message) => room.isPrivate || isFor(message.text, chat.nick.peek()));
  if (!called.length) return;
  room.mentions.value += called.length;
  chat.onMention?.(room, called.at(-1));
}

/** Whether somebody sees what comes. `room.isAtEnd` is said by what shows it. */
const isLookedAt = (chat, room) => chat.isShown && !document.hidden && document.hasFocus() && chat.room.peek() === room && room.isAtEnd !== false;
