/**
 * What the API says to requests that are wrong. Every case is tried on every operation that the
 * OpenAPI document lists, as far as it can be wrong there; the answer is a problem document, and its
 * status stands in the document.
 */

import { randomUUID } from "node:crypto";
import { expect, test } from "@playwright/test";
import { type Answer, type Ask, announce, call, type Json, must, workspace } from "../src/api.ts";
import { BASE_URL } from "../src/fleet.ts";

const METHODS = ["get", "post", "put", "patch", "delete"];

interface Operation {
  method: string;
  path: string;
  /** The path with ids of the first workspace in it. */
  own: string;
  /** The same with ids of the other workspace. */
  foreign: string;
  public: boolean;
  takesJson: boolean;
  listed: boolean;
  statuses: string[];
}

let operations: Operation[];
let paths: Set<string>;
let token: string;

/** What there is in a workspace to point at. */
async function furnished(): Promise<{ token: string; ids: Record<string, string> }> {
  const { token } = await workspace();
  const agent = await must("POST", "/agents", { token, json: { name: "Robin" } });
  const document = await must("POST", `/agents/${agent.id}/documents`, {
    token,
    json: { title: "A text", content: "Words that nobody will ask for." },
  });
  const contact = await must("POST", "/contacts", { token, json: { name: "Ada" } });
  const origin = new URL(BASE_URL).origin;
  const key = await must("POST", "/auth/keys", {
    token,
    json: { name: "e2e", agent_id: agent.id, allowed_origins: [origin] },
  });
  const visitor = await must("POST", "/auth/visitors", {
    json: { key: key.key },
    headers: { origin },
  });
  const { channel_id: channel } = await must("POST", `/agents/${agent.id}/start`, {
    token: visitor.access_token,
    json: {},
    headers: { origin },
  });
  const me = await must("GET", "/auth/me", { token });
  const [role, invite] = [
    await must("POST", "/auth/roles", {
      token,
      json: { name: "Reader", permissions: ["contacts:read"] },
    }),
    await must("POST", "/auth/invites", {
      token,
      json: { email: `guest-${randomUUID()}@e2e.example`, role: "viewer" },
    }),
  ];
  const [team, view, canned] = [
    await must("POST", "/teams", { token, json: { name: "Returns" } }),
    await must("POST", "/views", { token, json: { name: "Mine", filter: {}, shared: false } }),
    await must("POST", "/canned-replies", {
      token,
      json: { shortcut: "hi", title: "Hello", text: "Hello!", shared: false },
    }),
  ];
  const said = await must("POST", `/messages/${channel}`, {
    token,
    json: { client_id: randomUUID(), body: { text: "Hello" } },
  });
  const later = await must("POST", `/channels/${channel}/scheduled-messages`, {
    token,
    json: { text: "Later", send_at: new Date(Date.now() + 86_400_000).toISOString() },
  });
  const file = await must(
    "POST",
    `/channels/${channel}/attachments?name=a.txt&client_id=${randomUUID()}`,
    { token, raw: "A file", contentType: "application/octet-stream" },
  );
  return {
    token,
    ids: {
      "/auth/sessions": me.session_id,
      "/auth/workspaces": me.workspace.id,
      "/auth/members": me.id,
      "/auth/roles": role.id,
      "/auth/invites": invite.id,
      // To have one of these takes an authenticator or a provider; one that is not there will do.
      "/auth/passkeys": randomUUID(),
      "/auth/identities": randomUUID(),
      "/auth/issuers": randomUUID(),
      "/auth/oidc": randomUUID(),
      "/agents": agent.id,
      "/contacts": contact.id,
      "/auth/keys": key.id,
      "/messages": channel,
      "/channels": channel,
      "/teams": team.id,
      "/views": view.id,
      "/canned-replies": canned.id,
      "/attachments": file.id,
      user_id: me.id,
      seq: said.seq,
      emoji: encodeURIComponent("👍"),
      message_id: later.id,
      document_id: document.id,
    },
  };
}

/** Puts ids into a path: by the name of the parameter, or by the collection before it. */
function filled(path: string, ids: Record<string, string>): string {
  return path.replace(
    /(\/[a-z/-]+?)?\/\{(\w+)\}/g,
    (_, before: string | undefined, name: string) => {
      const id = name === "type" ? "conversations" : (ids[name] ?? ids[before ?? ""]);
      if (id === undefined) throw new Error(`no id for {${name}} after ${before}`);
      return `${before ?? ""}/${id}`;
    },
  );
}

test.beforeAll(async () => {
  const document = await must("GET", "/openapi.json");
  const [own, other] = [await furnished(), await furnished()];
  token = own.token;
  paths = new Set(Object.keys(document.paths));
  operations = Object.entries(document.paths as Record<string, Record<string, Json>>).flatMap(
    ([path, item]) =>
      METHODS.filter((method) => method in item).map((method) => {
        const operation = item[method];
        const security: object[] = operation.security ?? document.security ?? [];
        return {
          method: method.toUpperCase(),
          path,
          own: filled(path, own.ids),
          foreign: filled(path, other.ids),
          public: security.some((one) => Object.keys(one).length === 0),
          takesJson: Object.keys(operation.requestBody?.content ?? {}).some((t) => /json/.test(t)),
          listed: (operation.parameters ?? []).some((p: Json) => p.name === "cursor"),
          statuses: Object.keys(operation.responses),
        };
      }),
  );
  expect(operations.length).toBeGreaterThan(20);
});

/** The one shape of every refusal (RFC 9457). */
function expectProblem(answer: Answer, status: number, what: string, code?: string): void {
  expect(`${answer.status} ${JSON.stringify(answer.body)}`, what).toMatch(
    new RegExp(`^${status} `),
  );
  expect(answer.type, what).toBe("application/problem+json");
  expect(answer.body, what).toMatchObject({
    type: `/errors/${answer.body.code}`,
    title: expect.stringMatching(/\S/),
    status,
    code: expect.stringMatching(/^[a-z_]+$/),
    request_id: expect.stringMatching(/\S/),
  });
  if (code !== undefined) expect(answer.body.code, what).toBe(code);
}

/** Tries one fault on every operation that `wanted` takes. */
async function onEach(
  wanted: (operation: Operation) => boolean,
  status: number,
  ask: (operation: Operation) => { path?: string } & Ask,
  code?: string,
): Promise<void> {
  const chosen = operations.filter(wanted);
  expect(chosen.length).toBeGreaterThan(0);
  for (const operation of chosen) {
    const what = `${operation.method} ${operation.path}`;
    await test.step(what, async () => {
      const { path, ...rest } = ask(operation);
      const answer = await call(operation.method, path ?? operation.own, {
        ...(operation.public ? {} : { token }),
        ...rest,
      });
      expectProblem(answer, status, what, code);
      expect(operation.statuses, `the document of ${what}`).toContain(String(status));
    });
  }
}

/** Answers 426 to what is no upgrade, before anything else. */
const isSocket = (operation: Operation): boolean => operation.path === "/ws/chat";
/** The ways to an identity provider and back: they answer browsers, by the sign-in page that says why. */
const isDetour = (operation: Operation): boolean => operation.path.startsWith("/auth/oidc/");
const takesJson = (operation: Operation): boolean => operation.takesJson;

test("without a token: 401", async () => {
  await onEach(
    (one) => !one.public && !isSocket(one),
    401,
    () => ({ token: undefined }),
  );
});

test("with a token that is not ours: 401", async () => {
  await onEach(
    (one) => !one.public && !isSocket(one),
    401,
    () => ({ token: "eyJhbGciOiJFUzI1NiJ9.e30.AAAA" }),
    "unauthenticated",
  );
});

test("a body that is not JSON: 400", async () => {
  await onEach(
    takesJson,
    400,
    () => ({ raw: "{", contentType: "application/json" }),
    "invalid_json",
  );
});

test("a field that nobody knows: 422", async () => {
  await onEach(takesJson, 422, () => ({ json: { no_such_field: 1 } }), "validation_failed");
});

test("a body that is no object: 422", async () => {
  await onEach(takesJson, 422, () => ({ json: ["name"] }), "validation_failed");
});

test("another media type: 415", async () => {
  await onEach(
    takesJson,
    415,
    () => ({ raw: "name=Ada", contentType: "application/x-www-form-urlencoded" }),
    "unsupported_media_type",
  );
});

test("a body that is too large: 413", async () => {
  // More than any operation takes. Whoever is refused early must not have to send it all.
  const length = 6_000_000;
  for (const operation of operations.filter(takesJson)) {
    const what = `${operation.method} ${operation.path}`;
    const answer = await announce(operation.method, operation.own, length, token);
    expectProblem(answer, 413, what, "payload_too_large");
    expect(operation.statuses, `the document of ${what}`).toContain("413");
  }
});

test("what belongs to another workspace: 404, as if it were not there", async () => {
  const json: Record<string, unknown> = {
    "POST /agents/{id}/start": {},
    "POST /agents/{id}/documents": { title: "A text", content: "Words" },
    "PATCH /agents/{id}": { name: "Mine now" },
    "PATCH /contacts/{id}": { name: "Mine now" },
    "POST /channels/{id}/owner": { owner: "closed" },
    "POST /messages/{channel_id}": { client_id: randomUUID(), body: { text: "Hello" } },
    "PATCH /messages/{channel_id}/{seq}": { text: "Mine now" },
    "PUT /messages/{channel_id}/{seq}/rating": { helpful: true },
    "PATCH /channels/{id}": { priority: "high" },
    "PUT /channels/{id}/draft": { text: "Mine now" },
    "POST /channels/{id}/merge": { into: randomUUID() },
    "POST /channels/{id}/rating": { score: 5 },
    "POST /channels/{id}/read": { seq: 1 },
    "POST /channels/{id}/reopen": { owner: "ai" },
    "POST /channels/{id}/scheduled-messages": {
      text: "Later",
      send_at: new Date(Date.now() + 86_400_000).toISOString(),
    },
    "PATCH /channels/{id}/scheduled-messages/{message_id}": { text: "Mine now" },
    "PATCH /canned-replies/{id}": { title: "Mine now" },
    "POST /canned-replies/{id}/render": { channel_id: randomUUID() },
    "PATCH /teams/{id}": { name: "Mine now" },
    "PATCH /views/{id}": { name: "Mine now" },
    "PATCH /auth/members/{user_id}": { role: "viewer" },
    "PATCH /auth/roles/{id}": { name: "Mine now" },
    "PATCH /auth/passkeys/{id}": { name: "Mine now" },
    "PATCH /auth/issuers/{id}": { name: "Mine now" },
  };
  await onEach(
    (one) => /\{(?!type)/.test(one.path) && !isDetour(one),
    404,
    (one) => {
      const body = json[`${one.method} ${one.path}`];
      const query = one.path.endsWith("/attachments") ? "?name=a.txt&client_id=a" : "";
      return { path: one.foreign + query, ...(body === undefined ? {} : { json: body }) };
    },
    "not_found",
  );
});

test("an id of nothing, and one that is no id: 404", async () => {
  for (const id of [randomUUID(), "nothing"]) {
    await onEach(
      (one) => one.method === "GET" && /\{(?!type)/.test(one.path) && !isDetour(one),
      404,
      (one) => ({ path: one.path.replace(/\{\w+\}/g, id) }),
    );
  }
});

test("a cursor that is none of ours: 400", async () => {
  await onEach(
    (one) => one.listed,
    400,
    (one) => ({ path: `${one.own}?cursor=bm9uc2Vuc2U` }),
    "invalid_cursor",
  );
});

test("a limit that is no number, too small or too large: 400", async () => {
  for (const limit of ["many", "0", "-1", "100000"]) {
    await onEach(
      (one) => one.listed,
      400,
      (one) => ({ path: `${one.own}?limit=${limit}` }),
      "invalid_query",
    );
  }
});

test("another method: 405, with the ones that there are", async () => {
  for (const path of paths) {
    const there = operations.filter((one) => one.path === path);
    const method = ["DELETE", "PUT", "PATCH"].find((m) => there.every((one) => one.method !== m));
    if (!method) continue;
    const answer = await call(method, there[0]?.own ?? "", { token });
    expectProblem(answer, 405, `${method} ${path}`, "method_not_allowed");
    const allowed = (answer.headers.get("allow") ?? "").split(/,\s*/);
    for (const one of there) expect(allowed, path).toContain(one.method);
  }
});

test("a path that is not there: 404, within the API and outside of it", async () => {
  for (const path of ["/nothing", "/contacts/x/y/z", "/internal/jwks", "/agents//"]) {
    expectProblem(await call("GET", path, { token }), 404, path, "not_found");
  }
  const page = await fetch(`${BASE_URL}/no/such/page`);
  expect(page.status).toBe(404);
  expect(page.headers.get("content-type")).toContain("application/problem+json");
});

test("a plain request to the socket's address: 426", async () => {
  await onEach(isSocket, 426, () => ({}), "upgrade_required");
});

test("wrong types and values: 422, each field by its pointer", async () => {
  const cases: [string, string, unknown, string][] = [
    ["POST", "/contacts", { name: 7 }, "/name"],
    ["POST", "/contacts", { name: "x".repeat(201) }, "/name"],
    ["POST", "/contacts", { name: "Ada", email: "not an address" }, "/email"],
    ["POST", "/contacts", { name: "Ada", lead_score: 101 }, "/lead_score"],
    ["POST", "/contacts", { name: "Ada", tags: ["ok", ""] }, "/tags/1"],
    ["POST", "/agents", { name: "" }, "/name"],
    ["POST", "/agents", { name: "Robin", language: "no language" }, "/language"],
    ["POST", "/auth/register", { email: "x", password: "short", name: "", workspace_name: "" }, ""],
  ];
  for (const [method, path, json, pointer] of cases) {
    const what = `${method} ${path} ${JSON.stringify(json).slice(0, 60)}`;
    const answer = await call(method, path, { token, json });
    expectProblem(answer, 422, what, "validation_failed");
    const pointers = answer.body.errors.map((error: Json) => error.pointer);
    if (pointer === "") {
      expect(pointers, what).toEqual(
        expect.arrayContaining(["/email", "/password", "/name", "/workspace_name"]),
      );
    } else {
      expect(pointers, what).toContain(pointer);
    }
  }
});
