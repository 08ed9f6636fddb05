/** Keeps the address after `#` and the parts that features add in step: a link restores the view. */
import { readAddress, writeAddress } from "../core/address.ts";
import type { AddressPart, Undo } from "../workbench.ts";

/** How often a changed view is written; browsers allow few such changes [ms]. */
const WRITE_MS = 1000;

export class AddressBar {
  private readonly parts = new Map<string, AddressPart>();
  /** What came with the address and was not claimed yet, by key. */
  private waiting = readAddress(window.location.hash);
  private open = false;
  private written = window.location.hash;
  private due = 0;

  constructor() {
    window.addEventListener("hashchange", () => this.follow());
  }

  add(part: AddressPart): Undo {
    this.parts.set(part.key, part);
    if (this.open) this.claim(part);
    return () => this.parts.delete(part.key);
  }

  /** The scene is there: what the address says is brought back. */
  restore(): void {
    this.open = true;
    for (const part of this.parts.values()) this.claim(part);
  }

  /** One part, as if it had come with the address. */
  restorePart(key: string, text: string): void {
    this.parts.get(key)?.restore(text);
  }

  /** The address of what is seen now. */
  get link(): string {
    const url = new URL(window.location.href);
    url.hash = this.text();
    return url.href;
  }

  /** Writes what has changed; call it as often as you like. */
  refresh(now: number): void {
    if (!this.open || now < this.due) return;
    this.due = now + WRITE_MS;
    const text = this.text();
    if (`#${text}` === this.written || (text === "" && this.written === "")) return;
    this.written = text && `#${text}`;
    try {
      window.history.replaceState(window.history.state, "", this.written || window.location.pathname + window.location.search);
    } catch {
      // A page without an address of its own (srcdoc) has none to keep.
    }
  }

  private text(): string {
    const pairs: [string, string][] = [];
    for (const [key, part] of this.parts) {
      const text = part.read();
      if (text !== null) pairs.push([key, text]);
    }
    return writeAddress([...pairs, ...this.waiting]);
  }

  private claim(part: AddressPart): void {
    const text = this.waiting.get(part.key);
    if (text === undefined) return;
    this.waiting.delete(part.key);
    part.restore(text);
  }

  /** Someone typed or opened another address. */
  private follow(): void {
    if (window.location.hash === this.written) return;
    this.written = window.location.hash;
    this.waiting = readAddress(this.written);
    if (this.open) this.restore();
  }
}
