// Where one is in a conversation, and the way to anywhere else in it: a slider over all its entries, and the button that
// leads back to the end.

import { html, useEffect, useRef, useState } from "./dom.js";
import * as format from "./format.js";
import { now } from "./store.js";
import { Button } from "./ui.js";

/** After the slider has rested for so long, what is there is fetched. */
const RESTS = 120;

/**
 * `version` tells it that `reading` has changed: a component that reads signals is only drawn again for other properties.
 * @param {{reading: import("./talk-reading.js").Reading, version: number, isOpen: boolean,
 *          place: import("@preact/signals").Signal<{entry: number, at: number, isLast: boolean}>}} props
 */
export function Scrub({ reading, place, isOpen }) {
  const [dragged, drag] = useState(null);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const most = Math.max(0, reading.total - 1);
  const { isLast } = place.value;
  const here = dragged ?? (isLast ? most : Math.min(most, place.value.entry));
  const at = isLast ? reading.lastAt : place.value.at;
  const onInput = ({ target }) => {
    const to = Number(target.value);
    drag(to);
    clearTimeout(timer.current);
    timer.current = setTimeout(async () => {
      reading.follow(false);
      await reading.jump(to);
      drag(null);
    }, RESTS);
  };
  const when = dragged === null && at ? format.moment(at, now()) : "";
  const says = `entry ${format.count(here + 1)} of ${format.count(reading.total)}`;
  return html`
    <div class="scrub">
      <input type="range" min="0" max=${most} value=${here} step="1" aria-label="Place in the conversation"
        aria-valuetext=${when ? `${says}, ${when}` : says} disabled=${most === 0} onInput=${onInput} />
      <output><span class="words">entry </span>${format.count(here + 1)}<span class="of"> of ${format.count(reading.total)}</span>${when && html`<time>${when}</time>`}</output>
      ${isOpen && html`<${ToEnd} reading=${reading} />`}
    </div>`;
}

/** Follows, or says how much has come since one let go. */
function ToEnd({ reading }) {
  const left = useRef(reading.total);
  if (reading.following) {
    left.current = reading.total;
    return html`<${Button} small pressed=${true} onClick=${() => reading.follow(false)}>Following<//>`;
  }
  const fresh = reading.total - left.current;
  return html`<${Button} small icon="down" onClick=${() => reading.follow(true)}>${fresh > 0 ? `${format.count(fresh)} new` : "Follow"}<//>`;
}
