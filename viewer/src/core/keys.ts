/**
 * Keys as text: `F`, `Shift+S`, `Ctrl+K`, `ArrowLeft`, `?`. Pure.
 *
 * Letters are named in capitals. Of other characters the one that is typed counts, so that `?` is `?` on every keyboard.
 */

export interface Pressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

const NAMES: Readonly<Record<string, string>> = { " ": "Space", Esc: "Escape" };
const SHOWN: Readonly<Record<string, string>> = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
};

/** What was pressed; Command counts as Ctrl. */
export function chordOf(event: Pressed): string {
  const key = NAMES[event.key] ?? event.key;
  const letter = /^\p{L}$/u.test(key);
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (event.shiftKey && (letter || key.length > 1)) parts.push("Shift");
  return [...parts, letter ? key.toUpperCase() : key].join("+");
}

/** The parts of a chord as they are printed on keys. */
export function labelsOf(chord: string): string[] {
  // A plus may itself be the key.
  const parts = chord.endsWith("+") ? [...chord.slice(0, -1).split("+").filter(Boolean), "+"] : chord.split("+");
  return parts.map((part) => SHOWN[part] ?? part);
}

/** Whether a chord may act while someone types into a field: with Ctrl or Alt, and the function keys. */
export function actsWhileTyping(chord: string): boolean {
  return /^(Ctrl|Alt)\+/.test(chord) || /^(Shift\+)?F\d+$/.test(chord);
}
