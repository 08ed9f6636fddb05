// Lists the prims that move and draws where they are, seen from above. The twin is that of `?twin=http://host:port`, or else
// the server that this page comes from.
import { connect } from "./twin.js";

const [map, list, link] = ["map", "list", "link"].map((id) => document.getElementById(id));
const moving = new Set();
const box = [Infinity, Infinity, -Infinity, -Infinity]; // least x and y, greatest x and y [m]

const twin = await connect(new URLSearchParams(location.search).get("twin") ?? location.origin, {
  want: ["pose"],
  onTick: (frames) => {
    for (const { op, ids } of frames) if (op === 1 || op === 6) ids.forEach((node) => moving.add(node));
  },
  onState: (state, reason) => (link.textContent = `${state} ${reason}`),
});
const form = document.forms.namedItem("move");
form.addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  const { path, position } = Object.fromEntries(new FormData(form));
  form.elements.said.value = "...";
  twin.command("move", { path, position: position.trim().split(/[\s,]+/).map(Number), base: twin.edits }).then(
    ({ version }) => (form.elements.said.value = `moved, in version ${version}`),
    ({ code, message }) => (form.elements.said.value = `${code}: ${message}`),
  );
});
document.addEventListener("visibilitychange", () => twin.send({ type: document.hidden ? "pause" : "resume" }));

function name(node) {
  const { nodes, points } = twin.scene;
  const point = node - nodes.count;
  return point < 0 ? nodes.path[node] : `${nodes.path[points.instancer[point]]}[${points.id[point]}]`;
}

function draw() {
  requestAnimationFrame(draw);
  if (twin.state !== "live") return;
  const places = [...moving].map((node) => ({ node, m: twin.world(node) }));
  for (const { m } of places)
    [m[3], m[7], m[3], m[7]].forEach((value, k) => (box[k] = k < 2 ? Math.min(box[k], value) : Math.max(box[k], value)));
  const scale = map.width / (1.1 * Math.max(box[2] - box[0], box[3] - box[1], 1)); // [pixels/m]
  const pen = map.getContext("2d");
  pen.clearRect(0, 0, map.width, map.height);
  for (const { m } of places) {
    const [x, y] = [m[3] - (box[0] + box[2]) / 2, m[7] - (box[1] + box[3]) / 2];
    pen.fillRect(map.width / 2 + scale * x - 2, map.height / 2 - scale * y - 2, 5, 5);
  }
  if (!twin.away) link.textContent = `live: ${twin.tier.hz} Hz, tick ${twin.model.seq}, ${twin.counts.deltaRows} poses came as deltas`;
  const text = ({ node, m }) => `${name(node)} ${[m[3], m[7], m[11]].map((value) => value.toFixed(3)).join(" ")}`;
  const row = (place) => Object.assign(document.createElement("li"), { textContent: text(place) });
  list.replaceChildren(...places.slice(0, 40).map(row));
}
requestAnimationFrame(draw);
