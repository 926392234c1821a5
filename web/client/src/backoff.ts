/**
 * When to try again: exponential backoff with full jitter, so that clients that lost the same
 * server do not come back in step (AWS Architecture Blog, "Exponential Backoff And Jitter").
 */

export interface BackoffOptions {
  /** The first ceiling, in milliseconds. */
  base: number;
  /** The highest ceiling, in milliseconds. */
  cap: number;
  /** The least wait, in milliseconds: a jitter of nearly zero would hammer. */
  floor: number;
}

export const DEFAULT_BACKOFF: BackoffOptions = { base: 600, cap: 20_000, floor: 150 };

export class Backoff {
  #attempts = 0;

  constructor(
    private readonly random: () => number,
    private readonly options: BackoffOptions = DEFAULT_BACKOFF,
  ) {}

  get attempts(): number {
    return this.#attempts;
  }

  /** The wait before the next attempt, in milliseconds. */
  next(): number {
    const { base, cap, floor } = this.options;
    const ceiling = Math.min(cap, base * 2 ** Math.min(this.#attempts, 30));
    this.#attempts += 1;
    return floor + this.random() * Math.max(0, ceiling - floor);
  }

  reset(): void {
    this.#attempts = 0;
  }
}
