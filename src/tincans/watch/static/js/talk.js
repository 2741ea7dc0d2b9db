// One conversation: its head, what was said in two columns, the item that was chosen beside it, and below what steers it.
//
// `#/conversations/12` begins at the end of an open one and at the beginning of one that is over; `#/conversations/12/7.3`
// shows one item of it. talk-reading.js has what is loaded, talk-scroll.js what is seen, talk-panel.js what was chosen.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useSignal, useSignalEffect, useState } from "./dom.js";
import { get } from "./api.js";
import { useKey } from "./keys.js";
import { useLook } from "./live.js";
import { href, replace } from "./router.js";
import { Steer, whyNot } from "./steer.js";
import { epoch, grew, held, latest, newer, programs } from "./store.js";
import { Find } from "./talk-find.js";
import { Head, Waits } from "./talk-head.js";
import { Panel } from "./talk-panel.js";
import { Reading } from "./talk-reading.js";
import { Scroll } from "./talk-scroll.js";
import { Scrub } from "./talk-scrub.js";
import { Tools } from "./talk-tools.js";
import { Button, Empty, Fault, useTitle } from "./ui.js";

/** How often the conversation itself is asked for anew while it grows, in milliseconds. */
const REFRESH = 1000;

export function View({ parts, query }) {
  const number = Number(parts[0]);
  return html`<${Talk} key=${number} number=${number} item=${parts[1] ?? ""} protocol=${query.get("protocol") ?? ""} />`;
}

function Talk({ number, item, protocol }) {
  const [conversation, size, error, retry] = useConversation(number);
  useTitle(number > 0 ? `#${number}` : "Not recorded");
  useLook({ all: true, conversation: number, protocol });
  if (error && !conversation) return html`<${Fault} error=${error} retry=${retry} />`;
  if (!conversation) return html`<p class="waiting" role="status">Fetching…</p>`;
  return html`<${Shown} conversation=${conversation} size=${size} item=${item} protocol=${protocol} />`;
}

/** The conversation, from wherever it was told last, and how many pages and entries it had when it was fetched. */
function useConversation(number) {
  const [got, setGot] = useState(null);
  const [told, setTold] = useState(() => held.get(number));
  const [error, setError] = useState(null);
  const [times, again] = useState(0);
  const since = grew.value.get(number)?.total;
  useSignalEffect(() => {
    const row = latest.value.rows.find((each) => each.number === number);
    if (row) setTold(row);
  });
  useEffect(() => {
    if (number < 0) return undefined; // it is not recorded, so there is nothing to ask for
    const abort = new AbortController();
    get(`/conversations/${number}`, {}, abort.signal).then(
      (answer) => (setGot(answer), setError(null)),
      (failed) => abort.signal.aborted || setError(failed),
    );
    return () => abort.abort();
  }, [number, epoch.value, times]);
  const isOver = got?.conversation.closed != null;
  useEffect(() => {
    if (since === undefined || isOver) return undefined;
    const timer = setTimeout(() => again((count) => count + 1), REFRESH);
    return () => clearTimeout(timer);
  }, [since]);
  const size = got && { pages: got.pages, total: got.total };
  return [newer(got?.conversation, told), size, error, () => again(times + 1)];
}

function Shown({ conversation, size, item, protocol }) {
  const { number } = conversation;
  const isOpen = conversation.closed === null;
  const grown = grew.value.get(number);
  const [secrets, setSecrets] = useState(false);
  const [isExact, setExact] = useState(false);
  const [chosen, choose] = useState(null);
  const [panel, setPanel] = useState({ isOpen: false, tab: "meaning" });
  const place = useSignal({ id: "", entry: 0, at: 0, isLast: false }); // scrolling draws what reads it, and not all of this
  const [isFinding, setFinding] = useState(false);
  const isEntering = useRef(false); // the panel gets the focus as soon as it is there
  useKey("/", "Find in this conversation", () => setFinding(number > 0));
  const [reading, version] = useReading({ number, size, isOpen, item, protocol, secrets, isExact, place, onFirst: choose });
  const query = useMemo(() => ({ protocol, secrets: secrets ? 1 : undefined }), [protocol, secrets]);
  useEffect(() => void (grown && reading?.grow(grown.pages, grown.total)), [grown?.total, grown?.pages, reading]);

  const onPlace = (seen) => {
    const was = place.peek();
    if (Object.keys(seen).some((name) => seen[name] !== was[name])) place.value = seen;
  };
  const onEnter = (entered, byPointer) => {
    choose(entered);
    setPanel({ ...panel, isOpen: true });
    isEntering.current = !byPointer;
  };
  useLayoutEffect(() => {
    if (isEntering.current) document.querySelector(".sidepanel [aria-selected=true]")?.focus();
    isEntering.current = false;
  });
  const onClose = () => {
    setPanel({ ...panel, isOpen: false });
    document.querySelector(`article[data-id="${CSS.escape(chosen?.id ?? "")}"]`)?.focus();
  };
  const onFound = async (item) => {
    reading.follow(false);
    choose(item);
    await reading.jumpTo(item.id);
  };
  const onProtocol = (name) => replace("talk", [number], name ? { protocol: name } : undefined);
  const spoken = grown?.state?.protocol || reading?.loaded[0]?.protocol || conversation.protocol;
  const told = { client: conversation.client_bytes, server: conversation.server_bytes };
  const isRecorded = number > 0;
  return html`
    <div class=${panel.isOpen && chosen ? "talk beside" : "talk"}>
      <${Head} conversation=${conversation} programs=${programs.value.get(number)} protocol=${protocol || spoken}>
        ${isRecorded && html`<${Tools} asked=${{ number, protocol, secrets }} spoken=${spoken} isOpen=${isOpen} onProtocol=${onProtocol}
          onSecrets=${setSecrets} onFind=${() => setFinding(true)} />`}
      <//>
      ${isOpen && grown?.state && html`<${Waits} state=${grown.state} />`}
      <div class="banners">
        ${secrets && html`<${Banner} text="Passwords, logins and cookies are shown." does="Hide them" onDo=${() => setSecrets(false)} />`}
        ${reading && !reading.isExact && !isExact && html`<${Banner} does="Decode from the beginning" onDo=${() => setExact(true)}
          text="This was decoded from its middle: what came before may change what it means." />`}
        ${reading && !reading.isExact && isExact && html`<${Banner} does="Leave it" onDo=${() => setExact(false)}
          text="Decoding all that came before. Of a long conversation that takes a while." />`}
        ${isFinding && reading && html`<${Find} reading=${reading} from=${() => chosen?.id ?? place.peek().id} onFound=${onFound} onClose=${() => setFinding(false)} />`}
      </div>
      ${isRecorded ? html`<${Said} ...${{ reading, version, isOpen, chosen, choose, onEnter, onPlace, place }} />` : html`<${Unrecorded} />`}
      ${panel.isOpen && chosen && html`<${Panel} key=${chosen.id} of=${conversation} item=${chosen} said=${told} query=${query} tab=${panel.tab}
        link=${href("talk", [number, chosen.id], protocol ? { protocol } : undefined)} onTab=${(tab) => setPanel({ ...panel, tab })} onClose=${onClose} />`}
      <${Bottom} conversation=${conversation} grown=${grown} />
    </div>`;
}

function Said({ reading, version, isOpen, chosen, choose, onEnter, onPlace, place }) {
  if (!reading) return html`<p class="waiting said" role="status">Fetching…</p>`;
  return html`
    <div class="said">
      ${reading.error && html`<${Fault} error=${reading.error} retry=${() => reading.retry()} />`}
      <${Scroll} reading=${reading} isOpen=${isOpen} chosen=${chosen?.id ?? ""} label="What was said"
        onChoose=${choose} onEnter=${onEnter} onPlace=${onPlace} />
      <${Scrub} reading=${reading} version=${version} place=${place} isOpen=${isOpen} />
    </div>`;
}

function Banner({ text, does, onDo }) {
  return html`<div class="banner"><p>${text}</p><${Button} small onClick=${onDo}>${does}<//></div>`;
}

function Unrecorded() {
  return html`<div class="said"><${Empty} title="This conversation is not recorded">
    <p>What is said in it is kept nowhere, so there is nothing to read. While it is open it can be steered.</p>
  <//></div>`;
}

/** Steering, folded away where it cannot be done. */
function Bottom({ conversation, grown }) {
  const why = whyNot(conversation, grown);
  const isSmall = matchMedia("(max-width: 640px), (max-height: 620px)").matches;
  return html`
    <details class="bottom" open=${!why && !isSmall}>
      <summary>Steer ${why && html`<span class="why">${why}</span>`}</summary>
      <${Steer} conversation=${conversation} grew=${grown} />
    </details>`;
}

/**
 * What is read, and a number that grows with every change of it. Another protocol, secrets shown, or decoding from the
 * beginning make it another reading, which begins where the one before was.
 */
function useReading({ number, size, isOpen, item, protocol, secrets, isExact, place, onFirst }) {
  const [version, draw] = useState(0);
  const [reading, setReading] = useState(null);
  const was = useRef(null);
  const isKnown = size !== null;
  useEffect(() => {
    if (!isKnown || number < 0) return undefined;
    const query = { protocol, secrets: secrets ? 1 : undefined, exact: isExact ? 1 : undefined };
    const fetchPage = (page, abort) => get(`/conversations/${number}/pages/${page}`, query, abort);
    const next = new Reading(fetchPage, () => {
      if (next.loaded.length || next.error) setReading(next); // until then the one before is shown
      draw((times) => times + 1);
    });
    next.pages = size.pages;
    next.total = size.total;
    begin(next, was.current, { isOpen, item, place, onFirst });
    return () => {
      was.current = next;
      next.close();
    };
  }, [isKnown, number, protocol, secrets, isExact, item]);
  useEffect(() => void (reading?.error && reading.retry()), [epoch.value]);
  return [reading, version];
}

async function begin(reading, was, { isOpen, item, place, onFirst }) {
  if (was ? was.following : isOpen && !item) return reading.follow(true);
  if (item && (!was || was.item !== item)) {
    reading.item = item;
    await reading.jumpTo(item);
    const found = reading.shown().find((each) => each.item?.id === item)?.item;
    if (found) onFirst(found);
    return undefined;
  }
  reading.item = item;
  return was ? reading.jump(place.peek().entry) : reading.jump(0);
}
