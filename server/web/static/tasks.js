// Keys and the closing dialog of the tasks page; without script "Close" leads to the task's own page.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const list = $("#tasks");
  if (!list || !window.htmx) return;

  function openClosing(item) {
    const opener = $("[data-close-task]", item);
    if (!opener) return;
    const dialog = $("#close-task");
    const form = $("form", dialog);
    form.reset();
    form.action = opener.dataset.where;
    $("[data-what]", dialog).textContent = opener.dataset.what;
    dialog.showModal();
  }

  list.addEventListener("click", (event) => {
    const item = event.target.closest("[data-task]");
    if (item && event.target.closest("[data-close-task]")) { event.preventDefault(); openClosing(item); }
  });

  liveList({
    list, inside: "#tasks-items", line: "[data-task]", title: "Tasks", waits: "due",
    keys: (item) => ({
      t: () => $("[data-take]", item)?.click(),
      c: () => openClosing(item),
    }),
  });
})();
