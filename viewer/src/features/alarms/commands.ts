/** What a user can do with alarms, by key and by name. */
import type { Command, Workbench } from "../../workbench.ts";

export interface AlarmActions {
  /** Whether there are alarms. */
  present(): boolean;
  unseen(): boolean;
  answerable(): boolean;
  sounds(): boolean;
  notifies(): boolean;
  open(): void;
  next(): void;
  acknowledgeShown(): void;
  /** Whether an alarm stands over the picture that may be acknowledged. */
  bannered(): boolean;
  acknowledgeBanner(): void;
  journal(): void;
  toggleSound(): void;
  toggleNotify(): void;
}

export function addAlarmCommands(bench: Workbench, on: AlarmActions): void {
  const add = (id: string, title: string, keys: string[], run: () => void, more: Partial<Command> = {}): void => {
    bench.addCommand({ id: `alarms.${id}`, title, group: "Alarms", keys, run, enabled: () => on.present(), ...more });
  };
  add("show", "Go to the list of alarms", ["Shift+A"], () => on.open());
  add("next", "Show the most urgent alarm that nobody has acknowledged", ["Shift+N"], () => on.next(), { enabled: () => on.unseen() });
  add("acknowledgeShown", "Acknowledge all alarms that are shown", ["Alt+A"], () => on.acknowledgeShown(), { enabled: () => on.answerable() });
  add("acknowledgeBanner", "Acknowledge the alarm over the picture", ["Ctrl+Enter"], () => on.acknowledgeBanner(), {
    enabled: () => on.bannered(),
  });
  add("journal", "Journal of alarms", ["Shift+J"], () => on.journal());
  add("sound", "Sound for new alarms", [], () => on.toggleSound(), { pressed: () => on.sounds() });
  add("notify", "Notifications of the browser for new alarms", [], () => on.toggleNotify(), { pressed: () => on.notifies() });
}
