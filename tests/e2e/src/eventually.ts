/** Waiting, by looking again until it is so. */

const LOOK_EVERY_MS = 150;

/**
 * Looks until `look` answers something that is neither false nor nothing, and answers that. What it
 * throws counts as "not yet", and is told when time is up.
 */
export async function eventually<T>(
  look: () => Promise<T> | T,
  what: string,
  withinMs = 30_000,
): Promise<Exclude<T, false | undefined | null>> {
  const end = Date.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== false && seen !== undefined && seen !== null) {
        return seen as Exclude<T, false | undefined | null>;
      }
      last = seen;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      throw new Error(`waited ${withinMs} ms in vain until ${what}; last: ${String(last)}`);
    }
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  }
}
