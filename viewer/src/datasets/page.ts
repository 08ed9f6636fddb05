/** Entry point of the page of `twinstage synth view`; a twin with datasets has it, too, as /datasets.html. */
import { readAddress, writeAddress } from "../core/address.ts";
import { Server } from "../shell/rest.ts";
import { comeBack, signIn } from "../shell/sign-in.ts";
import { byId, h } from "../ui/dom.ts";
import { Browser, type Looked } from "./browser.ts";
import { project } from "./lens.ts";
import { themeButton } from "./theme.ts";

comeBack();
const base = new URL(".", window.location.href).href;
const rest = new Server(base);
rest.onSignedOut = () => void signIn(false);

const note = h("p", { class: "page-note", role: "status" });
function copy(text: string): void {
  const told = (sentence: string): void => {
    note.textContent = sentence;
    window.setTimeout(() => (note.textContent = ""), 4000);
  };
  navigator.clipboard.writeText(text).then(
    () => told("Copied."),
    () => told(`The browser lets nothing be copied here: ${text}`),
  );
}

function keep(looked: Looked): void {
  const parts = new Map<string, string>([["dataset", looked.dataset]]);
  if (looked.query) parts.set("query", looked.query);
  if (looked.sort !== "frame") parts.set("sort", looked.sort);
  if (looked.frame !== null) parts.set("frame", String(looked.frame));
  if (looked.camera !== null) parts.set("camera", looked.camera);
  window.history.replaceState(null, "", `#${writeAddress(parts)}`);
}

const browser = new Browser(rest, base, { copy }, keep);
byId("tools").append(themeButton());
byId("main").append(browser.element, note);
const asked = readAddress(window.location.hash);
const frame = Number(asked.get("frame") ?? NaN);
void browser.start({
  ...Object.fromEntries(["dataset", "query", "sort", "camera"].flatMap((name) => (asked.has(name) ? [[name, asked.get(name)]] : []))),
  frame: Number.isInteger(frame) ? frame : null,
});
// For tests and scripts.
Object.assign(window, { datasets: { browser, project } });
