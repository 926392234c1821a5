/**
 * The frames of the socket protocol (docs/ARCHITECTURE.md, "The socket"), and the reading of them.
 *
 * What the server sends is checked field by field: a frame that is not what the protocol says is
 * reported, never half used. A frame of an unknown type is no fault, so that an older client keeps
 * working beside a newer server.
 */

import {
  type Entry,
  OWNERS,
  type Owner,
  type Priority,
  readEntry,
  type Sender,
  sender,
} from "./entries.ts";
import { type Fields, FrameError, flag, list, maybe, oneOf, record, text, whole } from "./read.ts";

export type { Block, Span } from "./blocks.ts";
export * from "./entries.ts";
export { FrameError } from "./read.ts";

export const SUBPROTOCOL = "syntera.v1";

/** The close code of a socket whose token expired or was revoked. */
export const CLOSE_TOKEN = 4401;

/** The longest `client_id` that the server takes. */
export const MAX_CLIENT_ID = 64;

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

/** Where a visitor stands who waits for a person. */
export interface QueuePlace {
  /** From 1 for whoever is next; absent while nobody waits here. */
  position?: number;
  /** How long it took lately; absent while that is not known. */
  expected_wait_seconds?: number;
  /** People of the company who are there. */
  people_online: number;
}

/** A person of the company who looks at a channel. */
export interface Viewer {
  user_id: string;
  typing: boolean;
}

/** A channel as lists have it. */
export interface ChannelSummary {
  id: string;
  agent_id: string;
  visitor_id: string;
  owner: Owner;
  assignee_id: string | null;
  team_id: string | null;
  labels: string[];
  priority: Priority;
  snoozed_until: string | null;
  episode: number;
  head_seq: number;
  last_message_seq: number;
  unread: number;
  waiting_since: string | null;
  created_at: string;
  last_activity_at: string;
  last_message_at: string | null;
  closed_at: string | null;
  rating: number | null;
  merged_into: string | null;
}

/** How many open channels there are, by what the caller looks at. */
export interface Counts {
  mine: number;
  unassigned: number;
  all: number;
  mentions: number;
  unread: number;
  views: { id: string; count: number }[];
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
  | { type: "presence"; channel: string; people: Viewer[] }
  | ({ type: "queue"; channel: string } & QueuePlace)
  | { type: "inbox"; summary: ChannelSummary }
  | { type: "counts"; counts: Counts }
  | { type: "authenticated"; expires_at: string }
  | { type: "error"; code: string; detail: string; channel?: string; client_id?: string }
  | { type: "unknown"; name: string };

/** What somebody writes. */
export interface NewBody {
  text: string;
  attachment_ids?: string[];
  mentions?: string[];
}

export type ClientFrame =
  | { type: "hello"; resume: { channel: string; after_seq: number }[] }
  | { type: "subscribe"; channel: string; after_seq: number }
  | { type: "send"; channel: string; client_id: string; kind?: "note"; body: NewBody }
  | { type: "typing"; channel: string; on: boolean }
  | { type: "read"; channel: string; seq: number }
  | { type: "viewing"; channel: string; on: boolean }
  | { type: "watch"; on: boolean }
  | { type: "auth"; token: string };

/** Reads a place in the queue, as a frame and `GET /channels/:id/queue` give it. */
export function readQueue(f: Fields): QueuePlace {
  return {
    people_online: whole(f, "people_online"),
    ...maybe(f, "position", whole),
    ...maybe(f, "expected_wait_seconds", whole),
  };
}

function viewer(value: unknown): Viewer {
  const f = record(value, "viewer");
  return { user_id: text(f, "user_id"), typing: flag(f, "typing") };
}

/** Reads a channel of a list. Of its fields those are checked by which it is found and ordered. */
export function readSummary(value: unknown): ChannelSummary {
  const f = record(value, "channel");
  text(f, "id");
  whole(f, "head_seq");
  oneOf(f, "owner", OWNERS);
  return f as unknown as ChannelSummary;
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
  const channel = (): string => text(f, "channel");
  switch (type) {
    case "ready":
      return { type, heartbeat_seconds: whole(f, "heartbeat_seconds") };
    case "subscribed":
      return {
        type,
        channel: channel(),
        head_seq: whole(f, "head_seq"),
        owner: oneOf<Owner>(f, "owner", OWNERS),
        owner_version: whole(f, "owner_version"),
      };
    case "ack":
      return { type, channel: channel(), client_id: text(f, "client_id"), seq: whole(f, "seq") };
    case "message.delta":
      return {
        type,
        channel: channel(),
        turn_id: text(f, "turn_id"),
        epoch: whole(f, "epoch"),
        owner_version: whole(f, "owner_version"),
        offset: whole(f, "offset"),
        delta: text(f, "delta"),
      };
    case "message.aborted":
      return { type, channel: channel(), turn_id: text(f, "turn_id"), epoch: whole(f, "epoch") };
    case "typing":
      return { type, channel: channel(), sender: sender(f), on: flag(f, "on") };
    case "read":
      return { type, channel: channel(), sender: sender(f), seq: whole(f, "seq") };
    case "presence":
      return { type, channel: channel(), people: list(f, "people", viewer).people ?? [] };
    case "queue":
      return { type, channel: channel(), ...readQueue(f) };
    case "inbox":
      return { type, summary: readSummary(f.channel) };
    case "counts":
      return { type, counts: record(f.counts, "counts") as unknown as Counts };
    case "authenticated":
      return { type, expires_at: text(f, "expires_at") };
    case "error":
      return {
        type,
        code: text(f, "code"),
        detail: text(f, "detail"),
        ...maybe(f, "channel", text),
        ...maybe(f, "client_id", text),
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
