/** What was written and is not in the log yet: kept through reloads, and sent where it was meant for. */

import type { Attachment, Channel, Outgoing } from "@syntera/client";
import type { Unsent, WidgetStorage } from "./storage.ts";

/** A file that is on its way into the channel, to be sent with the next message. */
export interface Pending {
  clientId: string;
  name: string;
  /** From 0 to 1. */
  share: number;
  attachment?: Attachment;
  /** The code of the error that it failed with. */
  error?: string;
  /** Gives it up. */
  stop(): void;
  retry(): void;
}

export class Leftovers {
  /** What the page before this one had not sent to its channel. */
  #left: WidgetStorage["unsent"];
  /** Written before the conversation was found, here or on the page before. */
  #early: Unsent[];

  constructor(private readonly storage: WidgetStorage) {
    this.#left = storage.unsent;
    this.#early = storage.early;
  }

  /** All of it, while there is no conversation to send it to. */
  get waiting(): Outgoing[] {
    const waiting = [...(this.#left?.items ?? []), ...this.#early];
    return waiting.map((item) => ({ ...item, state: "waiting" }));
  }

  add(item: Unsent): void {
    this.#early.push(item);
    this.storage.early = this.#early;
  }

  /** Hands over what belongs to `channel`; answers what was meant for another one. */
  handTo(channel: Channel): Unsent[] {
    const left = this.#left?.items ?? [];
    const mine = this.#left?.channel === channel.id;
    channel.restore([...(mine ? left : []), ...this.#early]);
    this.keep(channel);
    this.#left = undefined;
    this.#early = [];
    this.storage.early = [];
    return mine ? [] : left;
  }

  /** Stores what `channel` has yet to send. */
  keep({ id, outbox }: Channel): void {
    const items = outbox.map(({ clientId, text, createdAt, attachments }) => ({
      clientId,
      text,
      createdAt,
      ...(attachments ? { attachments } : {}),
    }));
    this.storage.unsent = { channel: id, items };
  }
}
