/**
 * Calls to the API from our own pages. The session is in cookies that no script can read; the gateway
 * takes them from pages of its own origin only.
 */

import { type Document, Problem } from "./problem.ts";

const BASE = "/api/v1";
const ANSWER_WITHIN_MS = 30_000;

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Codes after which a new access token helps. Its cookie ends with it, so that mostly none is sent. */
const RENEWABLE = new Set(["token_expired", "unauthenticated"]);

/**
 * Asks for something and answers its body. An access token that is over is renewed once.
 *
 * Throws a `Problem` for whatever is not answered with success.
 */
export async function call<T = void>(method: Method, path: string, body?: unknown): Promise<T> {
  const before = renewed;
  const response = await send(method, path, body);
  if (response.status !== 401) return read<T>(response);
  const refused = await problemOf(response);
  if (!RENEWABLE.has(refused.code) || !(await renew(before))) throw refused;
  return read<T>(await send(method, path, body));
}

interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** All items of a list, through its pages. */
export async function all<T>(path: string): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: "100", ...(cursor === null ? {} : { cursor }) });
    const page: Page<T> = await call<Page<T>>("GET", `${path}?${query}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return items;
}

/** How often the access token was renewed on this page. */
let renewed = 0;
let renewal: Promise<boolean> | undefined;

/**
 * Renews the access token, unless that was done since the count was `before`: calls at the same time share
 * one renewal. False when nobody is signed in.
 */
async function renew(before: number): Promise<boolean> {
  if (renewed !== before) return true;
  renewal ??= send("POST", "/auth/refresh")
    .then(async (response) => {
      if (response.ok) {
        renewed += 1;
        return true;
      }
      if (response.status === 401) return false;
      throw await problemOf(response);
    })
    .finally(() => {
      renewal = undefined;
    });
  return renewal;
}

/** Renews the access token now: what one may do has changed. */
export async function renewNow(): Promise<void> {
  await renew(renewed);
}

/**
 * The mode stays `cors`, as it is by default: in any other, a page that sends no referrer says
 * `Origin: null` (Fetch, "append a request Origin header"), and the gateway would take us for others.
 */
async function send(method: Method, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    return await fetch(BASE + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
  } catch {
    throw unreachable();
  }
}

function unreachable(): Problem {
  return new Problem({
    code: "unreachable",
    title: "The server cannot be reached. Check your connection and try again.",
  });
}

async function text(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch {
    throw unreachable();
  }
}

async function read<T>(response: Response): Promise<T> {
  if (!response.ok) throw await problemOf(response);
  const body = await text(response);
  return (body === "" ? undefined : JSON.parse(body)) as T;
}

async function problemOf(response: Response): Promise<Problem> {
  const body = await text(response);
  const wait = Number(response.headers.get("retry-after")) || undefined;
  try {
    const document = JSON.parse(body) as Document;
    if (typeof document.code === "string" && typeof document.title === "string") {
      return new Problem(document, wait);
    }
  } catch {
    // Something on the way answered, and not the API.
  }
  return new Problem({ code: "internal", title: `the answer was ${response.status}` }, wait);
}
