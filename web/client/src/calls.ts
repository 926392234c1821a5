/**
 * What a visitor's client asks of the API beside the socket. Functions, so that a page takes along
 * only those that it uses.
 */

import { type ChannelSummary, type QueuePlace, readQueue, readSummary } from "./frames.ts";
import { record } from "./read.ts";
import type { Rest } from "./rest.ts";

/** A field of the form before a conversation. */
export interface PrechatField {
  key: "name" | "email" | "phone" | "custom";
  label: string;
  required: boolean;
}

/** What a workspace wants of its widget; what is left out is not wanted. */
export interface WidgetSettings {
  consent?: {
    required: boolean;
    text: string;
    version: number;
    /** Whether the visitor has yet to agree to this version. */
    needed?: boolean;
  };
  prechat?: { enabled: boolean; fields: PrechatField[]; when: "always" | "before_person" };
  offline_form?: { enabled: boolean };
  csat?: { enabled: boolean };
  /** Whether the AI answers first; otherwise the visitor is asked whom they want. */
  ai_first?: boolean;
  /** Words of the company by language, instead of the widget's own. */
  greetings?: { locale: string; text: string }[];
  people_online?: number;
  /** For so long after sending, a message can be edited and taken back; 0 for never. */
  edit_minutes?: number;
  /** For so long after its end, a conversation can be opened again; 0 for never. */
  reopen_days?: number;
}

export interface Introduction {
  name?: string;
  email?: string;
  phone?: string;
  /** What the workspace's own fields ask for. */
  custom?: { label: string; value: string }[];
}

/** What a request needs: the API and a token. */
export interface Caller {
  rest: Rest;
  token: string;
}

const call = ({ rest, token }: Caller, method: string, path: string, body?: unknown) =>
  rest.call(method, path, token, body);

export async function widgetSettings(by: Caller): Promise<WidgetSettings> {
  return record(await call(by, "GET", "/widget-settings"), "settings") as WidgetSettings;
}

/** Agrees to the text of this version, which was shown in this conversation. */
export async function consent(by: Caller, version: number, channel?: string): Promise<void> {
  await call(by, "POST", "/consents", {
    version,
    ...(channel === undefined ? {} : { channel_id: channel }),
  });
}

/** Says who the visitor is, in place of what they said before. */
export async function introduce(by: Caller, introduction: Introduction): Promise<void> {
  await call(by, "PUT", "/introduction", introduction);
}

/** The visitor's own conversations, or those of the inbox; newest first. */
export async function listChannels(
  by: Caller,
  query: Record<string, string> = {},
): Promise<{ items: ChannelSummary[]; next_cursor: string | null }> {
  const search = new URLSearchParams(query).toString();
  const page = record(await call(by, "GET", `/channels${search ? `?${search}` : ""}`), "page");
  return {
    items: Array.isArray(page.items) ? page.items.map(readSummary) : [],
    next_cursor: typeof page.next_cursor === "string" ? page.next_cursor : null,
  };
}

/** Where the visitor stands who waits for a person. */
export async function queuePlace(by: Caller, channel: string): Promise<QueuePlace> {
  return readQueue(record(await call(by, "GET", `/channels/${channel}/queue`), "place"));
}

/** Opens a conversation that has ended again; visitors may ask for the AI only. */
export async function reopen(
  by: Caller,
  channel: string,
  owner: "ai" | "queued" | "human" = "ai",
): Promise<void> {
  await call(by, "POST", `/channels/${channel}/reopen`, { owner });
}

/** Rates a conversation from 1, bad, to 5, good. */
export async function rate(
  by: Caller,
  channel: string,
  score: number,
  comment?: string,
): Promise<void> {
  await call(by, "POST", `/channels/${channel}/rating`, {
    score,
    ...(comment ? { comment } : {}),
  });
}

/** Says whether an answer of the AI helped; null takes the word back. */
export async function setHelpful(
  by: Caller,
  channel: string,
  seq: number,
  helpful: boolean | null,
): Promise<void> {
  await call(by, "PUT", `/messages/${channel}/${seq}/rating`, { helpful });
}

export async function editMessage(
  by: Caller,
  channel: string,
  seq: number,
  text: string,
): Promise<void> {
  await call(by, "PATCH", `/messages/${channel}/${seq}`, { text });
}

/** Takes a message back. */
export async function deleteMessage(by: Caller, channel: string, seq: number): Promise<void> {
  await call(by, "DELETE", `/messages/${channel}/${seq}`);
}

/** Sets a sign on a message, or takes it off. */
export async function react(
  by: Caller,
  channel: string,
  seq: number,
  emoji: string,
  on: boolean,
): Promise<void> {
  const path = `/messages/${channel}/${seq}/reactions/${encodeURIComponent(emoji)}`;
  await call(by, on ? "PUT" : "DELETE", path);
}

/** Remembers how far a person of the company has read. */
export async function markRead(by: Caller, channel: string, seq: number): Promise<void> {
  await call(by, "POST", `/channels/${channel}/read`, { seq });
}
