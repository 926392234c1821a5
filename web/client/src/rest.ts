/**
 * The few REST calls that a visitor's client needs, and the error that each can end in: a problem
 * document (RFC 9457) as `Problem`, a lost network as the `TypeError` of fetch.
 */

import { type Entry, type Owner, readEntry } from "./frames.ts";

/** A refused request, as the server explained it. */
export class Problem extends Error {
  override name = "Problem";

  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly requestId: string | undefined,
    readonly retryAfterSeconds: number | undefined,
  ) {
    super(`${status} ${code}: ${title}`);
  }

  /** Whether the same request may succeed later without anybody changing it. */
  get passing(): boolean {
    return this.status === 429 || this.status >= 500;
  }
}

export interface VisitorSession {
  visitor_id: string;
  visitor_secret: string;
  agent_id: string;
  access_token: string;
  expires_in: number;
}

/** The part of the answer of `POST /agents/:id/start` that a visitor's client needs. */
export interface Started {
  channel_id: string;
  agent_name: string;
}

const TIMEOUT_MS = 15_000;

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export class Rest {
  /** `base` ends in `/api/v1`. */
  constructor(
    readonly base: string,
    private readonly fetch: Fetch = (url, init) => globalThis.fetch(url, init),
  ) {}

  /** Opens or renews a visitor's session; `identity` is what the company signed of the person. */
  async visitor(key: string, secret?: string, identity?: string): Promise<VisitorSession> {
    const body = {
      key,
      ...(secret === undefined ? {} : { visitor_secret: secret }),
      ...(identity === undefined ? {} : { identity }),
    };
    return (await this.call("POST", "/auth/visitors", undefined, body)) as VisitorSession;
  }

  /** Answers the visitor's open conversation, or a new one. */
  async start(agentId: string, token: string): Promise<Started> {
    return (await this.call("POST", `/agents/${agentId}/start`, token, {})) as Started;
  }

  /** Asks for a person (`queued`) or ends the conversation (`closed`). */
  async setOwner(channel: string, owner: Extract<Owner, "queued" | "closed">, token: string) {
    await this.call("POST", `/channels/${channel}/owner`, token, { owner });
  }

  /** One page of a channel's log, in the order of seq. */
  async messages(
    channel: string,
    query: { after_seq?: number; before_seq?: number; limit?: number },
    token: string,
  ): Promise<Entry[]> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) search.set(name, String(value));
    const page = (await this.call("GET", `/messages/${channel}?${search}`, token)) as {
      items: unknown[];
    };
    return page.items.map(readEntry);
  }

  /** Any request with JSON both ways; `path` begins after `/api/v1`. */
  async call(method: string, path: string, token?: string, body?: unknown): Promise<unknown> {
    const response = await this.fetch(this.base + path, {
      method,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // Visitors' routes use no cookies, so none are sent.
      credentials: "omit",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer;
    throw problemOf(response.status, response.statusText, answer, (name) =>
      response.headers.get(name),
    );
  }
}

/** The refusal that an answer says. */
export function problemOf(
  status: number,
  statusText: string,
  answer: unknown,
  header: (name: string) => string | null,
): Problem {
  const said = (answer ?? {}) as { code?: string; title?: string; request_id?: string };
  const wait = Number(header("retry-after"));
  return new Problem(
    status,
    said.code ?? "unknown",
    said.title ?? statusText,
    said.request_id,
    wait > 0 ? wait : undefined,
  );
}
