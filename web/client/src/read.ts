/**
 * The reading of what a server sent, field by field: what is not what the protocol says is reported,
 * never half used.
 */

/** A frame that breaks the protocol. */
export class FrameError extends Error {
  override name = "FrameError";
}

export type Fields = Record<string, unknown>;

export function record(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FrameError(`${what} is not an object`);
  }
  return value as Fields;
}

export function text(from: Fields, key: string): string {
  const value = from[key];
  if (typeof value !== "string") throw new FrameError(`${key} is not a string`);
  return value;
}

export function whole(from: Fields, key: string): number {
  const value = from[key];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new FrameError(`${key} is not a whole number`);
  }
  return value;
}

export function flag(from: Fields, key: string): boolean {
  const value = from[key];
  if (typeof value !== "boolean") throw new FrameError(`${key} is not true or false`);
  return value;
}

/** An optional field; the server may leave it out or send null. */
export function maybe<K extends string, T>(
  from: Fields,
  key: K,
  read: (from: Fields, key: string) => T,
): { [P in K]?: T } {
  return from[key] === undefined || from[key] === null
    ? {}
    : ({ [key]: read(from, key) } as { [P in K]?: T });
}

/** An optional list; the server may leave it out or send null. */
export function list<K extends string, T>(
  from: Fields,
  key: K,
  read: (value: unknown) => T,
): { [P in K]?: T[] } {
  return maybe(from, key, () => {
    const value = from[key];
    if (!Array.isArray(value)) throw new FrameError(`${key} is not a list`);
    return value.map(read);
  });
}

export function oneOf<T extends string>(from: Fields, key: string, known: readonly string[]): T {
  const value = text(from, key);
  if (!known.includes(value)) throw new FrameError(`${key} is not one of ${known.join(", ")}`);
  return value as T;
}
