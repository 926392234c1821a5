/**
 * The frames of the socket protocol (docs/ARCHITECTURE.md, "The socket"), and the reading of them.
 *
 * What the server sends is checked field by field: a frame that is not what the protocol says is
 * reported, never half used. A frame of an unknown type is no fault, so that an older client keeps
 * working beside a newer server.
 */

export const SUBPROTOCOL = "syntera.v1";

/** The close code of a socket whose token expired or was revoked. */
export const CLOSE_TOKEN = 4401;

/** The longest `client_id` that the server takes. */
export const MAX_CLIENT_ID = 64;

export type Owner = "ai" | "queued" | "human" | "closed";
export type SenderKind = "visitor" | "agent" | "user" | "system";

export interface Sender {
  kind: SenderKind;
  id?: string;
  name?: string;
}

/** One text that an answer rests on; the answer cites it as `[n]`. */
export interface Source {
  n: number;
  title: string;
  url?: string;
  document_id?: string;
  quote: string;
}

export interface MessageBody {
  text: string;
  sources?: Source[];
  /** The agent could not help and a person should be offered. */
  offers_person?: boolean;
}

interface EntryBase {
  channel: string;
  seq: number;
  owner_version: number;
  sender: Sender;
  created_at: string;
}

export interface MessageEntry extends EntryBase {
  kind: "message";
  client_id?: string;
  turn_id?: string;
  body: MessageBody;
}

export interface StateEntry extends EntryBase {
  kind: "state";
  owner: Owner;
  reason?: string;
}

/** An entry of a kind that this client does not know: it is shown nowhere, but its seq counts. */
export interface OtherEntry {
  channel: string;
  seq: number;
  kind: "other";
}

/** One entry of a channel's log. */
export type Entry = MessageEntry | StateEntry | OtherEntry;

export interface DeltaFrame {
  type: "message.delta";
  channel: string;
  turn_id: string;
  epoch: number;
  owner_version: number;
  /** UTF-16 code units of the text that come before `delta`. */
  offset: number;
  delta: string;
}

export type ServerFrame =
  | { type: "ready"; heartbeat_seconds: number }
  | {
      type: "subscribed";
      channel: string;
      head_seq: number;
      owner: Owner;
      owner_version: number;
    }
  | { type: "ack"; channel: string; client_id: string; seq: number }
  | { type: "entry"; entry: Entry }
  | DeltaFrame
  | { type: "message.aborted"; channel: string; turn_id: string; epoch: number }
  | { type: "typing"; channel: string; sender: Sender; on: boolean }
  | { type: "read"; channel: string; sender: Sender; seq: number }
  | { type: "authenticated"; expires_at: string }
  | { type: "error"; code: string; detail: string; channel?: string; client_id?: string }
  | { type: "unknown"; name: string };

export type ClientFrame =
  | { type: "hello"; resume: { channel: string; after_seq: number }[] }
  | { type: "subscribe"; channel: string; after_seq: number }
  | { type: "send"; channel: string; client_id: string; body: { text: string } }
  | { type: "typing"; channel: string; on: boolean }
  | { type: "read"; channel: string; seq: number }
  | { type: "auth"; token: string };

/** A frame that breaks the protocol. */
export class FrameError extends Error {
  override name = "FrameError";
}

type Fields = Record<string, unknown>;

const OWNERS: readonly string[] = ["ai", "queued", "human", "closed"];
const SENDERS: readonly string[] = ["visitor", "agent", "user", "system"];

function record(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FrameError(`${what} is not an object`);
  }
  return value as Fields;
}

function text(from: Fields, key: string): string {
  const value = from[key];
  if (typeof value !== "string") throw new FrameError(`${key} is not a string`);
  return value;
}

function whole(from: Fields, key: string): number {
  const value = from[key];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new FrameError(`${key} is not a whole number`);
  }
  return value;
}

function flag(from: Fields, key: string): boolean {
  const value = from[key];
  if (typeof value !== "boolean") throw new FrameError(`${key} is not true or false`);
  return value;
}

/** An optional text; the server may leave it out or send null. */
function maybe<K extends string>(from: Fields, key: K): { [P in K]?: string } {
  return from[key] === undefined || from[key] === null
    ? {}
    : ({ [key]: text(from, key) } as { [P in K]?: string });
}

function oneOf<T extends string>(from: Fields, key: string, known: readonly string[]): T {
  const value = text(from, key);
  if (!known.includes(value)) throw new FrameError(`${key} is not one of ${known.join(", ")}`);
  return value as T;
}

function sender(from: Fields): Sender {
  const fields = record(from.sender, "sender");
  return {
    kind: oneOf<SenderKind>(fields, "kind", SENDERS),
    ...maybe(fields, "id"),
    ...maybe(fields, "name"),
  };
}

function source(value: unknown): Source {
  const fields = record(value, "source");
  return {
    n: whole(fields, "n"),
    title: text(fields, "title"),
    quote: text(fields, "quote"),
    ...maybe(fields, "document_id"),
    ...maybe(fields, "url"),
  };
}

function body(value: unknown): MessageBody {
  const fields = record(value, "body");
  const read: MessageBody = { text: text(fields, "text") };
  if (fields.sources !== undefined && fields.sources !== null) {
    if (!Array.isArray(fields.sources)) throw new FrameError("sources is not a list");
    read.sources = fields.sources.map(source);
  }
  if (fields.offers_person === true) read.offers_person = true;
  return read;
}

/**
 * Reads one entry of a log, as the socket and `GET /messages/:channelId` give it: the one calls the
 * channel `channel`, the other `channel_id`.
 */
export function readEntry(value: unknown): Entry {
  const fields = record(value, "entry");
  const channel = fields.channel_id === undefined ? "channel" : "channel_id";
  const place = { channel: text(fields, channel), seq: whole(fields, "seq") };
  if (place.seq === 0) throw new FrameError("seq is not counted from 1");
  if (fields.kind !== "message" && fields.kind !== "state") return { ...place, kind: "other" };
  const base = {
    ...place,
    owner_version: whole(fields, "owner_version"),
    sender: sender(fields),
    created_at: text(fields, "created_at"),
  };
  if (fields.kind === "state") {
    return {
      ...base,
      kind: "state",
      owner: oneOf<Owner>(fields, "owner", OWNERS),
      ...maybe(fields, "reason"),
    };
  }
  return {
    ...base,
    kind: "message",
    body: body(fields.body),
    ...maybe(fields, "client_id"),
    ...maybe(fields, "turn_id"),
  };
}

/** Reads one frame of the server; throws a `FrameError` where it breaks the protocol. */
export function readFrame(data: unknown): ServerFrame {
  if (typeof data !== "string") throw new FrameError("the frame is not text");
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    throw new FrameError("the frame is not JSON");
  }
  const f = record(json, "frame");
  const type = text(f, "type");
  switch (type) {
    case "ready":
      return { type, heartbeat_seconds: whole(f, "heartbeat_seconds") };
    case "subscribed":
      return {
        type,
        channel: text(f, "channel"),
        head_seq: whole(f, "head_seq"),
        owner: oneOf<Owner>(f, "owner", OWNERS),
        owner_version: whole(f, "owner_version"),
      };
    case "ack":
      return {
        type,
        channel: text(f, "channel"),
        client_id: text(f, "client_id"),
        seq: whole(f, "seq"),
      };
    case "message.delta":
      return {
        type,
        channel: text(f, "channel"),
        turn_id: text(f, "turn_id"),
        epoch: whole(f, "epoch"),
        owner_version: whole(f, "owner_version"),
        offset: whole(f, "offset"),
        delta: text(f, "delta"),
      };
    case "message.aborted":
      return {
        type,
        channel: text(f, "channel"),
        turn_id: text(f, "turn_id"),
        epoch: whole(f, "epoch"),
      };
    case "typing":
      return { type, channel: text(f, "channel"), sender: sender(f), on: flag(f, "on") };
    case "read":
      return { type, channel: text(f, "channel"), sender: sender(f), seq: whole(f, "seq") };
    case "authenticated":
      return { type, expires_at: text(f, "expires_at") };
    case "error":
      return {
        type,
        code: text(f, "code"),
        detail: text(f, "detail"),
        ...maybe(f, "channel"),
        ...maybe(f, "client_id"),
      };
    case "message":
    case "state":
      return { type: "entry", entry: readEntry(f) };
    default:
      // Every frame that takes a place in a log has a channel, a seq and a kind, known or not.
      return typeof f.seq === "number" && typeof f.kind === "string"
        ? { type: "entry", entry: readEntry(f) }
        : { type: "unknown", name: type };
  }
}
