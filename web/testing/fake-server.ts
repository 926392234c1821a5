/**
 * A gateway for the widget's browser tests: serves dist/ under a strict policy, and the visitor's
 * part of the API over HTTP and WebSocket, as docs/ARCHITECTURE.md has it. What the contracts forbid
 * is refused and written down in `violations`.
 */

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { type WebSocket, WebSocketServer } from "ws";
import { FakeChat, tokenIn, visible } from "./chat.ts";
import { AboutVisitors, bodyOf, type Fields, Refusal } from "./fake-routes.ts";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".md": "text/markdown; charset=utf-8",
};

export const KEY = "pk_test_juniper";
export const AGENT = "01930000-0000-7000-8000-000000000001";

interface Visitor {
  id: string;
  secret: string;
}

export class FakeServer {
  readonly chat: FakeChat;
  readonly violations: string[] = [];
  /** Requests as they came, `METHOD /path`. */
  readonly requests: string[] = [];
  /** The agent's name in the answer of `start`. */
  agentName = "Juniper";
  /** Answers a status and code to refuse a request with, or nothing. */
  refuse: (request: string) => [number, string] | undefined = () => undefined;
  /** Whether sockets can be opened. */
  sockets = true;
  config = true;
  readonly about: AboutVisitors;
  readonly #visitors = new Map<string, Visitor>();
  readonly #tokens = new Map<string, { visitor: string; expiresAt: number }>();
  readonly #open = new Set<WebSocket>();
  readonly #server: Server;
  #origin = "";

  constructor(private readonly dist: string) {
    this.chat = new FakeChat({ verify: (token) => this.#tokens.get(token) });
    this.about = new AboutVisitors(this.chat);
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        this.#problem(response, error);
      });
    });
    const upgrades = new WebSocketServer({
      noServer: true,
      handleProtocols: (offered) => (offered.has("syntera.v1") ? "syntera.v1" : false),
    });
    this.#server.on("upgrade", (request, socket, head) => {
      const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(/\s*,\s*/);
      const status = request.url === "/api/v1/ws/chat" ? this.chat.admits(protocols) : 404;
      if (status !== 101 || !this.sockets) {
        socket.end(`HTTP/1.1 ${this.sockets ? status : 503} Refused\r\nconnection: close\r\n\r\n`);
        return;
      }
      upgrades.handleUpgrade(request, socket, head, (ws) => this.#connected(ws, protocols));
    });
  }

  get origin(): string {
    return this.#origin;
  }

  async listen(port = 0): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(port, "127.0.0.1", done));
    this.#origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this.#origin;
  }

  async close(): Promise<void> {
    for (const ws of this.#open) ws.terminate();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  /** Cuts every socket, as a lost network does. */
  cut(): void {
    for (const ws of this.#open) ws.terminate();
  }

  /** The one channel that a test has made. */
  get channel(): string {
    const open = [...this.chat.rooms.values()].at(-1);
    if (!open) throw new Error("no conversation was started");
    return open.id;
  }

  /** What the visitor has said in it, as it stands in the log. */
  get said(): string[] {
    const { log } = this.chat.room(this.channel);
    return log.flatMap(({ sender, body }) =>
      sender.kind === "visitor" && body ? [body.text] : [],
    );
  }

  #connected(ws: WebSocket, protocols: string[]): void {
    this.#open.add(ws);
    const peer = this.chat.connect(protocols, {
      deliver: (data) => ws.send(data),
      close: (code, reason) => ws.close(code, reason),
    });
    ws.on("message", (data, binary) => {
      if (binary) this.violations.push("a binary frame");
      else peer.receive(String(data));
    });
    ws.on("error", () => {});
    ws.on("close", () => {
      this.#open.delete(ws);
      peer.gone();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.#origin);
    const named = `${request.method} ${url.pathname}`;
    this.requests.push(named);
    const refused = this.refuse(named);
    if (refused) throw new Refusal(...refused);
    if (url.pathname.startsWith("/api/v1/")) {
      response.setHeader("access-control-allow-origin", request.headers.origin ?? "*");
      response.setHeader("access-control-allow-headers", "authorization, content-type");
      response.setHeader("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE");
      if (request.method === "OPTIONS") {
        response.writeHead(204).end();
        return;
      }
      const [status, body] = await this.#api(named, url, request);
      if (Buffer.isBuffer(body)) {
        response.writeHead(status, { "content-type": "application/octet-stream" }).end(body);
        return;
      }
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
      return;
    }
    await this.#file(url.pathname, response);
  }

  async #file(path: string, response: ServerResponse): Promise<void> {
    if (path === "/demo/config.json") {
      if (!this.config) throw new Refusal(404, "not_found");
      const login = { email: "demo@example.test", password: "correct horse" };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ key: KEY, agent_name: this.agentName, login }));
      return;
    }
    const name = normalize(path.endsWith("/") ? `${path}index.html` : path);
    const content = await readFile(join(this.dist, name)).catch(() => {
      throw new Refusal(404, "not_found");
    });
    response.writeHead(200, {
      "content-type": TYPES[extname(name)] ?? "application/octet-stream",
      "content-security-policy":
        "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
    });
    response.end(content);
  }

  async #api(named: string, url: URL, request: IncomingMessage): Promise<[number, unknown]> {
    if (named === "GET /api/v1/openapi.json") return [200, OPENAPI];
    if (named === "POST /api/v1/auth/visitors") {
      return [200, this.#visitor(await bodyOf(request, ["key"], ["visitor_secret", "identity"]))];
    }
    const visitor = this.#caller(request);
    const [, , , first, id, second] = url.pathname.split("/");
    if (request.method === "POST" && first === "agents" && second === "start") {
      if (id !== AGENT) throw new Refusal(404, "not_found");
      await bodyOf(request, [], []);
      return this.#start(visitor);
    }
    const answered = await this.about.answer(named, url, request, visitor);
    if (answered) return answered;
    const room = this.chat.rooms.get(id ?? "");
    if (room?.visitor !== visitor) throw new Refusal(404, "not_found");
    if (named === `POST /api/v1/channels/${id}/owner`) {
      const { owner } = await bodyOf(request, ["owner"], []);
      if (owner !== "queued" && owner !== "closed") throw new Refusal(403, "forbidden");
      if (room.owner === "closed") throw new Refusal(409, "channel_closed");
      const entry = this.chat.setOwner(room.id, owner, { kind: "visitor", id: visitor });
      return [200, { channel: room.id, owner, owner_version: entry.seq }];
    }
    if (named === `GET /api/v1/messages/${id}`) {
      const after = Number(url.searchParams.get("after_seq") ?? 0);
      const limit = Number(url.searchParams.get("limit") ?? 50);
      const items = visible(room.log.slice(after)).slice(0, limit);
      return [
        200,
        {
          items: items.map(({ channel, type: _, ...rest }) => ({ channel_id: channel, ...rest })),
          next_cursor: null,
        },
      ];
    }
    throw new Refusal(404, "not_found");
  }

  #visitor({ key, visitor_secret: secret, identity }: Fields): Fields {
    if (key !== KEY) throw new Refusal(401, "invalid_credentials");
    if (typeof identity === "string") return this.#session(this.#identified(identity));
    const known = secret === undefined ? undefined : this.#visitors.get(String(secret));
    if (secret !== undefined && !known) throw new Refusal(401, "invalid_credentials");
    const visitor = known ?? { id: randomUUID(), secret: randomUUID() };
    this.#visitors.set(visitor.secret, visitor);
    return this.#session(visitor);
  }

  /** Whoever a company vouches for is the same visitor each time. */
  #identified(identity: string): Visitor {
    const secret = `of ${identity}`;
    const visitor = this.#visitors.get(secret) ?? { id: randomUUID(), secret };
    this.#visitors.set(secret, visitor);
    return visitor;
  }

  #session(visitor: Visitor): Fields {
    const token = randomUUID();
    this.#tokens.set(token, { visitor: visitor.id, expiresAt: Date.now() + 600_000 });
    return {
      visitor_id: visitor.id,
      visitor_secret: visitor.secret,
      agent_id: AGENT,
      access_token: token,
      token_type: "Bearer",
      expires_in: 600,
    };
  }

  #caller(request: IncomingMessage): string {
    const [scheme, token = ""] = (request.headers.authorization ?? "").split(" ");
    const caller = this.#tokens.get(token);
    if (scheme !== "Bearer" || !caller) throw new Refusal(401, "unauthenticated");
    return caller.visitor;
  }

  #start(visitor: string): [number, Fields] {
    const open = [...this.chat.rooms.values()].find(
      (room) => room.visitor === visitor && room.owner !== "closed",
    );
    const id = open?.id ?? randomUUID();
    if (!open) this.chat.create(id, visitor);
    return [
      open ? 200 : 201,
      {
        conversation_id: id,
        channel_id: id,
        agent_id: AGENT,
        agent_name: this.agentName,
        owner: "ai",
        head_seq: this.chat.room(id).log.length,
        created_at: new Date().toISOString(),
      },
    ];
  }

  #problem(response: ServerResponse, error: unknown): void {
    const refusal = error instanceof Refusal ? error : new Refusal(500, "internal");
    if (!(error instanceof Refusal)) this.violations.push(String(error));
    response.writeHead(refusal.status, { "content-type": "application/problem+json" });
    response.end(
      JSON.stringify({
        type: `/errors/${refusal.code}`,
        title: refusal.code,
        status: refusal.status,
        code: refusal.code,
        request_id: randomUUID(),
      }),
    );
  }
}

/** A small document, for the reference page. */
const OPENAPI = {
  openapi: "3.1.0",
  info: { title: "Syntera", version: "1" },
  tags: [{ name: "crm", description: "Contacts and what was said with them." }],
  paths: {
    "/contacts": {
      get: {
        tags: ["crm"],
        summary: "List contacts",
        parameters: [{ name: "limit", in: "query", schema: { type: "integer" } }],
        security: [{ bearer: [] }],
        responses: { 200: { description: "One page." }, 401: { description: "No token." } },
      },
      post: {
        tags: ["crm"],
        summary: "Create a contact",
        requestBody: {
          content: { "application/json": { schema: { $ref: "#/components/schemas/NewContact" } } },
        },
        responses: { 201: { description: "The contact." } },
      },
    },
    "/auth/login": {
      post: { tags: ["auth"], summary: "Sign in", responses: { 200: { description: "A token." } } },
    },
  },
  components: {
    schemas: {
      NewContact: {
        type: "object",
        required: ["name"],
        properties: { name: { type: "string" }, email: { type: "string", format: "email" } },
      },
    },
  },
};

export { tokenIn };
