/**
 * Puts streamed answers together from their deltas.
 *
 * The rules are the protocol's: a lower `epoch` than one seen is dropped, `offset` 0 starts the text
 * again, a message with the `turn_id` ends it, and nothing streamed under an older `owner_version`
 * outlives a change of owner. Deltas are hints and may be lost; a text with a hole is never shown
 * patched over: what was placed stays, and the message itself brings the whole.
 */

import type { DeltaFrame } from "./frames.ts";

/** A stream that has been silent for so long is forgotten: whoever wrote it is gone. */
export const STREAM_SILENCE_MS = 20_000;

/** How many ended turns are remembered, to drop the deltas that come late. */
const ENDED_KEPT = 64;

export interface Stream {
  turnId: string;
  epoch: number;
  ownerVersion: number;
  text: string;
  /** When its last delta came. */
  touchedAt: number;
}

/** A stream, or what is kept of an aborted one so that its late deltas are known as such. */
interface Kept extends Stream {
  aborted: boolean;
}

export class Streams {
  readonly #live = new Map<string, Kept>();
  readonly #ended = new Set<string>();

  /** The answers that are being written, oldest first. */
  list(): readonly Stream[] {
    return [...this.#live.values()].filter((stream) => !stream.aborted);
  }

  /** Takes one delta; answers whether anything to be seen changed. */
  delta(frame: DeltaFrame, ownerVersion: number, now: number): boolean {
    if (this.#ended.has(frame.turn_id) || frame.owner_version < ownerVersion) return false;
    const known = this.#live.get(frame.turn_id);
    if (known && frame.epoch < known.epoch) return false;
    if (!known || frame.epoch > known.epoch || frame.offset === 0) {
      this.#live.set(frame.turn_id, {
        turnId: frame.turn_id,
        epoch: frame.epoch,
        ownerVersion: frame.owner_version,
        // Joined in the middle: that something is being written can be shown, the text cannot.
        text: frame.offset === 0 ? frame.delta : "",
        touchedAt: now,
        aborted: false,
      });
      return true;
    }
    if (known.aborted) return false;
    known.touchedAt = now;
    // Before the end: it is there already. Past the end: what lies between was lost.
    if (frame.offset !== known.text.length) return false;
    known.text += frame.delta;
    return true;
  }

  /** Forgets what `epoch` of the turn has streamed, until it starts again from offset 0. */
  aborted(turnId: string, epoch: number): boolean {
    const known = this.#live.get(turnId);
    if (!known || known.aborted || known.epoch > epoch) return false;
    known.aborted = true;
    known.epoch = epoch;
    return true;
  }

  /** The message of the turn is in the log. */
  end(turnId: string): void {
    this.#live.delete(turnId);
    this.#ended.add(turnId);
    if (this.#ended.size > ENDED_KEPT) {
      for (const oldest of this.#ended) {
        this.#ended.delete(oldest);
        break;
      }
    }
  }

  /** The owner changed at `ownerVersion`: what was started before is void. */
  ownerChanged(ownerVersion: number): void {
    for (const [turnId, stream] of this.#live) {
      if (stream.ownerVersion < ownerVersion) this.#live.delete(turnId);
    }
  }

  /** Forgets the silent ones; answers whether there were any. */
  sweep(now: number): boolean {
    const before = this.#live.size;
    for (const [turnId, stream] of this.#live) {
      if (now - stream.touchedAt >= STREAM_SILENCE_MS) this.#live.delete(turnId);
    }
    return this.#live.size !== before;
  }
}
