// Items as turns: what one side said until the other spoke, with the silences between, and what happened beside them.

import * as format from "./format.js";

/** A silence as long as this is told, in microseconds: as in the diagram (tincans.diagram). */
const GAP = 1_000_000;

/**
 * @typedef {{key: string, side: "client" | "server" | null, items: any[]} | {key: string, gap: string}
 *           | {key: string, hole: {count: number, after: number}}} Turn
 */

/** @param {{item?: any, hole?: any}[]} shown as `Reading.shown` gives them @returns {Turn[]} */
export function turnsOf(shown) {
  const turns = [];
  let last = null;
  for (const { item, hole } of shown) {
    if (hole) {
      turns.push({ key: `hole ${hole.after}`, hole });
      last = null;
      continue;
    }
    const gap = last && gapBetween(last, item);
    if (gap) turns.push({ key: `gap ${item.id}`, gap });
    const turn = turns.at(-1);
    const side = isBeside(item) ? null : item.side;
    if (turn?.items && turn.side === side && side !== null) turn.items.push(item);
    else turns.push({ key: `turn ${item.id}`, side, items: [item] });
    last = item;
  }
  return turns;
}

/** Whether it stands across the middle: no side said it, or it is about both. */
export const isBeside = (item) => item.side === null || item.tone === "bold";

function gapBetween(last, item) {
  if (format.day(last.at) !== format.day(item.began)) return format.day(item.began);
  const silence = item.began - last.at;
  return silence >= GAP ? `${format.duration(silence)} of silence` : "";
}

/** What a screen reader is told of an item before its text. */
export function labelOf(item) {
  const size = item.side && item.end > item.start ? `, ${format.bytes(item.end - item.start)}` : "";
  const wrong = item.tone === "wrong" ? "breaks the rules: " : "";
  const who = item.side && !item.summary.startsWith(`the ${item.side} `) ? `the ${item.side}: ` : "";
  return `${who}${wrong}${item.summary}${size}, ${format.clock(item.at)}`;
}
