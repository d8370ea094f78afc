// The messages: what they can do, and answers that are being written.
import { $, $$, announce, copy, icon, parse, say } from "./dom.js";
import { events } from "./events.js";

export function startThread() {
  const main = $("#main");
  const thread = $("#thread");
  const list = $("#messages");
  const api = { ask: null, edit: null, expired: null, state: null, running: false };

  const atEnd = () => thread.scrollHeight - thread.scrollTop - thread.clientHeight < 90;
  const toEnd = () => { thread.scrollTop = thread.scrollHeight; };
  api.toEnd = toEnd;

  decorate(list);
  toEnd();

  list.addEventListener("click", (e) => {
    const earlier = e.target.closest("[data-earlier]");
    if (earlier) return loadEarlier(earlier);
    const button = e.target.closest("[data-act]");
    if (!button) return;
    const message = button.closest(".msg");
    if (button.dataset.act === "copy") return copy(sourceOf(message, button), button);
    if (button.dataset.act === "edit") return api.edit(message.dataset.seq, $(".text", message).textContent);
    if (button.dataset.act === "again") return again(message);
  });

  function again(message) {
    if (message.dataset.seq) return api.ask({ again: message.dataset.seq });
    const asked = $$(".question[data-seq]", list).at(-1); // a refusal that was not kept
    message.remove();
    if (asked) api.ask({ again: String(Number(asked.dataset.seq) + 1) });
  }

  async function loadEarlier(button) {
    button.disabled = true;
    const response = await fetch(`/c/${main.dataset.conversation}/messages?before=${button.dataset.earlier}`).catch(() => null);
    if (!response?.ok || response.redirected) { button.disabled = false; return; }
    const fresh = parse(await response.text());
    decorate(fresh);
    const below = thread.scrollHeight - thread.scrollTop;
    button.closest(".earlier").replaceWith(fresh);
    thread.scrollTop = thread.scrollHeight - below;
  }
  new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) if (isIntersecting) $("[data-earlier]:not([disabled])", target)?.click();
  }, { root: thread }).observe(list);
  thread.addEventListener("scroll", () => {
    if (thread.scrollTop < 300) $("[data-earlier]:not([disabled])", list)?.click();
  }, { passive: true });

  // begin shows a question and the place of its answer; what is replaced goes
  // until it is sure that it is.
  api.begin = (questionHTML, from) => {
    $(".hello", list)?.remove();
    main.classList.remove("fresh");
    const gone = [];
    for (const message of $$(".msg", list)) {
      if (!message.dataset.seq || (from && Number(message.dataset.seq) >= from)) { gone.push(message); message.remove(); }
    }
    const added = [...parse(questionHTML).children];
    list.append(...added);
    decorate(list);
    const answer = $("#writing").content.firstElementChild.cloneNode(true);
    $(".from", answer).textContent = $("#model")?.selectedOptions[0]?.textContent ?? "";
    list.append(answer);
    toEnd();
    return { answer, restore: () => { added.forEach((e) => e.remove()); answer.remove(); list.append(...gone.filter((e) => e.dataset.seq)); } };
  };

  // follow shows an answer as it is written, to its end.
  api.follow = async (conversation, place, stream) => {
    api.running = true;
    api.state?.();
    announce(say("writing"));
    try {
      await follow(conversation, place, stream);
    } finally {
      api.running = false;
      api.state?.();
    }
  };

  async function follow(conversation, place, stream) {
    const answer = place.answer;
    const first = stream && await show(stream, answer, place).catch(() => false);
    if (first) return first === "expired" ? api.expired() : undefined;
    for (let tries = 0; tries < 5; tries++) {
      const response = await fetch(`/c/${conversation}/stream`, { headers: { Accept: "text/event-stream" } }).catch(() => null);
      if (response?.status === 401) return api.expired();
      if (response?.status === 204 || response?.status === 404) return reload();
      if (response?.ok) {
        const end = await show(events(response), answer, place).catch(() => false);
        if (end) return end === "expired" ? api.expired() : undefined;
      }
      await new Promise((done) => setTimeout(done, 500 * 2 ** tries));
    }
    answer.classList.remove("writing");
    api.away?.();
  }

  const reload = () => location.reload();

  async function show(stream, answer, place) {
    const prose = $(".prose", answer);
    prose.replaceChildren();
    const open = document.createElement("div");
    open.className = "open";
    prose.append(open);
    let html = "";
    for await (const [name, value] of stream) {
      const follows = atEnd();
      if (name === "piece") {
        if (value.closed) {
          for (const block of value.closed) {
            const closed = parse(block);
            decorate(closed);
            open.before(closed);
          }
          html = "";
        }
        html = html.slice(0, value.keep) + value.open;
        open.innerHTML = html;
      }
      if (name === "done") finish(answer, place, value);
      if (follows) toEnd();
      if (name === "done" || name === "expired") return name;
    }
    return false;
  }

  function finish(answer, place, end) {
    const whole = parse(end.html);
    if (end.kept) place.restore();
    decorate(whole);
    const message = whole.firstElementChild;
    if (end.kept) list.append(whole);
    else answer.replaceWith(whole);
    announce(say(end.status ? "stopped" : "done"));
    countDown(message);
    api.ended?.(end);
  }

  if ("running" in main.dataset) {
    const answer = $(".msg.writing", list);
    if (answer) queueMicrotask(() => api.follow(main.dataset.conversation, { answer, restore() {} }));
  }
  return api;
}

// sourceOf is what a copy button copies: code, or the message as it was
// written.
function sourceOf(message, button) {
  const figure = button.closest("figure.code");
  if (figure) return $("code", figure).textContent;
  return $("template.source", message)?.content.textContent ?? $(".text", message)?.textContent ?? "";
}

// decorate adds what needs a script: buttons that copy code, and a place in
// the order of the Tab key for what scrolls by itself.
export function decorate(root) {
  for (const caption of $$("figure.code > figcaption:not(.with)", root)) {
    caption.classList.add("with");
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.act = "copy";
    button.append(icon("copy"), say("copy"));
    caption.append(button);
  }
  for (const wide of $$("figure.code pre, .prose .table, .prose .math", root)) wide.tabIndex = 0;
}

// countDown shows how long a limit asks to wait.
function countDown(message) {
  let left = Number($("[data-retry]", message)?.dataset.retry ?? 0);
  const label = $('[data-act="again"] span', message);
  if (!label || !left || left > 600) return;
  const tick = () => {
    label.textContent = left > 0 ? say("retry", left) : say("again");
    if (left-- > 0 && label.isConnected) setTimeout(tick, 1000);
  };
  tick();
}
