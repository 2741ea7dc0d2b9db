// The fields above the list of conversations, and the line below them that says what was found. What is typed goes into
// the address after a moment, and the list follows the address: so the back button, a link and a field do the same.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./dom.js";
import { inWords, isNarrowed, isRead, KINDS, NAMES, STATES, sizeOf, TIMES } from "./filters.js";
import { count, plural } from "./format.js";
import { useKey } from "./keys.js";
import { href, replace } from "./router.js";
import { board, held, hello, isLive, latest } from "./store.js";
import { Button, Icon, Popover } from "./ui.js";

/** After the last key, in milliseconds. */
const TYPED = 250;

/** The address with some parameters changed; "" takes one away. */
function change(query, changes) {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const each of [value].flat()) if (each) next.append(name, each);
  }
  replace("conversations", [], next);
}

export function FilterBar({ query }) {
  const [shown, setShown] = useState(false);
  const field = useRef(null);
  useKey("/", "Search in what was said", () => field.current.focus());
  useKey("f", "Show or hide the filters", () => setShown(!shown));
  const words = inWords(query);
  const others = NAMES.filter((name) => name !== "text" && query.get(name)).length;
  return html`
    <search class="filters" data-shown=${shown ? "" : undefined}>
      <div class="field wide"><${Icon} name="search" />
        <${Field} query=${query} name="text" label="Text that was said" type="search" field=${field} hint="Search in what was said" /></div>
      <${Button} icon="filter" pressed=${shown} aria-label="Filters" onClick=${() => setShown(!shown)}>${others || ""}<//>
      <div class="more">
        <${Field} query=${query} name="party" label="Address of a party" hint="Address" />
        <${Named} query=${query} />
        <${Choice} query=${query} name="kind" label="Kind" all="Any kind" of=${KINDS} />
        <${Choice} query=${query} name="protocol" label="Protocol" all="Any protocol" of=${hello.value?.protocols ?? []} />
        <${Popover} label="State" text=${words.state || "Any state"} set=${Boolean(words.state)}><${States} query=${query} /><//>
        <${Popover} label="Size" text=${words.size || "Any size"} set=${Boolean(words.size)}><${Sizes} query=${query} /><//>
        <${Popover} label="Time" text=${words.time || "Any time"} set=${Boolean(words.time)}><${Times} query=${query} /><//>
        ${isNarrowed(query) && html`<${Button} icon="close" onClick=${() => replace("conversations")}>Clear<//>`}
      </div>
    </search>`;
}

/** A text; what is typed holds until the address says something else. */
function Field({ query, name, label, hint, type = "text", field, check, ...more }) {
  const said = query.get(name) ?? "";
  const [text, setText] = useState(said);
  const timer = useRef(0);
  useLayoutEffect(() => setText(said), [said]); // before the next key
  useEffect(() => () => clearTimeout(timer.current), []);
  const put = (value) => {
    clearTimeout(timer.current);
    if (value !== said && (!check || value === "" || check(value) !== null)) change(query, { [name]: value });
  };
  const typed = ({ target }) => {
    setText(target.value);
    clearTimeout(timer.current);
    timer.current = setTimeout(put, TYPED, target.value);
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter") put(text);
    if (event.key === "Escape") event.target.blur();
  };
  const wrong = Boolean(check && text && check(text) === null);
  return html`<input ref=${field} type=${type} aria-label=${label} title=${label} placeholder=${hint} value=${text} spellcheck=${false}
    autocomplete="off" aria-invalid=${wrong || undefined} onInput=${typed} onKeyDown=${onKeyDown} onBlur=${() => put(text)} ...${more} />`;
}

/** The name of a listener or relay, which is taken exactly: those of the switchboard are offered. */
function Named({ query }) {
  const names = board.value.map(({ name }) => name);
  return html`<${Field} query=${query} name="name" label="Name of a listener or relay, exactly" hint="Name" list="names" />
    <datalist id="names">${names.map((name) => html`<option key=${name} value=${name} />`)}</datalist>`;
}

function Choice({ query, name, label, all, of }) {
  const value = query.get(name) ?? "";
  const options = value && !of.includes(value) ? [value, ...of] : of;
  return html`<select aria-label=${label} data-set=${value ? "" : undefined} value=${value} onChange=${({ target }) => change(query, { [name]: target.value })}>
    <option value="">${all}</option>${options.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}</select>`;
}

function States({ query }) {
  const chosen = query.getAll("state");
  const toggle = (state) => change(query, { state: STATES.filter((each) => chosen.includes(each) !== (each === state)) });
  return html`<fieldset class="choices"><legend>State</legend>
    ${STATES.map((state) => html`<label key=${state}><input type="checkbox" checked=${chosen.includes(state)} onChange=${() => toggle(state)} />${state}</label>`)}
  </fieldset>`;
}

function Sizes({ query }) {
  return html`<fieldset class="choices"><legend>Bytes said by both together</legend>
    <label>At least<${Field} query=${query} name="least" label="At least" hint="1 KiB" check=${sizeOf} /></label>
    <label>At most<${Field} query=${query} name="most" label="At most" hint="20 MiB" check=${sizeOf} /></label>
  </fieldset>`;
}

function Times({ query }) {
  const when = query.get("when") ?? "";
  const isOwn = query.get("since") || query.get("until");
  const choose = (name) => change(query, { when: name, since: "", until: "" });
  const own = (name) => ({ target }) => change(query, { when: "", [name]: fromLocal(target.value) });
  const choice = (name, says, checked) => html`
    <label key=${name}><input type="radio" name="when" checked=${checked} onChange=${() => choose(name)} />${says}</label>`;
  return html`<fieldset class="choices"><legend>When it began</legend>
    ${choice("", "Any time", !when && !isOwn)}
    ${Object.entries(TIMES).map(([name, { says }]) => choice(name, says, when === name))}
    <label>From<input type="datetime-local" step="1" value=${toLocal(query.get("since"))} onChange=${own("since")} /></label>
    <label>To<input type="datetime-local" step="1" value=${toLocal(query.get("until"))} onChange=${own("until")} /></label>
  </fieldset>`;
}

/** Microseconds as such a field has them: our zone's, without saying so. */
function toLocal(micros) {
  if (!micros) return "";
  const at = new Date(Number(micros) / 1000);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

const fromLocal = (text) => (text ? String(new Date(text).getTime() * 1000) : "");

// ── what was found ─────────────────────────────────────────────────────────────────────────────────────────

export function Outcome({ source, query, again }) {
  return html`<div class="outcome">
    <p role=${isNarrowed(query) ? "status" : undefined}>${found(source, query)}</p>
    <${Unrecorded} />
    ${!isRead(query) && isLive.value && source.trouble.value && html`<span class="wrong" role="alert">${source.trouble.value.message}</span>
      <${Button} small onClick=${() => source.begin()}>Try again<//>`}
    ${isRead(query) && html`<${Reading} source=${source} again=${again} />`}
  </div>`;
}

/** Those that are open and will never be in this list: the map has them. */
function Unrecorded() {
  void latest.value;
  const open = [...held.values()].filter(({ number, closed }) => number < 0 && closed === null).length;
  return open > 0 && html`<span>${plural(open, "open one is", "open ones are")} not recorded: <a href=${href("map")}>see the map</a></span>`;
}

function found(source, query) {
  const so = source.count.value;
  const state = source.progress.value?.state;
  if (!isRead(query)) return state ? "Counting…" : `${plural(so, "conversation")}${isNarrowed(query) ? " found" : ""}`;
  return `${plural(so, "conversation")} found${state === "done" ? "" : " so far"}`;
}

/** How far the recording was read. */
function Reading({ source, again }) {
  const { state, looked, total } = source.progress.value;
  const error = source.trouble.value;
  return html`
    ${state !== "done" && html`<progress max=${total || 1} value=${looked} aria-label="Looked at"></progress>`}
    <span class="looked">${count(looked)} of ${count(total)} looked at${error ? `: ${error.message}` : ""}</span>
    ${state === "looking" && html`<${Button} small onClick=${() => source.stop()}>Stop<//>`}
    ${(state === "stopped" || state === "enough") && html`<${Button} small onClick=${() => source.goOn(true)}>Go on<//>`}
    ${source.fresh.value > 0 && html`<${Button} small onClick=${again}>${count(source.fresh.value)} new: look again<//>`}`;
}
