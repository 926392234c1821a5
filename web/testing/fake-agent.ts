/** An agent for the fake chat: streams a prepared answer, word by word, and cites the help pages. */

import type { Source } from "@syntera/client";
import type { FakeChat, LogEntry } from "./chat.ts";

export interface Answer {
  text: string;
  sources?: Source[];
  offers_person?: boolean;
}

const AGENT = { kind: "agent", name: "Juniper" } as const;

const SHIPPING: Answer = {
  text: "Standard shipping costs $6.95 and takes 3 to 5 business days. [1] Standard shipping is free on orders of $75 or more. [1]\n\nDeliveries to Alaska and Hawaii take 5 to 8 business days. You can follow your parcel with the link in our e-mail. [2]",
  sources: [
    {
      n: 1,
      title: "Shipping and delivery",
      url: "/demo/help/shipping.html",
      document_id: "d1",
      quote: "Standard shipping costs $6.95 and takes 3 to 5 business days.",
    },
    {
      n: 2,
      title: "Tracking or changing an order",
      url: "/demo/help/order-tracking.html",
      document_id: "d2",
      quote:
        "We send you an e-mail with a tracking link as soon as your parcel leaves our warehouse.",
    },
  ],
};

const UNKNOWN: Answer = {
  text: "I could not find an answer to that in our help pages, and I don’t want to guess.",
  offers_person: true,
};

/** The prepared answers: about shipping there is one, about all else there is none. */
export function prepared(question: string): Answer {
  return /shipping|deliver/i.test(question) ? SHIPPING : UNKNOWN;
}

export class FakeAgent {
  /** The time between two deltas. */
  pace = 15;
  answer = prepared;
  /** Stops after so many characters and waits for `resume`. */
  holdAt = Number.POSITIVE_INFINITY;
  #resume: (() => void) | undefined;

  constructor(private readonly chat: FakeChat) {
    chat.onMessage = (entry) => void this.#reply(entry);
  }

  resume(): void {
    this.holdAt = Number.POSITIVE_INFINITY;
    this.#resume?.();
  }

  async #reply(question: LogEntry): Promise<void> {
    const room = this.chat.room(question.channel);
    if (room.owner !== "ai") return;
    const { text, ...rest } = this.answer(question.body?.text ?? "");
    const version = room.ownerVersion;
    const turn = `turn-${question.seq}`;
    for (let offset = 0; offset < text.length; offset += 7) {
      await this.#pause(offset);
      if (room.ownerVersion !== version) return;
      this.chat.hint(room.id, {
        type: "message.delta",
        channel: room.id,
        turn_id: turn,
        epoch: 1,
        owner_version: version,
        offset,
        delta: text.slice(offset, offset + 7),
      });
    }
    await this.#pause(0);
    if (room.ownerVersion === version) this.chat.say(room.id, AGENT, { text, ...rest }, turn);
  }

  async #pause(offset: number): Promise<void> {
    if (offset >= this.holdAt) {
      await new Promise<void>((done) => {
        this.#resume = done;
      });
    }
    await new Promise((done) => setTimeout(done, this.pace));
  }
}
