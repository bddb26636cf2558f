// Keys and dialogs of the worklist; without script each leads to the alert's own page.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const list = $("#worklist");
  if (!list || !window.htmx) return;

  function openResolve(item) { ask(item, "resolve", item.dataset.kind === "alarm" ? "#resolve-alarm" : "#resolve"); }
  function openSnooze(item) { ask(item, "snooze", "#snooze"); }
  function ask(item, deed, id) {
    const opener = $(`[data-${deed}-item]`, item);
    if (!opener) return;
    const dialog = $(id);
    const form = $("form", dialog);
    form.reset();
    form.action = `${item.dataset.where}/${deed}`;
    form.dataset.about = item.id;
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
    // Each item sends for itself: of several that wait for one sender htmx keeps the last.
    htmx.ajax("POST", form.getAttribute("action"), {
      source: document.getElementById(form.dataset.about) ?? document.body,
      target: "#worklist", swap: "innerHTML", values: Object.fromEntries(new FormData(form)),
    });
  });

  liveList({
    list, inside: "#worklist-items", line: "[data-item]", title: "Worklist", waits: "waiting",
    keys: (item) => ({
      a: () => $("[data-acknowledge]", item)?.click(),
      r: () => openResolve(item),
      s: () => openSnooze(item),
      l: () => $("[data-lower]", item)?.click(),
      w: () => $("[data-why-item]", item)?.click(),
    }),
  });
})();
