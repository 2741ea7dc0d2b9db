// What all components are written with, in one import.
//
//   html`<p class=${look}>${text}</p>`   markup as elements; texts are always texts, never markup
//   render, Fragment, createRef          Preact's own
//   useState, useRef, useEffect …        hooks
//   whenever(signal, run)                calls something for every value of a signal
//   signal, computed, effect, batch …    values that a component which reads them is drawn again for
//
// There is no other way to markup here: the page's policy (`require-trusted-types-for 'script'`) forbids them.

import { h, Fragment, render, createRef, createContext } from "preact";
import { effect, untracked } from "@preact/signals";
import htm from "htm";

export const html = htm.bind(h);
export { Fragment, render, createRef, createContext };
export {
  useState, useRef, useEffect, useLayoutEffect, useMemo, useCallback, useId, useContext, useErrorBoundary,
} from "preact/hooks";
export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect } from "@preact/signals";

/**
 * Calls `run` with the signal's value, now and whenever it changes, until what it returns is called; whatever else `run`
 * reads does not matter.
 * @template T @param {import("@preact/signals").ReadonlySignal<T>} of @param {(value: T) => void} run
 */
export const whenever = (of, run) =>
  effect(() => {
    const value = of.value;
    untracked(() => run(value));
  });

/**
 * The names that hold, as one `class`: `classes("row", open && "open")`.
 * @param {...(string | false | null | undefined)} names
 */
export const classes = (...names) => names.filter(Boolean).join(" ");
