// What people said, as elements: texts are texts, whatever is in them. What is an address of the web becomes a link, which
// takes nothing along, and one's own name is marked.
//
//   <Words text nick />      isFor(text, nick)      colourOf(nick)

import { classes, html, useState } from "page/dom.js";

/** An address ends where no address goes on; what stands behind it in a sentence is not of it. */
const LINK = /\bhttps?:\/\/[^\s<>"'`\u0000-\u001f\u007f]+/giu;
const BEHIND = /[.,;:!?…]+$|\*+$/u;
/** What is longer than this is folded: lines, and characters. */
const LINES = 24;
const CHARACTERS = 2400;
const COLOURS = 12;

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
const patterns = new Map();

function patternOf(nick) {
  if (!patterns.has(nick)) patterns.set(nick, new RegExp(`(?<![\\p{L}\\p{N}_-])@?${escaped(nick)}(?![\\p{L}\\p{N}_-])`, "giu"));
  return patterns.get(nick);
}

/** Whether somebody is called by their name in a text. */
export const isFor = (text, nick) => nick !== "" && text.search(patternOf(nick)) >= 0;

/** The class with the colour of a person, always the same. */
export function colourOf(nick) {
  let sum = 7;
  for (const sign of nick.toLowerCase()) sum = (sum * 31 + sign.codePointAt(0)) >>> 0;
  return `hue${sum % COLOURS}`;
}

/** Signs that turn around what follows them, and those that nobody sees: the first are left out, the others are shown. */
const TURNING = /[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/gu;
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu;

/** A text as it can be shown: what is in it changes nothing around it. */
export const plain = (text) =>
  text.replace(TURNING, "").replace(CONTROL, (sign) => (sign <= "\u001f" ? String.fromCodePoint(0x2400 + sign.codePointAt(0)) : "\u2421"));

export function Words({ text: said, nick = "" }) {
  const [whole, setWhole] = useState(false);
  const text = plain(said);
  const shown = whole ? text : folded(text);
  const isFolded = shown.length < text.length;
  return html`<span class="text" dir="auto">${parts(shown, nick)}${isFolded && "…"}</span>
    ${(isFolded || whole) && html`<button type="button" class="fold" aria-expanded=${whole} onClick=${() => setWhole(!whole)}>
      ${whole ? "Show less" : "Show all of it"}</button>`}`;
}

function folded(text) {
  const lines = text.split("\n", LINES + 1);
  const few = lines.length > LINES ? lines.slice(0, LINES).join("\n") : text;
  return few.length > CHARACTERS ? few.slice(0, CHARACTERS).replace(/[\ud800-\udbff]$/, "") : few;
}

function parts(text, nick) {
  const made = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const address = trimmed(found);
    made.push(...marked(text.slice(from, index), nick), linkTo(address));
    from = index + address.length;
  }
  return [...made, ...marked(text.slice(from), nick)];
}

function trimmed(found) {
  let address = found;
  for (;;) {
    const shorter = address.replace(BEHIND, "");
    const closes = shorter.endsWith(")") && shorter.split(")").length > shorter.split("(").length;
    const next = closes ? shorter.slice(0, -1) : shorter;
    if (next === address) return address;
    address = next;
  }
}

function linkTo(address) {
  if (!URL.canParse(address)) return address;
  return html`<a href=${address} target="_blank" rel="noopener noreferrer nofollow" dir="ltr">${address}</a>`;
}

function marked(text, nick) {
  if (!nick || !text) return text ? [text] : [];
  const made = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(patternOf(nick))) {
    made.push(text.slice(from, index), html`<mark>${found}</mark>`);
    from = index + found.length;
  }
  return [...made, text.slice(from)];
}

/** @param {{nick: string, children?: any}} props */
export const Nick = ({ nick }) => html`<bdi class=${classes("nick", colourOf(nick))}>${nick}</bdi>`;
