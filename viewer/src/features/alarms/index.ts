/** Alarms: list, journal, banner, badge, sound, notifications, and the way from an alarm to what it is about. */
import { byId, h, setData, setText } from "../../ui/dom.ts";
import type { Feature, Mark, Workbench } from "../../workbench.ts";
import { Banner } from "./banner.ts";
import { addAlarmCommands } from "./commands.ts";
import { Detail } from "./detail.ts";
import { Feed } from "./feed.ts";
import { Highlight } from "./highlight.ts";
import { Journal } from "./journal.ts";
import {
  type Alarm,
  alarmsByPrim,
  areasOf,
  type Filter,
  filterFrom,
  isUnseen,
  listed,
  type PrimAlarm,
  primsOf,
  signalsOf,
  urgency,
} from "./model.ts";
import { askToNotify, notify } from "./notify.ts";
import { Sound } from "./sound.ts";
import { AlarmTable } from "./table.ts";
import { AlarmTags } from "./tags.ts";
import { Toolbar } from "./toolbar.ts";

const NAME = "alarms";
/** After panels have opened and the picture has its new size [ms]. */
const SETTLED_MS = 120;
const LEVELS = { critical: "error", high: "error", medium: "warning", low: "info" } as const;

function markOf({ priority, unseen, count }: PrimAlarm): Mark {
  const title = `${count} active alarm${count > 1 ? "s" : ""}, ${priority}${unseen ? ", unacknowledged" : ""}`;
  return { level: LEVELS[priority], word: priority, title };
}

export const alarms: Feature = {
  name: NAME,
  install(bench) {
    new AlarmDesk(bench);
  },
};

class AlarmDesk {
  private readonly feed: Feed;
  private readonly element = h("div", { class: "alarms", id: "alarms" });
  private readonly main = h("div", { class: "alarm-main" });
  private readonly table: AlarmTable;
  private readonly detail: Detail;
  private readonly journal: Journal;
  private readonly toolbar: Toolbar;
  private readonly banner: Banner;
  private readonly tags: AlarmTags;
  private readonly badge = h("button", { type: "button", class: "alarm-badge" });
  private readonly highlight: Highlight;
  private readonly sound = new Sound();
  private primOf: ReadonlyMap<string, string> = new Map();
  private shown: readonly Alarm[] = [];
  private added = false;
  private inJournal = false;

  constructor(private readonly bench: Workbench) {
    this.feed = new Feed(bench, (raised) => this.heard(raised));
    this.highlight = new Highlight(bench);
    const acknowledge = (alarm: string): void => void this.feed.act("acknowledge", [alarm]);
    this.table = new AlarmTable({
      picked: () => this.drawDetail(),
      key: (event, alarm) => this.key(event.key, alarm),
      acknowledge,
      open: (alarm) => this.show(alarm),
    });
    this.detail = new Detail({
      acknowledge,
      shelve: (alarm, seconds, comment) => void this.feed.act("shelve", [alarm], { seconds, comment }),
      unshelve: (alarm) => void this.feed.act("unshelve", [alarm]),
      service: (alarm, out, comment) =>
        void this.feed.act(out ? "out-of-service" : "in-service", [alarm], comment ? { comment } : {}),
      show: (alarm) => this.show(alarm),
      chart: (alarm) => this.chart(alarm),
      journal: (alarm) => this.showJournal(alarm),
    });
    this.journal = new Journal(
      (alarm, before) => this.feed.journal(alarm, before),
      (alarm) => this.showAlarm(alarm),
    );
    this.toolbar = new Toolbar({
      filter: (change) => this.keep({ ...this.filter, ...change }),
      acknowledgeShown: () => this.acknowledgeShown(),
      journal: () => (this.inJournal ? this.showList() : this.showJournal(null)),
      sound: () => this.setSound(!this.kept.sound),
      notify: () => void this.toggleNotify(),
    });
    this.banner = new Banner(acknowledge, (alarm) => this.show(alarm));
    this.tags = new AlarmTags(bench, (alarm) => this.show(alarm));
    this.badge.addEventListener("click", () => this.open());
    this.badge.hidden = true;
    bench.addBadge(this.badge, 0);
    byId("picture").append(this.banner.element);
    this.main.append(this.table.element, this.detail.element);
    this.element.append(this.toolbar.element, this.main);
    addAlarmCommands(bench, {
      present: () => this.feed.present === true,
      unseen: () => this.feed.alarms.some(isUnseen),
      answerable: () => this.feed.mayAnswer && this.shown.some(isUnseen),
      sounds: () => this.kept.sound,
      notifies: () => this.kept.notify,
      open: () => this.open(),
      next: () => this.nextUnseen(),
      acknowledgeShown: () => this.acknowledgeShown(),
      bannered: () => this.feed.mayAnswer && !this.banner.element.hidden,
      acknowledgeBanner: () => this.banner.alarm && void this.feed.act("acknowledge", [this.banner.alarm.id]),
      journal: () => this.showJournal(null),
      toggleSound: () => this.setSound(!this.kept.sound),
      toggleNotify: () => void this.toggleNotify(),
    });
    bench.watch(
      (state) => state.extra[NAME],
      () => this.chosen(),
    );
    bench.onScene(() => {
      this.feed.forget();
      this.highlight.again();
      this.tags.again();
    });
    bench.onAlarm(() => this.feed.soon());
    bench.claimNotices((text) => this.feed.present === true && /^(low|medium|high|critical) alarm \S+ raised/.test(text));
    // Not with the panels: alarms are heard of in a hidden tab, too.
    window.setInterval(() => this.feed.look(performance.now()), 125);
    const wake = (): void => {
      if (this.kept.sound) this.sound.on();
    };
    for (const event of ["pointerdown", "keydown"] as const) window.addEventListener(event, wake, { capture: true });
    bench.expose(NAME, this.forTests());
  }

  // --- what was chosen ---------------------------------------------------------------------------------------------

  private get kept(): { sound: boolean; notify: boolean; filter: unknown } {
    const told = (this.bench.state.extra[NAME] ?? {}) as Record<string, unknown>;
    return { sound: told.sound === true, notify: told.notify === true, filter: told.filter };
  }

  private get filter(): Filter {
    return filterFrom(this.kept.filter);
  }

  private keep(filter: Filter): void {
    this.bench.dispatch({ type: "extra", feature: NAME, value: { ...this.kept, filter } });
  }

  private chosen(): void {
    const { sound, notify: notifies } = this.kept;
    if (!sound) this.sound.off();
    this.toolbar.press("sound", sound);
    this.toolbar.press("notify", notifies);
    const every = this.filter.show === "aside" || this.filter.show === "all";
    if (every && !this.feed.everyOne) this.feed.soon();
    this.feed.everyOne = every;
    this.draw();
  }

  private setSound(on: boolean): void {
    if (on) this.sound.on();
    this.bench.dispatch({ type: "extra", feature: NAME, value: { ...this.kept, sound: on } });
    if (on) this.sound.beep("low");
  }

  private async toggleNotify(): Promise<void> {
    const on = !this.kept.notify && (await askToNotify());
    if (!on && !this.kept.notify) this.bench.notice("warning", "The browser does not let this page notify you.");
    this.bench.dispatch({ type: "extra", feature: NAME, value: { ...this.kept, notify: on } });
  }

  // --- what is shown -----------------------------------------------------------------------------------------------

  private heard(raised: readonly Alarm[]): void {
    if (this.feed.present && !this.added) {
      this.added = true;
      this.bench.addPanel({
        id: NAME,
        title: "Alarms",
        side: "bottom",
        order: 10,
        element: this.element,
        refresh: () => this.draw(),
        shown: (visible) => visible && this.draw(),
      });
    }
    const { alarms: all } = this.feed;
    const { scene } = this.bench;
    this.primOf = primsOf(all, scene?.json.bindings ?? {}, this.bench.signals.indexOf);
    const byPrim = alarmsByPrim(all, this.primOf);
    this.highlight.show(byPrim);
    this.tags.show(all, this.primOf);
    this.bench.setMarks(NAME, new Map([...byPrim].map(([path, alarm]) => [path, markOf(alarm)])));
    this.draw();
    this.drawSigns();
    if (this.inJournal) this.journal.refresh();
    if (raised.length === 0) return;
    const [worst] = [...raised].sort((a, b) => urgency(b.priority) - urgency(a.priority));
    this.sound.beep(worst.priority);
    if (this.kept.notify) notify(raised, (alarm) => this.show(alarm));
  }

  private draw(): void {
    const { feed, filter } = this;
    this.shown = listed(feed.alarms, filter, this.primOf);
    const unseen = this.shown.filter(isUnseen).length;
    this.toolbar.draw(filter, areasOf(this.primOf), unseen, feed.mayAnswer, feed.flooded);
    const nothing = filter.show === "active" && !filter.area && filter.least === "low";
    const empty = nothing ? "No alarm is active. Earlier ones are in the journal." : "No alarm passes this filter.";
    this.table.draw(this.shown, this.primOf, feed.mayAnswer, this.bench.link.clock.serverTime(Date.now()) || Date.now(), empty);
    this.drawDetail();
  }

  private drawDetail(): void {
    const alarm = this.shown.find(({ id }) => id === this.table.current) ?? null;
    const where = alarm ? (this.primOf.get(alarm.id) ?? "") : "";
    const charts = alarm !== null && signalsOf(alarm, this.bench.signals.indexOf).length > 0;
    this.detail.show(alarm, where, this.feed.mayAnswer, charts);
  }

  private drawSigns(): void {
    const unseen = this.feed.alarms.filter(isUnseen);
    const active = this.feed.alarms.filter((alarm) => alarm.active);
    const [worst] = [...unseen].sort((a, b) => urgency(b.priority) - urgency(a.priority));
    this.badge.hidden = this.feed.present !== true;
    setData(this.badge, "priority", worst?.priority ?? "none");
    setText(this.badge, String(unseen.length || active.length));
    const words = `${unseen.length} unacknowledged, ${active.length} active`;
    this.badge.setAttribute("aria-label", `Alarms: ${words}`);
    this.badge.title = words;
    const level = worst && urgency(worst.priority) >= urgency("high") ? "error" : unseen.length ? "warning" : "info";
    this.bench.panelNote(NAME, active.length ? String(active.length) : "", level);
    this.banner.draw(this.feed.alarms, this.feed.mayAnswer);
  }

  // --- what is done ------------------------------------------------------------------------------------------------

  private key(key: string, alarm: string): boolean {
    const told = this.feed.alarms.find(({ id }) => id === alarm);
    if (!told) return false;
    const { mayAnswer } = this.feed;
    const does: Record<string, (() => void) | undefined> = {
      Enter: () => this.show(alarm),
      a: () => mayAnswer && isUnseen(told) && void this.feed.act("acknowledge", [alarm]),
      c: () => this.chart(alarm),
      j: () => this.showJournal(alarm),
      s: () => mayAnswer && (told.shelvedUntil ? void this.feed.act("unshelve", [alarm]) : this.detail.ask("shelve")),
      o: () => mayAnswer && (told.outOfService ? void this.feed.act("in-service", [alarm]) : this.detail.ask("out")),
    };
    const run = does[key.length === 1 ? key.toLowerCase() : key];
    run?.();
    return run !== undefined;
  }

  private acknowledgeShown(): void {
    void this.feed.act("acknowledge", this.shown.filter(isUnseen).map(({ id }) => id));
  }

  /** All about an alarm in one step: its prim is selected and framed, its signals are charted, the banner is about it. */
  private show(alarm: string): void {
    const { bench } = this;
    const told = this.feed.alarms.find(({ id }) => id === alarm);
    const path = this.primOf.get(alarm);
    if (told) this.banner.pick(told);
    this.drawSigns();
    const charted = this.chart(alarm);
    if (!path) {
      if (!charted) bench.notice("info", `Nothing in the scene is bound to the signals of ${alarm}.`);
      return;
    }
    bench.dispatch({ type: "select", path });
    bench.runCommand("view.frame");
    // The chart may have taken room from the picture.
    window.setTimeout(() => bench.selectedPath === path && bench.runCommand("view.frame"), SETTLED_MS);
  }

  private chart(alarm: string): boolean {
    const told = this.feed.alarms.find(({ id }) => id === alarm);
    return this.bench.showSignals(told ? signalsOf(told, this.bench.signals.indexOf) : []);
  }

  private open(): void {
    this.bench.openPanel(NAME);
    this.showList();
    this.table.focus();
  }

  private showList(): void {
    this.inJournal = false;
    this.toolbar.press("journal", false);
    this.main.replaceChildren(this.table.element, this.detail.element);
  }

  private showJournal(alarm: string | null): void {
    this.bench.openPanel(NAME);
    this.inJournal = true;
    this.toolbar.press("journal", true);
    this.main.replaceChildren(this.journal.element);
    void this.journal.show(alarm).then(() => this.journal.element.focus());
  }

  /** From the journal to the list, which then shows that alarm, active or not. */
  private showAlarm(alarm: string): void {
    if (!this.feed.alarms.some(({ id, active }) => id === alarm && active)) this.keep({ ...this.filter, show: "all" });
    this.showList();
    this.table.current = alarm;
    this.draw();
    this.table.focus();
  }

  private nextUnseen(): void {
    const [worst] = listed(this.feed.alarms.filter(isUnseen), filterFrom(null), this.primOf);
    if (!this.shown.some(({ id }) => id === worst.id)) this.keep(filterFrom(null));
    this.table.current = worst.id;
    this.draw();
    this.show(worst.id);
  }

  private forTests(): object {
    const desk = this;
    return {
      get listed() {
        return desk.shown.map(({ id, state }) => ({ id, state }));
      },
      get active() {
        return desk.feed.alarms.filter((alarm) => alarm.active).length;
      },
      get camera() {
        return desk.bench.viewport.rig.camera.position.toArray();
      },
      get outlined() {
        return desk.highlight.state;
      },
    };
  }
}
