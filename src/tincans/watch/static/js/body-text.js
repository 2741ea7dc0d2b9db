// Text that was said, fit to be seen. What reaches the document is always a text node; here it is also made honest: what does
// not print, and what turns the direction of reading around, is shown as an escape.

import { html, useState } from "./dom.js";
import { Button } from "./ui.js";

/** Characters that are shown before one asks for more: a text node of megabytes makes a browser slow. */
const SHOWN = 100_000;

/** Of so many characters at the beginning it is told whether this is text: at most one in eight does not print. */
const LOOKED = 4096;

/** Controls but tab and line feed, soft hyphen, and the format characters that hide or turn text (as tincans.text). */
// eslint-disable-next-line no-control-regex
const STRANGE = /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

const NAMED = { "\x07": "\\a", "\x08": "\\b", "\x0b": "\\v", "\x0c": "\\f", "\r": "\\r" };

/** @param {string} text its line ends, CR LF too, remain */
export function honest(text) {
  return text.replace(/\r\n/g, "\n").replace(STRANGE, escaped);
}

function escaped(char) {
  const code = char.codePointAt(0);
  return NAMED[char] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`);
}

/** The text of bytes that are UTF-8, or null. @param {Uint8Array} data */
export function textOf(data) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(data);
    const begun = text.slice(0, LOOKED);
    const strange = begun.replaceAll("\r", "").match(STRANGE)?.length ?? 0;
    return strange * 8 > begun.length ? null : text;
  } catch {
    return null;
  }
}

/** A long text, as far as one has asked for it. */
export function Text({ text, label = "Text" }) {
  const [most, setMost] = useState(SHOWN);
  const rest = text.length - most;
  return html`
    <pre class="text" tabindex="0" role="region" aria-label=${label}>${honest(text.slice(0, most))}</pre>
    ${rest > 0 && html`<p class="rest"><${Button} small onClick=${() => setMost(most + 5 * SHOWN)}>Show more<//>
      ${` ${rest.toLocaleString("en-US")} characters are left`}</p>`}`;
}
