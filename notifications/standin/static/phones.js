// Looks again each second. While somebody types nothing moves: only what is new is shown when they are done.
const phones = document.getElementById("phones");
let shown = "";

const typing = () => [...phones.querySelectorAll("input[name=body]")].some((box) => box === document.activeElement || box.value);
const toTheEnd = () => phones.querySelectorAll(".texts").forEach((list) => { list.scrollTop = list.scrollHeight; });

async function look() {
  try {
    const text = await (await fetch("/phones")).text();
    if (text !== shown && !typing()) {
      phones.innerHTML = text;
      shown = text;
      toTheEnd();
    }
  } catch { /* the provider is away; the next look may find it */ }
}

phones.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const body = new URLSearchParams(new FormData(form, event.submitter));
  form.reset();
  document.activeElement?.blur();
  await fetch(form.getAttribute("action"), { method: "POST", body, redirect: "manual" });
  await look();
});

toTheEnd();
setInterval(look, 1000);
