// <Tabs of label id chosen onChoose />: a row of tabs, one of which is shown below by an element with role="tabpanel". The
// arrow keys go from one to the next.
//
// `of` is [{ name, says }]; the panel is `panelOf(id, chosen)`, spread into its element.

import { html, useEffect, useRef } from "./dom.js";

/** @param {{of: {name: string, says: any}[], label: string, id: string, chosen: string, onChoose: (name: string) => void}} props */
export function Tabs({ of, label, id, chosen, onChoose }) {
  const whole = useRef(null);
  useEffect(() => whole.current.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" }), [chosen]);
  const onKeyDown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const at = of.findIndex(({ name }) => name === chosen);
    const { name } = of[(at + step + of.length) % of.length];
    onChoose(name);
    whole.current.querySelector(`#${CSS.escape(`${id}-${name}`)}`)?.focus();
  };
  return html`
    <div role="tablist" aria-label=${label} ref=${whole} onKeyDown=${onKeyDown}>
      ${of.map(({ name, says }) => html`<button key=${name} type="button" role="tab" id=${`${id}-${name}`} aria-selected=${name === chosen}
        aria-controls=${`${id}-panel`} tabindex=${name === chosen ? 0 : -1} onClick=${() => onChoose(name)}>${says}</button>`)}
    </div>`;
}

/** What an element is that shows the chosen one. @param {string} id @param {string} chosen */
export const panelOf = (id, chosen) => ({ role: "tabpanel", id: `${id}-panel`, "aria-labelledby": `${id}-${chosen}`, class: chosen });
