// The page of a hub: a bar, and the chat. The room that is looked at is in the address: http://host:7767/#ops

import { html, render, useEffect, useState } from "page/dom.js";
import { Button } from "page/button.js";
import { shortcuts, useKey } from "page/keys.js";
import { Menu } from "page/menus.js";
import { Tins } from "page/signs.js";
import { setTheme, theme } from "page/theme-switch.js";
import { Dialog, Toasts } from "page/ui.js";
import { Chat, keyOf } from "./chat.js";
import { ChatView } from "./view.js";
import { Nick } from "./words.js";

const SIGNS = { plain: "./static/page/tins.svg", dotted: "./static/tins-new.svg" };

function roomOfAddress() {
  try {
    return decodeURI(location.hash);
  } catch {
    return location.hash; // somebody typed a lone %
  }
}

const chat = new Chat({
  name: "hub",
  canSay: true,
  open: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/chat`),
  files: { base: "", shows: true, post: "/files", headers: (ticket) => ({ Authorization: `Bearer ${ticket}` }) },
  wished: () => (roomOfAddress().length > 1 ? roomOfAddress() : ""),
  shows: (name) => name.startsWith("#") && history.replaceState(null, "", encodeURI(name)),
});

addEventListener("hashchange", () => {
  const wished = roomOfAddress();
  if (wished.length > 1 && keyOf(wished) !== chat.shown.peek()) chat.join(wished).catch((refusal) => chat.tell(refusal.message, true));
});

function Page() {
  const [keys, setKeys] = useState(false);
  useKey("?", "Show these keys", () => setKeys(true));
  useEffect(() => chat.begin(), []);
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the chat</a>
    <header class="bar">
      <span class="brand"><${Tins} /><span>${chat.hub.value || "tincans"}</span></span>
      <${Link} />
      <div class="tools"><${Button} icon="keyboard" label="Keys" onClick=${() => setKeys(true)} /><${ThemeMenu} /></div>
    </header>
    <main id="main" tabindex="-1"><${ChatView} chat=${chat} signs=${SIGNS} /></main>
    <${Toasts} />
    ${keys && html`<${Keys} onClose=${() => setKeys(false)} />`}`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

const LINKS = { live: "Live", connecting: "Connecting", lost: "Lost" };

function Link() {
  const { state } = chat.link.state.value;
  const nick = chat.nick.value;
  if (chat.entry.value && state !== "lost") return html`<span class="link" role="status"></span>`; // one is asked first
  return html`${nick && html`<span class="me"><span class="unseen">You are </span><${Nick} nick=${nick} /></span>`}
    <span class=${`link ${state}`} role="status"><span class="mark" aria-hidden="true"></span>${LINKS[state]}</span>`;
}

const THEMES = { system: "As the system has it", light: "Light", dark: "Dark" };
const THEME_ICONS = { system: "system", light: "sun", dark: "moon" };

function ThemeMenu() {
  const items = Object.entries(THEMES).map(([name, says]) => ({ says, checked: theme.value === name, run: () => setTheme(name) }));
  return html`<${Menu} icon=${THEME_ICONS[theme.value]} label="Colours" items=${items} />`;
}

function Keys({ onClose }) {
  return html`<${Dialog} title="Keys" onClose=${onClose}>
    <dl class="keys">${shortcuts.value.map(({ key, says }) => html`<div key=${key + says}><dt><kbd>${key}</kbd></dt><dd>${says}</dd></div>`)}</dl><//>`;
}

const page = document.getElementById("page");
page.replaceChildren();
render(html`<${Page} />`, page);
addEventListener("pagehide", () => chat.kept.save());
