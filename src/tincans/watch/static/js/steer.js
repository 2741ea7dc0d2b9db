// Steering an open conversation: say something as either side, pause, half-close, reset. What cannot be done is disabled
// and says why; what was done is said in a live region, and noted in the recording by the server.
//
//   <Steer conversation programs grew />

import { classes, html, useId, useRef, useState } from "./dom.js";
import { post } from "./api.js";
import * as format from "./format.js";
import { asRequest, LINE_ENDS } from "./steer-words.js";
import { hello } from "./store.js";
import { Button, Dialog, SideTag } from "./ui.js";

/** What was said here before: arrow up gives it back. */
const HISTORY = 50;
const SIDES = ["client", "server"];
const other = { client: "server", server: "client" };

/**
 * Why nothing can be steered; "" where it can.
 * @param {any} conversation @param {{can: string[]} | undefined} grew
 */
export function whyNot(conversation, grew) {
  if (conversation.closed !== null) return "it is over";
  if (hello.value && !hello.value.steer) return "your token may only look";
  if (grew && !grew.can.length) return hello.value?.board ? "another program recorded it, or it cannot be reached" : "another program records it";
  return grew ? "" : "it is not known yet what can be done";
}

const LACKS = {
  say: "nothing can be said into it",
  pause: "it cannot be paused",
  resume: "it cannot be resumed",
  end: "this kind of channel cannot be ended on one side",
  reset: "it cannot be reset",
};

/** @param {{conversation: any, grew: {can: string[], held: string[]} | undefined}} props */
export function Steer({ conversation, grew }) {
  const { number } = conversation;
  const [said, say] = useState({ text: "", isWrong: false });
  const [isAsking, ask] = useState(false);
  const general = whyNot(conversation, grew);
  const off = (verb) => general || (grew.can.includes(verb) ? "" : LACKS[verb]);
  const act = async (verb, body, text) => {
    try {
      const answer = await post(`/conversations/${number}/${verb}`, body);
      say({ text: typeof text === "function" ? text(answer) : text, isWrong: false });
      return true;
    } catch (error) {
      say({ text: `${error.message}. ${error.advice ?? ""}`, isWrong: true });
      return false;
    }
  };
  return html`
    <section class="steer" aria-label="Steer">
      ${general && html`<p class="off">It cannot be steered: ${general}.</p>`}
      <${Say} act=${act} off=${off("say")} say=${say} />
      <div class="acts">
        ${SIDES.map((side) => html`<${SideActs} key=${side} side=${side} conversation=${conversation} isHeld=${grew?.held.includes(side)} off=${off} act=${act} />`)}
        <${Act} icon="reset" danger off=${off("reset")} onClick=${() => ask(true)}>Reset<//>
      </div>
      <p class=${classes("said", said.isWrong && "wrong")} role="status" aria-live="polite">${said.text}</p>
      ${isAsking && html`<${ConfirmReset} number=${number} onClose=${() => ask(false)} onReset=${() => {
        ask(false);
        act("reset", {}, "Reset: both channels were ended at once");
      }} />`}
    </section>`;
}

/** A button that says why it is off, and stays reachable so that it can. */
function Act({ off, onClick, children, ...more }) {
  const id = useId();
  return html`
    <${Button} small ...${more} title=${off || undefined} aria-disabled=${off ? true : undefined} aria-describedby=${off ? id : undefined}
      onClick=${() => off || onClick()}>${children}<//>
    ${off && html`<span id=${id} class="unseen">${off}</span>`}`;
}

function SideActs({ side, conversation, isHeld, off, act }) {
  const hasEnded = conversation[`${side}_ended`] !== null;
  const ended = hasEnded ? `the ${side} has ended what it says` : "";
  const verb = isHeld ? "resume" : "pause";
  const held = isHeld ? `The ${side} goes on` : `The ${side} is paused: nothing that it says is passed on`;
  return html`
    <span class="of" role="group" aria-label=${`The ${side}`}>
      <${SideTag} side=${side} />
      <${Act} icon=${isHeld ? "play" : "pause"} pressed=${Boolean(isHeld)} off=${off(verb) || (isHeld ? "" : ended)}
        onClick=${() => act(verb, { side }, held)}>${isHeld ? "Resume" : "Pause"}<//>
      <${Act} off=${off("end") || ended}
        onClick=${() => act("end", { side }, `The ${other[side]} was told that the ${side} has ended`)}>End<//>
    </span>`;
}

function ConfirmReset({ number, onClose, onReset }) {
  const actions = html`<${Button} onClick=${onClose}>Leave it open<//><${Button} danger onClick=${onReset}>Reset it<//>`;
  return html`
    <${Dialog} title=${number > 0 ? `Reset conversation ${number}?` : "Reset this conversation?"} onClose=${onClose} actions=${actions}>
      <p>Both channels end at once. What is on its way is lost, and both programs see an error (“connection reset by peer”).</p>
    <//>`;
}

// ── saying ─────────────────────────────────────────────────────────────────────────────────────────────────

const HOWS = { text: "Text", escapes: "Escapes", hex: "Hex" };
const HINTS = { text: "Say something…", escapes: "PING\\r\\n or \\x00\\xff", hex: "50 49 4e 47 0d 0a" };

function Say({ act, off, say }) {
  const [typed, type] = useState("");
  const [side, setSide] = useState("client");
  const [how, setHow] = useState("text");
  const [lineEnd, setLineEnd] = useState("LF");
  const history = useRef({ said: [], at: 0 });
  const id = useId();

  const send = async () => {
    if (off) return;
    let request;
    try {
      request = asRequest(typed, how, lineEnd);
    } catch (error) {
      say({ text: error.message, isWrong: true });
      return;
    }
    const isSaid = await act("say", { side, ...request }, `Said to the ${other[side]}, as if the ${side} had`);
    if (!isSaid) return;
    history.current.said = [...history.current.said.filter((each) => each !== typed), typed].slice(-HISTORY);
    history.current.at = history.current.said.length;
    type((now) => (now === typed ? "" : now)); // and not what was typed meanwhile
  };
  const recall = (step) => {
    const { said, at } = history.current;
    const to = Math.max(0, Math.min(said.length, at + step));
    history.current.at = to;
    type(said[to] ?? "");
  };
  const onKeyDown = (event) => {
    const { value, selectionStart } = event.target;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
    else if (event.key === "ArrowUp" && !value.slice(0, selectionStart).includes("\n") && history.current.said.length) recall(-1);
    else if (event.key === "ArrowDown" && !value.slice(selectionStart).includes("\n") && history.current.at < history.current.said.length) recall(1);
    else return;
    event.preventDefault();
  };
  return html`
    <form class="say" onSubmit=${(event) => (event.preventDefault(), send())}>
      <div class="how">
        <${Choice} legend="As if said by" name=${`${id}s`} options=${{ client: "the client", server: "the server" }} value=${side} onChange=${setSide} sides />
        <label>As <select value=${how} onChange=${({ target }) => setHow(target.value)}>
          ${Object.entries(HOWS).map(([name, says]) => html`<option key=${name} value=${name}>${says}</option>`)}</select></label>
        <label class=${classes(how === "hex" && "absent")}>Line end <select value=${lineEnd} disabled=${how === "hex"} onChange=${({ target }) => setLineEnd(target.value)}>
          ${Object.keys(LINE_ENDS).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
      </div>
      <div class="words">
        <textarea class=${side} rows=${Math.min(8, Math.max(2, typed.split("\n").length))} value=${typed} spellcheck=${false} autocapitalize="off"
          aria-label=${`What to say as the ${side}`} aria-describedby=${`${id}h`} placeholder=${HINTS[how]} disabled=${Boolean(off)}
          onInput=${({ target }) => type(target.value)} onKeyDown=${onKeyDown}></textarea>
        <button class="button primary" type="submit" aria-disabled=${off ? true : undefined} title=${off || "Ctrl+Enter"}>Say</button>
      </div>
      <span id=${`${id}h`} class="unseen">Control and Enter say it; arrow up gives back what was said before.</span>
    </form>`;
}

function Choice({ legend, name, options, value, onChange, sides }) {
  return html`
    <fieldset class="choice"><legend>${legend}</legend>
      ${Object.entries(options).map(([each, says]) => html`<label key=${each} class=${classes(sides && `side ${each}`)}>
        <input type="radio" name=${name} value=${each} checked=${each === value} onChange=${() => onChange(each)} />${says}</label>`)}
    </fieldset>`;
}
