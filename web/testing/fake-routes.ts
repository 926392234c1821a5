/**
 * The routes of the fake gateway about a visitor's conversations beside the socket: what the widget
 * asks for, refused where the contract (crates/chat-api) refuses it.
 */

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Attachment, WidgetSettings } from "@syntera/client";
import type { FakeChat, LogEntry, Room } from "./chat.ts";

export type Fields = Record<string, unknown>;
type Answer = [number, unknown] | undefined;

export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(code);
  }
}

/** A picture of one pixel. */
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);

export class AboutVisitors {
  settings: WidgetSettings = {};
  /** What each visitor said of themselves, and which text they agreed to. */
  readonly introductions = new Map<string, Fields>();
  readonly consents = new Map<string, number>();
  readonly ratings: Fields[] = [];
  readonly files = new Map<string, { bytes: Buffer; room: Room }>();
  /** The largest file, in bytes. */
  largest = 20 * 1024 * 1024;

  constructor(private readonly chat: FakeChat) {}

  /** Answers what is one of these routes. */
  async answer(
    named: string,
    url: URL,
    request: IncomingMessage,
    visitor: string,
  ): Promise<Answer> {
    const [method, path = ""] = named.split(" /api/v1");
    const parts = path.split("/").slice(1).map(decodeURIComponent);
    const [first = "", id = "", second = "", third = ""] = parts;
    if (path === "/widget-settings") return [200, this.#settings(visitor)];
    if (named === "POST /api/v1/consents") {
      const { version } = await bodyOf(request, ["version"], ["channel_id"]);
      if (version !== this.settings.consent?.version) throw new Refusal(422, "validation_failed");
      this.consents.set(visitor, version as number);
      return [201, { version }];
    }
    if (named === "PUT /api/v1/introduction") {
      const body = await bodyOf(request, [], ["name", "email", "phone", "custom"]);
      this.introductions.set(visitor, body);
      return [200, body];
    }
    if (named === "GET /api/v1/channels") return [200, this.#list(visitor)];
    if (first === "attachments") return this.#file(id, second, visitor);
    const room = this.chat.rooms.get(id);
    if (room?.visitor !== visitor) return undefined;
    const by = { kind: "visitor", id: visitor } as const;
    if (first === "messages" && second !== "") {
      return this.#message(method ?? "", room, Number(second), parts.slice(3), request, visitor);
    }
    if (first !== "channels") return undefined;
    switch (`${method} ${second}`) {
      case "POST attachments":
        return this.#upload(room, url, request);
      case "GET queue":
        return [200, { position: null, expected_wait_seconds: null, ...room.place }];
      case "POST reopen": {
        const { owner } = await bodyOf(request, ["owner"], []);
        if (owner !== "ai") throw new Refusal(403, "forbidden");
        if (room.owner !== "closed") throw new Refusal(409, "conflict");
        this.chat.setOwner(id, "ai", by);
        return [200, { id, owner }];
      }
      case "POST rating": {
        const body = await bodyOf(request, ["score"], ["comment"]);
        this.ratings.push(body);
        this.chat.change(id, by, { what: "rated", score: body.score as number });
        return [200, { id, rating: body.score }];
      }
      default:
        if (third !== "") throw new Refusal(404, "not_found");
        return undefined;
    }
  }

  #settings(visitor: string): WidgetSettings {
    const { consent, ...rest } = this.settings;
    if (!consent) return rest;
    const needed = consent.required && this.consents.get(visitor) !== consent.version;
    return { ...rest, consent: { ...consent, needed } };
  }

  #list(visitor: string): Fields {
    const rooms = [...this.chat.rooms.values()].filter((room) => room.visitor === visitor);
    const items = rooms.reverse().map((room) => ({
      id: room.id,
      agent_id: "a",
      visitor_id: visitor,
      owner: room.owner,
      assignee_id: null,
      team_id: null,
      labels: [],
      priority: "normal",
      snoozed_until: null,
      episode: room.episode,
      head_seq: room.log.length,
      last_message_seq: 0,
      unread: 0,
      waiting_since: null,
      created_at: room.log[0]?.created_at,
      last_activity_at: room.log.at(-1)?.created_at,
      last_message_at: null,
      closed_at: null,
      rating: null,
      merged_into: null,
    }));
    return { items, next_cursor: null };
  }

  async #message(
    method: string,
    room: Room,
    seq: number,
    rest: string[],
    request: IncomingMessage,
    visitor: string,
  ): Promise<Answer> {
    const entry: LogEntry | undefined = room.log[seq - 1];
    if (entry?.kind !== "message" || entry.deleted_at) throw new Refusal(404, "not_found");
    const by = { kind: "visitor", id: visitor } as const;
    const mine = entry.sender.kind === "visitor";
    switch (`${method} ${rest[0] ?? ""}`) {
      case "PATCH ": {
        const { text } = await bodyOf(request, ["text"], []);
        if (!mine) throw new Refusal(403, "forbidden");
        this.chat.edit(room.id, seq, by, { ...entry.body, text: String(text) });
        return [200, { ...entry, channel_id: room.id }];
      }
      case "DELETE ":
        if (!mine) throw new Refusal(403, "forbidden");
        this.chat.remove(room.id, seq, by);
        return [204, {}];
      case "PUT reactions":
      case "DELETE reactions":
        this.chat.react(room.id, seq, by, rest[1] ?? "", method === "PUT");
        return [200, {}];
      case "PUT rating": {
        const { helpful } = await bodyOf(request, ["helpful"], []);
        if (entry.sender.kind !== "agent") throw new Refusal(403, "forbidden");
        const change = { what: "helpful" as const };
        const word = helpful === null ? change : { ...change, helpful: helpful === true };
        this.chat.change(room.id, by, word, seq);
        return [200, {}];
      }
      default:
        throw new Refusal(404, "not_found");
    }
  }

  async #upload(room: Room, url: URL, request: IncomingMessage): Promise<Answer> {
    const name = url.searchParams.get("name");
    if (!name || !url.searchParams.get("client_id")) throw new Refusal(422, "validation_failed");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    if (bytes.length > this.largest) throw new Refusal(413, "payload_too_large");
    const image = bytes.subarray(0, 4).equals(PIXEL.subarray(0, 4));
    const file: Attachment = {
      id: randomUUID(),
      name,
      media_type: image ? "image/png" : "application/octet-stream",
      size: bytes.length,
      ...(image ? { width: 200, height: 120, thumbnail: true } : {}),
    };
    room.files.set(file.id, file);
    this.files.set(file.id, { bytes, room });
    return [201, file];
  }

  #file(id: string, what: string, visitor: string): Answer {
    const file = this.files.get(id);
    if (file?.room.visitor !== visitor) throw new Refusal(404, "not_found");
    return [200, what === "thumbnail" ? PIXEL : file.bytes];
  }
}

/** The JSON body of a request, with the fields it must and may have and no others. */
export async function bodyOf(
  request: IncomingMessage,
  must: string[],
  may: string[],
): Promise<Fields> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  if (!(request.headers["content-type"] ?? "").startsWith("application/json")) {
    throw new Refusal(415, "unsupported_media_type");
  }
  const body = JSON.parse(text) as Fields;
  const stray = Object.keys(body).some((name) => !must.includes(name) && !may.includes(name));
  if (stray || must.some((name) => !(name in body))) throw new Refusal(422, "validation_failed");
  return body;
}
