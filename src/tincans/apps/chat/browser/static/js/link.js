// The WebSocket to a hub: what is asked is answered, what happens is told, and when it is lost it is opened again, after
// FIRST_WAIT, twice that … up to LONGEST_WAIT. docs/chat.md has the protocol: an object a message.
//
//   const link = new Link(open, { opened, happened });   `open()` gives a WebSocket
//   await link.ask({ do: "join", room: "#ops" })          the answer; a Refusal is thrown
//   link.state                                            a signal: { state, since, again, why }
//   link.begin(), link.retry(), link.close()
//
// `state` is "connecting", "live" or "lost"; `why` is what the hub said before it closed. A hub that is silent although it
// was pinged is lost too: a machine that was unplugged closes nothing.

import { signal } from "page/dom.js";

const FIRST_WAIT = 250;
const LONGEST_WAIT = 8000;
/** It is pinged this often, in milliseconds, and may take so long to say something. */
const PING = 20_000;
const SILENT = 10_000;

/** What the hub would not do: `code` as in docs/chat.md, or "lost" where it was not reached. */
export class Refusal extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

const LOST = "the hub was lost before it answered";

export class Link {
  /** @param {() => WebSocket} open @param {{opened: () => void, happened: (event: object) => void}} hears */
  constructor(open, hears) {
    this.#open = open;
    this.#hears = hears;
    this.state = signal({ state: "connecting", since: Date.now(), again: 0, why: "" });
  }

  #open;
  #hears;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, {resolve: Function, reject: Function}>} */
  #asked = new Map();
  #label = 0;
  #wait = FIRST_WAIT;
  #timer = 0;
  #pinging = 0;
  #heardAt = 0;
  #why = "";

  begin() {
    this.#pinging = setInterval(() => this.#watch(), PING);
    addEventListener("online", this.retry);
    document.addEventListener("visibilitychange", this.#shown);
    this.#connect();
  }

  /** For good. */
  close() {
    clearInterval(this.#pinging);
    clearTimeout(this.#timer);
    removeEventListener("online", this.retry);
    document.removeEventListener("visibilitychange", this.#shown);
    this.#drop();
  }

  /** Connects now, where it would have waited. */
  retry = () => {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#wait = FIRST_WAIT;
    this.#connect();
  };

  #shown = () => document.hidden || this.retry();

  /** Whether it is open, welcomed or not. */
  get ready() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  get isLive() {
    return this.state.peek().state === "live";
  }

  /** @param {object} command @returns {Promise<object>} */
  ask(command) {
    if (!this.ready) return Promise.reject(new Refusal("lost", "the hub cannot be reached now"));
    const label = String((this.#label += 1));
    this.#socket.send(JSON.stringify({ ...command, label }));
    return new Promise((resolve, reject) => this.#asked.set(label, { resolve, reject }));
  }

  #connect() {
    this.#timer = 0;
    const mine = this.#open();
    this.#socket = mine;
    this.#heardAt = Date.now();
    mine.onopen = () => this.#socket === mine && this.#hears.opened();
    mine.onmessage = ({ data }) => this.#socket === mine && this.#hear(JSON.parse(data));
    mine.onclose = () => this.#socket === mine && this.#lost();
  }

  /** Who has opened it has been welcomed. */
  welcomed() {
    this.#wait = FIRST_WAIT;
    this.#why = "";
    this.state.value = { state: "live", since: Date.now(), again: 0, why: "" };
  }

  #hear(said) {
    this.#heardAt = Date.now();
    if (said.on === "bye") this.#why = said.text;
    const asked = this.#asked.get(said.label);
    if (asked) this.#asked.delete(said.label);
    if (said.on !== "error") this.#hears.happened(said);
    if (said.on === "error") asked?.reject(new Refusal(said.code, said.text));
    else asked?.resolve(said);
  }

  #watch() {
    if (this.#socket === null) return;
    if (Date.now() - this.#heardAt > PING + SILENT) {
      this.#drop();
      this.#lost();
    } else if (this.isLive) {
      this.ask({ do: "ping" }).catch(() => null); // it is noticed by its silence
    }
  }

  #drop() {
    const old = this.#socket;
    this.#socket = null; // its handlers know themselves by this, and fall silent
    old?.close();
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { reject } of asked) reject(new Refusal("lost", LOST));
  }

  #lost() {
    this.#drop();
    const { state, since } = this.state.peek();
    const told = state === "lost" ? since : this.#heardAt;
    this.state.value = { state: "lost", since: told, again: Date.now() + this.#wait, why: this.#why };
    this.#timer = setTimeout(() => this.#connect(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }
}
