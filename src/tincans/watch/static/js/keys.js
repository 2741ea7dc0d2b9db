// Keys that work anywhere on the page, each with what it does, so that `?` can show them all.
//
//   useKey("/", "search", () => input.current.focus())    for as long as the component is shown
//   shortcuts                                              a signal: [{ key, says, run }]
//
// A key means itself where somebody types; with Control, Alt or Meta it is the browser's. Escape is left to what is
// open: dialogs and menus close themselves.

import { signal, useLayoutEffect, useRef } from "./dom.js";

/** @type {import("@preact/signals").Signal<{key: string, says: string, run: () => void}[]>} */
export const shortcuts = signal([]);

/** @param {string} key as in KeyboardEvent.key @param {string} says @param {() => void} run */
export function useKey(key, says, run) {
  const newest = useRef(run);
  newest.current = run;
  useLayoutEffect(() => { // with what is shown: it may be pressed at once
    const mine = { key, says, run: () => newest.current() };
    shortcuts.value = [...shortcuts.peek(), mine];
    return () => (shortcuts.value = shortcuts.peek().filter((each) => each !== mine));
  }, [key, says]);
}

/** @param {EventTarget | null} target */
export function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
  if (document.querySelector("dialog:modal")) return;
  const found = shortcuts.peek().findLast(({ key }) => key === event.key);
  if (found) {
    event.preventDefault();
    found.run();
  }
});
