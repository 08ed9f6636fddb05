/** Notifications of the browser for alarms of high and critical priority: only where the user asked for them. */
import { againstLimit, type Alarm, urgency } from "./model.ts";

export function canNotify(): boolean {
  return "Notification" in window;
}

/** Asks the browser, on a click or a key; true where it lets this page notify. */
export async function askToNotify(): Promise<boolean> {
  if (!canNotify()) return false;
  return (await Notification.requestPermission()) === "granted";
}

export function notify(raised: readonly Alarm[], open: (alarm: string) => void): void {
  if (!canNotify() || Notification.permission !== "granted") return;
  for (const alarm of raised.filter(({ priority }) => urgency(priority) >= urgency("high")).slice(0, 3)) {
    const told = new Notification(`${capital(alarm.priority)} alarm: ${alarm.message || alarm.id}`, {
      body: [againstLimit(alarm), alarm.response].filter(Boolean).join("\n"),
      tag: `twinstage-${alarm.id}`,
    });
    told.onclick = () => {
      window.focus();
      open(alarm.id);
      told.close();
    };
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
