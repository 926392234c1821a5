/** Tells the others that somebody types here, not more often than they need to hear it. */

import { systemTimers } from "@syntera/client";

const EVERY_MS = 3_000;

export class Typing {
  #toldAt = 0;
  #silence: (() => void) | undefined;

  constructor(private readonly tell: (on: boolean) => void) {}

  /** Something was typed, or nothing is left of it. */
  typed(on: boolean): void {
    this.stop();
    if (!on) {
      if (this.#toldAt > 0) this.tell(false);
      this.#toldAt = 0;
      return;
    }
    const now = Date.now();
    if (now - this.#toldAt >= EVERY_MS) {
      this.#toldAt = now;
      this.tell(true);
    }
    this.#silence = systemTimers.after(2 * EVERY_MS, () => this.typed(false));
  }

  stop(): void {
    this.#silence?.();
    this.#silence = undefined;
  }
}
