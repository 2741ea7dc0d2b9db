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

import { classes, html, signal, useEffect, useId, useLayoutEffect, useRef } from "./dom.js";
import { Button } from "./button.js";
import * as format from "./format.js";
import { Icon, Tins } from "./signs.js";
import { asOf, isLive, now, tick } from "./store.js";

export { Button } from "./button.js";
export { Menu, moveWithin, Popover } from "./menus.js";
export { Icon, Tins } from "./signs.js";
export { colour, painted, setTheme, theme } from "./theme-switch.js";

// ── what is said ───────────────────────────────────────────────────────────────────────────────────────────

/** A time; with `precise`, to a millisecond. */
export function Time({ at, precise = false }) {
  const text = precise ? format.clock(at) : format.moment(at, now());
  return html`<time datetime=${format.exact(at)} title=${`${format.day(at)} ${format.clock(at)}`}>${text}</time>`;
}

/** How long a conversation has lasted, and goes on to. */
export function Lasted({ of }) {
  const end = of.closed ?? (tick.value, asOf());
  return html`<span title=${`${format.count(end - of.opened)} µs`}>${format.duration(end - of.opened)}</span>`;
}

export function Bytes({ of }) {
  return html`<span title=${format.plural(of, "byte")}>${format.bytes(of)}</span>`;
}

/** Where room is short, a style sheet hides `.here`, this machine's own name, and cuts a long path before its end. */
export function Address({ of }) {
  const [scheme, here, rest] = format.placed(of);
  const [start, end] = format.halves(rest);
  if (end) return html`<span class="address path" title=${of}><span class="start">${start}</span><span>${end}</span></span>`;
  return html`<span class="address" title=${of}>${scheme}<span class="here">${here}</span>${rest}</span>`;
}

export function SideTag({ side, children }) {
  return html`<span class=${classes("side", side)}>${children ?? side}</span>`;
}

const MARKS = { open: "●", "half-closed": "◐", finished: "○", stopped: "□", idle: "○", reset: "✕", failed: "✕", lost: "✕" };

/** `busy`: something was said just now. */
export function Standing({ of, busy = false }) {
  const known = format.standing(of); // "" for nobody's
  const how = of.how === null && !isLive.value ? `was ${known}` : known;
  const by = of.by ? ` by the ${of.by}` : "";
  const look = classes("standing", of.how === null && isLive.value && "open", format.isWrong(of) && "wrong", busy && "busy");
  const title = `${how}${by}${of.detail && `: ${of.detail}`}`;
  return html`<span class=${look} title=${title}><span class="mark" aria-hidden="true">${known && (MARKS[known] ?? "○")}</span>${how}</span>`;
}

// ── what is pressed ────────────────────────────────────────────────────────────────────────────────────────

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

// ── what is said over the page ─────────────────────────────────────────────────────────────────────────────

export function Dialog({ title, onClose, actions, children, wide = false }) {
  const box = useRef(null);
  const id = useId();
  useLayoutEffect(() => { // with its first drawing: what is typed next is for it
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
