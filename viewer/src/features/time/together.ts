/**
 * The shared playhead: one viewer leads through time, others follow (docs/protocol.md). Who follows and takes time into his own
 * hand follows no longer.
 */
import { h, setText } from "../../ui/dom.ts";
import type { Playhead } from "../../wire/messages.ts";
import type { Workbench } from "../../workbench.ts";
import type { Past } from "./past.ts";

/** Least time between two tellings, and how often a leader tells that all goes on as told [ms]. */
const TELL_MS = 100;
const AGAIN_MS = 1000;

/** As the server tells it; null: of a new connection nothing is known yet. */
type Told = Partial<Omit<Playhead, "type">>;

interface Said {
  readonly atMs: number | null;
  readonly playing: boolean;
  readonly speed: number;
  /** [ms, local clock] */
  readonly when: number;
}

export class Together {
  private told: Told = {};
  /** What the user wants, also of a connection that has yet to come. */
  private wish: "lead" | "follow" | "none" = "none";
  private said: Said | null = null;
  private askedAt = Number.NEGATIVE_INFINITY;
  /** While time is moved by who leads. */
  private led = false;
  readonly button = h("button", { id: "time-together", type: "button", class: "time-button", hidden: "" });

  constructor(
    private readonly bench: Workbench,
    private readonly past: Past,
    private readonly able: () => boolean,
  ) {
    bench.onEvent("playhead", (data) => this.hear(data as Told | null));
    past.onHand = () => this.touched();
    this.button.addEventListener("click", () => this.pressed());
  }

  get part(): "leads" | "follows" | "none" {
    return this.told.part ?? "none";
  }

  get leader(): string | null {
    return this.told.leader ?? null;
  }

  get followers(): number {
    return this.told.count ?? 0;
  }

  /** Whether the server has a shared playhead. */
  get possible(): boolean {
    return this.bench.link.session.caps.includes("playhead");
  }

  get mayLead(): boolean {
    return this.part !== "leads" && this.bench.role !== "viewer";
  }

  /** Whether somebody else leads whom this viewer does not follow. */
  get someoneElse(): boolean {
    return this.leader !== null && this.part === "none";
  }

  lead(): void {
    this.wish = "lead";
    this.say("lead");
  }

  follow(): void {
    this.wish = "follow";
    this.bench.link.usePlayhead({ do: "follow" });
  }

  leave(): void {
    this.wish = "none";
    this.bench.link.usePlayhead({ do: "leave" });
  }

  private pressed(): void {
    if (this.part !== "none") this.leave();
    else if (this.leader !== null) this.follow();
    else this.lead();
  }

  /** The user has moved time by hand. */
  private touched(): void {
    if (this.led || this.part !== "follows") return;
    this.bench.notice("info", `You no longer follow ${this.leader}.`);
    this.leave();
  }

  private hear(told: Told | null): void {
    const before = this.told;
    this.told = told ?? {};
    if (told === null) return this.show();
    if (this.part === "follows" && this.wish === "lead") this.wish = "follow"; // somebody has taken over
    else if (this.leader === null && this.wish === "follow") {
      this.wish = "none";
      if (before.leader) this.bench.notice("info", `${before.leader} leads no longer.`);
    }
    if (this.part === "follows") this.goAlong();
    this.show();
  }

  /** To the moment at which the leader is by now. */
  private goAlong(): void {
    const { atNs, playing = false, speed = 1, saidNs = "0" } = this.told;
    const server = this.bench.link.clock.serverTime(Date.now());
    const since = Math.max(0, server - Number(saidNs) / 1e6) || 0;
    const at = atNs === undefined || atNs === null ? null : Number(atNs) / 1e6 + (playing ? since * speed : 0);
    this.led = true;
    try {
      this.past.follow(at, playing, speed);
    } finally {
      this.led = false;
    }
  }

  private say(what: "lead" | "tell"): void {
    const { atMs, head } = this.past;
    const [playing, speed] = [head.playing, head.speed];
    const atNs = atMs === null ? null : String(BigInt(Math.round(atMs * 1000)) * 1000n);
    this.bench.link.usePlayhead({ do: what, atNs, playing, speed });
    this.said = { atMs, playing, speed, when: performance.now() };
  }

  /** What the leader said is no longer so: called often. */
  refresh(): void {
    const now = performance.now();
    if (this.part === "leads" && this.isNews(now)) this.say("tell");
    else if (this.part === "none" && this.wish !== "none" && this.bench.link.session.phase === "live" && now - this.askedAt > AGAIN_MS) {
      this.askedAt = now; // another connection: as it was
      if (this.wish === "lead" && this.leader === null) this.say("lead");
      else if (this.leader !== null) this.bench.link.usePlayhead({ do: "follow" });
    }
    this.show();
  }

  private isNews(now: number): boolean {
    const { said } = this;
    const { atMs, head } = this.past;
    if (!said) return true;
    const since = now - said.when;
    if (since < TELL_MS) return false;
    if (said.playing !== head.playing || said.speed !== head.speed || (said.atMs === null) !== (atMs === null)) return true;
    if (since > AGAIN_MS) return true;
    if (atMs === null || said.atMs === null) return false;
    return Math.abs(said.atMs + (said.playing ? since * said.speed : 0) - atMs) > 250 * Math.max(1, Math.abs(said.speed));
  }

  private show(): void {
    const { button, part, leader, followers } = this;
    button.hidden = !this.possible || !this.able();
    const text = part === "leads" ? `Leading${followers ? `, ${followers} follow` : ""}` : part === "follows" ? `With ${leader}` : leader !== null ? `Follow ${leader}` : "Lead";
    setText(button, text);
    button.setAttribute("aria-pressed", String(part !== "none"));
    button.disabled = part === "none" && leader === null && this.bench.role === "viewer";
    button.title =
      part === "leads"
        ? `Others may follow you through time: ${(this.told.followers ?? []).join(", ") || "nobody does yet"}. Press to stop.`
        : part === "follows"
          ? `Your time is that of ${leader}. Press to go your own way.`
          : leader !== null
            ? `${leader} leads through time`
            : button.disabled
              ? "To lead through time needs the role operator"
              : "Lead through time: others may follow";
  }

  /** For tests and scripts. */
  get hook(): object {
    const together = this;
    return {
      lead: () => together.lead(),
      follow: () => together.follow(),
      leave: () => together.leave(),
      get part() {
        return together.part;
      },
      get leader() {
        return together.leader;
      },
      get followers() {
        return together.told.followers ?? [];
      },
    };
  }
}
