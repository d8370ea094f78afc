// The box where questions are written.
import { $, $$, draft, icon, keepDraft, say } from "./dom.js";
import { events } from "./events.js";
import { refreshList } from "./side.js";

export function startComposer(thread) {
  const main = $("#main");
  const form = $("#composer");
  const text = $("#text");
  const send = $("#send");
  const stop = $("#stop");
  const notice = $("#notice");
  const editing = $("#editing");
  const shelf = $("#files");
  const limit = Number(document.body.dataset.limit);
  const maxFiles = Number(document.body.dataset.files);
  let files = [];
  let from = ""; // the question that is being changed
  let sending = false;

  const conversation = () => main.dataset.conversation;

  function grow() {
    text.style.height = "auto"; // CSSOM, which the policy lets pass
    text.style.height = `${Math.min(text.scrollHeight, innerHeight * 0.45)}px`;
  }

  function state() {
    stop.hidden = !thread.running;
    send.hidden = thread.running;
    send.disabled = sending || (!text.value.trim() && files.length === 0);
  }
  thread.state = state;

  function tell(message, link) {
    notice.hidden = !message;
    notice.textContent = message ?? "";
    if (link) {
      const a = document.createElement("a");
      a.href = `/signin?next=${encodeURIComponent(location.pathname)}`;
      a.textContent = say("sign-in");
      notice.append(" ", a);
    }
  }
  thread.expired = () => {
    keepDraft(conversation(), text.value);
    tell(say("expired"), true);
  };
  thread.away = () => tell(say("away"));

  text.addEventListener("input", () => {
    grow();
    state();
    keepDraft(conversation(), text.value);
    const n = [...text.value].length;
    tell(n > limit ? say("too-long", n.toLocaleString(document.documentElement.lang), limit.toLocaleString(document.documentElement.lang)) : null);
  });
  text.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing && !matchMedia("(pointer: coarse)").matches) {
      e.preventDefault();
      if (!thread.running) form.requestSubmit();
    }
    if (e.key === "ArrowUp" && !text.value && !thread.running) {
      const last = $$(".question[data-seq]").at(-1);
      if (last) {
        e.preventDefault();
        thread.edit(last.dataset.seq, $(".text", last).textContent);
      }
    }
  });

  // Files: chosen, dropped or pasted.
  function addFiles(list) {
    for (const file of list) {
      if (files.length >= maxFiles) {
        tell(say("files-many", maxFiles));
        break;
      }
      files.push(file);
    }
    showFiles();
  }
  function showFiles() {
    shelf.replaceChildren(...files.map((file) => {
      const item = document.createElement("li");
      if (file.type.startsWith("image/")) {
        const picture = document.createElement("img");
        picture.src = URL.createObjectURL(file);
        picture.alt = "";
        picture.onload = () => URL.revokeObjectURL(picture.src);
        item.append(picture);
      } else {
        item.append(icon("file"));
      }
      const name = document.createElement("span");
      name.textContent = file.name;
      const remove = document.createElement("button");
      remove.type = "button";
      remove.setAttribute("aria-label", say("remove", file.name));
      remove.append(icon("close"));
      remove.onclick = () => {
        files = files.filter((other) => other !== file);
        showFiles();
        text.focus();
      };
      item.append(name, remove);
      return item;
    }));
    state();
  }
  $("#pick").addEventListener("change", (e) => {
    addFiles(e.target.files);
    e.target.value = "";
  });
  text.addEventListener("paste", (e) => {
    if (e.clipboardData.files.length) {
      e.preventDefault();
      addFiles(e.clipboardData.files);
    }
  });
  main.addEventListener("dragover", (e) => {
    if (e.dataTransfer.types.includes("Files")) e.preventDefault();
  });
  main.addEventListener("drop", (e) => {
    if (!e.dataTransfer.files.length) return;
    e.preventDefault();
    addFiles(e.dataTransfer.files);
  });

  // Changing an earlier question.
  function setEditing(seq) {
    from = seq;
    editing.hidden = !seq;
  }
  thread.edit = (seq, old) => {
    if (thread.running) return;
    setEditing(seq);
    text.value = old;
    grow();
    state();
    text.focus();
  };
  $("#edit-cancel").addEventListener("click", () => {
    setEditing("");
    text.value = "";
    keepDraft(conversation(), "");
    grow();
    state();
    text.focus();
  });

  // Sending. What was typed goes from the box once the server has it.
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    thread.ask({});
  });

  thread.ask = async ({ again }) => {
    if (sending || thread.running) return;
    const typed = text.value;
    if (!again && [...typed].length > limit) return text.dispatchEvent(new Event("input"));
    sending = true;
    state();
    tell(null);
    const body = new FormData();
    if (again) {
      body.set("again", again);
    } else {
      body.set("text", typed);
      for (const name of ["system", "temperature"]) body.set(name, form.elements[name].value);
      if (from) body.set("from", from);
      for (const file of files) body.append("files", file, file.name);
    }
    body.set("model", form.elements.model.value);
    const replaced = Number(again ? again - 1 : from) || 0;
    const to = conversation() ? `/c/${conversation()}/ask` : "/ask";
    const response = await fetch(to, { method: "POST", body, headers: { Accept: "application/json, text/event-stream" } }).catch(() => null);
    const stream = response?.headers.get("Content-Type") === "text/event-stream" ? events(response) : null;
    const answer = stream ? (await stream.next().catch(() => ({}))).value?.[1] : await response?.json().catch(() => null);
    sending = false;
    state();
    if (!response || !answer) return tell(say("away"));
    if (!response.ok) return response.status === 401 ? thread.expired() : tell(answer.text);
    keepDraft(conversation(), "");
    if (!conversation()) adopt(answer);
    if (!again) {
      text.value = "";
      files = [];
      showFiles();
      setEditing("");
      grow();
    }
    const place = thread.begin(answer.question, replaced);
    thread.ended = (end) => {
      if (end.kept && !again) {
        text.value ||= typed;
        grow();
      }
      refreshList();
    };
    thread.follow(conversation(), place, stream);
  };

  // adopt gives a new conversation its address and its menu.
  function adopt({ url, title }) {
    main.dataset.conversation = url.slice(3);
    history.replaceState(null, "", url);
    form.action = `${url}/ask`;
    document.title = `${title} · Ostiary`;
    $("#title").textContent = title;
    $("#menu").hidden = false;
    $("#menu [name=title]").value = title;
    for (const link of $$("#menu [data-path]")) link[link.href ? "href" : "action"] = `${url}/${link.dataset.path}`;
    $("#list").dataset.here = url.slice(3);
    setTimeout(refreshList, 300); // the first words come first
  }

  stop.addEventListener("click", () => {
    fetch(`/c/${conversation()}/stop`, { method: "POST", headers: { Accept: "application/json" } })
      .then((r) => { if (r.status === 401) thread.expired(); }, () => tell(say("away")));
    text.focus();
  });

  const model = form.elements.model;
  model.addEventListener("change", () => tell(null));

  if (draft(conversation())) text.value ||= draft(conversation());
  grow();
  state();
}
