/** Play, pause and a slider, for a recording that lies in the page. */
import type { Recorded } from "../../wire/recorded.ts";
import { h, setText } from "../../ui/dom.ts";

export function playbackBar(recorded: Recorded): HTMLElement {
  const button = h("button", { type: "button", class: "playback-button", id: "playback-play" });
  const slider = h("input", {
    ...{ type: "range", id: "playback-at", min: "0", max: String(recorded.seconds), step: "0.01", value: "0" },
    "aria-label": "Time in the recording",
  });
  const time = h("span", { class: "mono" });
  button.addEventListener("click", () => (recorded.playing ? recorded.pause() : recorded.play()));
  slider.addEventListener("input", () => recorded.seek(Number(slider.value)));
  const show = (): void => {
    setText(button, recorded.playing ? "Pause" : "Play");
    const at = Math.min(recorded.position, recorded.seconds);
    slider.value = String(at);
    setText(time, `${at.toFixed(1)} / ${recorded.seconds.toFixed(1)} s`);
  };
  recorded.onChange = show;
  show();
  return h("div", { class: "playback", role: "group", "aria-label": "Playback" }, button, slider, time);
}
