// The items of a conversation, drawn: two columns of turns, and what happened between them across the middle.
//
// Everything that was said comes as escaped text and becomes text nodes.

import { Component } from "preact";
import { classes, html } from "./dom.js";
import * as format from "./format.js";
import { isBeside, labelOf } from "./talk-turns.js";
import { Button, Icon } from "./ui.js";

/** Lines of details and of content that are shown here; the side panel has all. */
const DETAILS = 4;
const PREVIEW = 8;

/**
 * `reachable` is the one item that the Tab key comes to.
 * @param {{turn: import("./talk-turns.js").Turn, chosen: string, reachable: string, onFill: (after: number) => void}} props
 */
export function Turn({ turn, chosen, reachable, onFill }) {
  if (turn.gap) return html`<div class="gap"><span>${turn.gap}</span></div>`;
  if (turn.hole) return html`<${Hole} ...${turn.hole} onFill=${onFill} />`;
  return html`
    <div class=${classes("turn", turn.side ?? "beside")}>
      ${turn.items.map((item) => html`<${Item} key=${item.id} item=${item} isChosen=${item.id === chosen} isReachable=${item.id === reachable} />`)}
    </div>`;
}

/** What was not loaded, because it came faster than one could follow. */
function Hole({ count, after, onFill }) {
  return html`
    <article class="hole" tabindex="-1" aria-label=${`${format.count(count)} entries between, not loaded`}>
      <span>${format.plural(count, "entry", "entries")} between, not loaded</span>
      <${Button} small onClick=${() => onFill(after)}>Show<//>
    </article>`;
}

/** One item. It is drawn again only when it is another, or chosen. */
class Item extends Component {
  shouldComponentUpdate({ item, isChosen, isReachable }) {
    return item !== this.props.item || isChosen !== this.props.isChosen || isReachable !== this.props.isReachable;
  }

  render({ item, isChosen, isReachable }) {
    const { id, tone, side, summary, details, preview, content, kind } = item;
    const beside = isBeside(item);
    const size = item.end - item.start;
    return html`
      <article class=${classes("item", tone, beside && "beside", isChosen && "chosen")} data-id=${id} tabindex=${isReachable ? 0 : -1}
        aria-label=${labelOf(item)} aria-current=${isChosen ? "true" : undefined}>
        <div class="line">
          ${tone === "wrong" && html`<${Icon} name="warn" />`}
          <span class="summary">${summary || kind}</span>
          <span class="facts">
            ${side && size > 0 && html`<span class="size">${format.bytes(size)}</span>`}
            <time datetime=${format.exact(item.at)}>${format.clock(item.at)}</time>
          </span>
        </div>
        ${details.length > 0 && !beside && html`<${Lines} of=${details} most=${DETAILS} look="details" />`}
        ${details.length > 0 && beside && html`<p class="details">${details.slice(0, DETAILS).join(" · ")}</p>`}
        ${preview.length > 0 && html`<${Lines} of=${preview} most=${PREVIEW} look="preview" />`}
        ${content && preview.length === 0 && html`<p class="carries">${format.bytes(content.size)} of ${content.media || "content"}</p>`}
      </article>`;
  }
}

function Lines({ of, most, look }) {
  const rest = of.length - most;
  return html`<div class=${look}>
    ${of.slice(0, most).map((line, place) => html`<div key=${place}>${line || "\u00a0"}</div>`)}
    ${rest > 0 && html`<div class="rest">${format.plural(rest, "more line")}</div>`}
  </div>`;
}
