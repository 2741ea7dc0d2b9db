// The tools of a conversation: decode as another protocol, show secrets, the diagram, the charts, files to save, and programs
// that say the same.

import { html, useEffect, useState } from "./dom.js";
import { fetched } from "./api.js";
import { save, useBlob } from "./body.js";
import { ConversationCharts } from "./charts.js";
import { honest } from "./body-text.js";
import { hello } from "./store.js";
import { Button, CopyButton, Dialog, Fault, Menu, toast } from "./ui.js";

const FORMS = { pcapng: "Packets (pcapng, for Wireshark)", har: "HTTP archive (har)", jsonl: "Events (jsonl)", tin: "Text (tin, to play back)" };
const LANGUAGES = { curl: "curl", python: "Python", java: "Java", php: "PHP", c: "C" };

/** @typedef {{number: number, protocol: string, secrets: boolean}} Asked */

/**
 * @param {{asked: Asked, spoken: string, isOpen: boolean, onProtocol: (name: string) => void, onSecrets: (on: boolean) => void,
 *          onFind: () => void}} props
 */
export function Tools({ asked, spoken, isOpen, onProtocol, onSecrets, onFind }) {
  const [shown, show] = useState(null);
  const query = { protocol: asked.protocol, secrets: asked.secrets ? 1 : undefined };
  const maySteer = Boolean(hello.value?.steer);
  const languages = Object.entries(LANGUAGES).map(([name, says]) => ({ says, run: () => show({ program: name, says }) }));
  const forms = Object.entries(FORMS).map(([form, says]) => ({ says, run: () => saveAs(asked.number, form, query) }));
  return html`
    <${Protocol} chosen=${asked.protocol} spoken=${spoken} onChange=${onProtocol} />
    ${maySteer && html`<${Button} small pressed=${asked.secrets} onClick=${() => onSecrets(!asked.secrets)}>Secrets<//>`}
    <${Button} small onClick=${onFind}>Find<//>
    <${Button} small onClick=${() => show({ diagram: true })}>Diagram<//>
    <${Button} small onClick=${() => show({ charts: true })}>Charts<//>
    <${Menu} small label="Copy as a program" items=${languages}>Copy as<//>
    <${Menu} small label="Export as a file" items=${forms}>Export<//>
    ${shown?.diagram && html`<${Diagram} number=${asked.number} query=${query} onClose=${() => show(null)} />`}
    ${shown?.charts && html`<${Dialog} title="Charts" wide onClose=${() => show(null)}><${ConversationCharts} number=${asked.number} open=${isOpen} /><//>`}
    ${shown?.program && html`<${Program} number=${asked.number} language=${shown.program} says=${shown.says} query=${query} onClose=${() => show(null)} />`}`;
}

function Protocol({ chosen, spoken, onChange }) {
  const names = hello.value?.protocols ?? [];
  return html`
    <label class="decode"><span class="unseen">Decode as</span>
      <select value=${chosen} title="Decode as" onChange=${({ target }) => onChange(target.value)}>
        <option value="">${spoken ? `decoded as ${spoken}` : "decoded by itself"}</option>
        ${names.map((name) => html`<option key=${name} value=${name}>as ${name}</option>`)}
      </select>
    </label>`;
}

async function saveAs(number, form, query) {
  try {
    const response = await fetched(`/conversations/${number}/export/${form}`, query);
    save(await response.blob(), `conversation-${number}.${form}`);
    toast(`Saved conversation-${number}.${form}`);
  } catch (error) {
    toast(`${error.message}. ${error.advice ?? ""}`, true);
  }
}

/** What is fetched for a dialog: [what came, what went wrong]. */
function useFetched(path, query, read) {
  const [got, setGot] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    const abort = new AbortController();
    fetched(path, query, abort.signal).then(read).then(setGot, (failed) => abort.signal.aborted || setError(failed));
    return () => abort.abort();
  }, [path]);
  return [got, error];
}

function Diagram({ number, query, onClose }) {
  const [svg, error] = useFetched(`/conversations/${number}/diagram.svg`, query, (response) => response.blob());
  return html`
    <${Dialog} title="Sequence diagram" wide onClose=${onClose}>
      ${error && html`<${Fault} error=${error} />`}
      ${!error && !svg && html`<p class="waiting" role="status">Drawing…</p>`}
      ${svg && html`<${Zoomed} svg=${svg} number=${number} />`}
    <//>`;
}

/** An SVG in an <img> runs nothing and fetches nothing, whatever is in it. */
function Zoomed({ svg, number }) {
  const url = useBlob(svg, "image/svg+xml");
  const [zoom, setZoom] = useState(100);
  return html`
    <div class="diagram">
      <div class="tools">
        <${Button} small label="Smaller" onClick=${() => setZoom(Math.max(25, zoom / 1.25))}>−<//>
        <output>${Math.round(zoom)} %</output>
        <${Button} small label="Larger" onClick=${() => setZoom(Math.min(400, zoom * 1.25))}>+<//>
        <${Button} small icon="download" onClick=${() => save(svg, `conversation-${number}.svg`)}>Save<//>
      </div>
      <div class="sheet" tabindex="0" role="region" aria-label="The diagram">
        ${url && html`<img src=${url} alt=${`Sequence diagram of conversation ${number}`} style=${{ width: `${zoom}%` }} />`}
      </div>
    </div>`;
}

function Program({ number, language, says, query, onClose }) {
  const [text, error] = useFetched(`/conversations/${number}/program/${language}`, query, (response) => response.text());
  const actions = text !== null && html`<${CopyButton} text=${text}>Copy<//>`;
  return html`
    <${Dialog} title=${`The same, in ${says}`} wide onClose=${onClose} actions=${actions}>
      ${error && html`<${Fault} error=${error} />`}
      ${text !== null && html`<pre class="text code" tabindex="0" role="region" aria-label="Program">${honest(text)}</pre>`}
    <//>`;
}
