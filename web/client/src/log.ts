/**
 * A channel's log as far as this client has it: in order, each entry once.
 *
 * The server sends the entries in their order, and to visitors not all of them: those that only
 * people of the company see are left out, so that a seq may be missing here for good. What comes
 * with a seq above the highest is next, and anything else was here before.
 */

import type { Entry, Owner } from "./frames.ts";

export class Log {
  readonly #entries: Entry[] = [];
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

  /** The highest seq that came: what to resume from. */
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

  /** Takes one entry; answers whether it is new. */
  apply(entry: Entry): boolean {
    if (entry.seq <= this.#highest) return false;
    this.#entries.push(entry);
    this.#highest = entry.seq;
    if (entry.kind === "state") this.ownerIs(entry.owner, entry.seq);
    return true;
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
}
