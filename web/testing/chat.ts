/**
 * A chat service for tests, written from the protocol's text and strict about it: what the protocol
 * forbids is refused and written down in `violations`, which a test expects to be empty.
 *
 * It knows no transport: `connect` takes where frames go and answers where they come in. The memory
 * transport (memory.ts) and the HTTP server (fake-server.ts) stand on it.
 */

import type { Attachment, Change, MessageBody, Owner, QueuePlace, Sender } from "@syntera/client";
import { type Fields, faultOf } from "./shapes.ts";

export type Kind = "message" | "note" | "state" | "edit" | "delete" | "reaction" | "change";

export interface LogEntry {
  type: Kind;
  channel: string;
  seq: number;
  kind: Kind;
  sender: Sender;
  owner_version: number;
  created_at: string;
  client_id?: string;
  turn_id?: string;
  body?: MessageBody;
  owner?: Owner;
  reason?: string;
  episode?: number;
  of_seq?: number;
  emoji?: string;
  on?: boolean;
  change?: Change;
  private?: true;
  edited_at?: string;
  deleted_at?: string;
}

export interface Wire {
  /** A frame for the client. */
  deliver(data: string): void;
  close(code: number, reason: string): void;
}

/** Where the bytes of a client come in. */
export interface Peer {
  receive(data: string): void;
  gone(): void;
}

export interface ChatOptions {
  now?: () => number;
  /** Says whether a token is good, whose it is, and when it expires (by `now`). */
  verify?: (token: string) => { visitor: string; expiresAt: number } | undefined;
  heartbeatSeconds?: number;
}

interface Socket {
  wire: Wire;
  visitor: string;
  expiresAt: number;
  greeted: boolean;
  channels: Set<string>;
  open: boolean;
}

export interface Room {
  id: string;
  visitor: string;
  log: LogEntry[];
  owner: Owner;
  ownerVersion: number;
  episode: number;
  place: QueuePlace;
  /** What was uploaded and may be sent. */
  files: Map<string, Attachment>;
  sends: Map<string, { seq: number; text: string }>;
}

export const MAX_TEXT = 10_000;

export class FakeChat {
  readonly violations: string[] = [];
  readonly rooms = new Map<string, Room>();
  readonly #sockets = new Set<Socket>();
  readonly #now: () => number;
  readonly #verify: NonNullable<ChatOptions["verify"]>;
  readonly #heartbeat: number;
  /** Called after a visitor's message is in the log: the place for an agent. */
  onMessage: (entry: LogEntry) => void = () => {};
  /** Answers the code to refuse the next sends with, or nothing. */
  refuse: (clientId: string) => string | undefined = () => undefined;

  constructor(options: ChatOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#verify =
      options.verify ?? (() => ({ visitor: "visitor", expiresAt: Number.POSITIVE_INFINITY }));
    this.#heartbeat = options.heartbeatSeconds ?? 25;
  }

  get sockets(): number {
    return this.#sockets.size;
  }

  /** A new channel; its first entry is the state that opened it. */
  create(id: string, visitor = "visitor"): Room {
    const room: Room = {
      id,
      visitor,
      log: [],
      owner: "ai",
      ownerVersion: 0,
      episode: 1,
      place: { people_online: 1 },
      files: new Map(),
      sends: new Map(),
    };
    this.rooms.set(id, room);
    this.setOwner(id, "ai", { kind: "system" });
    return room;
  }

  room(id: string): Room {
    const room = this.rooms.get(id);
    if (!room) throw new Error(`no channel ${id}`);
    return room;
  }

  /** What an upgrade request offers; answers the status that refuses it, or 101. */
  admits(protocols: readonly string[]): number {
    const token = tokenIn(protocols);
    if (!protocols.includes("syntera.v1") || token === undefined) {
      this.violations.push(`offered ${protocols.join(", ") || "no subprotocol"}`);
      return 401;
    }
    const caller = this.#verify(token);
    return caller && caller.expiresAt > this.#now() ? 101 : 401;
  }

  connect(protocols: readonly string[], wire: Wire): Peer {
    const caller = this.#verify(tokenIn(protocols) ?? "");
    if (!caller) throw new Error("connect comes after admits");
    const socket: Socket = {
      wire,
      visitor: caller.visitor,
      expiresAt: caller.expiresAt,
      greeted: false,
      channels: new Set(),
      open: true,
    };
    this.#sockets.add(socket);
    return {
      receive: (data) => this.#receive(socket, data),
      gone: () => {
        socket.open = false;
        this.#sockets.delete(socket);
      },
    };
  }

  /** Closes the sockets whose token is over; a test calls it when time has passed. */
  expire(): void {
    for (const socket of [...this.#sockets]) {
      if (socket.expiresAt <= this.#now()) this.#close(socket, 4401, "token expired");
    }
  }

  /** Closes every socket, as a service that stops does. */
  closeAll(code: number): void {
    for (const socket of [...this.#sockets]) this.#close(socket, code, "");
  }

  setOwner(id: string, owner: Owner, sender: Sender, reason?: string): LogEntry {
    const room = this.room(id);
    if (room.owner === "closed" && owner !== "closed") room.episode += 1;
    room.owner = owner;
    room.ownerVersion = room.log.length + 1;
    return this.#append(room, {
      type: "state",
      kind: "state",
      sender,
      owner,
      episode: room.episode,
      ...(reason === undefined ? {} : { reason }),
    });
  }

  /** Adds a message of anybody but a visitor. */
  say(id: string, sender: Sender, body: MessageBody, turnId?: string): LogEntry {
    return this.#append(this.room(id), {
      type: "message",
      kind: "message",
      sender,
      body,
      // What the agent does not name itself, the real service names.
      client_id: turnId ?? `server-${this.room(id).log.length + 1}`,
      ...(turnId === undefined ? {} : { turn_id: turnId }),
    });
  }

  /** What only people of the company see: no visitor hears of it, and its seq is missing for them. */
  note(id: string, sender: Sender, text: string): LogEntry {
    const body = { text };
    return this.#append(this.room(id), { type: "note", kind: "note", sender, body, private: true });
  }

  /** Another text for a message; histories give it as it stands then. */
  edit(id: string, of_seq: number, sender: Sender, body: MessageBody): LogEntry {
    const entry = this.#append(this.room(id), { type: "edit", kind: "edit", sender, of_seq, body });
    Object.assign(this.#message(id, of_seq), { body, edited_at: entry.created_at });
    return entry;
  }

  /** Takes a message back: no word of it is given any more. */
  remove(id: string, of_seq: number, sender: Sender): LogEntry {
    const entry = this.#append(this.room(id), { type: "delete", kind: "delete", sender, of_seq });
    const message = this.#message(id, of_seq);
    delete message.body;
    message.deleted_at = entry.created_at;
    for (const one of this.room(id).log) if (one.of_seq === of_seq) delete one.body;
    return entry;
  }

  react(id: string, of_seq: number, sender: Sender, emoji: string, on: boolean): LogEntry {
    const room = this.room(id);
    return this.#append(room, { type: "reaction", kind: "reaction", sender, of_seq, emoji, on });
  }

  change(id: string, sender: Sender, change: Change, of_seq?: number): LogEntry {
    return this.#append(this.room(id), {
      type: "change",
      kind: "change",
      sender,
      change,
      ...(of_seq === undefined ? {} : { of_seq }),
    });
  }

  /** Where the visitor stands from now. */
  queue(id: string, place: QueuePlace): void {
    this.room(id).place = place;
    this.hint(id, { type: "queue", channel: id, ...place });
  }

  #message(id: string, seq: number): LogEntry {
    const found = this.room(id).log[seq - 1];
    if (found?.kind !== "message") throw new Error(`no message ${seq}`);
    return found;
  }

  /** Sends a frame that is in no log to everybody in the channel. */
  hint(id: string, frame: object): void {
    const data = JSON.stringify(frame);
    for (const socket of [...this.#sockets]) {
      if (socket.channels.has(id)) this.#deliver(socket, data);
    }
  }

  #append(room: Room, rest: Omit<LogEntry, "channel" | "seq" | "owner_version" | "created_at">) {
    const entry: LogEntry = {
      ...rest,
      channel: room.id,
      seq: room.log.length + 1,
      owner_version: room.ownerVersion,
      created_at: new Date(this.#now()).toISOString(),
    };
    room.log.push(entry);
    if (!entry.private) this.hint(room.id, entry);
    return entry;
  }

  #deliver(socket: Socket, data: string): void {
    if (socket.open) socket.wire.deliver(data);
  }

  #close(socket: Socket, code: number, reason: string): void {
    if (!socket.open) return;
    socket.open = false;
    this.#sockets.delete(socket);
    socket.wire.close(code, reason);
  }

  #violate(socket: Socket, what: string): void {
    this.violations.push(what);
    this.#close(socket, 1008, what);
  }

  #send(socket: Socket, frame: object): void {
    this.#deliver(socket, JSON.stringify(frame));
  }

  #receive(socket: Socket, data: string): void {
    if (!socket.open) return;
    if (socket.expiresAt <= this.#now()) {
      this.#close(socket, 4401, "token expired");
      return;
    }
    let frame: Fields;
    try {
      frame = JSON.parse(data) as Fields;
    } catch {
      this.#violate(socket, "a frame that is not JSON");
      return;
    }
    const type = String(frame.type);
    const fault = faultOf(type, frame);
    if (fault !== undefined) {
      this.#violate(socket, fault);
      return;
    }
    if (!socket.greeted && type !== "hello") {
      this.#violate(socket, `${type} before hello`);
      return;
    }
    this.#understood(socket, type, frame);
  }

  #understood(socket: Socket, type: string, frame: Fields): void {
    switch (type) {
      case "hello": {
        if (socket.greeted) {
          this.#violate(socket, "a second hello");
          return;
        }
        socket.greeted = true;
        this.#send(socket, { type: "ready", heartbeat_seconds: this.#heartbeat });
        for (const one of frame.resume as Fields[]) {
          this.#subscribe(socket, String(one.channel), Number(one.after_seq));
        }
        return;
      }
      case "subscribe":
        this.#subscribe(socket, frame.channel as string, frame.after_seq as number);
        return;
      case "send":
        this.#take(socket, frame);
        return;
      case "auth": {
        const caller = this.#verify(frame.token as string);
        if (!caller || caller.expiresAt <= this.#now() || caller.visitor !== socket.visitor) {
          this.#close(socket, 4401, "token refused");
          return;
        }
        socket.expiresAt = caller.expiresAt;
        const expires = Math.min(caller.expiresAt, 8.64e15);
        this.#send(socket, { type: "authenticated", expires_at: new Date(expires).toISOString() });
        return;
      }
      case "typing":
      case "read":
        this.#hintOf(socket, type, frame);
    }
  }

  #hintOf(socket: Socket, type: "typing" | "read", frame: Fields): void {
    const channel = frame.channel as string;
    const room = this.#allowed(socket, channel);
    if (!room) return;
    if (type === "read") {
      const seq = frame.seq as number;
      if (!Number.isInteger(seq) || seq < 1 || seq > room.log.length) {
        this.#violate(socket, `read of seq ${seq}, the head is ${room.log.length}`);
        return;
      }
    }
    const { type: _, ...rest } = frame;
    const data = JSON.stringify({
      type,
      ...rest,
      sender: { kind: "visitor", id: socket.visitor },
    });
    for (const other of this.#sockets) {
      if (other !== socket && other.channels.has(channel)) this.#deliver(other, data);
    }
  }

  /** The room, if the caller may see it; another's is not found. */
  #allowed(socket: Socket, channel: string, clientId?: string): Room | undefined {
    const room = this.rooms.get(channel);
    if (room && room.visitor === socket.visitor) return room;
    this.#send(socket, {
      type: "error",
      code: "not_found",
      detail: "no such channel",
      channel,
      ...(clientId === undefined ? {} : { client_id: clientId }),
    });
    return undefined;
  }

  #subscribe(socket: Socket, channel: string, after: number): void {
    const room = this.#allowed(socket, channel);
    if (!room) return;
    if (!Number.isInteger(after) || after < 0 || after > room.log.length) {
      this.#violate(socket, `resumes after ${after}, the head is ${room.log.length}`);
      return;
    }
    socket.channels.add(channel);
    this.#send(socket, {
      type: "subscribed",
      channel,
      head_seq: room.log.length,
      owner: room.owner,
      owner_version: room.ownerVersion,
    });
    for (const entry of visible(room.log.slice(after))) this.#send(socket, entry);
  }

  #take(socket: Socket, frame: Fields): void {
    const channel = frame.channel as string;
    const clientId = frame.client_id as string;
    const body = frame.body as Fields;
    const room = this.#allowed(socket, channel, clientId);
    if (!room) return;
    if (clientId.length < 1 || clientId.length > 64) {
      this.#violate(socket, `a client_id of ${clientId.length} characters`);
      return;
    }
    const ids = (body.attachment_ids ?? []) as string[];
    const stray = Object.keys(body).some((name) => name !== "text" && name !== "attachment_ids");
    if (typeof body.text !== "string" || stray || frame.kind !== undefined) {
      this.#violate(socket, "send.body is not {text, attachment_ids?}, or no visitor's");
      return;
    }
    const attachments = ids.flatMap((id) => room.files.get(id) ?? []);
    if (attachments.length !== ids.length) {
      this.#violate(socket, "a file that was not uploaded here");
      return;
    }
    const known = room.sends.get(clientId);
    if (known) {
      if (known.text !== body.text) this.#violate(socket, "a client_id with another text");
      else this.#send(socket, { type: "ack", channel, client_id: clientId, seq: known.seq });
      return;
    }
    const refusal = this.refuse(clientId) ?? refusalOf(room, body.text, ids.length > 0);
    if (refusal !== undefined) {
      this.#send(socket, {
        type: "error",
        code: refusal,
        detail: "refused",
        channel,
        client_id: clientId,
      });
      return;
    }
    room.sends.set(clientId, { seq: room.log.length + 1, text: body.text });
    const entry = this.#append(room, {
      type: "message",
      kind: "message",
      sender: { kind: "visitor", id: socket.visitor },
      client_id: clientId,
      body: { text: body.text, ...(ids.length > 0 ? { attachments } : {}) },
    });
    for (const id of ids) room.files.delete(id);
    this.#send(socket, { type: "ack", channel, client_id: clientId, seq: entry.seq });
    this.onMessage(entry);
  }
}

/** What a visitor is given of a log. */
export function visible(log: readonly LogEntry[]): LogEntry[] {
  return log.filter((entry) => !entry.private);
}

function refusalOf(room: Room, text: string, files: boolean): string | undefined {
  if (room.owner === "closed") return "channel_closed";
  return (text.trim() === "" && !files) || [...text].length > MAX_TEXT
    ? "validation_failed"
    : undefined;
}

export function tokenIn(protocols: readonly string[]): string | undefined {
  return protocols.find((p) => p.startsWith("bearer."))?.slice("bearer.".length);
}
