/** Alarms: a panel with those that are active, and their number on its tab. Only where the twin has alarms. */
import type { Feature, Workbench } from "../../workbench.ts";
import { AlarmList, type AlarmRow } from "./alarm-list.ts";

const POLL_MS = 2000;

export const alarms: Feature = {
  name: "alarms",
  install(bench) {
    const poll = new Poll(bench);
    bench.onAlarm(() => poll.soon());
    window.setInterval(() => poll.look(performance.now()), 125);
  },
};

class Poll {
  private readonly list = new AlarmList((alarm) => void this.acknowledge(alarm));
  private due = 0;
  private busy = false;
  private added = false;

  constructor(private readonly bench: Workbench) {}

  /** Something has changed: the next `look` asks at once. */
  soon(): void {
    this.due = 0;
  }

  look(now: number): void {
    if (this.busy || now < this.due || document.hidden || this.bench.link.session.phase !== "live") return;
    this.due = now + POLL_MS;
    this.busy = true;
    this.poll()
      .catch(() => undefined) // the link's own banner says that the server is away
      .finally(() => (this.busy = false));
  }

  private async poll(): Promise<void> {
    const { bench } = this;
    const status = await bench.rest.get<{ alarms?: unknown }>("api/status");
    if (!status.alarms) return;
    const { alarms: rows } = await bench.rest.get<{ alarms: AlarmRow[] }>("api/alarms");
    if (!this.added)
      bench.addPanel({ id: "alarms", title: "Alarms", side: "bottom", order: 10, element: this.list.element });
    this.added = true;
    this.list.draw(rows, bench.role !== "viewer");
    const urgent = rows.some(({ priority, state }) => state !== "acknowledged" && /high|critical/.test(priority));
    bench.panelNote("alarms", rows.length ? String(rows.length) : "", urgent ? "error" : "warning");
  }

  private async acknowledge(alarm: string): Promise<void> {
    try {
      await this.bench.rest.post("api/alarms/acknowledge", { alarms: [alarm], by: "viewer" });
    } catch (error) {
      this.bench.notice("error", (error as Error).message);
    }
    this.soon();
  }
}
