// Small pieces that all views share. Each is a component, unless it says otherwise.
//
//   <Time at /> <Bytes of /> <Address of />       with everything that was left out in the title
//   <SideTag side />                              who: the side's own colour, and its word
//   <Standing of />                               how a conversation stands: a mark and a word
//   <Icon name />                                 a drawn sign; see ICONS
//   <Button icon onClick primary danger small />  a button; `label` is for those that only have an icon
//   <Menu label icon items=[{ says, run, href, checked }] />
//   <Popover label text set>…</Popover>           a button that shows what else is to be set; Escape and a click beside close it
//   <Dialog title onClose actions>…</Dialog>      a modal <dialog>; Escape closes it
//   <CopyButton text />                           text, or a function that gives it (or a promise of it)
//   <Empty title>…</Empty>                        what is shown where there is nothing to show
//   <Fault error retry />                         a Trouble, with its advice
//   toast(text, isWrong)                          a function: says it for a moment, to screen readers too
//   useTitle(text)                                the document's title
//   theme, setTheme                               "system", "light" or "dark"
//   colour(name)                                  a function: the computed value of a CSS variable, for a canvas

import { classes, html, signal, useEffect, useId, useRef, useState } from "./dom.js";
import * as format from "./format.js";
import { now, tick } from "./store.js";

// ── what is said ───────────────────────────────────────────────────────────────────────────────────────────

/** A time; with `precise`, to a millisecond. */
export function Time({ at, precise = false }) {
  const text = precise ? format.clock(at) : format.moment(at, now());
  return html`<time datetime=${format.exact(at)} title=${`${format.day(at)} ${format.clock(at)}`}>${text}</time>`;
}

/** How long a conversation has lasted, and goes on to. */
export function Lasted({ of }) {
  const end = of.closed ?? (tick.value, now());
  return html`<span title=${`${format.count(end - of.opened)} µs`}>${format.duration(end - of.opened)}</span>`;
}

export function Bytes({ of }) {
  return html`<span title=${format.plural(of, "byte")}>${format.bytes(of)}</span>`;
}

/** Where room is short, a style sheet hides `.here`: this machine's own name. */
export function Address({ of }) {
  const [scheme, here, rest] = format.placed(of);
  return html`<span class="address" title=${of}>${scheme}<span class="here">${here}</span>${rest}</span>`;
}

export function SideTag({ side, children }) {
  return html`<span class=${classes("side", side)}>${children ?? side}</span>`;
}

const MARKS = { open: "●", "half-closed": "◐", finished: "○", stopped: "□", idle: "○", reset: "✕", failed: "✕", lost: "✕" };

/** `busy`: something was said just now. */
export function Standing({ of, busy = false }) {
  const how = format.standing(of); // "" for nobody's
  const by = of.by ? ` by the ${of.by}` : "";
  const look = classes("standing", of.how === null && "open", format.isWrong(of) && "wrong", busy && "busy");
  const title = `${how}${by}${of.detail && `: ${of.detail}`}`;
  return html`<span class=${look} title=${title}><span class="mark" aria-hidden="true">${how && (MARKS[how] ?? "○")}</span>${how}</span>`;
}

// ── signs ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Paths in a box of 16 by 16, drawn with a stroke. */
const ICONS = {
  map: "M3 3.500h4v3H3zM9 9.500h4v3H9zM5 6.500v4.500h4",
  list: "M2.500 4h11M2.500 8h11M2.500 12h7",
  charts: "M2.500 2.500v11h11M5 10.500l2.500-4 2.500 2L13 4",
  talk: "M2.500 3.500h7v5h-4l-2 2v-2h-1zM11.500 6.500h2v5h-1v2l-2-2h-4v-1",
  search: "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM10.500 10.500l3.500 3.500",
  close: "M4 4l8 8M12 4l-8 8",
  down: "M4 6.500l4 4 4-4",
  up: "M4 9.500l4-4 4 4",
  right: "M6.500 4l4 4-4 4",
  left: "M9.500 4l-4 4 4 4",
  check: "M3 8.500l3.500 3.500L13 4.500",
  copy: "M5.500 5.500v-3h8v8h-3M2.500 5.500h8v8h-8z",
  download: "M8 2.500v7.500M4.500 7L8 10.500 11.500 7M2.500 13.500h11",
  keyboard: "M1.500 4h13v8.500h-13zM4 7h.01M6.700 7h.01M9.300 7h.01M12 7h.01M5 10h6",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.500v1M8 13.500v1M1.500 8h1M13.500 8h1M3.400 3.400l.7.7M11.900 11.900l.7.7M3.400 12.600l.7-.7M11.900 4.100l.7-.7",
  moon: "M13 9.500A5.500 5.500 0 0 1 6.500 3a5.500 5.500 0 1 0 6.500 6.500z",
  system: "M2 3h12v8H2zM6 13.500h4M8 11v2.500",
  warn: "M8 2l6.500 11.500h-13zM8 6.500v3M8 11.500v.01",
  play: "M5 3l8 5-8 5z",
  pause: "M5.500 3v10M10.500 3v10",
  stop: "M4 4h8v8H4z",
  reset: "M3 8a5 5 0 1 0 1.700-3.700M3 2.500v2.500h2.500",
  filter: "M2 3.500h12L9.500 9v4l-3-1.500V9z",
  more: "M3.500 8h.01M8 8h.01M12.500 8h.01",
  send: "M2.500 8h10M9 4.500L12.500 8 9 11.500",
  table: "M2.500 3h11v10h-11zM2.500 6.500h11M2.500 9.700h11M7 3v10",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${ICONS[name]} /></svg>`;
}

/** Two tins and their string: the client's and the server's. */
export function Tins() {
  return html`
    <svg class="tins" viewBox="0 0 40 24" aria-hidden="true">
      <path class="string" d="M12.500 12.500C17 21 23 21 27.500 12.500" />
      <path class="tin client" d="M2.500 7l8-2.800 3 11-8 2.800z" />
      <path class="tin server" d="M37.500 7l-8-2.800-3 11 8 2.800z" />
      <path class="rib" d="M4.700 9.400l6.500-2.300M5.500 12.600l6.600-2.400M35.300 9.400l-6.500-2.300M34.500 12.600l-6.600-2.400" />
    </svg>`;
}

// ── what is pressed ────────────────────────────────────────────────────────────────────────────────────────

export function Button({ icon, label, primary, danger, small, pressed, children, ...more }) {
  const look = classes("button", primary && "primary", danger && "danger", small && "small", !children && "bare");
  return html`
    <button type="button" class=${look} aria-label=${label} title=${label} aria-pressed=${pressed} ...${more}>
      ${icon && html`<${Icon} name=${icon} />`}${children}
    </button>`;
}

export function CopyButton({ text, label = "Copy", children }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(await (typeof text === "function" ? text() : text));
      toast("Copied");
    } catch (error) {
      toast(error.advice === undefined ? "The browser did not let this page copy" : error.message, true);
    }
  };
  return html`<${Button} icon="copy" small label=${children ? undefined : label} onClick=${copy}>${children}<//>`;
}

/**
 * A button that opens a list of things to do. Arrow keys move in it, Escape and a click beside it close it.
 * `items`: { says, run } or { says, href }; `checked` makes it one of several, `off` says why it cannot be chosen.
 */
export function Menu({ label, icon, items, children, small, start = false }) {
  const [open, setOpen] = useState(false);
  const whole = useRef(null);
  const id = useId();
  useEffect(() => {
    if (!open) return undefined;
    const list = whole.current.querySelector("[role=menu]");
    (list.querySelector("[aria-checked=true]") ?? list.querySelector("[role^=menuitem]"))?.focus();
    const away = ({ target }) => whole.current.contains(target) || setOpen(false);
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
  const close = () => {
    setOpen(false);
    whole.current.querySelector("button").focus();
  };
  const onKeyDown = (event) => {
    if (!open || !moveWithin(event, whole.current.querySelectorAll("[role^=menuitem]"), close)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`
    <div class=${classes("menu", start && "start")} ref=${whole} onKeyDown=${onKeyDown}>
      <${Button} icon=${icon} small=${small} label=${label} aria-haspopup="menu" aria-expanded=${open}
        aria-controls=${open ? id : undefined} onClick=${() => setOpen(!open)}>${children}<//>
      ${open && html`<div role="menu" id=${id} aria-label=${label}>
        ${items.map((item) => html`<${MenuItem} key=${item.says} ...${item} close=${close} />`)}
      </div>`}
    </div>`;
}

function MenuItem({ says, run, href, download, checked, off, close }) {
  const role = checked === undefined ? "menuitem" : "menuitemradio";
  const more = { role, tabindex: -1, "aria-checked": checked, "aria-disabled": off ? true : undefined, title: off };
  const press = () => {
    if (off) return;
    close();
    run?.();
  };
  const inside = html`<span class="tick">${checked && html`<${Icon} name="check" />`}</span>${says}`;
  if (href && !off) return html`<a href=${href} download=${download} ...${more} onClick=${press}>${inside}</a>`;
  return html`<button type="button" ...${more} onClick=${press}>${inside}</button>`;
}

/** Arrow keys, Home, End and Escape in a list of elements; whether the key was one of them. */
export function moveWithin(event, elements, close) {
  const all = [...elements];
  const here = all.indexOf(document.activeElement);
  const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined) all[(to + all.length) % all.length]?.focus();
  else if (event.key === "Escape" || event.key === "Tab") close();
  return to !== undefined || event.key === "Escape";
}

export function Popover({ label, text, set, children }) {
  const [open, setOpen] = useState(false);
  const whole = useRef(null);
  useEffect(() => {
    if (!open) return undefined;
    whole.current.querySelector("input, select, button:not([aria-expanded])")?.focus();
    const away = ({ target }) => whole.current.contains(target) || setOpen(false);
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
    };
  }, [open]);
  const onKeyDown = (event) => {
    if (!open || event.key !== "Escape") return;
    event.stopPropagation();
    setOpen(false);
    whole.current.querySelector("button").focus();
  };
  return html`
    <div class="popover" ref=${whole} onKeyDown=${onKeyDown}>
      <button type="button" class="button" data-set=${set ? "" : undefined} aria-label=${`${label}: ${text}`} aria-expanded=${open}
        onClick=${() => setOpen(!open)}><span>${text}</span><${Icon} name="down" /></button>
      ${open && html`<div class="panel">${children}</div>`}
    </div>`;
}

// ── what is said over the page ─────────────────────────────────────────────────────────────────────────────

export function Dialog({ title, onClose, actions, children, wide = false }) {
  const box = useRef(null);
  const id = useId();
  useEffect(() => {
    box.current.showModal();
    const back = box.current;
    return () => back.close();
  }, []);
  const beside = ({ target }) => target === box.current && onClose();
  return html`
    <dialog ref=${box} class=${classes("dialog", wide && "wide")} aria-labelledby=${id} onClose=${onClose} onClick=${beside}>
      <div class="inside">
        <header><h2 id=${id}>${title}</h2><${Button} icon="close" label="Close" onClick=${onClose} /></header>
        <div class="content">${children}</div>
        ${actions && html`<footer>${actions}</footer>`}
      </div>
    </dialog>`;
}

const toasts = signal([]);
/** How long it is said, in milliseconds: long enough to be read twice. */
const TOAST_LASTS = 5000;
let toastNumber = 0;

/** @param {string} text @param {boolean} [isWrong] */
export function toast(text, isWrong = false) {
  const mine = { number: (toastNumber += 1), text, isWrong };
  const gone = () => (toasts.value = toasts.peek().filter((each) => each !== mine));
  toasts.value = [...toasts.peek().slice(-2), mine];
  setTimeout(gone, TOAST_LASTS);
}

/** Where toasts are shown: the shell has one. */
export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map(({ number, text, isWrong }) => html`<p key=${number} class=${classes("toast", isWrong && "wrong")}>${text}</p>`)}
  </div>`;
}

export function Empty({ title, children }) {
  return html`<div class="empty"><${Tins} /><h2>${title}</h2>${children}</div>`;
}

/** @param {{error: {message: string, advice?: string}, retry?: () => void}} props */
export function Fault({ error, retry }) {
  return html`<div class="fault" role="alert">
    <${Icon} name="warn" /><div><strong>${error.message}</strong>${error.advice && html`<p>${error.advice}</p>`}</div>
    ${retry && html`<${Button} small onClick=${retry}>Try again<//>`}
  </div>`;
}

/** @param {string} text */
export function useTitle(text) {
  useEffect(() => void (document.title = text ? `${text} · tincans` : "tincans"), [text]);
}

// ── themes ─────────────────────────────────────────────────────────────────────────────────────────────────

export const theme = signal(document.documentElement.dataset.theme ?? "system");

/** @param {"system" | "light" | "dark"} chosen */
export function setTheme(chosen) {
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem("tincans.theme", chosen);
  } catch {
    // It holds for as long as the page is open.
  }
  theme.value = chosen;
}

/** Grows when the colours change: a canvas that reads it is drawn again. */
export const painted = signal(0);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (painted.value += 1));

/** @param {Element} element @param {string} name as in "--client" @returns {string} as a canvas takes it */
export function colour(element, name) {
  void (theme.value, painted.value);
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
