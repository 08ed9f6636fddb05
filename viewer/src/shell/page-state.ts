/** Shows what core/page-state.ts says: a card in place of the picture, a banner above it. */
import type { Bench } from "../bench.ts";
import { bannerOf, cardOf, SIGNED_OUT, type Card, type Seen } from "../core/page-state.ts";
import { byId, h, setData, setText } from "../ui/dom.ts";
import { signIn } from "./sign-in.ts";

const REFRESH_MS = 200;
/** A card that would come and go within this is not shown: no flicker [ms]. */
const PATIENCE_MS = 250;

export function showPageState(bench: Bench): void {
  const { app } = bench;
  let broken: string | null = null;
  let drawable = 0;
  app.on.broken.add((reason) => (broken = reason));
  app.on.scene.add((scene) => (drawable = scene.instances.drawable.reduce((sum, one) => sum + one, 0)));
  const card = new CardView(bench);
  const banner = new BannerView(bench);
  let jumped = false;

  const see = (): Seen => {
    const now = performance.now();
    const { session, retryAt, attempts, clock } = app.link;
    return {
      ...{ phase: session.phase, closeCode: session.closeCode, reason: session.reason, attempts, broken, drawable },
      retryIn: retryAt === null ? null : retryAt - now,
      hasScene: app.scene !== null,
      prims: app.scene?.primCount ?? 0,
      awayMs: Number.isFinite(session.awayMs) ? clock.localTime(session.awayMs, Date.now()) : Number.NaN,
      awayTwins: session.awayTwins,
      silence: app.time.silence(now),
      dataMs: app.time.at(now) - app.time.silence(now),
    };
  };
  const refresh = (): void => {
    const seen = see();
    card.show(cardOf(seen), performance.now());
    banner.show(seen);
    if (seen.phase !== "ended" || seen.closeCode !== SIGNED_OUT || jumped) return;
    jumped = true;
    signIn(false);
  };
  bench.rest.onSignedOut = () => {
    if (!jumped) jumped = signIn(false);
  };
  bench.addCommand({ ...group("link.retry", "Connect now"), enabled: () => app.link.retryAt !== null, run: () => app.link.retry() });
  bench.addCommand({ ...group("link.reload", "Reload the page"), run: () => window.location.reload() });
  bench.addCommand({ ...group("link.signIn", "Sign in as somebody else"), run: () => signIn(true) });
  app.on.link.add(refresh);
  app.on.broken.add(refresh);
  window.setInterval(refresh, REFRESH_MS);
}

function group(id: string, title: string): { id: string; title: string; group: string } {
  return { id, title, group: "Help" };
}

class CardView {
  private readonly root = byId("card");
  private readonly title = h("h2", {});
  private readonly text = h("p", {});
  private readonly button = h("button", { type: "button", class: "button" });
  private since = Number.NaN;
  private kind: string | null = null;
  private command = "";

  constructor(bench: Bench) {
    this.root.append(h("div", { class: "card-sign", "aria-hidden": "true" }), this.title, this.text, this.button);
    this.button.addEventListener("click", () => bench.runCommand(this.command));
  }

  show(card: Card | null, now: number): void {
    if (card?.kind !== this.kind) this.since = now;
    this.kind = card?.kind ?? null;
    this.root.hidden = card === null || (card.kind === "connecting" && now - this.since < PATIENCE_MS);
    if (card === null) return;
    setData(this.root, "kind", card.kind);
    setData(this.root, "busy", String(card.busy));
    setText(this.title, card.title);
    setText(this.text, card.text);
    this.button.hidden = card.action === null;
    if (card.action) {
      setText(this.button, card.action[0]);
      this.command = card.action[1];
    }
  }
}

class BannerView {
  private readonly root = byId("banner");
  private readonly text = h("span", { class: "banner-text" });
  private readonly detail = h("span", { class: "banner-detail", "aria-hidden": "true" });
  private readonly button = h("button", { type: "button", class: "button small" }, "Try now");

  constructor(bench: Bench) {
    this.root.append(h("span", { class: "banner-sign", "aria-hidden": "true" }), this.text, this.detail, this.button);
    this.button.addEventListener("click", () => {
      if (!bench.runCommand("link.retry")) bench.runCommand("link.reload");
    });
  }

  show(seen: Seen): void {
    const banner = bannerOf(seen);
    this.root.hidden = banner === null;
    if (banner === null) return;
    setData(this.root, "level", banner.kind === "ended" ? "error" : "warning");
    setText(this.text, banner.text);
    setText(this.detail, banner.detail);
    setText(this.button, banner.kind === "ended" ? "Reload" : "Try now");
    this.button.hidden = !banner.retry;
  }
}
