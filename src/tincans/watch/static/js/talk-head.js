// The head of a conversation: who, with which program, when, how much, how it ended; and while it is open, who waits for
// whom, with the kernel's queues in small print.

import { classes, html } from "./dom.js";
import * as format from "./format.js";
import { now, tick } from "./store.js";
import { Address, Bytes, Icon, Lasted, SideTag, Standing, Time } from "./ui.js";

/** @param {{conversation: any, programs: {client?: any, server?: any} | undefined, protocol: string, children: any}} props */
export function Head({ conversation, programs, protocol, children }) {
  const { number } = conversation;
  const title = number > 0 ? `#${number} ${format.title(conversation)}` : `${format.title(conversation)}, not recorded`;
  return html`
    <header class="head">
      <div class="first">
        <h1>${title}</h1>
        ${protocol && html`<span class="protocol">${protocol}</span>`}
        <${Standing} of=${conversation} />
        ${conversation.detail && html`<span class="why">${conversation.detail}</span>`}
        <div class="tools">${children}</div>
      </div>
      <div class="facts">
        <${Ends} of=${conversation} programs=${programs ?? {}} />
        <span><span class="unseen">Began </span><${Time} at=${conversation.opened} precise /></span>
        <span><span class="unseen">Lasted </span><${Lasted} of=${conversation} /></span>
        <span class="client-ink"><span class="unseen">The client said </span>→ <${Bytes} of=${conversation.client_bytes} /></span>
        <span class="server-ink"><span class="unseen">The server said </span>← <${Bytes} of=${conversation.server_bytes} /></span>
        ${conversation.dropped > 0 && html`<span class="wrong"><${Bytes} of=${conversation.dropped} /> not recorded</span>`}
        ${Object.entries(conversation.facts).length > 0 && html`<span class="more" title=${factsOf(conversation)}>${factsOf(conversation)}</span>`}
      </div>
    </header>`;
}

const factsOf = ({ facts }) => Object.entries(facts).map(([name, value]) => `${name} ${value}`).join(", ");

/** The two parties, and between them tincans' own two ends. */
function Ends({ of, programs }) {
  return html`
    <span class="ends">
      <${Party} side="client" address=${of.client} program=${programs.client} />
      <span class="arrow" aria-hidden="true">→</span>
      ${of.kind === "relay" && html`<span class="own" title=${`tincans: ${of.near} and ${of.far || "not connected yet"}`}>
        <${Address} of=${of.near} /> <span aria-hidden="true">│</span> <${Address} of=${of.far} /></span>
        <span class="arrow" aria-hidden="true">→</span>`}
      <${Party} side="server" address=${of.server} program=${programs.server} />
    </span>`;
}

function Party({ side, address, program }) {
  const title = program ? `pid ${program.pid}: ${program.command}` : undefined;
  return html`<span class="party"><${SideTag} side=${side}>${program ? html`<span title=${title}>${program.name} <small>${program.pid}</small></span>` : side}<//> <${Address} of=${address} /></span>`;
}

// ── who waits for whom ─────────────────────────────────────────────────────────────────────────────────────

/** @param {{state: any}} props */
export function Waits({ state }) {
  void tick.value;
  const old = Math.max(0, now() - state.at);
  return html`
    <div class=${classes("waits", state.is_stuck && "stuck")} role="status">
      <${Icon} name=${state.is_stuck ? "warn" : "talk"} />
      <div>
        <p class="sentence">${state.sentence[0].toUpperCase() + state.sentence.slice(1)}.${old > 3e6 && html` <small>(${format.duration(old)} ago)</small>`}</p>
        <p class="queues"><${Queues} state=${state} /></p>
      </div>
    </div>`;
}

function Queues({ state }) {
  const told = [];
  for (const [side, to] of [["client", "server"], ["server", "client"]]) {
    const { queued, unread, unfinished } = state[side];
    if (unfinished) told.push(`${format.bytes(unfinished)} of the ${side} begun and not ended`);
    if (queued !== null) told.push(`${format.bytes(queued)} of the ${side} on the way`);
    if (unread !== null) told.push(`${format.bytes(unread)} unread at the ${to}`);
  }
  const sockets = Object.entries(state.sockets).map(([name, { state: how }]) => `${name} ${how.toLowerCase().replaceAll("_", " ")}`);
  return html`${[...told, sockets.join(", ")].filter(Boolean).join(" · ")}`;
}
