/** To keep and to pass on what is seen: layouts by role, a link, a picture. */
import { byId } from "../../ui/dom.ts";
import { save } from "../../ui/files.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { applyLayout, LayoutsWindow, savedLayouts } from "./layouts.ts";

/** The role whose layout this browser has begun with. */
const BEGUN = "twinstage.layout.role";

export const share: Feature = {
  name: "share",
  install(bench) {
    const layouts = new LayoutsWindow(bench);
    bench.addCommand({ ...command("layout.open", "Layouts", "Panels"), run: () => layouts.open() });
    bench.addCommand({ ...command("view.link", "Copy a link to this view", "View"), keys: ["Ctrl+Shift+L"], run: () => void copyLink(bench) });
    bench.addCommand({
      ...{ id: "view.picture", title: "Save a picture", short: "Picture", group: "View", keys: ["Shift+S"] },
      enabled: () => bench.scene !== null,
      run: () => void savePicture(bench),
    });
    bench.addTool("view.picture", "picture", 800);
    bench.onScene(() => beginByRole(bench));
    bench.expose("picture", () => takePicture(bench).then((blob) => blob.arrayBuffer()));
  },
};

function command(id: string, title: string, group: string): { id: string; title: string; group: string } {
  return { id, title, group };
}

/** Who comes in another role than last time begins with that role's layout; what they change then is theirs. */
function beginByRole(bench: Workbench): void {
  const layout = savedLayouts().find(({ role }) => role !== null && role === bench.role);
  try {
    if (!layout || window.localStorage.getItem(BEGUN) === bench.role) return;
    window.localStorage.setItem(BEGUN, bench.role);
  } catch {
    return;
  }
  applyLayout(bench, layout);
}

async function copyLink(bench: Workbench): Promise<void> {
  try {
    await navigator.clipboard.writeText(bench.address);
    bench.notice("info", "The link is copied: it shows this view to whoever may see this twin.");
  } catch {
    bench.notice("warning", `The browser lets nothing be copied here. The link is ${bench.address}`);
  }
}

/** The next frame as PNG, on the background that it is seen on. */
function takePicture(bench: Workbench): Promise<Blob> {
  const canvas = byId<HTMLCanvasElement>("canvas");
  return new Promise((resolve, reject) => {
    const undo = bench.onDrawn(() => {
      undo();
      const copy = document.createElement("canvas");
      [copy.width, copy.height] = [canvas.width, canvas.height];
      const context = copy.getContext("2d");
      if (!context) return reject(new Error("the browser makes no pictures"));
      const sky = context.createLinearGradient(0, 0, 0, copy.height);
      const style = getComputedStyle(document.documentElement);
      sky.addColorStop(0, style.getPropertyValue("--sky-top").trim());
      sky.addColorStop(1, style.getPropertyValue("--sky-foot").trim());
      context.fillStyle = sky;
      context.fillRect(0, 0, copy.width, copy.height);
      // In the same task as the drawing: later the browser has thrown the picture away.
      context.drawImage(canvas, 0, 0);
      copy.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser makes no pictures"))), "image/png");
    });
    bench.viewport.invalidate();
  });
}

async function savePicture(bench: Workbench): Promise<void> {
  try {
    const name = (bench.scene?.json.stage.name ?? "twin").replace(/\.[a-z]+$/i, "");
    const at = new Date().toISOString().slice(0, 19).replace(/:/g, "");
    save(`${name}-${at}.png`, await takePicture(bench));
  } catch (error) {
    bench.notice("error", `No picture: ${(error as Error).message}.`);
  }
}
