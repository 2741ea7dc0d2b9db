// The beginning: the frame is drawn, and the server is called. api.js has taken the token out of the address by now.

import * as catchup from "./catchup.js";
import { html, render } from "./dom.js";
import * as live from "./live.js";
import { Shell } from "./shell.js";

const page = document.getElementById("page");
page.replaceChildren();
render(html`<${Shell} />`, page);
live.begin();
catchup.begin();
