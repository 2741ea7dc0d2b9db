// The frame around every view: the bar with the views and the totals, the banner that says what cannot be shown, the
// form that asks for the token, and the dialog of keys. A view is a module that is fetched when it is first looked at,
// and exports `View({ parts, query })`.

import { classes, html, signal, useEffect, useErrorBoundary, useRef, useState } from "./dom.js";
import { giveToken, refused, token } from "./api.js";
import * as format from "./format.js";
import { shortcuts, useKey } from "./keys.js";
import { retry, useLook } from "./live.js";
import { go, href, route } from "./router.js";
import { hello, isOutdated, lastSecond, latest, link, news, now, tick, trouble } from "./store.js";
import { Button, Dialog, Fault, Icon, Menu, setTheme, theme, Tins, Toasts, useTitle } from "./ui.js";

const VIEWS = {
  map: () => import("./map.js"),
  conversations: () => import("./list.js"),
  talk: () => import("./talk.js"),
  charts: () => import("./charts.js"),
  mails: () => import("./inbox.js"),
  chat: () => import("./chats.js"),
};

/** Where the conversation that was opened last is: its place in the bar, so that one can look elsewhere and come back. */
const opened = signal(null);

export function Shell() {
  if (!token.value || refused.value) return html`<${AskForToken} />`;
  return html`<${Frame} />`;
}

function Frame() {
  const [keys, setKeys] = useState(false);
  const { view, parts, query } = route.value;
  useLook({ seconds: true });
  useKey("?", "Show these keys", () => setKeys(true));
  const first = useRef(true);
  useEffect(() => {
    // Who opened something by a key goes on in what is shown; a view may have put the focus itself.
    if (!first.current && document.activeElement === document.body) document.getElementById("main").focus();
    first.current = false;
  }, [view, parts[0]]);
  useEffect(() => {
    if (view === "talk") opened.value = { number: parts[0], address: location.hash };
  });
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the view</a>
    <${Bar} view=${view} onKeys=${() => setKeys(true)} />
    <${Banner} />
    <main id="main" tabindex="-1"><${Shown} key=${view} view=${view} parts=${parts} query=${query} /></main>
    <${Toasts} />
    ${keys && html`<${Keys} onClose=${() => setKeys(false)} />`}`;
}

/** Not by the address: that is the router's. */
function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

// ── views ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Views that have been fetched. @type {Map<string, Function>} */
const fetched = new Map();

async function fetchView(view) {
  if (!fetched.has(view)) fetched.set(view, (await VIEWS[view]()).View);
  return fetched.get(view);
}

/** The others are fetched while nothing else is to be done, so that they are there at once. */
function fetchOthers() {
  const soon = window.requestIdleCallback ?? setTimeout;
  for (const view of Object.keys(VIEWS)) soon(() => fetchView(view).catch(() => null)); // who looks at it will be told
}

function Shown({ view, parts, query }) {
  const [View, setView] = useState(() => fetched.get(view));
  const [failed, setFailed] = useState(null);
  const [broken, mend] = useErrorBoundary((error) => console.error(error));
  useEffect(() => {
    if (View) return;
    const wrong = { message: "this part of the page could not be fetched", advice: "Reload the page." };
    fetchView(view).then((Found) => setView(() => Found), () => setFailed(wrong)).then(fetchOthers);
  }, [view]);
  if (failed) return html`<${Fault} error=${failed} retry=${() => location.reload()} />`;
  if (broken) {
    const error = { message: "this view has a fault and stopped", advice: String(broken) };
    return html`<${Fault} error=${error} retry=${mend} />`;
  }
  return View ? html`<${View} parts=${parts} query=${query} />` : html`<p class="waiting" role="status">Fetching…</p>`;
}

// ── the bar ────────────────────────────────────────────────────────────────────────────────────────────────

function Bar({ view, onKeys }) {
  const talk = opened.value;
  const unread = Object.values(news.value).reduce((sum, count) => sum + count, 0);
  useKey("1", "Map", () => go("map"));
  useKey("2", "Conversations", () => go("conversations"));
  useKey("3", "Charts", () => go("charts"));
  useKey("4", "Mails", () => go("mails"));
  useKey("5", "Chat", () => go("chat"));
  useKey("6", "The opened conversation", () => talk && (location.hash = talk.address));
  const tab = (name, text, icon, to) => html`
    <a href=${to} class="tab" aria-current=${view === name ? "page" : undefined}><${Icon} name=${icon} />${text}</a>`;
  return html`
    <header class="bar">
      <a class="brand" href=${href("map")} aria-label="tincans"><${Tins} /><span>tincans</span></a>
      <nav aria-label="Views">
        ${tab("map", "Map", "map", href("map"))}
        ${tab("conversations", "Conversations", "list", href("conversations"))}
        ${tab("charts", "Charts", "charts", href("charts"))}
        ${tab("mails", "Mails", "mails", href("mails"))}
        ${tab("chat", html`Chat${unread > 0 && html` <span class="count">${format.count(unread)}<span class="unseen"> not read</span></span>`}`, "chat", href("chat"))}
        ${talk && tab("talk", `#${talk.number}`, "talk", talk.address)}
      </nav>
      <${Totals} />
      <${Link} />
      <div class="tools">
        <${Button} icon="keyboard" label="Keys" onClick=${onKeys} />
        <${ThemeMenu} />
      </div>
    </header>`;
}

/** A second is told when it has ended; one that is older than this, in microseconds, is not now. */
const FRESH = 5e6;

function Totals() {
  const last = lastSecond.value;
  void tick.value;
  const isNow = link.value.state === "live" && last && now() - last.at < FRESH;
  const each = (text, title) => html`<span title=${title}>${text}</span>`;
  return html`
    <dl class="totals">
      <div><dt>Open</dt><dd>${isNow ? format.count(last.open) : "–"}</dd></div>
      <div class="client"><dt>Clients</dt><dd>${isNow ? each(format.rate(last.client_bytes), "What clients said in the last second") : "–"}</dd></div>
      <div class="server"><dt>Servers</dt><dd>${isNow ? each(format.rate(last.server_bytes), "What servers said in the last second") : "–"}</dd></div>
      ${latest.value.total > 0 && html`<div class="all"><dt>Recorded</dt><dd>${format.count(latest.value.total)}</dd></div>`}
    </dl>`;
}

const LINKS = { live: ["Live", "What is shown is what is now"], connecting: ["Connecting", ""], lost: ["Lost", "The server does not answer"] };

function Link() {
  const [text, title] = trouble.value ? ["Trouble", trouble.value.error] : LINKS[link.value.state];
  const look = classes("link", trouble.value ? "wrong" : link.value.state);
  return html`<span class=${look} title=${title} role="status"><span class="mark" aria-hidden="true"></span>${text}</span>`;
}

const THEMES = { system: "As the system has it", light: "Light", dark: "Dark" };
const THEME_ICONS = { system: "system", light: "sun", dark: "moon" };

function ThemeMenu() {
  const items = Object.entries(THEMES).map(([name, says]) => ({ says, checked: theme.value === name, run: () => setTheme(name) }));
  return html`<${Menu} icon=${THEME_ICONS[theme.value]} label="Colours" items=${items} />`;
}

// ── the banner ─────────────────────────────────────────────────────────────────────────────────────────────

/** What is not shown now, since when, and what would help. */
function Banner() {
  const { state, since, again, error } = link.value;
  if (state === "lost") {
    const advice = `${error?.advice ?? ""} What you see is as it was then. The page goes on trying, and fetches what it missed.`;
    return html`<${Trouble} error=${error?.message ?? "The server does not answer"} since=${since} advice=${advice} again=${again} />`;
  }
  if (trouble.value) return html`<${Trouble} ...${trouble.value} />`;
  if (isOutdated.value) {
    return html`<div class="banner mild" role="status"><p>tincans ${hello.value.version} serves this page now, which came from another version.</p>
      <${Button} small onClick=${() => location.reload()}>Reload<//></div>`;
  }
  return null;
}

function Trouble({ error, advice, since, again }) {
  const left = again && Math.max(0, Math.ceil((again - tick.value) / 1000));
  return html`
    <div class="banner" role="alert">
      <${Icon} name="warn" />
      <p><strong>${error}</strong>, since ${format.time(since * 1000)}. <span>${advice}</span></p>
      ${again && html`<span class="next" aria-hidden="true">${left ? `next try in ${left} s` : "trying"}</span>
        <${Button} small onClick=${retry}>Try now<//>`}
    </div>`;
}

// ── the token ──────────────────────────────────────────────────────────────────────────────────────────────

function AskForToken() {
  const [text, setText] = useState("");
  useTitle("");
  const give = (event) => {
    event.preventDefault();
    if (text.trim()) giveToken(text);
  };
  return html`
    <main id="main" class="ask">
      <form onSubmit=${give}>
        <${Tins} />
        <h1>tincans</h1>
        ${refused.value && html`<p class="wrong" role="alert">The server does not know this token. It may have been started again with another.</p>`}
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="off" spellcheck=${false} value=${text} required autofocus
          aria-describedby="where" onInput=${({ target }) => setText(target.value)} />
        <p id="where">It is the end of the address that <code>tincans up</code> or <code>tincans watch</code> printed
          first, after <code>#token=</code>. You may paste all of that address.</p>
        <button class="button primary" type="submit">Look</button>
      </form>
    </main>`;
}

// ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────

const ALWAYS = [
  { key: "↑ ↓", says: "Move in a list" },
  { key: "Enter", says: "Open" },
  { key: "Esc", says: "Close, or leave a field" },
];

function Keys({ onClose }) {
  const shown = [...shortcuts.value, ...ALWAYS];
  return html`
    <${Dialog} title="Keys" onClose=${onClose}>
      <dl class="keys">${shown.map(({ key, says }) => html`<div key=${key + says}><dt><kbd>${key}</kbd></dt><dd>${says}</dd></div>`)}</dl>
    <//>`;
}

