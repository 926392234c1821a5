/**
 * Time for tests: it moves when the test says so, and everything that is due runs in order. Between
 * two steps the promises settle, so that code with both timers and promises is deterministic.
 */

interface Due {
  at: number;
  order: number;
  run: () => void;
}

export class Schedule {
  #now = 1_000_000;
  #order = 0;
  #due: Due[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const due: Due = { at: this.#now + Math.max(0, ms), order: this.#order++, run };
    this.#due.push(due);
    return () => {
      this.#due = this.#due.filter((d) => d !== due);
    };
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#due.length;
  }

  /** Lets `ms` pass. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#next();
      if (!next || next.at > end) break;
      this.#now = next.at;
      this.#due = this.#due.filter((d) => d !== next);
      next.run();
      await settle();
    }
    this.#now = end;
  }

  /** Lets time pass until `done`, and fails when `limit` ms were not enough. */
  async until(done: () => boolean, what: string, limit = 600_000): Promise<void> {
    const end = this.#now + limit;
    await settle();
    while (!done()) {
      const next = this.#next();
      if (!next || next.at > end) throw new Error(`waited in vain until ${what}`);
      await this.pass(Math.max(0, next.at - this.#now));
    }
  }

  #next(): Due | undefined {
    return this.#due.reduce<Due | undefined>(
      (best, due) =>
        !best || due.at < best.at || (due.at === best.at && due.order < best.order) ? due : best,
      undefined,
    );
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) await Promise.resolve();
}

/** A small seeded generator (mulberry32), so that a failing run can be repeated. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
