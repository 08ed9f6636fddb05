/** Asks the twin for its alarms: at once when something happened, else every few seconds. Does what an operator wants. */
import type { Workbench } from "../../workbench.ts";
import { type Alarm, type AlarmRecord, type Alarms, raisedSince } from "./model.ts";

const POLL_MS = 2000;
const NAME_MS = 60_000;

export type Act = "acknowledge" | "shelve" | "unshelve" | "out-of-service" | "in-service";

interface Answer {
  readonly refused: readonly { readonly alarm: string; readonly reason: string }[];
}

export class Feed {
  alarms: readonly Alarm[] = [];
  flooded = false;
  mode: string | null = null;
  /** Whether the twin has alarms at all; null: not known yet. */
  present: boolean | null = null;
  /** Also those that are not active. */
  everyOne = false;
  private due = 0;
  private busy = false;
  private first = true;
  /** Whether the list was of a moment of the past. */
  private wasPast = false;
  private name = "viewer";
  private nameDue = 0;

  constructor(
    private readonly bench: Workbench,
    /** Called after each answer, with what was raised since the one before. */
    private readonly then: (raised: readonly Alarm[]) => void,
  ) {}

  /** Something changed: the next `look` asks at once. */
  soon(): void {
    this.due = 0;
  }

  /** Another scene, or another twin. */
  forget(): void {
    this.present = null;
    this.soon();
  }

  /** Call it as often as you like. Also of a hidden tab: sound and notifications are for those who look elsewhere. */
  look(now: number): void {
    if (this.busy || now < this.due || this.present === false || this.bench.link.session.phase !== "live") return;
    this.due = now + POLL_MS;
    this.busy = true;
    this.poll(now)
      .catch(() => undefined) // the link's own banner says that the server is away
      .finally(() => (this.busy = false));
  }

  private async poll(now: number): Promise<void> {
    const { rest } = this.bench;
    if (this.present === null) {
      this.present = await hasAlarms(this.bench);
      this.first = true;
    }
    if (!this.present) return this.then([]);
    if (now >= this.nameDue) {
      this.nameDue = now + NAME_MS;
      await this.learnName();
    }
    const told = await rest.get<Alarms>("api/v1/alarms", { all: this.everyOne ? "true" : undefined });
    const past = this.bench.pastMs !== null;
    // Nothing is raised by looking at another moment.
    const raised = this.first || past || this.wasPast ? [] : raisedSince(this.alarms, told.alarms);
    this.first = false;
    this.wasPast = past;
    [this.alarms, this.flooded, this.mode] = [told.alarms, told.flooded, told.mode];
    this.then(raised);
  }

  /** Who answers: the name of the token where there is one. */
  private async learnName(): Promise<void> {
    const told = await this.bench.rest.get<{ name?: unknown }>("api/session").catch(() => null);
    if (typeof told?.name === "string" && told.name) this.name = told.name;
  }

  get mayAnswer(): boolean {
    return this.bench.role !== "viewer" && this.bench.pastMs === null; // what was cannot be answered
  }

  /** True where it was done with all of them; says what was not. */
  async act(action: Act, ids: readonly string[], more: { comment?: string; seconds?: number } = {}): Promise<boolean> {
    if (ids.length === 0) return false;
    try {
      const body = { alarms: ids, by: this.name, ...more };
      const answer = await this.bench.rest.post<Answer>(`api/v1/alarms/${action}`, body);
      const [refused] = answer.refused;
      if (refused) this.bench.notice("warning", refused.reason);
      return !refused;
    } catch (error) {
      this.bench.notice("error", (error as Error).message);
      return false;
    } finally {
      this.soon();
      this.look(performance.now());
    }
  }

  /** What happened, the newest first; `before` pages on. */
  async journal(alarm: string | null, before?: number): Promise<readonly AlarmRecord[]> {
    const answer = await this.bench.rest.get<{ records: AlarmRecord[] }>("api/v1/alarms/journal", {
      limit: 100,
      alarm: alarm ?? undefined,
      before,
    });
    return answer.records;
  }
}

/** Whether there are alarms to ask for. A server of before does not say so in its welcome. */
export async function hasAlarms(bench: Workbench): Promise<boolean> {
  if (bench.link.session.serves !== null) return bench.serves("alarms");
  return Boolean((await bench.rest.get<{ alarms?: unknown }>("api/v1/status")).alarms);
}
