/**
 * Changes that this viewer makes: may it, what it asks for, what came of it. One a page; features share it by `deskOf`.
 */
import type { Workbench } from "../workbench.ts";
import type { Answer, CommandFields } from "../wire/commands.ts";
import { refusal, whyNot } from "./sentences.ts";

/** How often it is looked whether changes are possible [ms]. */
const LOOK_MS = 400;

export class EditDesk {
  /** How many transactions this author can take back, and do again; NaN before the first answer. */
  undoable = Number.NaN;
  redoable = Number.NaN;
  /** Commands under way. */
  pending = 0;
  private readonly listeners = new Set<() => void>();
  /** Undefined: nobody was told yet. */
  private lockedBefore: string | null | undefined = undefined;

  constructor(private readonly bench: Workbench) {
    bench.onPast(() => this.tell());
    window.setInterval(() => this.look(), LOOK_MS);
    bench.link.onEdit((edit) => {
      // An author's own edit, perhaps from another page, may be taken back here, too; how many there are comes with answers.
      if (edit.transactions.length > 0 && !(this.undoable > 0)) this.undoable = Number.NaN;
      this.tell();
    });
  }

  /** Why nothing can be changed now, in a sentence; null: it can. */
  get locked(): string | null {
    const { session } = this.bench.link;
    return whyNot(session.phase, this.bench.role, this.bench.pastMs !== null);
  }

  /** Newest version known. */
  get version(): number {
    return this.bench.link.session.commands.version;
  }

  /**
   * Asks the twin for a change, on top of what this viewer knows. A refusal is shown as a sentence, unless `quiet`; the caller
   * may show it where it belongs.
   */
  async do(fields: CommandFields, quiet = false): Promise<Answer> {
    const { locked } = this;
    if (locked !== null) {
      if (!quiet) this.bench.notice("warning", locked);
      return { ...NOTHING, error: locked, version: this.version };
    }
    this.pending++;
    this.tell();
    const answer = await this.bench.link.command({ base: this.version, ...fields });
    this.pending--;
    if (answer.ok) {
      this.undoable = answer.undo;
      this.redoable = answer.redo;
      if (!answer.kept) this.bench.notice("warning", "Done, but the twin could not write it down yet.");
    } else if (!quiet) this.bench.notice("error", refusal(answer));
    this.tell();
    return answer;
  }

  async undo(of?: number): Promise<Answer> {
    // Taking back is of what there is now: `base` says nothing about it.
    return this.do({ kind: "undo", base: null, ...(of === undefined ? {} : { of }) });
  }

  async redo(): Promise<Answer> {
    return this.do({ kind: "redo", base: null });
  }

  /** Calls `then` whenever something was asked, answered or changed by others. */
  watch(then: () => void): () => void {
    this.listeners.add(then);
    return () => this.listeners.delete(then);
  }

  /** The link and the role change without an edit. */
  private look(): void {
    const { locked } = this;
    if (locked === this.lockedBefore) return;
    this.lockedBefore = locked;
    this.tell();
  }

  private tell(): void {
    for (const then of [...this.listeners]) then();
  }
}

const NOTHING: Answer = {
  id: "",
  ok: false,
  version: 0,
  undo: 0,
  redo: 0,
  kept: true,
  code: "forbidden",
  error: null,
  current: null,
  placed: [],
  note: "",
};

const desks = new WeakMap<Workbench, EditDesk>();

export function deskOf(bench: Workbench): EditDesk {
  let desk = desks.get(bench);
  if (!desk) desks.set(bench, (desk = new EditDesk(bench)));
  return desk;
}
