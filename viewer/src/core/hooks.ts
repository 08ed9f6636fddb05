/** A list of functions to be called; each can be taken out again. Pure. */
export class Hooks<A extends unknown[], R = void> {
  private readonly list = new Set<(...args: A) => R>();

  add(hook: (...args: A) => R): () => void {
    this.list.add(hook);
    return () => this.list.delete(hook);
  }

  call(...args: A): void {
    for (const hook of [...this.list]) hook(...args);
  }

  /** Calls all; true where one said so. */
  any(...args: A): boolean {
    let some = false;
    for (const hook of [...this.list]) some = hook(...args) === true || some;
    return some;
  }
}
