// The legend: each look that a channel can have, drawn as it is on the map, with its name.

import { html } from "./dom.js";

/** A name, the channel's look, and of each side whether it moves and whether it has ended. */
const SAMPLES = [
  { name: "The client speaks, the server is still", client: "moves" },
  { name: "The server speaks, and faster", server: "moves", weight: 3 },
  { name: "Idle: open, and nobody speaks" },
  { name: "Half-closed: the client has ended", client: "ended" },
  { name: "Stuck: somebody waits", look: "stuck" },
  { name: "Reset or failed", look: "broken" },
  { name: "Not answered yet", look: "calling" },
  { name: "Not recorded: can be steered, not read", look: "unrecorded" },
];

export function Legend() {
  return html`
    <details class="legend" open=${!matchMedia("(max-width: 640px)").matches}>
      <summary>Legend</summary>
      <ul>
        <li>
          <svg width="72" height="28" aria-hidden="true"><g class="ear"><rect x="1" y="1" width="66" height="26" rx="13" /><path d="M13 8.500a8.500 8.500 0 0 1 0 12M17 5.500a13 13 0 0 1 0 18" /><text class="port" x="27" y="19">:7000</text></g></svg>
          A listening socket, with its port
        </li>
        <li>
          <svg width="102" height="28" aria-hidden="true"><g class="socket"><rect x="1" y="2" width="100" height="24" rx="5" /><text x="51" y="18" text-anchor="middle"><tspan class="own">7000</tspan><tspan class="to"> ⇄ 50312</tspan></text></g></svg>
          A connected socket: its own port ⇄ the other end’s
        </li>
        ${SAMPLES.map((sample) => html`<li key=${sample.name}><${Sample} ...${sample} />${sample.name}</li>`)}
      </ul>
    </details>`;
}

function Sample({ look = "open", client, server, weight = 1 }) {
  return html`
    <svg width="72" height="28" aria-hidden="true">
      <g class="channel ${look}"><g class="leg ${look}">
        ${look === "stuck" && html`<path class="halo" d="M4 14H68" />`}
        <${Side} side="client" from=${4} to=${68} y=${10} how=${client} weight=${weight} />
        <${Side} side="server" from=${68} to=${4} y=${18} how=${server} weight=${weight} />
        ${look === "broken" && html`<path class="break" d="M30 8l12 12m0-12l-12 12" />`}
      </g></g>
    </svg>`;
}

function Side({ side, from, to, y, how, weight }) {
  const on = Math.sign(to - from);
  if (how === "ended") {
    return html`<g class="line ${side} ended"><path class="track" d="M${from} ${y}H${from + on * 34}" /><path class="cap" d="M${from + on * 34} ${y - 4}v8" /><path class="lost" d="M${from + on * 40} ${y}H${to}" /></g>`;
  }
  return html`
    <g class="line ${side} ${how === "moves" ? "moves" : ""}">
      <path class="track" d="M${from} ${y}H${to}" />
      <path class="tip" d="M${to - on * 6} ${y - 3.5}L${to} ${y}L${to - on * 6} ${y + 3.5}" />
      ${how === "moves" && html`<path class="flow weight${weight}" d="M${from} ${y}H${to}" />`}
    </g>`;
}
