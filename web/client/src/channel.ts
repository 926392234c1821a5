/**
 * One channel as its reader sees it: the log, what is being streamed, what waits to be sent, and who
 * is typing. The client (client.ts) feeds it frames; nothing here knows of sockets.
 */

import { Emitter } from "./emitter.ts";
import type {
  Attachment,
  Entry,
  MessageEntry,
  NewBody,
  NoteEntry,
  Owner,
  QueuePlace,
  Sender,
  ServerFrame,
  Viewer,
} from "./frames.ts";
import { Log } from "./log.ts";
import { type Stream, Streams } from "./streams.ts";
import { View } from "./view.ts";

/** What goes with the text of a message. */
export interface Extra {
  /** Only people of the company see a note. */
  kind?: "note";
  /** Files that were uploaded into the channel and not sent yet. */
  attachments?: Attachment[];
  /** People of the company whom a note calls. */
  mentions?: string[];
}

/** A message of ours that is not in the log yet. */
export interface Outgoing extends Extra {
  clientId: string;
  text: string;
  /** `waiting`: for the connection or its turn; `sending`: on the wire; `acked`: in the log. */
  state: "waiting" | "sending" | "acked" | "failed";
  /** The code of the error that it failed with. */
  error?: string;
  createdAt: number;
}

export interface ChannelEvents {
  /** Something to be seen changed. */
  change: undefined;
  /** An entry got its place in the log. */
  entry: Entry;
  /** The server acknowledged one of our messages. */
  ack: { clientId: string; seq: number };
  /** What waits to be sent changed: whoever stores it stores it now. */
  outbox: readonly Outgoing[];
}

/** Somebody who said to be typing is taken to have stopped after so long. */
const TYPING_MS = 6_000;

/** What a channel asks of its client. */
export interface ChannelLink {
  now(): number;
  newId(): string;
  flush(channel: Channel): void;
  typing(channel: Channel, on: boolean): void;
  viewing(channel: Channel, on: boolean): void;
  read(channel: Channel, seq: number): void;
}

export class Channel {
  readonly #events = new Emitter<ChannelEvents>();
  readonly #streams = new Streams();
  readonly #typists = new Map<string, { sender: Sender; until: number }>();
  readonly log: Log;
  /** The log as it is shown. */
  readonly view = new View();
  #viewers: readonly Viewer[] = [];
  #queue: QueuePlace | undefined;
  #outbox: Outgoing[] = [];
  #read = 0;

  constructor(
    readonly id: string,
    private readonly link: ChannelLink,
    afterSeq = 0,
  ) {
    this.log = new Log(afterSeq);
  }

  on<K extends keyof ChannelEvents>(
    name: K,
    listener: (event: ChannelEvents[K]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  get entries(): readonly Entry[] {
    return this.log.entries;
  }

  get owner(): Owner | undefined {
    return this.log.owner;
  }

  get streams(): readonly Stream[] {
    return this.#streams.list();
  }

  get outbox(): readonly Outgoing[] {
    return this.#outbox;
  }

  /** The highest seq that was read here, as told to the server. */
  get readSeq(): number {
    return this.#read;
  }

  /** Who is typing now. */
  get typists(): readonly Sender[] {
    const now = this.link.now();
    return [...this.#typists.values()].filter((t) => t.until > now).map((t) => t.sender);
  }

  /** Who of the company looks at it now; only people of the company are told. */
  get viewers(): readonly Viewer[] {
    return this.#viewers;
  }

  /** Where the visitor stands who waits for a person, as far as it was told. */
  get queue(): QueuePlace | undefined {
    return this.#queue;
  }

  set queue(place: QueuePlace | undefined) {
    this.#queue = place;
    this.changed();
  }

  /**
   * Sends a text. It is kept and tried under the same `client_id` until it is acknowledged or
   * refused, through any number of connections.
   */
  send(text: string, extra: Extra = {}): Outgoing {
    const item: Outgoing = {
      ...extra,
      clientId: this.link.newId(),
      text,
      state: "waiting",
      createdAt: this.link.now(),
    };
    this.#outbox.push(item);
    this.#outboxChanged();
    this.link.flush(this);
    return item;
  }

  /** Takes over what an earlier page of the same person had not sent yet. */
  restore(items: readonly Omit<Outgoing, "state" | "error">[]): void {
    const known = new Set(this.#outbox.map((item) => item.clientId));
    const older = items.filter((item) => !known.has(item.clientId));
    if (older.length === 0) return;
    this.#outbox.unshift(...older.map((item) => ({ ...item, state: "waiting" as const })));
    this.#outboxChanged();
    this.link.flush(this);
  }

  /** Tries a failed message again, under the same `client_id`. */
  retry(clientId: string): void {
    const item = this.#outbox.find((o) => o.clientId === clientId && o.state === "failed");
    if (!item) return;
    item.state = "waiting";
    delete item.error;
    this.#outboxChanged();
    this.link.flush(this);
  }

  /** Forgets a message that failed; answers it, so that its text can be kept. */
  discard(clientId: string): Outgoing | undefined {
    const item = this.#outbox.find((o) => o.clientId === clientId && o.state === "failed");
    if (!item) return undefined;
    this.#outbox = this.#outbox.filter((o) => o !== item);
    this.#outboxChanged();
    return item;
  }

  /** Tells that a person of the company looks at it, or no more; lost without a connection. */
  viewing(on: boolean): void {
    this.link.viewing(this, on);
  }

  /** Tells the others that somebody types here; lost when there is no connection. */
  typing(on: boolean): void {
    this.link.typing(this, on);
  }

  /** Everything up to `seq` was read here. */
  read(seq: number): void {
    if (seq <= this.#read) return;
    this.#read = seq;
    this.link.read(this, seq);
  }

  // ---- what the client calls ----

  /** The message to put on the wire next: one at a time, so that their order is kept. */
  nextToSend(): Outgoing | undefined {
    const next = this.#outbox.find((item) => item.state !== "acked" && item.state !== "failed");
    return next?.state === "waiting" ? next : undefined;
  }

  /** `item` went out on the socket. */
  sent(item: Outgoing): void {
    item.state = "sending";
    this.changed();
  }

  /** The connection is gone: what was on the wire may or may not have arrived. */
  disconnected(): void {
    for (const item of this.#outbox) if (item.state === "sending") item.state = "waiting";
    this.#typists.clear();
    this.#viewers = [];
    this.changed();
  }

  /** The server refused `clientId`, or could not take it just now (`again`). */
  refused(clientId: string, code: string, again: boolean): void {
    const item = this.#outbox.find((o) => o.clientId === clientId && o.state !== "acked");
    if (!item) return;
    item.state = again ? "waiting" : "failed";
    if (!again) item.error = code;
    this.#outboxChanged();
  }

  acked(clientId: string, seq: number): void {
    const item = this.#outbox.find((o) => o.clientId === clientId);
    if (!item || item.state === "acked") return;
    // In the log here already: nothing is left to wait for.
    if (this.log.highest >= seq) this.#outbox = this.#outbox.filter((o) => o !== item);
    else item.state = "acked";
    this.#outboxChanged();
    this.#events.emit("ack", { clientId, seq });
  }

  /** An entry from the socket. */
  entry(entry: Entry): void {
    if (!this.log.apply(entry)) return;
    this.view.apply(entry);
    if (entry.kind === "state") {
      this.#streams.ownerChanged(entry.seq);
      if (entry.owner !== "queued") this.#queue = undefined;
    }
    if (entry.kind === "message" || entry.kind === "note") this.#message(entry);
    this.#events.emit("entry", entry);
    this.changed();
  }

  /** A frame about this channel that is no entry. */
  frame(frame: ServerFrame): void {
    const now = this.link.now();
    let seen = false;
    if (frame.type === "subscribed") {
      seen = this.log.ownerIs(frame.owner, frame.owner_version);
      if (seen) this.#streams.ownerChanged(frame.owner_version);
    } else if (frame.type === "message.delta") {
      seen = this.#streams.delta(frame, this.log.ownerVersion, now);
    } else if (frame.type === "message.aborted") {
      seen = this.#streams.aborted(frame.turn_id, frame.epoch);
    } else if (frame.type === "typing") {
      const who = `${frame.sender.kind}:${frame.sender.id ?? ""}`;
      if (frame.on) this.#typists.set(who, { sender: frame.sender, until: now + TYPING_MS });
      else this.#typists.delete(who);
      seen = true;
    } else if (frame.type === "presence") {
      this.#viewers = frame.people;
      seen = true;
    } else if (frame.type === "queue") {
      const { type: _, channel: __, ...place } = frame;
      this.#queue = place;
      seen = true;
    }
    if (seen) this.changed();
  }

  /** Drops what has been silent for too long. */
  sweep(now: number): void {
    let seen = this.#streams.sweep(now);
    for (const [who, typist] of this.#typists) {
      if (typist.until <= now) seen = this.#typists.delete(who) || seen;
    }
    if (seen) this.changed();
  }

  changed(): void {
    this.#events.emit("change", undefined);
  }

  #message(entry: MessageEntry | NoteEntry): void {
    if (entry.turn_id !== undefined) this.#streams.end(entry.turn_id);
    this.#typists.delete(`${entry.sender.kind}:${entry.sender.id ?? ""}`);
    const ours = this.#outbox.find((item) => item.clientId === entry.client_id);
    if (!ours) return;
    this.#outbox = this.#outbox.filter((item) => item !== ours);
    // The ack was lost with a connection; that the entry is there says the same.
    if (ours.state !== "acked") {
      this.#events.emit("ack", { clientId: ours.clientId, seq: entry.seq });
    }
    this.#outboxChanged();
  }

  #outboxChanged(): void {
    this.#events.emit("outbox", this.#outbox);
    this.changed();
  }
}

/** The body of a message as it goes over the wire. */
export function bodyOf({ text, attachments, mentions }: Outgoing): NewBody {
  return {
    text,
    ...(attachments?.length ? { attachment_ids: attachments.map((one) => one.id) } : {}),
    ...(mentions?.length ? { mentions } : {}),
  };
}
