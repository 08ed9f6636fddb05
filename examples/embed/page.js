// The page around a twin: it hears what is clicked in the view, and sets what is selected there.
const twin = document.getElementById("twin");
const selected = document.getElementById("selected");
const alarms = document.getElementById("alarms");

twin.addEventListener("twin-select", (event) => (selected.textContent = event.detail.path ?? "nothing"));

twin.addEventListener("twin-alarm", (event) => {
  const lines = event.detail.alarms.map(({ priority, message, prim }) => {
    const line = document.createElement("li");
    const show = document.createElement("button");
    show.type = "button";
    show.textContent = "Show";
    show.disabled = !prim;
    show.addEventListener("click", () => go(prim));
    line.append(`${priority}: ${message} `, show);
    return line;
  });
  alarms.replaceChildren(...(lines.length ? lines : ["none"]));
});

function go(prim) {
  twin.selected = prim;
  twin.zoomTo(prim);
  selected.textContent = prim;
}

document.getElementById("robot").addEventListener("click", () => go("/WorkCell/Robot"));
document.getElementById("all").addEventListener("click", () => twin.zoomTo(null));
