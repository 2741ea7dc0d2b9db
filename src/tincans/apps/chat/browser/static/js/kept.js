// What the browser remembers of a hub: who one was, in which rooms, and how far one has read. A browser that lets a page
// remember nothing has it for as long as the page is open.
//
//   const kept = new Kept("hub");  kept.get("nick", "");  kept.set("nick", "ann")

export class Kept {
  /** @param {string} name which hub it is of */
  constructor(name) {
    this.#name = `tincans.chat.${name}`;
    this.#values = read(this.#name);
  }

  #name;
  #values;
  #planned = 0;

  get(key, otherwise) {
    return this.#values[key] ?? otherwise;
  }

  set(key, value) {
    this.#values[key] = value;
    this.#planned ||= setTimeout(() => this.save(), 200); // how far one has read changes with every message
  }

  save() {
    clearTimeout(this.#planned);
    this.#planned = 0;
    try {
      localStorage.setItem(this.#name, JSON.stringify(this.#values));
    } catch {
      // It holds for as long as the page is open.
    }
  }
}

function read(name) {
  try {
    const found = JSON.parse(localStorage.getItem(name) ?? "{}");
    return found !== null && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}
