// The keyboard. Nothing of the browser's own is taken away but Ctrl+K.
import { $, $$, copy } from "./dom.js";

export function startKeys() {
  const help = $("#keys");
  const show = () => help.showModal();
  $("#show-keys")?.addEventListener("click", show);
  document.addEventListener("keydown", (e) => {
    if (e.defaultPrevented || $("dialog[open]")) return;
    const typing = e.target.closest("input, textarea, select");
    const control = e.ctrlKey || e.metaKey;
    const key = e.key.toLowerCase();
    if (control && !e.shiftKey && key === "k") return act(e, search);
    if (control && e.shiftKey && key === "o") return act(e, () => { location.href = "/"; });
    if (control && e.shiftKey && key === "c" && lastAnswer()) return act(e, () => copy(lastAnswer()));
    if (key === "escape" && $("#stop") && !$("#stop").hidden) return act(e, () => $("#stop").click());
    if (typing || control || e.altKey) return;
    if (key === "/") return act(e, search);
    if (key === "?") return act(e, show);
    if (key.length === 1 && $("#text") && !e.target.closest("button, a, summary, [tabindex='0']")) $("#text").focus();
  });
}

function act(e, does) {
  e.preventDefault();
  does();
}

function search() {
  document.body.classList.add("side-open");
  $(".search input")?.select();
}

const lastAnswer = () => $$(".answer template.source").at(-1)?.content.textContent;
