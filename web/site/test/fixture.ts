/**
 * The account pages as the gateway serves them, and an API that answers what a test tells it to. What
 * comes without proof that it comes from our own pages is refused, as the gateway does.
 */

import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { test as base, type Page } from "@playwright/test";
import { findingsBy } from "../../testing/axe.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const WEB = new URL("../../", import.meta.url);
const TYPES: Record<string, string> = { ".js": "text/javascript", ".css": "text/css" };

type Body = Record<string, unknown> | undefined;
type Answer = [status: number, body?: unknown];

export class FakeApi {
  /** What is answered, by `METHOD /path` below `/api/v1`. */
  readonly answers = new Map<string, Answer | ((body: Body) => Answer)>();
  /** What was asked, with the body. */
  readonly asked: [string, Body][] = [];
  readonly #server: Server;
  origin = "";

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
  }

  on(request: string, answer: Answer | ((body: Body) => Answer)): void {
    this.answers.set(request, answer);
  }

  /** The bodies of the requests of this name. */
  bodies(request: string): Body[] {
    return this.asked.filter(([name]) => name === request).map(([, body]) => body);
  }

  async listen(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, "localhost", done));
    this.origin = `http://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", this.origin);
    if (pathname.startsWith("/api/v1/")) {
      const [status, body] = await this.#answer(request, pathname.slice("/api/v1".length));
      response.writeHead(status, {
        "content-type": status < 400 ? "application/json" : "application/problem+json",
      });
      response.end(body === undefined ? "" : JSON.stringify(body));
      return;
    }
    const page = extname(pathname) === "";
    const file = new URL(`dist${pathname}${page ? ".html" : ""}`, WEB);
    response.writeHead(200, {
      "content-type": page
        ? "text/html; charset=utf-8"
        : (TYPES[extname(pathname)] ?? "image/svg+xml"),
      "content-security-policy":
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'",
      "referrer-policy": "no-referrer",
    });
    response.end(await readFile(file));
  }

  async #answer(request: IncomingMessage, path: string): Promise<Answer> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = text === "" ? undefined : (JSON.parse(text) as Body);
    const name = `${request.method} ${path}`;
    this.asked.push([name, body]);
    if (request.method !== "GET" && request.headers.origin !== this.origin) {
      return problem(403, "origin_not_allowed");
    }
    const answer = this.answers.get(name);
    if (!answer) return problem(404, "not_found");
    return typeof answer === "function" ? answer(body) : answer;
  }
}

/** A refusal; `errors` by pointer. */
export function problem(
  status: number,
  code: string,
  errors: Record<string, string> = {},
  members: object = {},
): Answer {
  const fields = Object.entries(errors).map(([pointer, detail]) => ({ pointer, detail }));
  return [status, { status, code, title: code, errors: fields, ...members }];
}

export const ME = {
  id: "01930000-0000-7000-8000-000000000001",
  email: "ada@example.com",
  email_verified: true,
  name: "Ada",
  workspace: { id: "01930000-0000-7000-8000-000000000002", name: "Juniper & Pine" },
  role: "owner",
  role_id: null,
  permissions: ["members:read", "members:write", "workspace:write"],
  second_factor_demanded: false,
};

const listOf = (...items: unknown[]): Answer => [200, { items, next_cursor: null }];

export const NOW = "2026-03-01T12:00:00Z";

/** Somebody is signed in, with something in every list. */
export function furnish(api: FakeApi): void {
  api.on("GET /auth/me", [200, ME]);
  api.on("GET /auth/factors", [
    200,
    {
      totp_since: null,
      recovery_codes_left: 0,
      passkeys: 1,
      issuers: [],
    },
  ]);
  api.on(
    "GET /auth/identities",
    listOf({
      issuer_id: "i",
      name: "Login Inc.",
      workspace_name: "Another Shop",
      last_used_at: NOW,
    }),
  );
  api.on(
    "GET /auth/passkeys",
    listOf({ id: "p", name: "my key", created_at: NOW, last_used_at: null }),
  );
  const session = {
    user_agent: "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
    address: "192.0.2.7",
    methods: ["password", "totp"],
    created_at: NOW,
    last_used_at: NOW,
  };
  api.on(
    "GET /auth/sessions",
    listOf({ ...session, id: "s1", current: true }, { ...session, id: "s2", current: false }),
  );
  api.on("GET /auth/workspace", [200, { require_second_factor: false }]);
  api.on("GET /auth/roles", listOf({ id: "r", name: "Night shift" }));
  api.on("GET /auth/workspaces", listOf(ME.workspace, { id: "w", name: "Another Shop" }));
  const member = { email_verified: true, second_factor: true, role_id: null, joined_at: NOW };
  api.on(
    "GET /auth/members",
    listOf(
      { ...member, user_id: ME.id, name: "Ada", email: ME.email, role: "owner" },
      { ...member, user_id: "b", name: "Bob", email: "bob@example.com", role: "viewer" },
    ),
  );
  api.on(
    "GET /auth/invites",
    listOf({
      id: "v",
      email: "eve@example.com",
      role: "custom",
      role_id: "r",
      sent_at: NOW,
      expires_at: NOW,
    }),
  );
  api.on("POST /auth/invites/lookup", [
    200,
    {
      workspace_name: "Juniper & Pine",
      email: "bob@example.com",
      role: "agent",
      role_name: null,
      account: "none",
    },
  ]);
  api.on("POST /auth/email/verify", [204]);
}

export async function open(page: Page, name: string): Promise<void> {
  await page.goto(`/account/${name}`);
  await page.waitForLoadState("networkidle");
}

/** What axe finds, as lines to read. */
export function findings(page: Page): Promise<string[]> {
  return findingsBy(AXE, page);
}

export const test = base.extend<{ api: FakeApi; complaints: string[] }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern.
  api: async ({}, use) => {
    const api = new FakeApi();
    await api.listen();
    await use(api);
    await api.close();
  },
  baseURL: async ({ api }, use) => use(api.origin),
  /** What the page complained of: the policy, scripts. Refused requests are part of the tests. */
  complaints: [
    async ({ page }, use) => {
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => {
        const text = message.text();
        if (message.type() === "error" && !text.startsWith("Failed to load resource")) {
          complaints.push(text);
        }
      });
      await use(complaints);
      base.expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});
