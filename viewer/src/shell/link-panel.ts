/** Behind the lamp: how good the link is, what it carries, and how much of it is wanted. And a badge with the rate. */
import type { Bench } from "../bench.ts";
import { formatBytes, Growth } from "../core/bytes.ts";
import { formatAge, formatCount } from "../core/format.ts";
import { byId, h, setData, setText } from "../ui/dom.ts";

const REFRESH_MS = 500;

export function showLinkQuality(bench: Bench): void {
  const lamp = byId<HTMLButtonElement>("link");
  const panel = new LinkPanel(bench);
  lamp.popoverTargetElement = panel.element;
  lamp.setAttribute("aria-controls", panel.element.id);
  byId("app").append(panel.element);
  bench.addCommand({
    ...{ id: "link.show", title: "Link quality", group: "Help", keys: ["Shift+Q"] },
    run: () => panel.element.togglePopover(),
  });
  const badge = h("span", { class: "badge" });
  bench.addBadge(badge, 900);
  window.setInterval(() => {
    panel.refresh(performance.now());
    tellTier(bench, badge);
  }, REFRESH_MS);
}

/** The rate of the tier that the server put this viewer into; it stands out where that is not the fastest. */
function tellTier(bench: Bench, badge: HTMLElement): void {
  const { phase, hz, tiers, hzReason } = bench.link.session;
  badge.hidden = phase !== "live" || tiers.length === 0 || bench.app.recorded !== null;
  const text = hz > 0 ? `${Number(hz.toFixed(1))} Hz` : "On demand";
  setText(badge, text);
  setData(badge, "level", hz > 0 && hz >= tiers[0] ? "info" : "warning");
  const why = hzReason ? `: ${hzReason}` : "";
  const title = hz > 0 ? `At most ${text} from the server${why}` : `Single ticks, each after the last was shown${why}`;
  if (badge.title !== title) badge.title = title;
}

class LinkPanel {
  readonly element = h("div", { id: "link-panel", class: "link-panel", popover: "auto", role: "dialog", "aria-label": "Link quality" });
  private readonly list = h("dl", { class: "facts" });
  private readonly values = new Map<string, HTMLElement>();
  private readonly rates = h("div", { class: "rates", role: "group", "aria-label": "Most ticks a second" });
  private readonly bytes = new Growth();
  private wanted: number | null = null;
  private drawnTiers = "";

  constructor(private readonly bench: Bench) {
    const check = h("button", { type: "button", class: "button small" }, "Compare with the server");
    check.addEventListener("click", () => this.bench.link.askDigest());
    this.element.append(
      h("h2", {}, "Link"),
      this.list,
      h("h3", {}, "Most ticks a second"),
      this.rates,
      h("div", { class: "link-actions" }, check),
    );
    this.rates.addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLElement>("button");
      if (!button) return;
      this.wanted = button.dataset.hz ? Number(button.dataset.hz) : null;
      this.bench.link.setRate(this.wanted);
      this.drawRates();
    });
    this.element.addEventListener("toggle", () => this.refresh(performance.now()));
  }

  refresh(now: number): void {
    const { link, app } = this.bench;
    this.bytes.add(link.traffic.bytes, now);
    byId("link").setAttribute("aria-expanded", String(this.isOpen));
    if (!this.isOpen) return;
    const { session, clock, traffic } = link;
    const latency = link.latency.median(now);
    const ms = (value: number): string => (Number.isFinite(value) ? `${Math.max(1, Math.round(value))} ms` : "–");
    const { hz, hzReason, digests } = session;
    const rows: readonly (readonly [string, string])[] = [
      ["Latency", ms(latency)],
      ["Round trip", ms(clock.rtt)],
      ["Data age", formatAge(app.time.silence(now))],
      ["Ticks", `${app.tickRate.perSecond(now).toFixed(0)} /s`],
      ["Tier", hz > 0 ? `${Number(hz.toFixed(1))} Hz${hzReason ? ` (${hzReason})` : ""}` : `on demand${hzReason ? ` (${hzReason})` : ""}`],
      ["Frames", `${app.frameRate.perSecond(now).toFixed(0)} /s`],
      ["Received", `${formatBytes(this.bytes.perSecond)}/s, ${formatBytes(traffic.bytes)} in all`],
      ["Messages", formatCount(traffic.messages)],
      ["Can", session.caps.join(", ") || "–"],
      ["Role", session.role || "–"],
      ["Connections", formatCount(link.attempts)],
      ["Compared", digests.checked === 0 ? "not yet" : digests.wrong === 0 ? `${digests.checked === 1 ? "once" : `${digests.checked} times`}, all equal` : `${digests.wrong} of ${digests.checked} differed`],
      ["Unknown messages", formatCount(session.unknownMessages + session.decoder.unknown)],
    ];
    for (const [name, value] of rows) setText(this.value(name), value);
    this.drawRates();
  }

  private get isOpen(): boolean {
    return this.element.matches(":popover-open");
  }

  private value(name: string): HTMLElement {
    let value = this.values.get(name);
    if (!value) {
      value = h("dd", {});
      this.values.set(name, value);
      this.list.append(h("dt", {}, name), value);
    }
    return value;
  }

  private drawRates(): void {
    const { tiers } = this.bench.link.session;
    const key = `${tiers.join()}|${this.wanted}`;
    if (key === this.drawnTiers) return;
    this.drawnTiers = key;
    const focused = this.rates.contains(document.activeElement);
    const button = (hz: number | null, text: string): HTMLElement =>
      h("button", { type: "button", class: "segment", "data-hz": hz === null ? "" : String(hz), "aria-pressed": String(hz === this.wanted) }, text);
    this.rates.replaceChildren(button(null, "All"), ...tiers.slice(1).map((hz) => button(hz, String(hz))));
    if (focused) this.rates.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
  }
}
