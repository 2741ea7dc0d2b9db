// The view "Mails": what the app `mail` took. Mailboxes at the side, the mails of one of them, the newest on top, as they
// come; and the one that is open. Where the page is narrow, the open one lies over the others.
//
//   #/mails?mailbox=you@example.org&text=pears      #/mails/12?tab=source      `inbox` is one of several folders

import { html, useEffect, useMemo, useRef, useState } from "./dom.js";
import { get } from "./api.js";
import { Bar } from "./inbox-bar.js";
import { Boxes, BoxChoice } from "./inbox-boxes.js";
import { Hint } from "./inbox-hint.js";
import { List } from "./inbox-list.js";
import { Letter } from "./inbox-mail.js";
import { REST, Rows } from "./inbox-rows.js";
import { useLook } from "./live.js";
import { replace } from "./router.js";
import { epoch, inboxes, isLive } from "./store.js";
import { Empty, Fault, useTitle } from "./ui.js";

/** After a change the mailboxes are asked for so late, in milliseconds: mails come in floods. */
const AFTER = 300;

/** @typedef {{inbox: string, mailbox: string, text: string}} Where */

export function View({ parts, query }) {
  useLook({ mails: true });
  const [found, error, retry] = useInboxes();
  const number = /^\d+$/.test(parts[0] ?? "") ? Number(parts[0]) : null;
  useTitle(number === null ? "Mails" : `Mail ${number}`);
  if (error && !found) return isLive.value ? html`<${Fault} error=${error} retry=${retry} />` : html`<${Unknown} />`;
  if (!found) return html`<p class="waiting" role="status">Fetching…</p>`;
  if (found.every(({ count }) => !count) && number === null && !query.get("text")) return html`<${Hint} isKept=${found.length > 0} />`;
  return html`<${Inbox} all=${found} number=${number} query=${query} />`;
}

/** The inboxes as they are now: [them, what went wrong, ask again]. */
function useInboxes() {
  const [found, setFound] = useState(null);
  const [error, setError] = useState(null);
  const [times, again] = useState(0);
  const timer = useRef(0);
  const abort = useMemo(() => new AbortController(), []);
  const took = useRef(0);
  const newest = useRef(0); // when what is shown was asked for
  const ask = () => {
    const began = performance.now();
    timer.current = 0;
    const take = ({ rows }) => {
      took.current = performance.now() - began;
      if (began < newest.current) return; // another one was quicker
      newest.current = began;
      setFound(rows);
      setError(null);
    };
    get("/inboxes", {}, abort.signal).then(take, (failed) => abort.signal.aborted || setError(failed));
  };
  const after = found ? Math.max(AFTER, took.current * REST) : 0;
  useEffect(() => void (timer.current ||= setTimeout(ask, after)), [inboxes.value, epoch.value, times]);
  useEffect(() => () => (clearTimeout(timer.current), abort.abort()), []);
  return [found, error, () => again(times + 1)];
}

function Inbox({ all, number, query }) {
  const where = { inbox: query.get("inbox") ?? "", mailbox: query.get("mailbox") ?? "", text: query.get("text") ?? "" };
  const rows = useMemo(() => new Rows(where), [where.inbox, where.mailbox, where.text]);
  useEffect(() => () => rows.close(), [rows]);
  const open = (next) => replace("mails", next === null ? [] : [next], query);
  return html`
    <div class=${number === null ? "inbox" : "inbox reading"}>
      <h1 class="unseen">Mails</h1>
      <${Boxes} all=${all} where=${where} />
      <div class="pile">
        <${BoxChoice} all=${all} where=${where} />
        <${Bar} rows=${rows} where=${where} all=${all} query=${query} />
        <${List} key=${`${where.inbox} ${where.mailbox} ${where.text}`} rows=${rows} where=${where} number=${number} query=${query} open=${open} />
      </div>
      ${number === null
        ? html`<div class="letter none"><${Empty} title="No mail is open"><p>Choose one, and it is shown here.</p><//></div>`
        : html`<${Letter} key=${`${where.inbox} ${number}`} number=${number} where=${where} rows=${rows} query=${query} open=${open} />`}
    </div>`;
}

/** The banner says why. */
function Unknown() {
  return html`<${Empty} title="The mails cannot be shown now"><p>They are fetched as soon as they can be.</p><//>`;
}
