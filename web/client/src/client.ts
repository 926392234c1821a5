/**
 * The reference client of the socket protocol (docs/ARCHITECTURE.md, "The socket").
 *
 * What it promises, whatever happens to the connection: each entry of an open channel is given once
 * and in order; each text that is sent is in the log once, or reported as failed.
 */

import type { BackoffOptions } from "./backoff.ts";
import { bodyOf, Channel, type ChannelLink } from "./channel.ts";
import { ANSWER_MS, Connection, type ConnectionHandler, type Status } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import type { ChannelSummary, ClientFrame, Counts, FrameError, ServerFrame } from "./frames.ts";
import {
  alwaysOnline,
  type Network,
  systemTimers,
  type Timers,
  type TokenSource,
  type WebSocketConstructor,
} from "./ports.ts";

export interface ClientOptions {
  /** The socket's address, `wss://…/api/v1/ws/chat`. */
  url: string;
  tokens: TokenSource;
  /** A standard WebSocket; Node's `ws` has one to hand in. */
  WebSocket?: WebSocketConstructor;
  timers?: Timers;
  network?: Network;
  random?: () => number;
  /** A new unique `client_id`. */
  newId?: () => string;
  backoff?: BackoffOptions;
}

/** Something that the protocol says cannot happen. Nothing is hidden by going on after it. */
export interface Fault {
  kind: "frame";
  detail: string;
}

export interface ClientEvents {
  status: Status;
  fault: Fault;
  /** An error of the server that belongs to none of our messages. */
  error: { code: string; detail: string; channel?: string };
  /** A channel of the inbox as it stands now, while that is watched. */
  inbox: ChannelSummary;
  /** How many channels there are now, while the inbox is watched. */
  counts: Counts;
  /** Every frame that was understood, before it is used: for tests and for debugging. */
  frame: ServerFrame;
}

/**
 * Codes after which the same message may go through later. Any other refuses it for good, until the
 * person asks to try again.
 */
const PASSING = new Set([
  "unavailable",
  "rate_limited",
  "internal",
  "bad_gateway",
  "gateway_timeout",
]);

/** After so many refusals of that kind in a row, the person is asked. */
const PASSING_TRIES = 5;

/** What the client knows of a channel beside what its reader sees. */
interface Open {
  channel: Channel;
  /** Whether the server was asked for it on this connection. */
  asked: boolean;
  /** Waits for `subscribed`, after which what waits may be sent. */
  subscribing: boolean;
  /** Whether somebody looks at it here; said again on each connection. */
  viewing: boolean;
  refusals: number;
  cancelAck: (() => void) | undefined;
}

export class Client {
  readonly #events = new Emitter<ClientEvents>();
  readonly #channels = new Map<string, Open>();
  readonly #timers: Timers;
  readonly #connection: Connection;
  readonly #link: ChannelLink;
  #cancelSweep: (() => void) | undefined;
  #watching = false;

  constructor(options: ClientOptions) {
    this.#timers = options.timers ?? systemTimers;
    const handler: ConnectionHandler = {
      hello: () => this.#hello(),
      probe: () => this.#probe(),
      up: () => this.#up(),
      frame: (frame) => this.#frame(frame),
      down: () => this.#down(),
      status: (status) => this.#events.emit("status", status),
      broken: (error: FrameError) =>
        this.#events.emit("fault", { kind: "frame", detail: error.message }),
    };
    this.#connection = new Connection(
      {
        url: options.url,
        tokens: options.tokens,
        WebSocket: options.WebSocket ?? (WebSocket as unknown as WebSocketConstructor),
        timers: this.#timers,
        network: options.network ?? alwaysOnline,
        random: options.random ?? Math.random,
        ...(options.backoff ? { backoff: options.backoff } : {}),
      },
      handler,
    );
    this.#link = {
      now: () => this.#timers.now(),
      newId: options.newId ?? (() => crypto.randomUUID()),
      flush: (channel) => this.#flush(channel.id),
      typing: (channel, on) => {
        this.#connection.send({ type: "typing", channel: channel.id, on });
      },
      viewing: (channel, on) => {
        const open = this.#channels.get(channel.id);
        if (open) open.viewing = on;
        this.#connection.send({ type: "viewing", channel: channel.id, on });
      },
      read: (channel, seq) => {
        this.#connection.send({ type: "read", channel: channel.id, seq });
      },
    };
  }

  on<K extends keyof ClientEvents>(
    name: K,
    listener: (event: ClientEvents[K]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  get status(): Status {
    return this.#connection.status;
  }

  start(): void {
    this.#connection.start();
    this.#sweepLater();
  }

  /** Closes the connection; what was not sent stays in the channels. */
  stop(): void {
    this.#cancelSweep?.();
    this.#connection.stop();
  }

  /** Tries to connect at once. */
  retry(): void {
    this.#connection.retry();
  }

  /** Finds out whether the connection still lives. */
  check(): void {
    this.#connection.check();
  }

  /** Gives up the connection and makes another: for tests. */
  drop(): void {
    this.#connection.drop();
  }

  /**
   * Follows a channel. `afterSeq` is the last seq that the caller has read elsewhere; 0 brings the
   * whole log.
   */
  open(id: string, afterSeq = 0): Channel {
    const known = this.#channels.get(id);
    if (known) return known.channel;
    const open: Open = {
      channel: new Channel(id, this.#link, afterSeq),
      asked: false,
      subscribing: true,
      viewing: false,
      refusals: 0,
      cancelAck: undefined,
    };
    this.#channels.set(id, open);
    this.#subscribe(open);
    return open.channel;
  }

  /** Asks for the inbox as it changes, or for no more of it; only for people of the company. */
  watch(on: boolean): void {
    this.#watching = on;
    this.#connection.send({ type: "watch", on });
  }

  /** Stops following a channel. The protocol has no word for it: its frames are ignored from now. */
  leave(id: string): void {
    const open = this.#channels.get(id);
    open?.cancelAck?.();
    this.#channels.delete(id);
  }

  #hello(): ClientFrame {
    const resume = [];
    for (const open of this.#channels.values()) {
      open.asked = true;
      open.subscribing = true;
      resume.push({ channel: open.channel.id, after_seq: open.channel.log.highest });
    }
    return { type: "hello", resume };
  }

  #probe(): ClientFrame | undefined {
    for (const { channel } of this.#channels.values()) {
      return { type: "subscribe", channel: channel.id, after_seq: channel.log.highest };
    }
    return undefined;
  }

  #subscribe(open: Open): void {
    open.subscribing = true;
    open.asked = this.#connection.send({
      type: "subscribe",
      channel: open.channel.id,
      after_seq: open.channel.log.highest,
    });
  }

  /** Channels that were opened between `hello` and `ready` are in no `hello`. */
  #up(): void {
    for (const open of this.#channels.values()) if (!open.asked) this.#subscribe(open);
    if (this.#watching) this.#connection.send({ type: "watch", on: true });
  }

  #down(): void {
    for (const open of this.#channels.values()) {
      open.asked = false;
      open.cancelAck?.();
      open.cancelAck = undefined;
      open.channel.disconnected();
    }
  }

  #frame(frame: ServerFrame): void {
    this.#events.emit("frame", frame);
    if (frame.type === "error") {
      this.#error(frame);
      return;
    }
    if (frame.type === "inbox") this.#events.emit("inbox", frame.summary);
    else if (frame.type === "counts") this.#events.emit("counts", frame.counts);
    const id =
      frame.type === "entry" ? frame.entry.channel : "channel" in frame ? frame.channel : undefined;
    const open = id === undefined ? undefined : this.#channels.get(id);
    if (!open) return;
    if (frame.type === "entry") {
      open.channel.entry(frame.entry);
    } else if (frame.type === "ack") {
      open.cancelAck?.();
      open.cancelAck = undefined;
      open.refusals = 0;
      open.channel.acked(frame.client_id, frame.seq);
      this.#flush(open.channel.id);
    } else {
      open.channel.frame(frame);
      if (frame.type === "subscribed") {
        open.subscribing = false;
        if (open.viewing) open.channel.viewing(true);
        this.#flush(open.channel.id);
      }
    }
  }

  #error(frame: Extract<ServerFrame, { type: "error" }>): void {
    const open = frame.channel === undefined ? undefined : this.#channels.get(frame.channel);
    const owner =
      frame.client_id === undefined ? undefined : (open ?? this.#sender(frame.client_id));
    if (!owner || frame.client_id === undefined) {
      const { code, detail, channel } = frame;
      this.#events.emit(
        "error",
        channel === undefined ? { code, detail } : { code, detail, channel },
      );
      return;
    }
    owner.cancelAck?.();
    owner.cancelAck = undefined;
    owner.refusals += 1;
    const again = PASSING.has(frame.code) && owner.refusals < PASSING_TRIES;
    if (!again) owner.refusals = 0;
    owner.channel.refused(frame.client_id, frame.code, again);
    if (again) {
      // The others wait behind it: their order is worth more than their speed.
      this.#timers.after(500 * 2 ** owner.refusals, () => this.#flush(owner.channel.id));
    } else {
      this.#flush(owner.channel.id);
    }
  }

  #sender(clientId: string): Open | undefined {
    for (const open of this.#channels.values()) {
      if (open.channel.outbox.some((item) => item.clientId === clientId)) return open;
    }
    return undefined;
  }

  /** Puts the next message on the wire, once the channel is followed. */
  #flush(id: string): void {
    const open = this.#channels.get(id);
    if (!open || open.cancelAck || !this.#connection.ready) return;
    if (open.subscribing) return;
    const item = open.channel.nextToSend();
    if (!item) return;
    const sent = this.#connection.send({
      type: "send",
      channel: id,
      client_id: item.clientId,
      ...(item.kind ? { kind: item.kind } : {}),
      body: bodyOf(item),
    });
    if (!sent) return;
    open.cancelAck = this.#timers.after(ANSWER_MS, () => {
      open.cancelAck = undefined;
      this.#connection.drop();
    });
    open.channel.sent(item);
  }

  #sweepLater(): void {
    this.#cancelSweep?.();
    this.#cancelSweep = this.#timers.after(1_000, () => {
      const now = this.#timers.now();
      for (const { channel } of this.#channels.values()) channel.sweep(now);
      this.#sweepLater();
    });
  }
}
