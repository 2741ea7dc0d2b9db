// JSON that can be folded. What is folded is not in the document, so a large one costs what is open.

import { html, useState } from "./dom.js";
import * as format from "./format.js";
import { honest } from "./body-text.js";
import { Button } from "./ui.js";

/** Members that are shown of an object or array, before one asks for more. */
const SHOWN = 200;
/** As deep, and with as few members, it is open at first. */
const OPEN_DEPTH = 3;
const OPEN_MEMBERS = 30;
/** A longer string is cut until it is asked for. */
const LONG = 2000;

/** A number that JavaScript cannot hold, as it was written. */
class Exactly {
  constructor(source) {
    this.source = source;
  }
}

/** The value, with numbers as they were written; undefined where it is no JSON. @param {string} text */
export function parsed(text) {
  try {
    return JSON.parse(text, (_key, value, context) =>
      typeof value === "number" && context?.source && String(value) !== context.source ? new Exactly(context.source) : value);
  } catch {
    return undefined;
  }
}

/** @param {{value: any}} props */
export function Json({ value }) {
  return html`<div class="json" tabindex="0" role="region" aria-label="JSON"><${Value} value=${value} depth=${0} /></div>`;
}

function Value({ name, value, depth, comma }) {
  const key = name !== undefined && html`<span class="member">${honest(JSON.stringify(name))}</span>: `;
  if (value === null || typeof value !== "object" || value instanceof Exactly) {
    return html`<div class="value">${key}<${Plain} value=${value} />${comma}</div>`;
  }
  return html`<${Members} key0=${key} value=${value} depth=${depth} comma=${comma} />`;
}

function Plain({ value }) {
  const [isWhole, setWhole] = useState(false);
  if (value instanceof Exactly) return html`<span class="number">${value.source}</span>`;
  if (typeof value !== "string") return html`<span class=${value === null ? "null" : typeof value}>${String(value)}</span>`;
  if (isWhole || value.length <= LONG) return html`<span class="string">${honest(JSON.stringify(value))}</span>`;
  return html`<span class="string">${honest(JSON.stringify(value.slice(0, LONG)))}</span>
    <${Button} small onClick=${() => setWhole(true)}>${format.count(value.length - LONG)} more characters<//>`;
}

function Members({ key0, value, depth, comma }) {
  const isArray = Array.isArray(value);
  const members = isArray ? value.map((each) => [undefined, each]) : Object.entries(value);
  const [isOpen, setOpen] = useState(members.length > 0 && depth < OPEN_DEPTH && members.length <= (depth ? OPEN_MEMBERS : SHOWN));
  const [most, setMost] = useState(SHOWN);
  const [begin, end] = isArray ? ["[", "]"] : ["{", "}"];
  if (!members.length) return html`<div class="value">${key0}${begin}${end}${comma}</div>`;
  const folded = !isOpen && html`<span class="folded"> ${format.plural(members.length, isArray ? "element" : "member")} </span>${end}${comma}`;
  return html`
    <details class="value" open=${isOpen} onToggle=${({ target, currentTarget }) => target === currentTarget && setOpen(target.open)}>
      <summary>${key0}${begin}${folded}</summary>
      ${isOpen && html`
        <div class="members">
          ${members.slice(0, most).map(([name, each], place) => html`<${Value} key=${place} name=${name} value=${each} depth=${depth + 1}
            comma=${place < members.length - 1 ? "," : ""} />`)}
          ${members.length > most && html`<${Button} small onClick=${() => setMost(most + 5 * SHOWN)}>${format.count(members.length - most)} more<//>`}
        </div>
        <div>${end}${comma}</div>`}
    </details>`;
}
