/** The page cannot start: one sentence why, and what helps. Uses nothing that could fail the same way. */

export function cannotStart(error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  const webgl = !hasWebGL();
  const card = document.getElementById("card") as HTMLElement;
  const [title, text] = [document.createElement("h2"), document.createElement("p")];
  title.textContent = webgl ? "This browser shows no 3D pictures" : "The page cannot start";
  text.textContent = webgl
    ? "WebGL 2 is missing or switched off. Switch on hardware acceleration in the browser's settings, or open this page in another browser."
    : `${reason}. Reload the page; where that does not help, tell whoever runs this server.`;
  card.dataset.kind = webgl ? "noWebgl" : "broken";
  card.replaceChildren(title, text);
  card.hidden = false;
  document.getElementById("app")?.setAttribute("data-started", "false");
}

function hasWebGL(): boolean {
  try {
    return document.createElement("canvas").getContext("webgl2") !== null;
  } catch {
    return false;
  }
}
