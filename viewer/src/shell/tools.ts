/** The toolbar of the header: buttons that run commands; one tab stop, arrow keys go along (ARIA toolbar). */
import { labelsOf } from "../core/keys.ts";
import { h, icon, setText, type IconName } from "../ui/dom.ts";
import { isEnabled, type Commands } from "./commands.ts";
import { Slots } from "./slots.ts";

export class Tools {
  private readonly slots = new Slots("tools");
  private readonly buttons = new Map<string, HTMLButtonElement>();

  constructor(private readonly commands: Commands) {
    commands.watch(() => this.refresh());
    const bar = document.getElementById("tools");
    bar?.addEventListener("keydown", (event) => this.key(event, bar));
  }

  add(command: string, name: IconName, order: number): () => void {
    const button = h("button", { class: "tool", type: "button", id: `tool-${command.replace(/^view\./, "")}` });
    button.append(icon(name), h("span", { class: "tool-name" }));
    button.addEventListener("click", () => this.commands.run(command));
    this.buttons.set(command, button);
    const remove = this.slots.add(button, order);
    this.refresh();
    return () => {
      this.buttons.delete(command);
      remove();
    };
  }

  private refresh(): void {
    let first = true;
    for (const [id, button] of this.buttons) {
      const command = this.commands.get(id);
      button.disabled = !command || !isEnabled(command);
      if (!command) continue;
      const key = command.keys?.[0];
      setText(button.lastElementChild as Element, command.short ?? command.title);
      button.title = key ? `${command.title} (${labelsOf(key).join("+")})` : command.title;
      button.setAttribute("aria-label", command.title);
      if (command.pressed) button.setAttribute("aria-pressed", String(command.pressed()));
      button.tabIndex = first || button === document.activeElement ? 0 : -1;
      first = false;
    }
  }

  private key(event: KeyboardEvent, bar: HTMLElement): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const buttons = [...bar.querySelectorAll<HTMLButtonElement>("button:not(:disabled)")];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (step === 0 || at < 0) return;
    event.preventDefault();
    const next = buttons[(at + step + buttons.length) % buttons.length];
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  }
}
