/**
 * A channel's log as far as this client has it: dense, in order, each entry once.
 *
 * An entry that comes early waits until what lies before it has come. The log is never shown with a
 * hole in it.
 */

import type { Entry, Owner } from "./frames.ts";

export type Applied = "new" | "duplicate" | "gap";

export class Log {
  readonly #entries: Entry[] = [];
  readonly #early = new Map<number, Entry>();
  #highest: number;
  #owner: Owner | undefined;
  #ownerVersion = 0;

  /** `afterSeq` is where the log starts for this client: what lies before was read elsewhere. */
  constructor(afterSeq = 0) {
    this.#highest = afterSeq;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** The highest seq below which nothing is missing: what to resume from. */
  get highest(): number {
    return this.#highest;
  }

  /** Who has the word; unknown until the server said so. */
  get owner(): Owner | undefined {
    return this.#owner;
  }

  /** The seq of the last change of owner. */
  get ownerVersion(): number {
    return this.#ownerVersion;
  }

  /** Whether entries wait for one that is missing. */
  get waiting(): boolean {
    return this.#early.size > 0;
  }

  /**
   * Takes one entry. `taken` hears of each entry that thereby gets its place, in order: those that
   * waited for this one too.
   */
  apply(entry: Entry, taken: (entry: Entry) => void): Applied {
    if (entry.seq <= this.#highest) return "duplicate";
    if (entry.seq > this.#highest + 1) {
      this.#early.set(entry.seq, entry);
      return "gap";
    }
    this.#place(entry, taken);
    this.#drain(taken);
    return "new";
  }

  /** The owner as the server states it beside the log; older than what is known, it is ignored. */
  ownerIs(owner: Owner, version: number): boolean {
    if (version < this.#ownerVersion || (version === this.#ownerVersion && this.#owner === owner)) {
      return false;
    }
    this.#owner = owner;
    this.#ownerVersion = version;
    return true;
  }

  /**
   * Gives up on what lies before the entries that wait: the server has said more than once that it
   * has nothing there. Answers the seqs that are missing, first and last.
   */
  skip(taken: (entry: Entry) => void): [number, number] | undefined {
    if (this.#early.size === 0) return undefined;
    const next = Math.min(...this.#early.keys());
    const missing: [number, number] = [this.#highest + 1, next - 1];
    this.#highest = next - 1;
    this.#drain(taken);
    return missing;
  }

  #drain(taken: (entry: Entry) => void): void {
    for (;;) {
      const next = this.#early.get(this.#highest + 1);
      if (!next) return;
      this.#early.delete(next.seq);
      this.#place(next, taken);
    }
  }

  #place(entry: Entry, taken: (entry: Entry) => void): void {
    this.#entries.push(entry);
    this.#highest = entry.seq;
    if (entry.kind === "state") this.ownerIs(entry.owner, entry.seq);
    taken(entry);
  }
}
