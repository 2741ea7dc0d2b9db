// <Button icon onClick primary danger small />: a button as all of them look. One that only has an icon has a `label` too.

import { classes, html } from "./dom.js";
import { Icon } from "./signs.js";

export function Button({ icon, label, primary, danger, small, pressed, children, ...more }) {
  const look = classes("button", primary && "primary", danger && "danger", small && "small", !children && "bare");
  return html`
    <button type="button" class=${look} aria-label=${label} title=${label} aria-pressed=${pressed} ...${more}>
      ${icon && html`<${Icon} name=${icon} />`}${children}
    </button>`;
}
