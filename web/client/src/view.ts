/**
 * A log as it is shown: messages as they stand, with what later entries did to them, and the changes
 * of owner between them.
 */

import type {
  ChangeEntry,
  Entry,
  MessageBody,
  MessageEntry,
  NoteEntry,
  Sender,
  StateEntry,
} from "./frames.ts";

/** A sign that some people set on a message. */
export interface Reaction {
  emoji: string;
  by: Sender[];
}

/** A message or a note as it stands. */
export interface MessageView {
  type: "message";
  seq: number;
  entry: MessageEntry | NoteEntry;
  /** What it says now; an empty text once it was taken back. */
  body: MessageBody;
  edited: boolean;
  deleted: boolean;
  reactions: Reaction[];
  /** What the visitor said of an answer. */
  helpful: boolean | undefined;
}

export type Item =
  | MessageView
  | { type: "state"; seq: number; entry: StateEntry }
  | { type: "change"; seq: number; entry: ChangeEntry };

function same(a: Sender, b: Sender): boolean {
  return a.kind === b.kind && a.id === b.id;
}

export class View {
  readonly #items: Item[] = [];
  readonly #messages = new Map<number, MessageView>();
  #rating: number | undefined;
  #mergedInto: string | undefined;
  #episode = 1;

  get items(): readonly Item[] {
    return this.#items;
  }

  /** How the visitor rated the conversation since it was opened last. */
  get rating(): number | undefined {
    return this.#rating;
  }

  /** The channel in which this one goes on. */
  get mergedInto(): string | undefined {
    return this.#mergedInto;
  }

  /** How many times the conversation was opened. */
  get episode(): number {
    return this.#episode;
  }

  message(seq: number): MessageView | undefined {
    return this.#messages.get(seq);
  }

  /** Takes the next entry of the log. */
  apply(entry: Entry): void {
    const { seq } = entry;
    switch (entry.kind) {
      case "message":
      case "note": {
        const message: MessageView = {
          type: "message",
          seq,
          entry,
          body: entry.body,
          edited: entry.edited_at !== undefined,
          deleted: entry.deleted_at !== undefined,
          reactions: [],
          helpful: undefined,
        };
        this.#items.push(message);
        this.#messages.set(seq, message);
        return;
      }
      case "state":
        if (entry.episode !== undefined && entry.episode > this.#episode) {
          this.#episode = entry.episode;
          this.#rating = undefined;
        }
        this.#items.push({ type: "state", seq, entry });
        return;
      case "change":
        this.#changed(entry);
        return;
      case "other":
        return;
      default: {
        const message = this.#messages.get(entry.of_seq);
        if (!message) return;
        if (entry.kind === "delete") {
          message.deleted = true;
          message.body = { text: "" };
        } else if (entry.kind === "reaction") {
          react(message, entry.sender, entry.emoji, entry.on);
        } else if (entry.body && !message.deleted) {
          message.edited = true;
          message.body = entry.body;
        }
      }
    }
  }

  #changed(entry: ChangeEntry): void {
    const { change } = entry;
    if (change.what === "helpful") {
      const message = this.#messages.get(entry.of_seq ?? 0);
      if (message) message.helpful = change.helpful;
      return;
    }
    if (change.what === "rated") this.#rating = change.score;
    else if (change.what === "merged") this.#mergedInto = change.into;
    else if (change.what === "unmerged" && change.other === this.#mergedInto)
      this.#mergedInto = undefined;
    this.#items.push({ type: "change", seq: entry.seq, entry });
  }
}

function react(message: MessageView, who: Sender, emoji: string, on: boolean): void {
  const known = message.reactions.find((one) => one.emoji === emoji);
  const others = (known?.by ?? []).filter((one) => !same(one, who));
  const by = on ? [...others, who] : others;
  if (known) known.by = by;
  else message.reactions.push({ emoji, by });
  message.reactions = message.reactions.filter((one) => one.by.length > 0);
}
