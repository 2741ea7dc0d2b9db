// One hub as this page has it: who one is, the rooms that one is in, and what is done there. The components read its
// signals, and call what it can do; hearing.js does what the hub tells, fetching.js has what was said before.
//
//   const chat = new Chat(place);  chat.begin()
//   place: { name, open(), files: { base, shows, post, headers(ticket) }, canSay, wished(), shows(room) }
//
//   chat.nick, chat.account, chat.hub     signals; the nick is "" before one is in
//   chat.entry                            a signal: { refusal, who } while one has to say who one is (anew, as whom?), else null
//   chat.rooms                            a signal: Map of key → Room;  chat.shown  the key of the one that is looked at
//   chat.target                           a signal: { key, number } of a message that is to be shown, and, where somebody asked for it, marked (`isMarked`)
//   chat.notice                           a signal: the last thing that was said to this person alone
//
// A message that was sent and not answered when the hub was lost is sent again, by an id that the hub knows it by: it is
// said once.

import { computed, signal } from "page/dom.js";
import { catchUp, context, keyOf, newest } from "./fetching.js";
import { hear } from "./hearing.js";
import { Kept } from "./kept.js";
import { Link, Refusal } from "./link.js";
import { byName, Room } from "./room.js";

const CLIENT = "tincans page";
const LOBBY = "#lobby";
/** A nick that somebody else had when one came back is asked for so often, in milliseconds. */
const REGAIN = 15_000;

export { keyOf };
/** Of a talk with one person. */
export const privateKey = (nick) => `@${nick.toLowerCase()}`;

export class Chat {
  constructor(place) {
    this.place = place;
    this.kept = new Kept(place.name);
    this.link = new Link(place.open, { opened: () => this.#opened(), happened: (said) => hear(this, said) });
    this.nick = signal("");
    this.account = signal("");
    this.hub = signal("");
    this.entry = signal(null);
    this.rooms = signal(new Map());
    this.shown = signal("");
    this.target = signal(null);
    this.notice = signal(null);
    /** Messages that were sent and not answered: [{ id, key, text, kind }]. */
    this.pending = signal([]);
    this.ticket = "";
    /** Whether it is on the page; one can be on a hub and look at something else. */
    this.isShown = false;
    this.limits = { text: 16384, file: 0 };
    this.room = computed(() => this.rooms.value.get(this.shown.value) ?? null);
    this.sorted = computed(() => [...this.rooms.value.values()].sort((a, b) => a.isPrivate - b.isPrivate || byName(a.name, b.name)));
    this.#who = { nick: this.kept.get("nick", ""), name: this.kept.get("account", ""), password: "" };
  }

  #who;
  #regaining = 0;
  #wasIn = false;

  begin() {
    for (const name of this.#remembered()) this.#put(new Room(name, { read: this.#readOf(name) }));
    this.show(keyOf(this.place.wished() || this.kept.get("shown", LOBBY)));
    if (this.place.canSay && (!this.#who.nick || this.#who.name)) this.entry.value = { refusal: null }; // a password is not remembered
    this.link.begin();
  }

  close() {
    clearInterval(this.#regaining);
    this.kept.save();
    this.link.close();
  }

  #remembered() {
    const wished = this.place.wished();
    const rooms = this.kept.get("rooms", null) ?? (wished ? [] : [LOBBY]);
    return [...new Map([...rooms, ...(wished.startsWith("#") ? [wished] : [])].map((name) => [keyOf(name), name])).values()];
  }

  // ── who one is ───────────────────────────────────────────────────────────────────────────────────────────

  /** Come in as this person. @param {{nick: string, name?: string, password?: string}} who */
  enter(who) {
    this.#who = { name: "", password: "", ...who };
    this.entry.value = null;
    if (this.link.ready) this.#hello();
    else this.link.retry();
  }

  #opened() {
    if (this.entry.peek() === null) this.#hello();
  }

  async #hello() {
    const { nick, name, password } = this.#who;
    try {
      this.welcome(await this.#greet(nick, name && { name, password }));
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      if (refusal.code !== "lost") this.entry.value = { refusal, who: { nick, name } };
    }
  }

  /** Who comes back before the hub has noticed that he was gone has another nick until it has. */
  async #greet(nick, login) {
    for (let other = nick; ; other += "_") {
      try {
        return await this.link.ask({ do: "hello", nick: other, client: CLIENT, ...login });
      } catch (refusal) {
        if (refusal.code !== "nick-taken" || !this.#wasIn || other.length > nick.length + 2) throw refusal;
      }
    }
  }

  welcome(said) {
    this.#wasIn = true;
    this.ticket = said.ticket ?? "";
    this.limits = { ...this.limits, ...said.limits };
    this.hub.value = said.hub;
    this.account.value = said.account;
    this.nick.value = said.nick;
    if (this.place.canSay) this.kept.set("nick", this.#who.nick || said.nick);
    this.kept.set("account", said.account);
    this.link.welcomed();
    clearInterval(this.#regaining);
    if (this.#who.nick && said.nick !== this.#who.nick) this.#regaining = setInterval(() => this.#regain(), REGAIN);
    for (const room of this.rooms.peek().values()) if (!room.isPrivate) this.#enterRoom(room).catch((refusal) => this.#expelled(room, refusal));
    for (const message of this.pending.peek()) this.#send(message, true);
  }

  #regain() {
    this.link.ask({ do: "nick", nick: this.#who.nick }).then(() => clearInterval(this.#regaining), () => null);
  }

  /** One is called so now. */
  called(nick) {
    this.nick.value = nick;
    this.kept.set("nick", nick);
    this.#who.nick = nick;
  }

  // ── rooms ────────────────────────────────────────────────────────────────────────────────────────────────

  #put(room) {
    this.rooms.value = new Map([...this.rooms.peek(), [room.isPrivate ? privateKey(room.name) : keyOf(room.name), room]]);
    return room;
  }

  async #enterRoom(room, key = "") {
    const said = await this.link.ask({ do: "join", room: room.name, ...(key && { key }) });
    room.name = said.room;
    await catchUp(this, room);
    this.#keepRooms();
  }

  /** It was closed to us while we were away. */
  #expelled(room, refusal) {
    if (refusal.code === "lost") return;
    this.forget(room);
    this.tell(refusal.message, true);
  }

  /** Be in a room, and look at it. Throws a Refusal. @param {string} name @param {string} [key] */
  async join(name, key = "") {
    const whole = name.startsWith("#") ? name : `#${name}`;
    if (!this.rooms.peek().has(keyOf(whole))) {
      const room = this.#put(new Room(whole, { read: this.#readOf(whole) }));
      try {
        await this.#enterRoom(room, key);
      } catch (refusal) {
        this.forget(room);
        throw refusal;
      }
    }
    this.show(keyOf(whole));
    return this.rooms.peek().get(keyOf(whole));
  }

  /** A talk with one person. */
  whisperTo(nick) {
    const key = privateKey(nick);
    return this.rooms.peek().get(key) ?? this.#put(new Room(nick, { isPrivate: true }));
  }

  async part(room, text = "") {
    if (!room.isPrivate) await this.link.ask({ do: "part", room: room.name, text });
    this.forget(room);
  }

  forget(room) {
    const next = new Map([...this.rooms.peek()].filter(([, each]) => each !== room));
    const wasShown = this.room.peek() === room;
    this.rooms.value = next;
    if (wasShown) this.show(next.keys().next().value ?? "");
    this.#keepRooms();
  }

  #keepRooms() {
    this.kept.set("rooms", [...this.rooms.peek().values()].filter(({ isPrivate }) => !isPrivate).map(({ name }) => name));
  }

  show(key) {
    const { room: before } = this;
    if (key !== this.shown.peek() && before.peek()) before.peek().marker.value = null;
    this.shown.value = key;
    this.kept.set("shown", key.startsWith("#") ? key : "");
    this.place.shows(this.room.peek()?.name ?? key);
  }

  // ── what was read ────────────────────────────────────────────────────────────────────────────────────────

  #readOf(name) {
    return this.kept.get("read", {})[keyOf(name)] ?? null;
  }

  /** All of a room was seen. */
  seen(room) {
    const { last, before } = room.lane;
    if (!last && before.peek()) return; // nothing was fetched yet
    if (room.unread.peek()) room.unread.value = 0;
    if (room.mentions.peek()) room.mentions.value = 0;
    if (room.isPrivate || (room.read !== null && last <= room.read)) return;
    room.read = last;
    this.kept.set("read", { ...this.kept.get("read", {}), [keyOf(room.name)]: last });
  }

  /** Show a message among those around it. Throws a Refusal. */
  async jump(name, number) {
    const room = await this.join(name);
    if (!room.lane.entries.peek().some((entry) => entry.number === number)) await context(this, room, number);
    this.target.value = { key: keyOf(name), number, isMarked: true };
  }

  /** The newest messages. */
  toEnd(room) {
    return room.lane.after.peek() ? newest(this, room) : Promise.resolve();
  }

  // ── what one says ────────────────────────────────────────────────────────────────────────────────────────

  /** @param {Room} room @param {string} text @param {"say" | "act" | "notice"} [kind] */
  say(room, text, kind = "say") {
    const id = `page-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
    const message = { id, key: room.isPrivate ? privateKey(room.name) : keyOf(room.name), text, kind };
    this.pending.value = [...this.pending.peek(), message];
    return this.#send(message, false);
  }

  /** Throws what the hub refuses; what was lost on its way stays pending, as what is said before one is welcome (again). */
  async #send(message, again) {
    const room = this.rooms.peek().get(message.key);
    if (!room?.isPrivate && !this.link.isLive) return; // one is in no room yet
    const to = room?.isPrivate ? { to: room.name } : { room: room?.name ?? message.key, id: message.id, again };
    try {
      await this.link.ask({ do: message.kind, text: message.text, ...to });
    } catch (refusal) {
      if (refusal.code === "lost" && !room?.isPrivate) return;
      this.#answered(message);
      if (!again) throw refusal;
      this.tell(`${refusal.message}: ${message.text}`, true);
    }
    this.#answered(message);
  }

  #answered(message) {
    this.pending.value = this.pending.peek().filter((each) => each !== message);
  }

  /** Something for this person alone. */
  tell(text, isWrong = false, more = {}) {
    this.notice.value = { text, isWrong, at: Date.now(), ...more };
  }
}
