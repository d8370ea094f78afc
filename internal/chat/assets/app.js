// The page's scripts: what the server has rendered is complete without them;
// they make it live.
import { startComposer } from "./composer.js";
import { startKeys } from "./keys.js";
import { startSide } from "./side.js";
import { startThread } from "./thread.js";

startSide();
startKeys();
if (document.querySelector("#composer")) {
  const thread = startThread();
  startComposer(thread);
}
performance.mark("ready");
document.documentElement.dataset.ready = "";
