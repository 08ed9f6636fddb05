/** Holds the one `UiState`, and tells who asked when a part of it changes. Pure. */
import { reduce, START, type Action, type UiState } from "./ui-state.ts";

export class UiStore {
  private readonly watchers = new Set<() => void>();

  constructor(private now: UiState = START) {}

  get state(): UiState {
    return this.now;
  }

  dispatch(action: Action): void {
    const before = this.now;
    this.now = reduce(before, action);
    if (this.now !== before) for (const watcher of [...this.watchers]) watcher();
  }

  /** Calls `then` with what `select` gives: once now, and whenever it is another (by `Object.is`). */
  watch<T>(select: (state: UiState) => T, then: (value: T) => void): () => void {
    let known = select(this.now);
    const watcher = (): void => {
      const value = select(this.now);
      if (Object.is(value, known)) return;
      known = value;
      then(value);
    };
    this.watchers.add(watcher);
    then(known);
    return () => this.watchers.delete(watcher);
  }
}
