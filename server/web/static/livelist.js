// A list that renews itself: which line is chosen, what is new, and its keys. The worklist and the tasks are such lists.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);

  // `list` is what htmx renews; in it `inside` tells what is shown and how many wait (`waits`), and each `line` is an item.
  // `keys(item)` are the page's own: what each does with the chosen line, if one is chosen. "[data-open-line]" is Enter's.
  window.liveList = ({ list, inside, line, title, waits, keys }) => {
    const items = () => [...list.querySelectorAll(line)];
    let chosen = null;
    let known = new Set(items().map((item) => item.id));

    const current = () => chosen && document.getElementById(chosen.id);
    // An attribute, not a class: htmx gives an item that was there before its old classes back.
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
        Enter: () => item && event.target === item && $("[data-open-line]", item)?.click(),
        "?": () => $("#keys").showModal(),
        ...(item ? keys(item) : {}),
      }[event.key];
      if (act) { if (event.key !== "Enter") event.preventDefault(); act(); }
    });

    // What is shown already need not come again.
    list.addEventListener("htmx:configRequest", (event) => {
      if (event.detail.verb === "get") event.detail.parameters.shown = $(inside)?.dataset.digest || "";
    });

    // Under a finger nothing moves, else the click would hit nothing: what comes meanwhile is shown when it is lifted.
    let pressed = 0;
    let held = null;
    list.addEventListener("pointerdown", (event) => { if (event.isPrimary && event.button === 0) pressed = performance.now(); });
    list.addEventListener("htmx:beforeSwap", (event) => {
      if (event.target !== list || !event.detail.shouldSwap || !pressed || performance.now() - pressed > 2000) return;
      held = { ...event.detail };
      event.detail.shouldSwap = false;
    });
    for (const end of ["pointerup", "pointercancel"]) {
      document.addEventListener(end, () => setTimeout(() => {
        pressed = 0;
        if (held) htmx.swap(list, held.serverResponse, { swapStyle: "innerHTML" }, { eventInfo: held });
        held = null;
      }));
    }

    let hadFocus = false;
    document.addEventListener("htmx:beforeSwap", (event) => {
      if (event.detail.target === list) hadFocus = list.contains(document.activeElement);
    });
    document.addEventListener("htmx:afterSwap", (event) => {
      if (event.detail.target !== list) return;
      const fresh = items().filter((item) => !known.has(item.id));
      known = new Set(items().map((item) => item.id));
      if (fresh.length) $("#announce").textContent = `New: ${fresh.map((item) => item.dataset.says).join("; ")}`;
      for (const item of fresh) item.classList.add("is-new");
      const waiting = Number($(inside).dataset[waits]);
      document.title = `${waiting ? `(${waiting}) ` : ""}${title} · Careloop`;
      if (!chosen) return;
      const again = current() || items()[Math.min(chosen.at, items().length - 1)];
      if (again && (hadFocus || document.activeElement === document.body)) choose(again);
      else if (again) again.toggleAttribute("data-chosen", true);
    });
  };
})();
