// Comforts for staff pages; every page works without them.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const HEARD_WITHIN_MS = 35000; // the server beats every 15 s

  // Is this page live? Said in words, and only while the server is really heard.
  let heardAt = 0;
  function live(state) {
    const box = $("#live");
    if (!box || box.dataset.state === state) return;
    box.dataset.state = state;
    $("[data-live-word]", box).textContent = state;
  }
  const heard = () => { heardAt = Date.now(); live("live"); };

  if (window.htmx) {
    htmx.createEventSource = (url) => {
      const source = new EventSource(url);
      for (const name of ["beat", "worklist", "patient"]) source.addEventListener(name, heard);
      source.addEventListener("error", () => live("reconnecting"));
      return source;
    };
    window.addEventListener("pagehide", () => live("reconnecting"));
  }
  setInterval(() => { if (heardAt && Date.now() - heardAt > HEARD_WITHIN_MS) live("reconnecting"); }, 5000);

  // "4 min ago" grows old by itself.
  function ago(then) {
    const minutes = Math.floor((Date.now() - then) / 60000);
    if (minutes < 1) return "just now";
    if (minutes < 60) return `${minutes} min ago`;
    return minutes < 2880 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} days ago`;
  }
  setInterval(() => {
    for (const span of all("time [data-ago]")) {
      const then = Date.parse(span.parentElement.getAttribute("datetime"));
      if (then <= Date.now()) span.textContent = ago(then);
    }
  }, 20000);

  // Dialogs.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) $(`#${opener.dataset.open}`).showModal();
    if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
  });
  for (const button of all("[data-open]")) button.hidden = false;

  const list = $("#worklist");
  if (!list || !window.htmx) return;

  // The worklist: which line is chosen, what is new.
  let chosen = null;
  let known = new Set(all("[data-item]", list).map((item) => item.id));
  const items = () => all("[data-item]", list);

  function choose(item) {
    for (const other of items()) other.toggleAttribute("data-chosen", other === item);
    chosen = item ? { id: item.id, at: items().indexOf(item) } : null;
    if (item) { item.focus({ preventScroll: true }); item.scrollIntoView({ block: "nearest" }); }
  }
  function current() { return chosen && document.getElementById(chosen.id); }
  function step(by) {
    const lines = items();
    if (!lines.length) return;
    const at = current() ? lines.indexOf(current()) + by : 0;
    choose(lines[Math.max(0, Math.min(at, lines.length - 1))]);
  }

  function openResolve(item) { ask(item, "resolve", item.dataset.kind === "alarm" ? "#resolve-alarm" : "#resolve"); }
  function openSnooze(item) { ask(item, "snooze", "#snooze"); }
  function ask(item, deed, id) {
    const opener = $(`[data-${deed}-item]`, item);
    if (!opener) return;
    const dialog = $(id);
    const form = $("form", dialog);
    form.reset();
    form.action = `${item.dataset.where}/${deed}`;
    $("[data-resolve-what]", dialog).textContent = opener.dataset.what;
    dialog.showModal();
  }

  list.addEventListener("click", (event) => {
    const item = event.target.closest("[data-item]");
    if (item && event.target.closest("[data-resolve-item]")) { event.preventDefault(); openResolve(item); }
    if (item && event.target.closest("[data-snooze-item]")) { event.preventDefault(); openSnooze(item); }
  });

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-resolve]")) return;
    event.preventDefault();
    const form = event.target;
    form.closest("dialog").close();
    htmx.ajax("POST", form.getAttribute("action"), {
      target: "#worklist", swap: "innerHTML", values: Object.fromEntries(new FormData(form)),
    });
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const dialog = $("dialog[open]");
    const typing = event.target.matches("textarea, select, input:not([type=radio])");
    if (dialog) {
      const choice = !typing && /^[1-9]$/.test(event.key) && all("input[type=radio]", dialog)[Number(event.key) - 1];
      if (choice) { choice.checked = true; choice.focus(); }
      return;
    }
    if (typing) return;
    const item = current();
    const act = {
      j: () => step(1),
      k: () => step(-1),
      a: () => item && $("[data-acknowledge]", item)?.click(),
      r: () => item && openResolve(item),
      s: () => item && openSnooze(item),
      l: () => item && $("[data-lower]", item)?.click(),
      w: () => item && $("[data-why-item]", item)?.click(),
      Enter: () => item && event.target === item && $("[data-open-item]", item)?.click(),
      "?": () => $("#keys").showModal(),
    }[event.key];
    if (act) { if (event.key !== "Enter") event.preventDefault(); act(); }
  });

  // What is shown already need not come again.
  list.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb === "get") event.detail.parameters.shown = $("#worklist-items")?.dataset.digest || "";
  });

  let hadFocus = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target === list) hadFocus = list.contains(document.activeElement);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== list) return;
    const fresh = items().filter((item) => !known.has(item.id));
    known = new Set(items().map((item) => item.id));
    if (fresh.length) {
      $("#announce").textContent = `New: ${fresh.map((item) => item.dataset.says).join("; ")}`;
      for (const item of fresh) item.classList.add("is-new");
    }
    const waiting = Number($("#worklist-items").dataset.waiting);
    document.title = `${waiting ? `(${waiting}) ` : ""}Worklist · Careloop`;
    if (!chosen) return;
    const again = current() || items()[Math.min(chosen.at, items().length - 1)];
    if (again && (hadFocus || document.activeElement === document.body)) choose(again);
    else if (again) again.toggleAttribute("data-chosen", true);
  });
})();
