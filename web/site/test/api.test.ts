import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { all, call } from "../account/api.ts";
import { isSignedOut, Problem } from "../account/problem.ts";

type Step = (request: string, init: RequestInit) => Response;

let asked: string[];
let answer: Step;

const json = (status: number, body: unknown, headers?: Record<string, string>) =>
  Response.json(body, { status, ...(headers ? { headers } : {}) });
const refusal = (status: number, code: string) => json(status, { status, code, title: code });

beforeEach(() => {
  asked = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    const request = `${init.method} ${path}`;
    asked.push(request);
    return answer(request, init);
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

async function refused(work: Promise<unknown>): Promise<Problem> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Problem)) throw new Error(`no problem, but ${String(error)}`);
  return error;
}

it("a body is sent as JSON, and none is no body", async () => {
  const bodies: unknown[] = [];
  answer = (_, { body, headers }) => {
    bodies.push([body, new Headers(headers).get("content-type")]);
    return new Response(null, { status: 204 });
  };
  expect(await call("POST", "/auth/login", { email: "a", password: undefined })).toBeUndefined();
  await call("POST", "/auth/logout");
  expect(bodies).toEqual([
    ['{"email":"a"}', "application/json"],
    [undefined, null],
  ]);
});

for (const code of ["token_expired", "unauthenticated"]) {
  it(`after ${code} the token is renewed, and what was asked is asked again`, async () => {
    let renewed = false;
    answer = (request) => {
      if (request.endsWith("/auth/refresh")) {
        renewed = true;
        return json(200, {});
      }
      return renewed ? json(200, { name: "Ada" }) : refusal(401, code);
    };
    expect(await call("GET", "/auth/me")).toEqual({ name: "Ada" });
    const me = "GET /api/v1/auth/me";
    expect(asked).toEqual([me, "POST /api/v1/auth/refresh", me]);
  });
}

it("it is asked again once only", async () => {
  answer = (request) =>
    request.endsWith("/auth/refresh") ? json(200, {}) : refusal(401, "token_expired");
  expect((await refused(call("GET", "/auth/me"))).code).toBe("token_expired");
  expect(asked).toHaveLength(3);
});

it("calls at the same time share one renewal", async () => {
  let renewed = false;
  answer = (request) => {
    if (request.endsWith("/auth/refresh")) {
      renewed = true;
      return json(200, {});
    }
    return renewed ? json(200, {}) : refusal(401, "token_expired");
  };
  await Promise.all(["/a", "/b", "/c"].map((path) => call("GET", path)));
  expect(asked.filter((request) => request.endsWith("/auth/refresh"))).toHaveLength(1);
});

it("a refusal that comes after the renewal does not renew again", async () => {
  let late: (response: Response) => void = () => {};
  const held = new Promise<Response>((resolve) => {
    late = resolve;
  });
  let renewed = false;
  answer = (request) => {
    if (request.endsWith("/auth/refresh")) {
      renewed = true;
      return json(200, {});
    }
    return renewed ? json(200, request) : refusal(401, "unauthenticated");
  };
  const fetched = globalThis.fetch;
  vi.stubGlobal("fetch", (path: string, init: RequestInit) =>
    path.endsWith("/slow") && !renewed ? held : fetched(path, init),
  );
  const slow = call("GET", "/slow");
  await call("GET", "/quick");
  late(refusal(401, "unauthenticated"));
  expect(await slow).toBe("GET /api/v1/slow");
  expect(asked.filter((request) => request.endsWith("/auth/refresh"))).toHaveLength(1);
});

it("who is signed out is told so; a wrong password is something else", async () => {
  answer = (request) =>
    request.endsWith("/auth/refresh")
      ? refusal(401, "refresh_token_reused")
      : refusal(401, "unauthenticated");
  expect(isSignedOut(await refused(call("GET", "/auth/me")))).toBe(true);
  answer = () => refusal(401, "invalid_credentials");
  asked = [];
  expect(isSignedOut(await refused(call("POST", "/auth/login", {})))).toBe(false);
  expect(asked).toEqual(["POST /api/v1/auth/login"]);
});

it("a renewal that fails on our side signs nobody out", async () => {
  answer = (request) =>
    request.endsWith("/auth/refresh") ? refusal(503, "unavailable") : refusal(401, "token_expired");
  const problem = await refused(call("GET", "/auth/me"));
  expect(problem.code).toBe("unavailable");
  expect(isSignedOut(problem)).toBe(false);
});

it("the time to wait is read from the header", async () => {
  const document = { code: "rate_limited", title: "Too many requests" };
  answer = () => json(429, document, { "retry-after": "42" });
  expect((await refused(call("GET", "/a"))).retryAfter).toBe(42);
});

it("what is no answer of the API is a problem, too", async () => {
  answer = () => new Response("<h1>Bad Gateway</h1>", { status: 502 });
  expect((await refused(call("GET", "/a"))).code).toBe("internal");
  answer = () => {
    throw new TypeError("Failed to fetch");
  };
  expect((await refused(call("GET", "/a"))).code).toBe("unreachable");
});

it("a list is read through its pages", async () => {
  answer = (request) =>
    request.includes("cursor=c%2F2")
      ? json(200, { items: [3], next_cursor: null })
      : json(200, { items: [1, 2], next_cursor: "c/2" });
  expect(await all("/auth/members")).toEqual([1, 2, 3]);
  expect(asked).toHaveLength(2);
});
