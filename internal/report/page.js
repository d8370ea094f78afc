"use strict";
// Filter, expand, copy, and what the drawing shows on hover and focus. The page
// can be read without any of it.
(() => {
  const all = (selector, of = document) => [...of.querySelectorAll(selector)];
  const at = (id) => document.getElementById(id);
  document.documentElement.classList.add("scripted");

  // Findings.
  const findings = all(".finding");
  const filter = at("filter");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const f of findings) {
      f.hidden = !words.every((w) => f.dataset.text.includes(w));
      shown += f.hidden ? 0 : 1;
    }
    for (const fold of all(".chapter > .fold")) if (words.length) fold.open = true;
    at("hits").textContent = words.length ? `${shown} of ${findings.length} findings` : "";
  });
  for (const b of all("[data-all]")) b.addEventListener("click", () => {
    for (const d of all("#findings ~ section details")) if (!d.hidden) d.open = b.dataset.all === "open";
  });
  for (const pre of all("dd pre")) {
    const b = document.createElement("button");
    const text = pre.textContent;
    b.type = "button";
    b.textContent = "Copy";
    b.addEventListener("click", () => navigator.clipboard.writeText(text).then(() => { b.textContent = "Copied"; }, () => { b.textContent = "Select it"; }));
    if (navigator.clipboard) pre.append(b);
  }

  // A link into something folded opens it.
  const reveal = () => {
    const target = location.hash && at(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let d = target; d; d = d.parentElement) if (d.localName === "details") d.open = true;
    for (const d of all("td details", target)) d.open = true;
    target.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", reveal);
  reveal();

  // The drawing.
  const tip = at("tip");
  const hide = () => {
    tip.hidden = true;
    for (const m of all(".map.hot")) m.classList.remove("hot");
    for (const l of all(".l.on")) l.classList.remove("on");
  };
  const show = (el, x, y) => {
    hide();
    tip.textContent = el.dataset.tip;
    tip.hidden = false;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(x, room)) + scrollX}px`;
    const below = y + 14 + tip.offsetHeight < innerHeight;
    tip.style.top = `${(below ? y + 14 : y - tip.offsetHeight - 10) + scrollY}px`;
    const map = el.closest(".map");
    map.classList.add("hot");
    const on = el.classList.contains("l") ? [el] : all(".l", map).filter((l) => l.dataset.k.split(" ").includes(el.dataset.k));
    for (const l of on) l.classList.add("on");
    if (!on.length) map.classList.remove("hot");
  };
  for (const el of all(".map [data-k]")) {
    const title = el.querySelector("title");
    el.dataset.tip = title.textContent;
    if (el.localName === "a") el.setAttribute("aria-description", title.textContent.replaceAll("\n", "; "));
    title.remove(); // or the browser shows it a second time
    el.addEventListener("pointermove", (e) => show(el, e.clientX, e.clientY));
    el.addEventListener("pointerleave", hide);
    el.addEventListener("focus", () => {
      const box = el.getBoundingClientRect();
      show(el, box.left, box.bottom - 8);
    });
    el.addEventListener("blur", hide);
  }
  addEventListener("keydown", (e) => { if (e.key === "Escape") hide(); });

  // Paper has no folds.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const d of closed) d.open = true;
  });
  addEventListener("afterprint", () => { for (const d of closed) d.open = false; });
})();
