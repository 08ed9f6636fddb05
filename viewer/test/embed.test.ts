/** What a page and the twin in its frame say to each other, as plain data; and which address the frame gets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { featuresFor } from "../src/embed/features-for.ts";
import { readAsked, readOrigins, readPanels } from "../src/embed/messages.ts";
import { addressOf, pageOf } from "../src/embed/address.ts";

const ours = (message: object): unknown => readAsked({ twinstage: 1, ...message });

test("messages of others are left alone", () => {
  for (const data of [null, 7, "connect", [], {}, { type: "connect" }, { twinstage: 2, type: "connect" }, { twinstage: 1, type: 3 }])
    assert.equal(readAsked(data), null);
});

test("what is asked is read, and nothing else with it", () => {
  assert.deepEqual(ours({ type: "select", path: "/Cell", more: 1 }), { type: "select", path: "/Cell" });
  assert.deepEqual(ours({ type: "select", path: null }), { type: "select", path: null });
  assert.deepEqual(ours({ type: "time", at: 5 }), { type: "time", at: 5 });
  assert.deepEqual(ours({ type: "look", look: { position: [1, 2, 3], target: [0, 0, 0], fov: 900 } }), {
    type: "look",
    look: { position: [1, 2, 3], target: [0, 0, 0] },
  });
  assert.deepEqual(ours({ type: "look", look: { frame: "/Cell" } }), { type: "look", look: { frame: "/Cell" } });
});

test("what is wrong is said in a sentence", () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ type: "select" }, /path must be/],
    [{ type: "select", path: "x".repeat(5000) }, /path must be/],
    [{ type: "time", at: Number.NaN }, /milliseconds/],
    [{ type: "look", look: { position: [1, 2], target: [0, 0, 0] } }, /in metres/],
    [{ type: "theme", theme: "blue" }, /dark, light or system/],
    [{ type: "token", token: "" }, /text/],
    [{ type: "reboot" }, /no message "reboot"/],
  ];
  for (const [message, sentence] of wrong) assert.match(String(ours(message)), sentence);
});

test("panels and origins come as they were written, or not at all", () => {
  assert.deepEqual(readPanels("?panels=tree,alarms,tree,<b>"), ["tree", "alarms"]);
  assert.deepEqual(readPanels(""), []);
  assert.deepEqual(readOrigins('["https://a.example"]'), ["https://a.example"]);
  assert.deepEqual(readOrigins("nothing"), []);
});

test("the frame's address comes from the address of the twin's page", () => {
  const href = (src: string, panels = "", theme: string | null = null): string => pageOf(src, panels, theme, "http://page:9000/x/y").href;
  assert.equal(href("http://twin:8000/"), "http://twin:8000/embed");
  assert.equal(href("http://twin:8000"), "http://twin:8000/embed");
  assert.equal(href("https://hub/user/me/proxy/8000/", "tree, alarms"), "https://hub/user/me/proxy/8000/embed?panels=tree%2Calarms");
  assert.equal(href("http://twin:8000/#selected=/Cell", "", "light"), "http://twin:8000/embed#selected=/Cell&theme=light");
  assert.equal(href("http://twin:8000/embed#theme=dark", "", "light"), "http://twin:8000/embed#theme=dark");
  assert.throws(() => href("javascript:alert(1)"));
});

test("a notebook reaches the kernel's port directly, or through its server", () => {
  const at = (page: string, template = "", base = "/"): string => addressOf(8123, template, new URL(page), base);
  assert.equal(at("http://localhost:8888/lab/tree/a.ipynb"), "http://127.0.0.1:8123/");
  assert.equal(at("https://hub.example.com/user/me/lab", "", "/user/me/"), "https://hub.example.com/user/me/proxy/8123/");
  assert.equal(at("https://hub.example.com/user/me/lab", "/twin/{port}/"), "https://hub.example.com/twin/8123/");
  assert.equal(at("http://localhost:8888/lab", "https://twin.example.com/"), "https://twin.example.com/");
});

test("nobody moves things in a frame whose panels are not for it", () => {
  const features = ["view", "edit", "share", "tree"].map((name) => ({ name, install: () => undefined }));
  const names = (panels: string[]): string[] => featuresFor(panels, features).map(({ name }) => name);
  assert.deepEqual(names([]), ["view", "tree"]);
  assert.deepEqual(names(["bind"]), ["view", "edit", "tree"]);
});
