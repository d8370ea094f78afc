// Runs axe-core against a page in headless Chromium: light and dark, wide and
// narrow, everything expanded. No driver is needed: a copy of the page, its
// policy taken out, gets axe as a second script and writes the answer into
// itself.
//
//   npm ci --ignore-scripts && node axe.mjs PAGE.html...
//
// Prints one line of JSON for each page and view, and ends with 1 where axe
// found something serious or critical. CHROMIUM names the browser, if it is not
// called chromium.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const run = `
for (const d of document.querySelectorAll("details")) d.open = true;
axe.run(document, { resultTypes: ["violations"] }).then((r) => {
  const found = r.violations.map((v) => ({ id: v.id, impact: v.impact, nodes: v.nodes.length, first: v.nodes[0].target.join(" ") }));
  const answer = { dark: matchMedia("(prefers-color-scheme: dark)").matches, width: innerWidth, scripted: document.documentElement.className, passes: r.passes.length, found };
  document.documentElement.dataset.axe = encodeURIComponent(JSON.stringify(answer));
});`;

const views = [];
for (const scheme of [0, 1]) for (const width of [1400, 820, 500]) views.push({ scheme, width }); // --dump-dom has no window under 500

let serious = 0;
const dir = mkdtempSync(join(tmpdir(), "axe-"));
try {
  for (const page of process.argv.slice(2)) {
    const html = readFileSync(page, "utf8");
    const open = html.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, "");
    if (open === html) throw new Error(`${page} has no policy`);
    const copy = join(dir, basename(page));
    writeFileSync(copy, open.replace("</body>", () => `<script>${axe}</script><script>${run}</script></body>`));
    for (const view of views) {
      const dom = execFileSync(process.env.CHROMIUM ?? "chromium", [
        "--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${join(dir, "profile")}`, `--window-size=${view.width},1000`,
        `--blink-settings=preferredColorScheme=${view.scheme}`, "--virtual-time-budget=20000", "--dump-dom", pathToFileURL(copy).href,
      ], { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"], timeout: 120_000 });
      const found = /data-axe="([^"]+)"/.exec(dom);
      if (!found) throw new Error(`${page} at ${view.width}: axe gave no answer`);
      const answer = JSON.parse(decodeURIComponent(found[1]));
      serious += answer.found.filter((v) => v.impact === "serious" || v.impact === "critical").length;
      console.log(JSON.stringify({ page: basename(page), ...answer }));
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.exit(serious ? 1 : 0);
