// One message, or what happened, as a row; with the day before the first of each, and the line before the first that is new.
//
//   const rows = new Rows();  rows.of(entries, from, to, { marker, nick, found, files })
//
// A row that says the same as before is the same object, and is not drawn again.

import { classes, html, useState } from "page/dom.js";
import { bytes } from "page/format.js";
import { Icon } from "page/signs.js";
import { Nick, plain, Words } from "./words.js";

/** Messages of one person that follow each other so closely, in milliseconds, have one head. */
const TOGETHER = 5 * 60_000;

const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

const dayOf = (at) => new Date(at).toDateString();

export class Rows {
  #made = new Map();

  of(entries, from, to, { marker, nick, found, files }) {
    const made = new Map();
    for (let index = from; index < to; index += 1) {
      const entry = entries[index];
      const before = entries[index - 1];
      const isDay = !before || dayOf(before.at) !== dayOf(entry.at);
      const isNew = marker !== null && entry.number > marker && !(before?.number > marker);
      const told = {
        entry, isDay, isNew, nick, files, isFirst: isDay || isNew || !goesOn(before, entry), isFound: entry.number !== undefined && entry.number === found,
      };
      const old = this.#made.get(entry.key);
      made.set(entry.key, old && same(old.told, told) ? old : { told, node: html`<${Row} key=${entry.key} ...${told} />` });
    }
    this.#made = made;
    return [...made.values()].map(({ node }) => node);
  }
}

const same = (a, b) => Object.keys(b).every((name) => a[name] === b[name]);

const goesOn = (before, entry) =>
  entry.kind !== "event" && entry.kind !== "act" && before.kind === entry.kind && before.from === entry.from && entry.at - before.at < TOGETHER;

function Row({ entry, isDay, isNew, isFirst, isFound, nick, files }) {
  const isMine = entry.from === nick;
  const look = classes("one", entry.kind, isFirst && "first", isFound && "sought", isMine && "mine");
  return html`
    <div class="row" data-key=${entry.key} data-number=${entry.number} tabindex=${isFound ? -1 : undefined}>
      ${isDay && html`<h3 class="day"><span>${DAY.format(entry.at)}</span></h3>`}
      ${isNew && html`<p class="fresh"><span>New</span></p>`}
      <div class=${look}>
        <${When} at=${entry.at} />
        <div class="what"><${What} entry=${entry} isFirst=${isFirst} nick=${isMine ? "" : nick} files=${files} /></div>
      </div>
    </div>`;
}

function What({ entry, isFirst, nick, files }) {
  if (entry.kind === "event") return html`<span class="text" dir="auto">${plain(entry.text)}</span>`;
  if (entry.kind === "act") return html`<${Nick} nick=${entry.from} /> <${Words} text=${entry.text} nick=${nick} />`;
  const by = html`<span class=${isFirst ? "by" : "by unseen"}><${Nick} nick=${entry.from} />
    ${isFirst && entry.account && entry.account !== entry.from && html`<span class="account" title="Logged in as">${entry.account}</span>`}
    ${isFirst && entry.kind === "notice" && html`<span class="account">notice</span>`}
    <span class="unseen">:</span></span>`;
  if (entry.file) return html`${by}<${Dropped} file=${entry.file} files=${files} />`;
  return html`${by}<${Words} text=${entry.text} nick=${nick} />`;
}

const When = ({ at }) => html`<time datetime=${new Date(at).toISOString()} title=${new Date(at).toLocaleString()}>${TIME.format(at)}</time>`;

const SHOWN = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"]);

/** A file that was dropped in the room; of a picture a small one, in a place that is kept for it. */
function Dropped({ file, files }) {
  const [isBroken, setBroken] = useState(false);
  const address = file.url.startsWith("/files/") ? files.base + file.url : null;
  const name = html`<${Icon} name="clip" /><bdi>${plain(file.name)}</bdi> <span class="size">${bytes(file.size)}</span>`;
  if (!address) return html`<span class="dropped">${name}</span>`;
  const isShown = files.shows && SHOWN.has(file.type) && !isBroken;
  return html`
    ${isShown && html`<a class="thumb" href=${address} target="_blank" rel="noopener noreferrer">
      <img src=${address} alt=${`Picture: ${file.name}`} loading="lazy" decoding="async" onError=${() => setBroken(true)} /></a>`}
    <a class="dropped" href=${address} target="_blank" rel="noopener noreferrer">${name}</a>`;
}

/** What was sent, and is not known to have been said. */
export const Waiting = ({ text, nick }) => html`
  <div class="row"><div class="one pending first"><time aria-hidden="true">…</time>
    <div class="what"><span class="by"><${Nick} nick=${nick} /><span class="account">not said yet</span></span><${Words} text=${text} /></div></div></div>`;
