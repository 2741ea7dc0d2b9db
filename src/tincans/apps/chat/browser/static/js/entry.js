// Who one is: asked before one comes in, where nothing is remembered, or the hub would not have it.

import { html, useEffect, useRef, useState } from "page/dom.js";
import { Tins } from "page/signs.js";

/** Refusals that only a login mends. */
const LOGIN = new Set(["not-logged-in", "wrong-password"]);

export function Entry({ chat, title }) {
  const { refusal, who } = chat.entry.value;
  const account = who?.name || chat.kept.get("account", "");
  const [logsIn, setLogsIn] = useState(Boolean(account));
  const isLogin = logsIn || LOGIN.has(refusal?.code);
  const form = useRef(null);
  useEffect(() => {
    if (refusal) form.current.querySelector(isLogin ? "[type=password]" : "input").select(); // to be written otherwise
  }, [refusal]);
  const enter = (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(form.current));
    const name = isLogin ? given.name.trim() : "";
    chat.enter({ nick: isLogin ? name : given.nick.trim(), name, password: isLogin ? given.password : "" });
  };
  return html`
    <div class="chatentry">
      <form ref=${form} onSubmit=${enter}>
        <${Tins} />
        <h1>${title}</h1>
        ${refusal && html`<p class="wrong" role="alert">${sentence(refusal.message)}</p>`}
        ${isLogin
          ? html`<label for="name">Name</label><input id="name" key="name" name="name" required autocomplete="username" autocapitalize="none" spellcheck=${false} defaultValue=${account} autofocus />
            <label for="password">Password</label><input id="password" name="password" type="password" required autocomplete="current-password" />`
          : html`<label for="nick">How others see you</label><input id="nick" key="nick" name="nick" required maxlength="32" autocomplete="nickname" autocapitalize="none" spellcheck=${false} defaultValue=${who?.nick ?? chat.kept.get("nick", "")} autofocus />`}
        <button type="submit" class="button primary">Come in</button>
        <button type="button" class="plain" onClick=${() => (chat.entry.value = { refusal: null }, setLogsIn(!isLogin))}>${isLogin ? "Come in without a password" : "Log in with a password"}</button>
      </form>
    </div>`;
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
