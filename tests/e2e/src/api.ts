/** The public API as a program uses it, and workspaces to use it in. */

import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { eventually } from "./eventually.ts";
import { BASE_URL } from "./fleet.ts";

export const API = `${BASE_URL}/api/v1`;

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by the tests.
export type Json = any;

export interface Answer {
  status: number;
  type: string;
  headers: Headers;
  body: Json;
}

export interface Ask {
  /** The gateway that is asked; the fleet's own when left out. */
  at?: string | undefined;
  token?: string | undefined;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is, with `contentType`. */
  raw?: string | Uint8Array;
  contentType?: string | undefined;
  headers?: Record<string, string>;
}

/** One request; any status is an answer. */
export async function call(method: string, path: string, ask: Ask = {}): Promise<Answer> {
  const headers: Record<string, string> = { accept: "application/json", ...ask.headers };
  if (ask.token !== undefined) headers.authorization = `Bearer ${ask.token}`;
  if (ask.json !== undefined) headers["content-type"] = "application/json";
  if (ask.contentType !== undefined) headers["content-type"] = ask.contentType;
  const body = ask.json === undefined ? ask.raw : JSON.stringify(ask.json);
  const response = await fetch(`${ask.at ?? BASE_URL}/api/v1${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: body as BodyInit }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  let answer: Json = text;
  try {
    answer = JSON.parse(text);
  } catch {
    // Not JSON: the test sees the text.
  }
  return {
    status: response.status,
    type: (response.headers.get("content-type") ?? "").split(";")[0] ?? "",
    headers: response.headers,
    body: answer,
  };
}

/**
 * Announces a body of so many bytes and waits for leave to send it (RFC 9110 §10.1.1), which is how
 * a refusal arrives whole: a client that writes into a closed connection may never read it.
 */
export function announce(
  method: string,
  path: string,
  length: number,
  token: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "content-length": length,
      expect: "100-continue",
    };
    const asked = request(API + path, { method, headers, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += String(chunk);
      });
      response.on("end", () => {
        asked.destroy();
        resolve({
          status: response.statusCode ?? 0,
          type: (response.headers["content-type"] ?? "").split(";")[0] ?? "",
          headers: new Headers(),
          body: JSON.parse(text),
        });
      });
    });
    asked.on("continue", () => reject(new Error(`${path} takes ${length} bytes`)));
    asked.on("error", reject);
    asked.flushHeaders();
  });
}

/** One request that must succeed. */
export async function must(method: string, path: string, ask: Ask = {}): Promise<Json> {
  const answer = await call(method, path, ask);
  if (answer.status < 200 || answer.status > 299) {
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
  return answer.body;
}

/** All items of a list, through its pages. */
export async function all(path: string, token: string): Promise<Json[]> {
  const items: Json[] = [];
  let cursor: string | null = null;
  do {
    const join = path.includes("?") ? "&" : "?";
    const next: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Json = await must("GET", `${path}${join}limit=100${next}`, { token });
    items.push(...page.items);
    cursor = page.next_cursor ?? null;
  } while (cursor !== null);
  return items;
}

/** All entries of a channel's log, oldest first. */
export async function history(channel: string, token: string): Promise<Json[]> {
  const entries: Json[] = [];
  for (;;) {
    const after = entries.at(-1)?.seq ?? 0;
    const page = await must("GET", `/messages/${channel}?after_seq=${after}&limit=100`, { token });
    if (page.items.length === 0) return entries;
    entries.push(...page.items);
  }
}

export interface Demo {
  key: string;
  agent_name: string;
  login: { email: string; password: string };
}

/** What the seed made. */
export async function demo(): Promise<Demo> {
  const response = await fetch(`${BASE_URL}/demo/config.json`);
  if (!response.ok) throw new Error(`the fleet is not seeded: ${response.status}`);
  return (await response.json()) as Demo;
}

/** Signs in with the demo's login; answers the access token. */
export async function demoToken(): Promise<string> {
  const { login } = await demo();
  return (await must("POST", "/auth/login", { json: login })).access_token;
}

/** Somebody who is signed in, and can do so again. */
export interface Person {
  token: string;
  email: string;
  password: string;
}

/** The owner of a workspace of one test, with nothing in it that others count. */
export async function workspace(): Promise<Person> {
  const id = randomUUID();
  const email = `owner-${id}@e2e.example`;
  const password = `pw-${randomUUID()}`;
  await must("POST", "/auth/register", {
    json: { email, password, name: "Owner", workspace_name: `Shop ${id.slice(0, 8)}` },
  });
  await must("POST", "/auth/email/verify", { json: { token: await linkIn("Verify", email) } });
  const { access_token: token } = await must("POST", "/auth/login", { json: { email, password } });
  return { token, email, password };
}

/** Somebody whom `owner` invites, and who joins; `role` is what the invitation says of it. */
export async function colleague(
  owner: string,
  role: { role: string; role_id?: string },
): Promise<Person> {
  const [email, password] = [`${randomUUID()}@e2e.example`, `pw-${randomUUID()}`];
  await must("POST", "/auth/invites", { token: owner, json: { email, ...role } });
  await must("POST", "/auth/invites/accept", {
    json: { token: await linkIn("Join", email), name: "Bob", password },
  });
  const { access_token: token } = await must("POST", "/auth/login", { json: { email, password } });
  return { token, email, password };
}

/** What the link carries in the newest letter to `email` whose subject begins so. */
export async function linkIn(subject: string, email: string): Promise<string> {
  return eventually(async () => {
    const list = await (await fetch(`${BASE_URL}/mail`)).text();
    for (const [, file] of list.matchAll(/href="\/mail\/([A-Za-z0-9_-]+\.eml)"/g)) {
      const letter = await (await fetch(`${BASE_URL}/mail/${file}`)).text();
      const token = /#token=([A-Za-z0-9_-]+)/.exec(letter);
      if (letter.includes(subject) && letter.includes(email) && token) return token[1];
    }
    return undefined;
  }, `a letter "${subject}" comes`);
}

/** An agent that knows the texts, and a key for pages of the gateway's own origin. */
export async function agentWith(
  token: string,
  texts: { title: string; content: string }[],
): Promise<{ agent: string; key: string }> {
  const { id: agent } = await must("POST", "/agents", { token, json: { name: "Robin" } });
  for (const text of texts) {
    await must("POST", `/agents/${agent}/documents`, {
      token,
      json: { ...text, url: "https://shop.example/help" },
    });
  }
  await eventually(
    async () => {
      const documents = await all(`/agents/${agent}/documents`, token);
      const failed = documents.find((one) => one.status === "failed");
      if (failed) throw new Error(`a document failed: ${failed.error}`);
      return documents.length === texts.length && documents.every((d) => d.status === "ready");
    },
    "the documents are ready",
    120_000,
  );
  const { key } = await must("POST", "/auth/keys", {
    token,
    json: { name: "e2e", agent_id: agent, allowed_origins: [new URL(BASE_URL).origin] },
  });
  return { agent, key };
}
