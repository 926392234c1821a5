/**
 * A visitor without a browser: the reference client over Node's sockets, and a record of every frame
 * that came, to be held against the protocol afterwards.
 */

import { WebSocket } from "ws";
import {
  type Channel,
  Client,
  type Entry,
  type Fault,
  type MessageEntry,
  Rest,
  type ServerFrame,
  type Token,
  type WebSocketConstructor,
} from "../../../web/client/src/index.ts";
import { API } from "./api.ts";
import { eventually } from "./eventually.ts";
import { BASE_URL } from "./fleet.ts";

const ORIGIN = new URL(BASE_URL).origin;

/** A page of this origin opens sockets with its name. */
class PageSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { origin: ORIGIN, handshakeTimeout: 10_000 });
  }
}

export interface Seen {
  /** Counts connections from 1. */
  connection: number;
  frame: ServerFrame;
}

export class Visitor {
  readonly seen: Seen[] = [];
  readonly faults: Fault[] = [];
  readonly acked = new Map<string, number>();
  readonly client: Client;
  readonly rest: Rest;
  visitorId = "";
  agentId = "";
  channel!: Channel;
  #secret: string | undefined;
  #token: Token | undefined;
  #connection = 0;

  constructor(private readonly key: string) {
    this.rest = new Rest(API, (url, init) => {
      const headers = new Headers(init.headers);
      headers.set("origin", ORIGIN);
      return fetch(url, { ...init, headers });
    });
    this.client = new Client({
      url: `${API.replace(/^http/, "ws")}/ws/chat`,
      tokens: (fresh) => this.token(fresh),
      WebSocket: PageSocket as unknown as WebSocketConstructor,
    });
    this.client.on("status", (status) => {
      if (status === "online") this.#connection += 1;
    });
    this.client.on("frame", (frame) => {
      this.seen.push({ connection: this.#connection, frame });
    });
    this.client.on("fault", (fault) => this.faults.push(fault));
  }

  async token(fresh = false): Promise<Token> {
    const known = this.#token;
    if (!fresh && known && known.expiresAt - Date.now() > 60_000) return known;
    const session = await this.rest.visitor(this.key, this.#secret);
    this.#secret = session.visitor_secret;
    this.visitorId = session.visitor_id;
    this.agentId = session.agent_id;
    this.#token = {
      token: session.access_token,
      expiresAt: Date.now() + session.expires_in * 1000,
    };
    return this.#token;
  }

  /** Starts or finds the conversation and follows it. */
  async start(): Promise<string> {
    const { token } = await this.token();
    const { channel_id: id } = await this.rest.start(this.agentId, token);
    this.channel = this.client.open(id);
    this.channel.on("ack", ({ clientId, seq }) => this.acked.set(clientId, seq));
    this.client.start();
    await eventually(() => this.channel.owner !== undefined, "the channel is open");
    return id;
  }

  /** Sends a question and waits for the one answer to it. */
  async ask(text: string, withinMs = 60_000): Promise<{ clientId: string; answer: MessageEntry }> {
    const { clientId } = this.channel.send(text);
    return { clientId, answer: await this.answerTo(clientId, withinMs) };
  }

  /** The answer to a message: the first one after it, that says `what`. */
  async answerTo(clientId: string, withinMs = 60_000, what = /./): Promise<MessageEntry> {
    return eventually(
      () => {
        const seq = this.acked.get(clientId);
        if (seq === undefined) throw new Error("it is not acknowledged");
        const later = this.messages().filter((entry) => entry.seq > seq);
        const answer = later.find(
          (entry) => entry.sender.kind === "agent" && what.test(entry.body.text),
        );
        if (!answer) throw new Error(`after it: ${JSON.stringify(later.map((e) => e.body.text))}`);
        return answer;
      },
      `the message ${clientId} is answered`,
      withinMs,
    );
  }

  messages(): MessageEntry[] {
    return this.channel.entries.filter((entry): entry is MessageEntry => entry.kind === "message");
  }

  /** The next frame that `wanted` takes. */
  next(wanted: (frame: ServerFrame) => boolean, withinMs = 30_000): Promise<ServerFrame> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`the awaited frame did not come within ${withinMs} ms`));
      }, withinMs);
      const stop = this.client.on("frame", (frame) => {
        if (!wanted(frame)) return;
        clearTimeout(timer);
        stop();
        resolve(frame);
      });
    });
  }

  /** Ends the conversation, however often that must be tried. */
  async end(): Promise<void> {
    await eventually(async () => {
      const { token } = await this.token();
      await this.rest.setOwner(this.channel.id, "closed", token).catch((error: unknown) => {
        // It may have gone through although the answer was lost.
        if (this.channel.owner !== "closed") throw error;
      });
      return true;
    }, "the conversation is ended");
    await eventually(() => this.channel.owner === "closed", "the end is in the log");
  }

  stop(): void {
    this.client.stop();
  }

  /**
   * Holds what came over the sockets against the protocol; answers what was wrong. On one
   * connection each entry comes after the one before, by its number; the deltas of a turn join without a hole and none
   * comes after its message; and what was streamed is how the message begins.
   */
  broken(): string[] {
    const wrong: string[] = this.faults.map((fault) => JSON.stringify(fault));
    const last = new Map<number, number>();
    const turns = new Map<string, { epoch: number; text: string; whole: boolean }>();
    const ended = new Set<string>();
    for (const { connection, frame } of this.seen) {
      if (frame.type === "entry") {
        const before = last.get(connection);
        // What only colleagues see is left out for visitors, so that numbers may be missing.
        if (before !== undefined && frame.entry.seq <= before) {
          wrong.push(`connection ${connection}: entry ${frame.entry.seq} after ${before}`);
        }
        last.set(connection, frame.entry.seq);
        this.#ended(frame.entry, connection, turns, ended, wrong);
      } else if (frame.type === "message.delta") {
        const name = `${connection}:${frame.turn_id}`;
        if (ended.has(name)) wrong.push(`a delta of ${frame.turn_id} after its message`);
        const turn = turns.get(name);
        if (frame.offset === 0) {
          turns.set(name, { epoch: frame.epoch, text: frame.delta, whole: true });
        } else if (!turn) {
          // This connection came in the middle of the answer.
          turns.set(name, { epoch: frame.epoch, text: "", whole: false });
        } else if (turn.whole && turn.epoch === frame.epoch) {
          if (turn.text.length === frame.offset) turn.text += frame.delta;
          else wrong.push(`a delta at ${frame.offset} after ${turn.text.length} units`);
        }
      }
    }
    return wrong;
  }

  #ended(
    entry: Entry,
    connection: number,
    turns: Map<string, { text: string; whole: boolean }>,
    ended: Set<string>,
    wrong: string[],
  ): void {
    if (entry.kind !== "message" || entry.turn_id === undefined) return;
    const name = `${connection}:${entry.turn_id}`;
    ended.add(name);
    const turn = turns.get(name);
    if (turn?.whole && !entry.body.text.startsWith(turn.text)) {
      wrong.push(`streamed ${JSON.stringify(turn.text)}, kept ${JSON.stringify(entry.body.text)}`);
    }
  }
}
