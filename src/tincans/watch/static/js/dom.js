// What all components are written with, in one import.
//
//   html`<p class=${look}>${text}</p>`   markup as elements; texts are always texts, never markup
//   render, Fragment, createRef          Preact's own
//   useState, useRef, useEffect …        hooks
//   signal, computed, effect, batch …    values that a component which reads them is drawn again for
//
// There is no other way to markup here: the page's policy (`require-trusted-types-for 'script'`) forbids them.

import { h, Fragment, render, createRef, createContext } from "preact";
import htm from "htm";

export const html = htm.bind(h);
export { Fragment, render, createRef, createContext };
export {
  useState, useRef, useEffect, useLayoutEffect, useMemo, useCallback, useId, useContext, useErrorBoundary,
} from "preact/hooks";
export { signal, computed, effect, batch, untracked, useSignal, useComputed, useSignalEffect } from "@preact/signals";

/**
 * The names that hold, as one `class`: `classes("row", open && "open")`.
 * @param {...(string | false | null | undefined)} names
 */
export const classes = (...names) => names.filter(Boolean).join(" ");
