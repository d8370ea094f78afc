// The list of conversations, menus and questions to be confirmed.
import { $, $$, announce, dropDrafts, say } from "./dom.js";

let latest = 0;

// refreshList shows the conversations that a search finds, or the last used.
export async function refreshList() {
  const list = $("#list");
  const query = $(".search input")?.value.trim() ?? "";
  const turn = ++latest;
  const response = await fetch(`/list?q=${encodeURIComponent(query)}&here=${encodeURIComponent(list.dataset.here)}`).catch(() => null);
  if (!response?.ok || response.redirected || turn !== latest) return;
  list.innerHTML = await response.text();
  if (query) announce(say("found", $$("a", list).length));
}

export function startSide() {
  const search = $(".search input");
  if (!search) return;
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refreshList, 150);
  });
  search.form.addEventListener("submit", (e) => {
    e.preventDefault();
    refreshList();
  });
  search.addEventListener("keydown", (e) => {
    if (e.key === "ArrowDown") {
      e.preventDefault();
      $("#list a")?.focus();
    }
  });
  const list = $("#list");
  list.addEventListener("keydown", (e) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    const links = $$("a", list);
    const at = links.indexOf(document.activeElement) + step;
    (at < 0 ? search : links[at])?.focus();
  });
  list.addEventListener("click", async (e) => {
    const more = e.target.closest("[data-before]");
    if (!more) return;
    const response = await fetch(`/list?before=${more.dataset.before}&here=${encodeURIComponent(list.dataset.here)}`).catch(() => null);
    if (response?.ok && !response.redirected) more.closest("li").outerHTML = await response.text();
  });

  const open = (yes) => {
    document.body.classList.toggle("side-open", yes);
    if (yes) $(".brand [data-side]").focus();
  };
  for (const button of $$("[data-side]")) button.addEventListener("click", () => open(!document.body.classList.contains("side-open")));
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") open(false);
  });

  // A menu closes when something else is chosen.
  document.addEventListener("click", (e) => {
    for (const menu of $$("details.menu[open]")) if (!menu.contains(e.target)) menu.open = false;
  });
  document.addEventListener("keydown", (e) => {
    const menu = e.key === "Escape" && $("details.menu[open]");
    if (menu) {
      menu.open = false;
      $("summary", menu).focus();
    }
  });

  $("#signout")?.form.addEventListener("submit", dropDrafts);
  for (const form of $$("form[data-confirm]")) {
    form.addEventListener("submit", (e) => {
      e.preventDefault();
      const dialog = $("#confirm");
      $("#confirm-text").textContent = form.dataset.confirm;
      dialog.returnValue = "";
      dialog.onclose = () => { if (dialog.returnValue === "yes") form.submit(); };
      dialog.showModal();
    });
  }
}
