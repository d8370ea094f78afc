// What the other modules share.
export const $ = (selector, from = document) => from.querySelector(selector);
export const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

const words = JSON.parse(document.body.dataset.words || "{}");

// say gives a text of the page's language, with {0}, {1} … filled in.
export function say(key, ...args) {
  return (words[key] ?? key).replace(/\{(\d)\}/g, (_, n) => args[n]);
}

// announce tells who listens to the page.
export function announce(text) {
  const live = $("#said");
  if (live) live.textContent = text;
}

// parse makes elements of HTML that the server has rendered.
export function parse(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content;
}

export function icon(name) {
  return parse(`<svg><use href="#i-${name}"/></svg>`);
}

export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return; // the browser does not let us
  }
  announce(say("copied"));
  button?.classList.add("did");
  setTimeout(() => button?.classList.remove("did"), 1500);
}

// What is typed and not yet sent stays in this tab, for the person who typed
// it: a session that ends takes nothing with it.
const draftKey = (conversation) => `draft:${document.body.dataset.who}:${conversation}`;

export function keepDraft(conversation, text) {
  try {
    if (text) sessionStorage.setItem(draftKey(conversation), text);
    else sessionStorage.removeItem(draftKey(conversation));
  } catch {
    // storage is full or switched off: the text is in the box still
  }
}

export function draft(conversation) {
  try {
    return sessionStorage.getItem(draftKey(conversation)) ?? "";
  } catch {
    return "";
  }
}

export function dropDrafts() {
  try {
    sessionStorage.clear();
  } catch {
    // then nothing was kept
  }
}
