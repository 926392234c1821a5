/** The entries of a channel's log: what they are, and the reading of them. */

import { type Block, readBlocks } from "./blocks.ts";
import { type Fields, FrameError, flag, list, maybe, oneOf, record, text, whole } from "./read.ts";

export type Owner = "ai" | "queued" | "human" | "closed";
export type SenderKind = "visitor" | "agent" | "user" | "system";
export type Priority = "low" | "normal" | "high" | "urgent";

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

/** A file of a message; its bytes are at `/attachments/{id}`. */
export interface Attachment {
  id: string;
  name: string;
  media_type: string;
  size: number;
  width?: number;
  height?: number;
  /** Whether there is a small picture of it at `/attachments/{id}/thumbnail`. */
  thumbnail?: boolean;
}

/** An answer that the agent offers; choosing it sends its text. */
export interface QuickReply {
  text: string;
}

/** Something that the agent shows. */
export interface Card {
  title: string;
  text?: string;
  url?: string;
}

export interface MessageBody {
  /** The text as it was written, which is Markdown; clients without `blocks` show it as text. */
  text: string;
  /** The text as a tree; absent when it is plain paragraphs. */
  blocks?: Block[];
  attachments?: Attachment[];
  quick_replies?: QuickReply[];
  cards?: Card[];
  /** People of the company whom a note calls. */
  mentions?: string[];
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
  /** Only people of the company see it. */
  private?: true;
}

interface Said extends EntryBase {
  client_id?: string;
  turn_id?: string;
  /** As it stands now; an empty text once it was taken back. */
  body: MessageBody;
  edited_at?: string;
  deleted_at?: string;
}

export interface MessageEntry extends Said {
  kind: "message";
}

/** What only people of the company see. */
export interface NoteEntry extends Said {
  kind: "note";
}

export interface StateEntry extends EntryBase {
  kind: "state";
  owner: Owner;
  reason?: string;
  /** How many times the conversation was opened up to here. */
  episode?: number;
}

/** Another text for the message `of_seq`; none when that was taken back since. */
export interface EditEntry extends EntryBase {
  kind: "edit";
  of_seq: number;
  body?: MessageBody;
}

/** The message `of_seq` is taken back. */
export interface DeleteEntry extends EntryBase {
  kind: "delete";
  of_seq: number;
}

export interface ReactionEntry extends EntryBase {
  kind: "reaction";
  of_seq: number;
  emoji: string;
  on: boolean;
}

/** What an entry of the kind `change` changes. */
export type Change =
  | { what: "assigned"; user_id?: string; team_id?: string }
  | { what: "labelled"; labels: string[] }
  | { what: "prioritised"; priority: Priority }
  | { what: "snoozed"; until?: string }
  | { what: "joined" | "left"; user_id: string }
  | { what: "merged"; into: string }
  | { what: "absorbed"; from: string }
  | { what: "unmerged"; other: string }
  | { what: "rated"; score: number }
  | { what: "helpful"; helpful?: boolean }
  | { what: "consented"; version: number }
  /** A change that this client does not know. */
  | { what: "other" };

export interface ChangeEntry extends EntryBase {
  kind: "change";
  change: Change;
  /** The message that a `helpful` is about. */
  of_seq?: number;
  /** The words of a rating. */
  body?: MessageBody;
}

/** An entry of a kind that this client does not know: it is shown nowhere, but its seq counts. */
export interface OtherEntry {
  channel: string;
  seq: number;
  kind: "other";
}

/** One entry of a channel's log. */
export type Entry =
  | MessageEntry
  | NoteEntry
  | StateEntry
  | EditEntry
  | DeleteEntry
  | ReactionEntry
  | ChangeEntry
  | OtherEntry;

export const OWNERS: readonly string[] = ["ai", "queued", "human", "closed"];
const SENDERS: readonly string[] = ["visitor", "agent", "user", "system"];
const KINDS: readonly unknown[] = [
  "message",
  "note",
  "state",
  "edit",
  "delete",
  "reaction",
  "change",
];

export function sender(from: Fields): Sender {
  const fields = record(from.sender, "sender");
  return {
    kind: oneOf<SenderKind>(fields, "kind", SENDERS),
    ...maybe(fields, "id", text),
    ...maybe(fields, "name", text),
  };
}

function source(value: unknown): Source {
  const fields = record(value, "source");
  return {
    n: whole(fields, "n"),
    title: text(fields, "title"),
    quote: text(fields, "quote"),
    ...maybe(fields, "document_id", text),
    ...maybe(fields, "url", text),
  };
}

/** Reads a file of a message, or the answer to an upload. */
export function readAttachment(value: unknown): Attachment {
  const fields = record(value, "attachment");
  return {
    id: text(fields, "id"),
    name: text(fields, "name"),
    media_type: text(fields, "media_type"),
    size: whole(fields, "size"),
    ...maybe(fields, "width", whole),
    ...maybe(fields, "height", whole),
    ...maybe(fields, "thumbnail", flag),
  };
}

function quickReply(value: unknown): QuickReply {
  return { text: text(record(value, "quick reply"), "text") };
}

function card(value: unknown): Card {
  const fields = record(value, "card");
  return {
    title: text(fields, "title"),
    ...maybe(fields, "text", text),
    ...maybe(fields, "url", text),
  };
}

function mention(value: unknown): string {
  return text({ mention: value }, "mention");
}

/** What a message says; blocks of a kind that this client does not know leave the text to be shown. */
function body(value: unknown): MessageBody {
  const fields = record(value, "body");
  const blocks = readBlocks(fields.blocks);
  return {
    text: text(fields, "text"),
    ...(blocks ? { blocks } : {}),
    ...list(fields, "attachments", readAttachment),
    ...list(fields, "quick_replies", quickReply),
    ...list(fields, "cards", card),
    ...list(fields, "mentions", mention),
    ...list(fields, "sources", source),
    ...(fields.offers_person === true ? { offers_person: true } : {}),
  };
}

function change(value: unknown): Change {
  const fields = record(value, "change");
  const what = text(fields, "what");
  switch (what) {
    case "assigned":
      return { what, ...maybe(fields, "user_id", text), ...maybe(fields, "team_id", text) };
    case "labelled":
      return { what, labels: list(fields, "labels", mention).labels ?? [] };
    case "prioritised":
      return { what, priority: text(fields, "priority") as Priority };
    case "snoozed":
      return { what, ...maybe(fields, "until", text) };
    case "joined":
    case "left":
      return { what, user_id: text(fields, "user_id") };
    case "merged":
      return { what, into: text(fields, "into") };
    case "absorbed":
      return { what, from: text(fields, "from") };
    case "unmerged":
      return { what, other: text(fields, "other") };
    case "rated":
      return { what, score: whole(fields, "score") };
    case "helpful":
      return { what, ...maybe(fields, "helpful", flag) };
    case "consented":
      return { what, version: whole(fields, "version") };
    default:
      return { what: "other" };
  }
}

/**
 * Reads one entry of a log, as the socket and `GET /messages/:channelId` give it: the one calls the
 * channel `channel`, the other `channel_id`.
 */
export function readEntry(value: unknown): Entry {
  const f = record(value, "entry");
  const channel = f.channel_id === undefined ? "channel" : "channel_id";
  const place = { channel: text(f, channel), seq: whole(f, "seq") };
  if (place.seq === 0) throw new FrameError("seq is not counted from 1");
  const kind = f.kind as Entry["kind"];
  if (kind === "other" || !KINDS.includes(kind)) return { ...place, kind: "other" };
  const base = {
    ...place,
    owner_version: whole(f, "owner_version"),
    sender: sender(f),
    created_at: text(f, "created_at"),
    ...(f.private === true ? { private: true as const } : {}),
  };
  const words = f.body === undefined || f.body === null ? undefined : body(f.body);
  switch (kind) {
    case "state":
      return {
        ...base,
        kind,
        owner: oneOf<Owner>(f, "owner", OWNERS),
        ...maybe(f, "reason", text),
        ...maybe(f, "episode", whole),
      };
    case "edit":
      return { ...base, kind, of_seq: whole(f, "of_seq"), ...(words ? { body: words } : {}) };
    case "delete":
      return { ...base, kind, of_seq: whole(f, "of_seq") };
    case "reaction":
      return {
        ...base,
        kind,
        of_seq: whole(f, "of_seq"),
        emoji: text(f, "emoji"),
        on: flag(f, "on"),
      };
    case "change":
      return {
        ...base,
        kind,
        change: change(f.change),
        ...maybe(f, "of_seq", whole),
        ...(words ? { body: words } : {}),
      };
    default: {
      const deleted = maybe(f, "deleted_at", text);
      return {
        ...base,
        kind,
        body: words ?? (deleted.deleted_at === undefined ? body(f.body) : { text: "" }),
        ...maybe(f, "client_id", text),
        ...maybe(f, "turn_id", text),
        ...maybe(f, "edited_at", text),
        ...deleted,
      };
    }
  }
}
