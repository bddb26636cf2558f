// Keys and the closing dialog of the tasks page; without script "Close" leads to the task's own page.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const list = $("#tasks");
  if (!list || !window.htmx) return;
  const items = () => [...list.querySelectorAll("[data-task]")];
  let chosen = null;
  let known = new Set(items().map((item) => item.id));

  const current = () => chosen && document.getElementById(chosen.id);
  function choose(item) {
    for (const other of items()) other.toggleAttribute("data-chosen", other === item);
    chosen = item ? { id: item.id, at: items().indexOf(item) } : null;
    if (item) { item.focus({ preventScroll: true }); item.scrollIntoView({ block: "nearest" }); }
  }
  function step(by) {
    const lines = items();
    if (!lines.length) return;
    const at = current() ? lines.indexOf(current()) + by : 0;
    choose(lines[Math.max(0, Math.min(at, lines.length - 1))]);
  }

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

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const dialog = $("dialog[open]");
    const typing = event.target.matches("textarea, select, input:not([type=radio])");
    if (dialog) {
      const choice = !typing && /^[1-9]$/.test(event.key) && dialog.querySelectorAll("input[type=radio]")[Number(event.key) - 1];
      if (choice) { choice.checked = true; choice.focus(); }
      return;
    }
    if (typing) return;
    const item = current();
    const act = {
      j: () => step(1),
      k: () => step(-1),
      t: () => item && $("[data-take]", item)?.click(),
      c: () => item && openClosing(item),
      Enter: () => item && event.target === item && $("[data-open-task]", item)?.click(),
      "?": () => $("#keys").showModal(),
    }[event.key];
    if (act) { if (event.key !== "Enter") event.preventDefault(); act(); }
  });

  // What is shown already need not come again.
  list.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb === "get") event.detail.parameters.shown = $("#tasks-items")?.dataset.digest || "";
  });

  let hadFocus = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target === list) hadFocus = list.contains(document.activeElement);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== list) return;
    const fresh = items().filter((item) => !known.has(item.id));
    known = new Set(items().map((item) => item.id));
    if (fresh.length) $("#announce").textContent = `New: ${fresh.map((item) => item.dataset.says).join("; ")}`;
    const due = Number($("#tasks-items").dataset.due);
    document.title = `${due ? `(${due}) ` : ""}Tasks · Careloop`;
    if (!chosen) return;
    const again = current() || items()[Math.min(chosen.at, items().length - 1)];
    if (again && (hadFocus || document.activeElement === document.body)) choose(again);
    else if (again) again.toggleAttribute("data-chosen", true);
  });
})();
