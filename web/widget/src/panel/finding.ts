/** Finds the visitor's conversation, and tries again by itself, after longer and longer waits. */

import { Problem, Refused, type Started, systemTimers } from "@syntera/client";

/** `starting`: finding the conversation; `failed`: could not yet, and tries again by itself. */
export type Phase = "starting" | "failed" | "refused" | "live";

const RETRY_MS = [2_000, 5_000, 15_000, 30_000];

interface Finder {
  /** Asks for the open conversation, or a new one. */
  ask(): Promise<Started>;
  found(started: Started): void;
  /** It could not be found while another one goes on. */
  trouble(): void;
  /** There is none for now; `code` as in the API's documents. */
  failed(code: string): void;
  changed(): void;
}

export class Finding {
  phase: Phase = "starting";
  #attempts = 0;
  /** How often in a row it could not be found. */
  #failures = 0;
  #again: (() => void) | undefined;
  #over = false;

  constructor(private readonly finder: Finder) {}

  async find(): Promise<void> {
    const attempt = ++this.#attempts;
    this.#again?.();
    if (this.phase !== "live") this.phase = "starting";
    this.finder.changed();
    try {
      const started = await this.finder.ask();
      if (this.#over || attempt !== this.#attempts) return;
      this.live();
      this.finder.found(started);
    } catch (error) {
      if (this.#over || attempt !== this.#attempts) return;
      if (this.fail(error) === "failed") {
        const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 0;
        this.#failures += 1;
        this.#again = systemTimers.after(wait, () => {
          if (this.phase === "failed" && navigator.onLine) void this.find();
        });
      }
    }
    this.finder.changed();
  }

  /** There is a conversation. */
  live(): void {
    this.phase = "live";
    this.#failures = 0;
  }

  /** Shows that there is no conversation; answers the phase that this is. */
  fail(error: unknown): Phase {
    const passing = !(error instanceof Refused) && !(error instanceof Problem && !error.passing);
    // A conversation that goes on is not taken from the screen. One that was refused does not go on.
    if (this.phase === "live" && passing) {
      this.finder.trouble();
      return this.phase;
    }
    this.phase = passing ? "failed" : "refused";
    this.finder.failed(error instanceof Problem ? error.code : passing ? "unreachable" : "refused");
    return this.phase;
  }

  stop(): void {
    this.#over = true;
    this.#again?.();
  }
}
