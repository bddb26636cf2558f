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
})();
