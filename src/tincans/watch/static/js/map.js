// The map: the textbook picture of sockets, live and true. On the left who called, in the middle tincans, on the right whom
// it calls; every conversation is a row of two or four sockets and the legs between them.
//
// map-model.js keeps what there is to draw, map-layout.js says where, map-draw.js draws it, map-words.js says it, and
// map-keys.js moves in it. Here they meet the store: what is told is drawn once a frame at most, and a timer runs only while
// a line still moves or something fades.

import { classes, html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./dom.js";
import { get, post } from "./api.js";
import * as format from "./format.js";
import { useLook } from "./live.js";
import { Station } from "./map-draw.js";
import { moveInTree } from "./map-keys.js";
import { layout } from "./map-layout.js";
import { Legend } from "./map-legend.js";
import { lookOf, Picture, SHOWN } from "./map-model.js";
import { go } from "./router.js";
import { board, held, hello, latest, programs, states } from "./store.js";
import { CopyButton, Empty, moveWithin, toast, useTitle } from "./ui.js";

/** How often lines are stilled and what has faded is forgotten, in milliseconds. */
const AGE_EVERY = 400;
/** How often the same channel's state is asked for anew, in milliseconds, while somebody looks at it. */
const ASK_EVERY = 2000;
/** With more channels than that lines go on by a step whenever something is drawn, and not by themselves: a browser paints
 *  each picture of them on the processor that also carries what they say. */
const CROWD = 6;
const STEPS = 4;
/** On a phone a channel takes four times the height. */
const SHOWN_ON_PHONE = 3;
/** Above the first station: the names of the columns. */
const COLUMN_NAMES = 30;

export function View() {
  useTitle("Map");
  useLook({ all: true });
  const picture = useDrawn();
  const stateOf = useStates();
  const [whole, width] = useWidth();
  const [current, setCurrent] = useState("");
  const [menu, setMenu] = useState(null);
  const small = width < 640;
  const stations = picture.stations(board.value, stateOf.get, small ? SHOWN_ON_PHONE : SHOWN);
  const drawn = layout(stations, width, (channel) => sentenceOf(channel, stateOf.get(channel.conversation.number)));
  const isCrowd = stations.reduce((sum, { slots }) => sum + slots, 0) > CROWD;
  const drawing = useRef(0);
  const known = stations.some(({ key }) => current === key || current.startsWith(key)) || held.has(parseInt(current, 10));
  return html`
    <section class=${classes("map", isCrowd && "crowd")} style=${{ "--phase": isCrowd ? 1 - (drawing.current++ % STEPS) / STEPS : 1 }} ref=${whole} aria-label="Map of sockets">
      <${Summary} stations=${stations} />
      ${stations.length === 0 && html`<${Nothing} />`}
      ${stations.length > 0 && width > 0 && html`
        <${Drawing} drawn=${drawn} width=${width} current=${known ? current : stations[0].key} stateOf=${stateOf} setCurrent=${setCurrent}
          onMenu=${setMenu} onFold=${(key) => { picture.fold(key); picture.redraw(); }} />`}
      ${stations.length > 0 && !stations.some(({ slots }) => slots) && html`<${FirstCall} stations=${stations} />`}
      ${menu && html`<${StationMenu} place=${drawn.places.find(({ station }) => station.key === menu)} portrait=${drawn.portrait} onClose=${() => setMenu(null)} />`}
      ${stations.length > 0 && html`<${Legend} />`}
    </section>`;
}

const sentenceOf = (channel, state) => (lookOf(channel, state) === "stuck" ? state.sentence : "");

// ── what is drawn ──────────────────────────────────────────────────────────────────────────────────────────

/** The picture, told what the store is told, and aged. */
function useDrawn() {
  const [, draw] = useState(0);
  const picture = useMemo(() => {
    const begun = new Picture();
    begun.see([...held.values()].filter(({ closed }) => closed === null), performance.now());
    begun.redraw = () => draw((times) => times + 1);
    return begun;
  }, []);
  const news = latest.value;
  useMemo(() => {
    const at = performance.now();
    picture.see(news.rows, at);
    for (const row of news.rows) if (row.closed !== null) picture.glimpse(row, at);
    picture.miss((number) => held.has(number), at);
  }, [news]);
  useEffect(() => {
    if (!picture.age(performance.now())) return undefined;
    const timer = setTimeout(picture.redraw, AGE_EVERY);
    return () => clearTimeout(timer);
  });
  return picture;
}

/** How each stands, by the newest that was said: a sentence grows old, so who looks at one asks for it again. */
function useStates() {
  const asked = useRef(new Map());
  const [, draw] = useState(0);
  const told = states.value;
  const newest = (number) => {
    const [a, b] = [told.get(number), asked.current.get(number)];
    return a && b ? (b.at > a.at ? b : a) : a;
  };
  const last = useRef({ number: 0, at: 0 });
  const ask = async (number) => {
    const at = performance.now();
    if (last.current.number === number && at - last.current.at < ASK_EVERY) return;
    last.current = { number, at };
    try {
      asked.current = new Map([[number, await get(`/conversations/${number}/state`)]]);
      draw((times) => times + 1);
    } catch {
      // It is over, or the server is gone: others say so.
    }
  };
  return { get: newest, ask };
}

function useWidth() {
  const whole = useRef(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measure = () => {
      const { paddingLeft, paddingRight } = getComputedStyle(whole.current);
      setWidth(Math.floor(whole.current.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(whole.current);
    measure();
    return () => observer.disconnect();
  }, []);
  return [whole, width];
}

function Drawing({ drawn, width, current, stateOf, setCurrent, onMenu, onFold }) {
  const { places, height, columns, portrait } = drawn;
  const top = portrait ? 8 : COLUMN_NAMES;
  const press = (item) => {
    const channel = item.closest("[data-number]");
    if (channel) go("talk", [channel.dataset.number]);
    else if (item.classList.contains("more")) onFold(item.parentElement.closest("[data-key]").dataset.key);
    else onMenu(item.dataset.key);
  };
  const onKeyDown = (event) => {
    if (!event.altKey && !event.ctrlKey && !event.metaKey && moveInTree(event, event.currentTarget, press)) event.preventDefault();
  };
  const onClick = ({ target }) => {
    const item = target.closest(".head, [data-key]")?.closest("[data-key]");
    if (item && (item.dataset.number || target.closest(".head, .socket, .more"))) press(item);
  };
  const onFocus = ({ target }) => {
    const item = target.closest("[data-key]"); // a picture that scrolls sideways has the focus itself
    if (item) setCurrent(item.dataset.key);
    lookAt(target);
  };
  const lookAt = (target) => {
    const channel = target.closest?.(".channel.stuck");
    if (channel) stateOf.ask(Number(channel.dataset.number));
  };
  return html`
    <svg class="picture" width=${width} height=${height + top} role="tree" aria-label="Sockets" onKeyDown=${onKeyDown}
      onClick=${onClick} onFocusIn=${onFocus} onPointerOver=${({ target }) => lookAt(target)}>
      ${!portrait && html`<g class="columns" aria-hidden="true">
        <text x=${columns.left.x} y="14">Callers</text>
        <text x=${columns.core.x} y="14">tincans</text>
        <text x=${columns.right.x} y="14">Called</text>
      </g>`}
      <g transform="translate(0 ${top})" role="presentation">
        ${places.map((place) => html`<${Station} key=${place.station.key} place=${place} portrait=${portrait} current=${current}
          programs=${programs.value} stateOf=${stateOf} />`)}
      </g>
    </svg>`;
}

// ── beside the picture ─────────────────────────────────────────────────────────────────────────────────────

function Summary({ stations }) {
  const open = stations.reduce((sum, station) => sum + station.open, 0);
  const listening = stations.filter(({ kind, row }) => kind !== "connect" && row?.listening !== false).length;
  return html`
    <header class="summary">
      <h1>Map</h1>
      <p>${format.plural(listening, "listening socket")}, ${format.plural(open, "open channel")}</p>
    </header>`;
}

/** What a station can be asked: a menu at its head. */
function StationMenu({ place, portrait, onClose }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const back = document.activeElement;
    box.current?.querySelector("[role=menuitem]").focus();
    const away = ({ target }) => box.current?.contains(target) || onClose();
    document.addEventListener("pointerdown", away);
    return () => {
      document.removeEventListener("pointerdown", away);
      if (document.activeElement === document.body) back?.focus();
    };
  }, []);
  if (!place) return null;
  const items = itemsOf(place.station);
  const run = (item) => {
    if (item.off) return;
    onClose();
    item.run();
  };
  const onKeyDown = (event) => {
    if (!moveWithin(event, box.current.querySelectorAll("[role=menuitem]"), onClose)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  // The style is set by the object model, which the page's policy allows; in markup it would not.
  const style = { left: `${place.head.x + (portrait ? 8 : 24)}px`, top: `${place.head.y + (portrait ? 8 : COLUMN_NAMES) + 48}px` };
  return html`
    <div class="anchor"><div class="pop" role="menu" aria-label=${place.station.name || place.station.address} ref=${box} style=${style} onKeyDown=${onKeyDown}>
      ${items.map((item) => html`<button key=${item.says} type="button" role="menuitem" tabindex="-1" title=${item.off}
        aria-disabled=${item.off ? true : undefined} onClick=${() => run(item)}>${item.says}${item.off && html`<small>${item.off}</small>`}</button>`)}
    </div></div>`;
}

function itemsOf({ name, row, address, kind }) {
  const wanted = name ? { name } : { party: address };
  const items = [{ says: "List its conversations", run: () => go("conversations", [], wanted) }];
  if (kind !== "connect") items.push({ says: "Copy a command that calls it", run: () => copy(`tincans connect ${address}`) });
  if (row) {
    const [verb, says] = row.listening ? ["stop", "Stop: take no new callers"] : ["start", "Start: listen again"];
    items.push({ says, off: hello.value?.steer ? "" : "your token may only look", run: () => turn(name, verb) });
  }
  return items;
}

async function turn(name, verb) {
  try {
    await post(`/board/${encodeURIComponent(name)}/${verb}`);
    toast(verb === "stop" ? `${name} takes no new callers; those who talk go on` : `${name} listens again`);
  } catch (error) {
    toast(`${error.message}. ${error.advice}`, true);
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied: ${text}`);
  } catch {
    toast("The browser did not let this page copy", true);
  }
}

/** A command to type, and a button that copies it. */
function Command({ text }) {
  return html`<span class="command"><code>${text}</code><${CopyButton} text=${text} label=${`Copy ${text}`} /></span>`;
}

function FirstCall({ stations }) {
  const station = stations.find(({ kind, row }) => kind !== "connect" && row?.listening);
  if (!station) return null;
  return html`<p class="first">Make a first call, and see its sockets appear: <${Command} text=${`tincans connect ${station.address}`} /></p>`;
}

function Nothing() {
  return html`
    <${Empty} title="No socket yet">
      <p>As soon as two programs talk through tincans, their sockets are drawn here: one that listens, and one more for every caller.
        In one terminal, listen; in another, call:</p>
      <p><${Command} text="tincans listen :7000 echo" /></p>
      <p><${Command} text="tincans connect :7000" /></p>
      <p>Or stand between two programs that you have, and let the one call 7000 in the place of 8080:</p>
      <p><${Command} text="tincans relay :7000 :8080" /></p>
    <//>`;
}
