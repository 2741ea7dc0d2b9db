// The listing of a folder works without this. With it, times are in the reader's own zone, and files are sent one by one
// by PUT, each with its progress: chosen, or dropped anywhere on the page, whole folders too.
"use strict";

/** Files sent at once: a browser opens six connections, and the reader may want to look on. */
const AT_ONCE = 3;

const make = (name, text = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
};

// ── times ────────────────────────────────────────────────────────────────────────────────────────────────

const showTimes = () => {
    const pad = (number) => String(number).padStart(2, "0");
    for (const time of document.querySelectorAll("time")) {
        const at = new Date(time.dateTime);
        if (isNaN(at)) continue;
        time.textContent =
            `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}`;
    }
    document.getElementById("zone").textContent = "";
};

/** Show the folder as it is now, and leave all else on the page; where that cannot be had, the list stays as it is. */
const look = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) return;
    const now = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["sum", "list"]) document.getElementById(id).replaceWith(now.getElementById(id));
    showTimes();
};

// ── sending ──────────────────────────────────────────────────────────────────────────────────────────────

/** Send one file to `path` below this folder; `tell` hears how far it is. Resolves to what was wrong, or to "". */
const put = (path, file, tell, request) =>
    new Promise((resolve) => {
        request.upload.onprogress = ({ loaded }) => tell(loaded);
        request.onload = () => resolve(request.status < 300 ? "" : request.responseText.trim() || request.statusText);
        request.onerror = () => resolve("the connection was lost");
        request.onabort = () => resolve("cancelled");
        request.open("PUT", path.split("/").map(encodeURIComponent).join("/"));
        request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
        request.send(file);
    });

/** A row of those that are being sent. */
const row = (path, file) => {
    const item = make("li");
    const [name, said, stop, bar] = [make("bdi", path), make("output", "waiting"), make("button", "Cancel"), make("progress")];
    bar.max = file.size || 1;
    bar.value = 0;
    bar.setAttribute("aria-label", path);
    stop.type = "button";
    item.append(name, said, stop, bar);
    return { item, said, stop, bar };
};

const send = async ({ path, file }, { item, said, stop, bar }) => {
    const request = new XMLHttpRequest();
    stop.onclick = () => request.abort();
    const wrong = await put(path, file, (sent) => {
        bar.value = sent;
        said.textContent = `${Math.floor((100 * sent) / (file.size || 1))} %`;
    }, request);
    stop.remove();
    item.className = wrong ? "wrong" : "done";
    if (!wrong) bar.value = bar.max;
    said.textContent = wrong || "done";
};

const sendAll = async (files) => {
    const going = document.getElementById("going");
    going.hidden = false;
    const waiting = files.map((each) => ({ each, shown: row(each.path, each.file) }));
    if (!going.querySelector("li:not(.done, .wrong)")) going.replaceChildren(); // else others are still on their way
    going.append(...waiting.map(({ shown }) => shown.item));
    const work = async () => {
        for (let next; (next = waiting.shift()); ) await send(next.each, next.shown);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    await look();
};

// ── choosing ─────────────────────────────────────────────────────────────────────────────────────────────

const chosen = (files) => Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file }));

/** All files below what was dropped, with their paths. */
const below = async (entry) => {
    if (entry.isFile) {
        const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
        return [{ path: entry.fullPath.replace(/^\//, ""), file }];
    }
    const reader = entry.createReader();
    const found = [];
    for (;;) { // it gives a hundred at a time, and none at the end
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (!some.length) return found;
        for (const each of some) found.push(...(await below(each)));
    }
};

/** The entries have to be taken before anything is awaited: then they are gone. */
const dropped = async (transfer) => {
    const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter(Boolean);
    return (await Promise.all(entries.map(below))).flat();
};

const takeFiles = (form) => {
    document.body.classList.add("scripted");
    for (const [id, input] of [["choose", "files"], ["choose-folder", "tree"]]) {
        const button = document.getElementById(id);
        const field = document.getElementById(input);
        button.hidden = false;
        button.onclick = () => field.click();
        field.onchange = () => field.files.length && sendAll(chosen(field.files)).then(() => form.reset());
    }
    document.getElementById("hint").hidden = false;
    const over = (is) => (event) => {
        if (!event.dataTransfer.types.includes("Files")) return;
        event.preventDefault();
        document.body.classList.toggle("over", is);
    };
    document.addEventListener("dragover", over(true));
    document.addEventListener("dragleave", over(false));
    document.addEventListener("drop", async (event) => {
        over(false)(event);
        const files = await dropped(event.dataTransfer);
        if (files.length) await sendAll(files);
    });
};

showTimes();
const form = document.getElementById("send");
if (form) takeFiles(form);
