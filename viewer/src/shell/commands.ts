/** What a user can do, by name and by key. The only listener of keys for the whole page. */
import { actsWhileTyping, chordOf } from "../core/keys.ts";
import type { Command, Undo } from "../workbench.ts";

const TYPING = "input:not([type=range], [type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable]";
/** These have a meaning of their own for Space and Enter. */
const PRESSED = "button, a[href], summary, input, [role=option], [role=menuitem], [role=tab]";

export class Commands {
  private readonly byId = new Map<string, Command>();
  private readonly watchers = new Set<() => void>();

  constructor(target: Document) {
    target.addEventListener("keydown", (event) => this.key(event));
  }

  /** A command whose id is known takes the other's place. */
  add(command: Command): Undo {
    this.byId.set(command.id, command);
    this.changed();
    return () => {
      if (this.byId.get(command.id) !== command) return;
      this.byId.delete(command.id);
      this.changed();
    };
  }

  all(): Command[] {
    return [...this.byId.values()];
  }

  get(id: string): Command | undefined {
    return this.byId.get(id);
  }

  /** False where there is no such command, or not now. */
  run(id: string): boolean {
    const command = this.byId.get(id);
    if (!command || !isEnabled(command)) return false;
    command.run();
    this.changed();
    return true;
  }

  /** Calls `then` when commands came, went or were run: what they show may be another. */
  watch(then: () => void): Undo {
    this.watchers.add(then);
    return () => this.watchers.delete(then);
  }

  private changed(): void {
    for (const watcher of this.watchers) watcher();
  }

  private key(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing) return;
    // A window over the page has the keys to itself.
    if (document.querySelector("dialog:modal")) return;
    const chord = chordOf(event);
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest(TYPING) && !actsWhileTyping(chord)) return;
    if ((chord === "Space" || chord === "Enter") && target?.closest(PRESSED)) return;
    const command = this.all().find((one) => one.keys?.includes(chord) && isEnabled(one));
    if (!command) return;
    event.preventDefault();
    this.run(command.id);
  }
}

export function isEnabled(command: Command): boolean {
  return command.enabled?.() ?? true;
}
