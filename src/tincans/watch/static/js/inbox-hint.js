// What is shown where there is no mail: how to have one sent here, or how to have a server that takes them.

import { html, useEffect, useState } from "./dom.js";
import { get } from "./api.js";
import { hello } from "./store.js";
import { CopyButton, Empty } from "./ui.js";

/** Where nobody says otherwise. */
const USUAL = "7725";

/** @param {{isKept: boolean}} props whether there is a folder for mails */
export function Hint({ isKept }) {
  const servers = useServers();
  if (servers === null) return html`<p class="waiting" role="status">Fetching…</p>`;
  if (!isKept && !servers.length) return html`<${NoServer} />`;
  const [host, port] = placeOf(servers[0]?.address ?? "");
  return html`
    <div class="hint">
      <${Empty} title="No mail has come yet"><p>Whatever is sent to this server is kept, for whomever it is, and appears here at once. Send one:</p><//>
      <${Code} says="In a shell" text=${`swaks --server ${host}:${port} --to you@example.org`} />
      <${Code} says="In Python" text=${python(host, port)} />
    </div>`;
}

function NoServer() {
  return html`
    <div class="hint">
      <${Empty} title="No mails are kept here">
        <p>Nothing is stored yet, and no mail server runs here. One that takes every mail, whomever it is for, is started by:</p>
      <//>
      <${Code} says="In a shell" text=${`tincans listen :${USUAL} mail`} />
      <${Code} says="In tincans.toml" text=${`[[listen]]\nname = "mail"\naddress = ":${USUAL}"\napp = "mail"`} />
    </div>`;
}

/** The mail servers of the switchboard that take mails; null until that is known. */
function useServers() {
  const [rows, setRows] = useState(null);
  const has = hello.value?.board;
  useEffect(() => {
    const abort = new AbortController();
    get("/board", {}, abort.signal).then(
      ({ rows: all }) => setRows(all.filter(({ answers, listening }) => answers === "mail" && listening)),
      () => abort.signal.aborted || setRows([]),
    );
    return () => abort.abort();
  }, [has]);
  return rows;
}

/** @param {string} address as of a row of the switchboard */
function placeOf(address) {
  const [, host, port] = /^[a-z+]+:\/\/(.*):(\d+)/.exec(address) ?? [null, "127.0.0.1", USUAL];
  return [host === "*" || host === "0.0.0.0" ? "127.0.0.1" : host, port];
}

const python = (host, port) => [
  "import smtplib",
  `with smtplib.SMTP("${host}", ${port}) as server:`,
  `    server.sendmail("me@example.org", "you@example.org", "Subject: Hello\\n\\nHow are you?")`,
].join("\n");

function Code({ says, text }) {
  return html`<figure class="code"><figcaption>${says} <${CopyButton} text=${text} label=${`Copy what is typed ${says.toLowerCase()}`} /></figcaption>
    <pre class="text code" tabindex="0" role="region" aria-label=${says}>${text}</pre></figure>`;
}
