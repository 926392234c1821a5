/**
 * One socket at a time, kept up: connects, authenticates, notices a dead link, renews the token
 * before it expires, and comes back after a loss. What is said over it is the client's (client.ts).
 */

import { Backoff, type BackoffOptions, DEFAULT_BACKOFF } from "./backoff.ts";
import {
  CLOSE_TOKEN,
  type ClientFrame,
  FrameError,
  readFrame,
  type ServerFrame,
  SUBPROTOCOL,
} from "./frames.ts";
import {
  type Network,
  Refused,
  type Timers,
  type Token,
  type TokenSource,
  type WebSocketConstructor,
  type WebSocketLike,
} from "./ports.ts";

/**
 * `connecting`: the first time. `reconnecting`: after a loss. `offline`: the machine has no network;
 * it goes on by itself once that is back. `refused`: no token will come; only `retry` goes on.
 */
export type Status =
  | "idle"
  | "connecting"
  | "online"
  | "reconnecting"
  | "offline"
  | "refused"
  | "stopped";

export interface ConnectionOptions {
  url: string;
  tokens: TokenSource;
  WebSocket: WebSocketConstructor;
  timers: Timers;
  network: Network;
  random: () => number;
  backoff?: BackoffOptions;
}

export interface ConnectionHandler {
  /** The first frame on a new socket. */
  hello(): ClientFrame;
  /** A harmless frame that the server answers, to find out whether the link lives. */
  probe(): ClientFrame | undefined;
  up(): void;
  frame(frame: ServerFrame): void;
  down(): void;
  status(status: Status): void;
  /** The server broke the protocol. */
  broken(error: FrameError): void;
}

/** A socket that has not opened, or not answered, within this is given up. */
export const ANSWER_MS = 10_000;
/** A connection that lived for so long was a good one: the next loss starts with short waits. */
const STABLE_MS = 5_000;
/** Renew so long before the token expires, or at half its life when that is shorter. */
const RENEW_BEFORE_MS = 60_000;

export class Connection {
  readonly #backoff: Backoff;
  #status: Status = "idle";
  #socket: WebSocketLike | undefined;
  /** Counts attempts, so that what an abandoned one still does is ignored. */
  #attempt = 0;
  #ready = false;
  #wasOnline = false;
  #freshToken = false;
  #heardAt = 0;
  #upAt = 0;
  #heartbeatMs = 25_000;
  #cancels = new Set<() => void>();
  #stopNetwork: (() => void) | undefined;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly handler: ConnectionHandler,
  ) {
    this.#backoff = new Backoff(options.random, options.backoff ?? DEFAULT_BACKOFF);
  }

  get status(): Status {
    return this.#status;
  }

  /** Whether frames can be sent: the server said `ready`. */
  get ready(): boolean {
    return this.#ready;
  }

  start(): void {
    if (this.#status !== "idle" && this.#status !== "stopped") return;
    this.#stopNetwork = this.options.network.onChange(() => this.#networkChanged());
    this.#connect();
  }

  stop(): void {
    this.#stopNetwork?.();
    this.#stopNetwork = undefined;
    this.#release(1000);
    this.#backoff.reset();
    this.#wasOnline = false;
    this.#set("stopped");
  }

  /** Tries at once instead of at the next turn of the backoff. */
  retry(): void {
    if (this.#status === "online" || this.#status === "idle" || this.#status === "stopped") return;
    this.#backoff.reset();
    this.#connect();
  }

  /** Asks the link whether it lives; a dead one is replaced. For when a page comes to the front. */
  check(): void {
    if (this.#ready) this.#probe();
    else if (this.#status === "reconnecting") this.retry();
  }

  /** Sends a frame; false when there is no connection for it. */
  send(frame: ClientFrame): boolean {
    if (!this.#ready || !this.#socket) return false;
    return this.#write(this.#socket, frame);
  }

  /** Gives the connection up and makes another. */
  drop(): void {
    if (!this.#socket) return;
    this.#lost();
  }

  #set(status: Status): void {
    if (status === this.#status) return;
    this.#status = status;
    this.handler.status(status);
  }

  /** Runs `run` later, unless this attempt is over by then. */
  #later(ms: number, run: () => void): () => void {
    const cancel = this.options.timers.after(ms, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
    return () => {
      cancel();
      this.#cancels.delete(cancel);
    };
  }

  /** Ends the attempt under way, whatever it had come to. */
  #release(code?: number): void {
    this.#attempt += 1;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    const socket = this.#socket;
    const wasReady = this.#ready;
    this.#socket = undefined;
    this.#ready = false;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      // A socket that is closed while it opens reports an error; nobody needs to hear of it.
      socket.onerror = () => {};
      socket.close(code);
    }
    if (wasReady) this.handler.down();
  }

  #connect(): void {
    this.#release();
    if (!this.options.network.online()) {
      this.#set("offline");
      return;
    }
    this.#set(this.#wasOnline ? "reconnecting" : "connecting");
    const attempt = this.#attempt;
    // Every third failure in a row asks for a new token: a browser does not say why a socket did
    // not open, and a refused token looks like a server that is down.
    const fresh =
      this.#freshToken || (this.#backoff.attempts > 0 && this.#backoff.attempts % 3 === 0);
    this.#freshToken = false;
    this.options.tokens(fresh).then(
      (token) => {
        if (attempt === this.#attempt) this.#open(token);
      },
      (error: unknown) => {
        if (attempt !== this.#attempt) return;
        if (error instanceof Refused) {
          this.#release();
          this.#set("refused");
        } else {
          this.#lost();
        }
      },
    );
  }

  #open(token: Token): void {
    let socket: WebSocketLike;
    try {
      socket = new this.options.WebSocket(this.options.url, [SUBPROTOCOL, `bearer.${token.token}`]);
    } catch {
      this.#lost();
      return;
    }
    this.#socket = socket;
    const giveUp = this.#later(ANSWER_MS, () => this.#lost());
    socket.onopen = () => {
      if (socket.protocol === SUBPROTOCOL) this.#write(socket, this.handler.hello());
      else this.#lost();
    };
    socket.onerror = () => {};
    socket.onclose = (event: { code?: number }) => {
      if (event.code === CLOSE_TOKEN) this.#tokenRefused();
      else this.#lost();
    };
    socket.onmessage = (event: { data: unknown }) => {
      this.#heardAt = this.options.timers.now();
      const frame = this.#read(event.data);
      if (!frame || socket !== this.#socket) return;
      if (this.#ready) {
        this.handler.frame(frame);
      } else if (frame.type === "ready") {
        giveUp();
        this.#up(frame.heartbeat_seconds, token);
      } else if (frame.type === "error") {
        this.handler.frame(frame);
      } else {
        this.handler.broken(new FrameError(`${frame.type} before ready`));
        this.#lost();
      }
    };
  }

  #read(data: unknown): ServerFrame | undefined {
    try {
      return readFrame(data);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.handler.broken(error);
      return undefined;
    }
  }

  #write(socket: WebSocketLike, frame: ClientFrame): boolean {
    try {
      socket.send(JSON.stringify(frame));
      return true;
    } catch {
      // Closing already: its close event, or the next probe, brings the rest.
      return false;
    }
  }

  #up(heartbeatSeconds: number, token: Token): void {
    this.#ready = true;
    this.#wasOnline = true;
    this.#upAt = this.options.timers.now();
    this.#heartbeatMs = Math.max(1, heartbeatSeconds) * 1000;
    this.#renewLater(token);
    this.#listenLater();
    this.#set("online");
    this.handler.up();
  }

  /** The socket is gone, or never was: another attempt, after a wait. */
  #lost(): void {
    const now = this.options.timers.now();
    if (this.#ready && now - this.#upAt >= STABLE_MS) this.#backoff.reset();
    this.#release();
    if (!this.options.network.online()) {
      this.#set("offline");
      return;
    }
    this.#set(this.#wasOnline ? "reconnecting" : "connecting");
    this.#later(this.#backoff.next(), () => this.#connect());
  }

  /** 4401: at once with a new token, but not for ever in a tight loop. */
  #tokenRefused(): void {
    this.#freshToken = true;
    if (this.#ready && this.options.timers.now() - this.#upAt >= STABLE_MS) this.#connect();
    else this.#lost();
  }

  #renewLater(token: Token): void {
    const left = token.expiresAt - this.options.timers.now();
    this.#later(Math.max(0, left - RENEW_BEFORE_MS, left / 2), () => this.#renew());
  }

  #renew(): void {
    const attempt = this.#attempt;
    this.options.tokens(true).then(
      (token) => {
        if (attempt !== this.#attempt) return;
        this.send({ type: "auth", token: token.token });
        this.#renewLater(token);
      },
      () => {
        // The old token works until it expires; after that the server closes with 4401.
        if (attempt === this.#attempt) this.#later(ANSWER_MS, () => this.#renew());
      },
    );
  }

  /**
   * A browser hides the server's pings, so silence says nothing: after two heartbeats of it, ask.
   */
  #listenLater(): void {
    this.#later(this.#heartbeatMs, () => {
      if (this.options.timers.now() - this.#heardAt >= 2 * this.#heartbeatMs) this.#probe();
      this.#listenLater();
    });
  }

  #probe(): void {
    const frame = this.handler.probe();
    if (!frame || !this.send(frame)) return;
    const asked = this.options.timers.now();
    this.#later(ANSWER_MS, () => {
      if (this.#heardAt < asked) this.#lost();
    });
  }

  #networkChanged(): void {
    if (!this.options.network.online()) {
      // Some machines say so while the link still lives; then the probe finds it alive later.
      if (this.#ready) this.#probe();
      else if (this.#status !== "refused") {
        this.#release();
        this.#set("offline");
      }
    } else if (this.#ready) {
      this.#probe();
    } else if (this.#status !== "refused") {
      this.#backoff.reset();
      this.#connect();
    }
  }
}
