// What a button opens below itself: <Menu />, things to do, and <Popover />, things to set. Both close by Escape, which gives
// the focus back, and when somebody goes elsewhere. `moveWithin` is the arrow keys in any list of elements.

import { classes, html, useId, useLayoutEffect, useRef, useState } from "./dom.js";
import { Button } from "./button.js";
import { Icon } from "./signs.js";

/** Whether it is open; opened, `first` finds what gets the focus in it, and whoever goes elsewhere closes it. */
function useOpen(whole, first) {
  const [open, setOpen] = useState(false);
  useLayoutEffect(() => {
    if (!open) return undefined;
    whole.current.querySelector(first)?.focus();
    const away = ({ target }) => whole.current.contains(target) || setOpen(false);
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
    };
  }, [open]);
  const close = () => {
    setOpen(false);
    whole.current.querySelector("button").focus();
  };
  return [open, setOpen, close];
}

/**
 * A button that opens a list of things to do. Arrow keys move in it, Escape and a click beside it close it.
 * `items`: { says, run } or { says, href }; `checked` makes it one of several, `off` says why it cannot be chosen.
 */
export function Menu({ label, icon, items, children, small, start = false }) {
  const whole = useRef(null);
  const [open, setOpen, close] = useOpen(whole, "[aria-checked=true], [role^=menuitem]:not([aria-checked=false])");
  const id = useId();
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
  const whole = useRef(null);
  const [open, setOpen, close] = useOpen(whole, "input, select, button:not([aria-expanded])");
  const onKeyDown = (event) => {
    if (!open || event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
  return html`
    <div class="popover" ref=${whole} onKeyDown=${onKeyDown}>
      <button type="button" class="button" data-set=${set ? "" : undefined} aria-label=${`${label}: ${text}`} aria-expanded=${open}
        onClick=${() => setOpen(!open)}><span>${text}</span><${Icon} name="down" /></button>
      ${open && html`<div class="panel">${children}</div>`}
    </div>`;
}
