// The parts of the map, as SVG: a station, a channel, a socket, a leg. map-layout.js says where, map.css how it looks.
//
// Every leg is two lines, because a channel is two directions: above (or on the left) what the client says, below what
// the server says. A line that moves has a second one over it, of dashes, which the stylesheet lets run: here only classes
// change, when they do. A channel whose signature is the same is not drawn again.

import { Component } from "preact";
import { classes, html } from "./dom.js";
import * as format from "./format.js";
import { lookOf, weightOf } from "./map-model.js";
import { cut, hostOf, nameOf, pathOf, portOf } from "./map-names.js";
import { SOCKETS, sayChannel, saySocket, sayStation, socketOf } from "./map-words.js";

/** Half the distance of a leg's two lines. */
const APART = 4;
/** Characters that fit, by the widths of the two typefaces in map.css. */
const fitsMono = (width) => Math.floor(width / 7.3);
const fits = (width) => Math.floor(width / 6.9);
const fitsBold = (width) => Math.floor(width / 8);

// ── stations ───────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A place where tincans listens, with its channels.
 * @param {{place: import("./map-layout.js").Place, portrait: boolean, programs: Map<number, any>,
 *          stateOf: {get: (number: number) => any}, current: string}} props
 */
export function Station({ place, portrait, programs, stateOf, current }) {
  const { station, box, rows, target } = place;
  const stopped = station.row && !station.row.listening;
  const look = classes("station", station.kind, stopped && "stopped");
  const key = station.key;
  return html`
    <g class=${look}>
      ${target && html`<${Target} box=${target} station=${station} rows=${rows} />`}
      <g role="treeitem" aria-level="1" aria-expanded="true" aria-label=${sayStation(station)} data-key=${key}
        tabindex=${current === key ? 0 : -1}>
        <rect class="card" x=${box.x} y=${box.y} width=${box.width} height=${box.height} rx="10" />
        <${Head} place=${place} portrait=${portrait} />
        <${Gave} rows=${rows} head=${place.head} name="near" portrait=${portrait} />
        <g role="group">
          ${rows.map((row) => {
            const { number } = row.channel.conversation;
            const [ends, state] = [programs.get(number), stateOf.get(number)];
            return html`<${Channel} key=${number} row=${row} portrait=${portrait} current=${current} programs=${ends} state=${state}
              signature=${signed(row, ends, state, current)} />`;
          })}
          ${place.more && html`<${More} place=${place} current=${current} />`}
        </g>
      </g>
      ${place.empty && html`<text class="faint" x=${place.empty.x + 16} y=${place.empty.y}>${stopped ? "it takes no new callers" : "nobody calls"}</text>`}
    </g>`;
}

/** The listening socket stays one: all the sockets that it gave hang on it. */
function Gave({ rows, head, name, portrait }) {
  const last = rows.findLast(({ sockets }) => sockets[name]);
  if (!last || portrait) return null;
  return html`<path class="gave" d="M${head.x + 20} ${head.y + 40}V${last.sockets[name].y}" />`;
}

/** The listening socket, and what the station is called. */
function Head({ place, portrait }) {
  const { station, head, headWidth } = place;
  const { kind, name, address } = station;
  const stopped = station.row && !station.row.listening;
  const title = name || (kind === "connect" ? "tincans" : kind);
  const port = `:${cut(portOf(address), 10)}`;
  const ear = 40 + port.length * 8;
  const left = kind === "connect" ? 14 : ear + 12;
  return html`
    <g class="head" transform="translate(${head.x} ${head.y})">
      <title>${sayStation(station)}</title>
      <rect class="hit" width=${headWidth} height="50" rx="10" />
      ${kind !== "connect" && html`
        <g class="ear">
          <rect x="-10" y="12" width=${ear} height="28" rx="14" />
          <path d="M2 20a8.500 8.500 0 0 1 0 12M6 17a13 13 0 0 1 0 18" />
          <text class="port" x="16" y="30.500">${port}</text>
        </g>`}
      <text class="name" x=${left} y="23">${cut(title, fitsBold(headWidth - left - 80))}</text>
      <text class="faint" x=${left} y="41">${cut(saysHead(station, stopped, portrait), fits(headWidth - left - 12))}</text>
      <text class="count" x=${headWidth - 34} y="23" text-anchor="end">${station.open ? `${station.open} open` : ""}</text>
      <path class="dots" d="M${headWidth - 22} 19h.01M${headWidth - 16} 19h.01M${headWidth - 10} 19h.01" />
      <rect class="ring" x="2" y="2" width=${headWidth - 4} height="48" rx="9" />
    </g>`;
}

function saysHead({ kind, address, answers }, stopped, portrait) {
  if (stopped) return "stopped";
  if (kind === "connect") return "calls, as the client";
  if (kind === "listen") return answers ? `${answers} answers on ${hostOf(address)}` : `listens on ${hostOf(address)}`;
  return portrait && answers ? `relay to ${format.place(answers)}` : `relay on ${hostOf(address)}`;
}

/** The one who is called: a listening socket again, and a socket of its own for each call. */
function Target({ box, station, rows }) {
  const address = station.kind === "connect" ? station.address : station.answers || station.address;
  const port = `:${cut(portOf(address), 12)}`;
  return html`
    <g class="target">
      <title>${`the target, ${address}`}</title>
      <rect class="card" x=${box.x} y=${box.y} width=${box.width} height=${box.height} rx="10" />
      <${Gave} rows=${rows} head=${box} name="target" />
      <g class="ear" transform="translate(${box.x} ${box.y})">
        <rect x="-10" y="12" width=${40 + port.length * 8} height="28" rx="14" />
        <path d="M2 20a8.500 8.500 0 0 1 0 12M6 17a13 13 0 0 1 0 18" />
        <text class="port" x="16" y="30.500">${port}</text>
      </g>
      <text class="faint" x=${box.x + 42 + port.length * 8} y=${box.y + 31}>
        ${cut(hostOf(address), fits(box.width - 54 - port.length * 8))}
      </text>
    </g>`;
}

/** Those that have no room, counted; and the way to see them. */
function More({ place, current }) {
  const { station, more } = place;
  const key = `${station.key} more`;
  const stuck = station.hiddenStuck ? `, ${station.hiddenStuck} of them stuck` : "";
  const text = station.unfolded ? "show fewer" : `and ${format.count(station.hidden)} more${stuck}`;
  return html`
    <g class=${classes("more", stuck && "wrong")} role="treeitem" aria-level="2" aria-label=${station.unfolded ? text : `${text}: show them`}
      data-key=${key} tabindex=${current === key ? 0 : -1}>
      <rect class="hit" x=${more.x + 6} y=${more.y - 14} width="300" height="28" rx="8" />
      <rect class="ring" x=${more.x + 6} y=${more.y - 14} width="300" height="28" rx="8" />
      <text x=${more.x + 16} y=${more.y + 4}>${text}</text>
      <path class="dots" d=${station.unfolded ? "M0 3l4-5 4 5" : "M0-2l4 5 4-5"} transform="translate(${more.x + 26 + text.length * 7} ${more.y})" />
    </g>`;
}

// ── channels ───────────────────────────────────────────────────────────────────────────────────────────────

/** All that a channel's drawing depends on. */
function signed(row, programs, state, current) {
  const { channel, y, height } = row;
  const { conversation, voices } = channel;
  const { number } = conversation;
  const box = row.sockets.near ?? row.sockets.far;
  const mine = current === String(number) || current.startsWith(`${number} `) ? current : "";
  return [
    y, height, box.x, row.caller?.width, lookOf(channel, state), state?.at, mine, programs?.client?.pid, programs?.server?.pid,
    weightOf(voices.client.rate), weightOf(voices.server.rate), conversation.client_ended, conversation.server_ended,
    format.bytes(conversation.client_bytes), format.bytes(conversation.server_bytes), conversation.far, conversation.protocol,
  ].join(" ");
}

/** One conversation, from the caller's socket to the target's. */
class Channel extends Component {
  shouldComponentUpdate(next) {
    return next.signature !== this.props.signature || next.portrait !== this.props.portrait;
  }

  render({ row, portrait, programs = {}, state, current }) {
    const { channel, caller, target, core, sockets, legs, sentence } = row;
    const { conversation } = channel;
    const key = String(conversation.number);
    const look = lookOf(channel, state);
    const words = sayChannel(channel, look, state, programs);
    const has = SOCKETS.filter((name) => sockets[name]);
    return html`
      <g class=${classes("channel", look, conversation.number < 0 && "unrecorded")} role="treeitem" aria-level="2"
        aria-label=${words} aria-expanded="true" data-key=${key} data-number=${key} tabindex=${current === key ? 0 : -1}>
        <title>${words}</title>
        <${Backdrop} row=${row} portrait=${portrait} />
        ${caller && html`<rect class="party client" x=${caller.x} y=${caller.y} width=${caller.width} height=${caller.height} rx="8" />`}
        ${caller && html`<${Party} x=${caller.x + 12} y=${caller.y + caller.height / 2} program=${programs.client} side="client"
          address=${conversation.client} width=${caller.width - 134} />`}
        ${portrait && target && html`<rect class="party server" x=${target.x - 116} y=${target.y} width=${target.width + 116} height=${target.height} rx="8" />`}
        ${target && html`<${Party} x=${target.x + 12} y=${target.y + (portrait ? target.height / 2 : 0)} program=${programs.server}
          side="server" address=${conversation.server} width=${target.width - 20} />`}
        ${Object.entries(legs).map(([name, leg]) => html`<${Leg} key=${name} leg=${leg} channel=${channel} look=${look}
          amounts=${name === "first" || !legs.first} calling=${name === "second" && look === "calling"} />`)}
        <${Core} core=${core} channel=${channel} kind=${conversation.kind} />
        <g role="group">
          ${has.map((name) => html`<${Socket} key=${name} name=${name} box=${sockets[name]} of=${socketOf(conversation, name)}
            itemKey=${`${key} ${name}`} current=${current} />`)}
        </g>
        ${look === "stuck" && html`<${Sentence} at=${sentence} />`}
      </g>`;
  }
}

/** What is clicked and lit: the whole row. */
function Backdrop({ row, portrait }) {
  const boxes = [row.caller, row.target, ...Object.values(row.sockets)].filter(Boolean);
  const left = Math.min(...boxes.map(({ x }) => x)) - 6;
  const right = Math.max(...boxes.map(({ x, width }) => x + width)) + 6;
  const place = { x: left, y: row.y + 1, width: right - left, height: row.height - (portrait ? 8 : 2), rx: 10 };
  return html`<rect class="hit" ...${place} /><rect class="ring" ...${place} />`;
}

/** The program at one end, as far as the kernel tells. */
function Party({ x, y, program, address, width, side }) {
  const name = program ? nameOf(program) : side === "client" ? hostOf(address) || "unnamed" : "";
  const room = program ? fitsBold(width) : fits(width);
  return html`
    <text class=${classes("program", side, !program && "unknown")} x=${x} y=${program ? y - 2 : y + 4}>${cut(name, room)}</text>
    ${program && html`<text class="pid" x=${x} y=${y + 12}>${cut(`pid ${program.pid}`, room)}</text>`}`;
}

/** Between tincans' own two sockets: which conversation this is. */
function Core({ core, channel, kind }) {
  const { number, protocol } = channel.conversation;
  const middle = core.x + core.width / 2;
  const [x, anchor] = kind === "listen" ? [core.x + 14, "start"] : kind === "connect" ? [core.x + 2, "start"] : [middle, "middle"];
  const title = number > 0 ? `#${number}` : "not recorded";
  const room = Math.max(8, Math.floor((core.width - 8) / 6.2));
  return html`
    <text class="number" x=${x} y=${protocol ? core.y - 2 : core.y + 4} text-anchor=${anchor}>${cut(title, room)}</text>
    ${protocol && html`<text class="protocol" x=${x} y=${core.y + 12} text-anchor=${anchor}>${cut(protocol, room)}</text>`}`;
}

/** One end: its own port in bold, and the port at the other end; or the one name that a unix socket has. */
function Socket({ box, of, itemKey, current, name }) {
  const words = saySocket(of);
  const room = fitsMono(box.width - 34);
  const path = pathOf(of.own, of.other);
  const own = path ? cut(path, fitsMono(box.width - 14)) : cut(portOf(of.own) || "…", Math.max(5, room - 5));
  const other = cut(portOf(of.other) || "…", Math.max(4, room - own.length));
  const middle = box.y + box.height / 2 + 4;
  return html`
    <g class=${classes("socket", name, !of.own && "none")} role="treeitem" aria-level="3" aria-label=${words} data-key=${itemKey}
      tabindex=${current === itemKey ? 0 : -1}>
      <title>${words}</title>
      <rect x=${box.x} y=${box.y} width=${box.width} height=${box.height} rx="5" />
      <text x=${box.x + box.width / 2} y=${middle} text-anchor="middle"><tspan class="own">${own}</tspan>${!path && html`<tspan class="to"> ⇄ ${other}</tspan>`}</text>
      <rect class="ring" x=${box.x - 1} y=${box.y - 1} width=${box.width + 2} height=${box.height + 2} rx="6" />
    </g>`;
}

/** Why it stands still, in a sentence. */
function Sentence({ at }) {
  return html`
    <g class="sentence">
      <path d="M${at.x} ${at.y + 3}l6-11 6 11z" />
      ${at.lines.map((line, index) => html`<text key=${index} x=${at.x + 18} y=${at.y + 2 + index * 16}>${line}</text>`)}
    </g>`;
}

// ── legs ───────────────────────────────────────────────────────────────────────────────────────────────────

/** One connection: what the client says, and beside it what the server says. */
function Leg({ leg, channel, look, amounts, calling }) {
  const { from, to } = leg;
  const { conversation, voices } = channel;
  const down = from.x === to.x;
  const lines = { client: shifted(from, to), server: shifted(to, from) };
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  return html`
    <g class=${classes("leg", calling && "calling")}>
      ${look === "stuck" && html`<path class="halo" d="M${from.x} ${from.y}L${to.x} ${to.y}" />`}
      ${["client", "server"].map((side) => html`<${Line} key=${side} line=${lines[side]} side=${side} look=${look}
        weight=${channel.gone === null ? weightOf(voices[side].rate) : 0} ended=${conversation[`${side}_ended`] !== null} />`)}
      ${look === "broken" && html`<path class="break" d="M${middle.x - 6} ${middle.y - 6}l12 12m0-12l-12 12" />`}
      ${amounts && html`<${Amounts} middle=${middle} down=${down} of=${conversation} />`}
    </g>`;
}

function Amounts({ middle, down, of }) {
  const places = down
    ? { client: { x: middle.x - 16, y: middle.y + 4, "text-anchor": "end" }, server: { x: middle.x + 14, y: middle.y + 4, "text-anchor": "start" } }
    : { client: { x: middle.x, y: middle.y - 11, "text-anchor": "middle" }, server: { x: middle.x, y: middle.y + 19, "text-anchor": "middle" } };
  return ["client", "server"].map((side) => {
    const said = of[`${side}_bytes`];
    return said > 0 && html`<text key=${side} class=${classes("amount", side)} ...${places[side]}>${format.bytes(said)}</text>`;
  });
}

/** The line beside the middle: `from` and `to` in the direction in which the words run. */
function shifted(from, to) {
  const across = { x: -Math.sign(to.y - from.y) * APART, y: -Math.sign(to.x - from.x) * APART };
  return { from: { x: from.x + across.x, y: from.y + across.y }, to: { x: to.x + across.x, y: to.y + across.y } };
}

/** What one side says: a line with a tip, cut where that side has ended, with dashes over it while it speaks. */
function Line({ line, side, look, weight, ended }) {
  const { from, to } = line;
  const at = (part) => ({ x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part });
  const path = (a, b) => `M${a.x} ${a.y}L${b.x} ${b.y}`;
  const is = classes("line", side, weight > 0 && "moves", ended && "ended");
  if (ended && look !== "over") {
    const [half, off] = [at(0.55), at(0.63)];
    const cap = from.x === to.x ? `M${half.x - 4} ${half.y}h8` : `M${half.x} ${half.y - 4}v8`;
    return html`<g class=${is}><path class="track" d=${path(from, half)} /><path class="cap" d=${cap} /><path class="lost" d=${path(off, to)} /></g>`;
  }
  return html`
    <g class=${is}>
      <path class="track" d=${path(from, to)} />
      <path class="tip" d=${tip(from, to)} />
      ${weight > 0 && html`<path class=${`flow weight${weight}`} d=${path(from, to)} />`}
    </g>`;
}

/** A small arrow's head at the end. */
function tip(from, to) {
  if (from.x === to.x) {
    const up = Math.sign(from.y - to.y) * 6;
    return `M${to.x - 3.5} ${to.y + up}L${to.x} ${to.y}L${to.x + 3.5} ${to.y + up}`;
  }
  const back = Math.sign(from.x - to.x) * 6;
  return `M${to.x + back} ${to.y - 3.5}L${to.x} ${to.y}L${to.x + back} ${to.y + 3.5}`;
}
