/** Datasets of the twin's stage beside the twin (`serve --datasets`): look through them, and at the scene from where a camera was. */
import { writeAddress } from "../../core/address.ts";
import { Browser, type Looked } from "../../datasets/browser.ts";
import type { Source } from "../../datasets/source.ts";
import type { FrameRecord, RecordCamera } from "../../datasets/types.ts";
import { h } from "../../ui/dom.ts";
import type { Feature, Workbench } from "../../workbench.ts";
import { lookOf } from "./look.ts";

/** Pictures beside their filters need more than a table does [px]. */
const ROOM_PX = 420;

export const datasets: Feature = {
  name: "datasets",
  install(bench) {
    let desk: DatasetDesk | null = null;
    bench.onScene(() => {
      // What a server does not have, it says; nobody has to try.
      if (desk === null && bench.link.session.serves?.includes("datasets")) desk = new DatasetDesk(bench);
      desk?.browser.frame.showLook();
    });
  },
};

class DatasetDesk {
  readonly browser: Browser;
  private readonly page = h("a", { class: "datasets-page", target: "_blank", rel: "noopener", href: "datasets.html" }, "Open as a page");
  private started = false;

  constructor(private readonly bench: Workbench) {
    const host = {
      look: (_: FrameRecord, camera: RecordCamera) => this.look(camera),
      whyNot: (record: FrameRecord, _: RecordCamera, source: Source) => this.whyNot(record, source),
      copy: (text: string) => void this.copy(text),
    };
    this.browser = new Browser(bench.rest, document.baseURI, host, (looked) => this.address(looked));
    this.browser.element.querySelector(".datasets-bar")?.append(this.page);
    bench.addPanel({
      ...{ id: "datasets", title: "Datasets", side: "bottom", order: 80, element: this.browser.element },
      shown: (visible) => {
        if (!visible || this.started) return;
        this.started = true;
        const { bottom } = bench.state.sizes;
        if (bottom < ROOM_PX) bench.dispatch({ type: "resize", side: "bottom", size: ROOM_PX });
        void this.browser.start();
      },
    });
    const { camera } = bench.viewport.rig;
    // For tests: from where the view looks.
    const seen = (): object => ({ world: camera.matrixWorld.toArray(), fov: camera.fov, aspect: camera.aspect });
    bench.expose("datasets", { browser: this.browser, seen });
  }

  private address({ dataset, query, frame, camera }: Looked): void {
    const parts: [string, string][] = [["dataset", dataset]];
    if (query) parts.push(["query", query]);
    if (frame !== null) parts.push(["frame", String(frame)]);
    if (camera !== null) parts.push(["camera", camera]);
    this.page.href = `datasets.html#${writeAddress(parts)}`;
  }

  private look(camera: RecordCamera): void {
    const { json, world } = lookOf(camera);
    this.bench.viewport.rig.hold(json, world);
    const bent = !["pinhole", "orthographic"].includes(camera.projection.kind);
    if (bent) this.bench.notice("info", `The 3D view has no lens like that of ${camera.name} (${camera.projection.kind}): it looks from the same place.`);
  }

  /** Why the scene is not the one of the record; null: it is. */
  private whyNot(record: FrameRecord, source: Source): string | null {
    const here = this.bench.scene?.json.stage;
    if (!here) return "There is no scene yet";
    const theirs = source.summary.stages.find(({ name }) => name === record.stage) ?? source.summary.stages[0];
    if (theirs?.hash === here.hash) return null;
    return theirs?.name === here.name ? "This dataset is of another version of the stage" : `This dataset is of another stage: ${record.stage || theirs?.name || "unknown"}`;
  }

  private async copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.bench.notice("info", "The command is copied.");
    } catch {
      this.bench.notice("warning", `The browser lets nothing be copied here: ${text}`);
    }
  }
}
