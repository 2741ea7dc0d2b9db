// Drawn signs: <Icon name /> for what is pressed, <Tins /> for the page itself. Nothing of them is said to a screen reader:
// what has only a sign has a label too.

import { html } from "./dom.js";

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
  mails: "M2 3.500h12v9H2zM2 4l6 5 6-5",
  box: "M2 9l2.500-5.500h7L14 9v4H2zM2 9h3.500l1 2h3l1-2H14",
  clip: "M12.500 7.500l-5 5a3 3 0 0 1-4.200-4.200l5.500-5.500a2 2 0 0 1 2.800 2.800L6.200 11a1 1 0 0 1-1.400-1.400l4.700-4.700",
  trash: "M3 4.500h10M6 4.500v-2h4v2M4.500 4.500l.5 9h6l.5-9M6.700 7v4M9.300 7v4",
  chat: "M2 3h12v8H7.500L4.500 13.500V11H2zM5 6h6M5 8.300h4",
  add: "M8 3v10M3 8h10",
  edit: "M3 13l.600-3L10.500 3.100l2.400 2.400L6 12.400zM9 4.600l2.400 2.400",
  people: "M6 8a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM1.500 13.500c0-2.800 1.900-4 4.500-4s4.500 1.200 4.500 4M10.500 3.300a2.300 2.300 0 0 1 0 4.400M12 9.800c1.700.5 2.500 1.700 2.500 3.700",
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
