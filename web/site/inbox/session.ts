/** Who works here, and the socket that tells what happens. */

import { Client, Refused, type Token } from "../../client/src/index.ts";
import { all, call } from "../account/api.ts";
import { leave } from "../account/paths.ts";
import { isSignedOut } from "../account/problem.ts";
import type { Me, Member } from "../account/shapes.ts";

export interface Team {
  id: string;
  name: string;
}

/** What the parts of the page share. */
export interface Session {
  me: Me;
  client: Client;
  names: ReadonlyMap<string, string>;
  teams: readonly Team[];
  mayWrite: boolean;
}

interface Renewed {
  access_token: string;
  expires_in: number;
}

/** A token for the socket. The session itself stays in cookies, which no script can read. */
async function token(): Promise<Token> {
  try {
    const renewed = await call<Renewed>("POST", "/auth/refresh");
    return { token: renewed.access_token, expiresAt: Date.now() + renewed.expires_in * 1000 };
  } catch (error) {
    if (!isSignedOut(error)) throw error;
    leave();
    throw new Refused("signed out");
  }
}

export async function begin(): Promise<Session> {
  const me = await call<Me>("GET", "/auth/me");
  const [members, teams] = await Promise.all([
    all<Member>("/auth/members").catch(() => []),
    all<Team>("/teams").catch(() => []),
  ]);
  const url = new URL("/api/v1/ws/chat", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const client = new Client({
    url: url.href,
    tokens: token,
    network: {
      online: () => navigator.onLine,
      onChange(listener) {
        addEventListener("online", listener);
        addEventListener("offline", listener);
        return () => {
          removeEventListener("online", listener);
          removeEventListener("offline", listener);
        };
      },
    },
  });
  return {
    me,
    client,
    names: new Map(members.map(({ user_id, name }) => [user_id, name])),
    teams,
    mayWrite: me.permissions.includes("conversations:write"),
  };
}

/** What somebody of the company is called. */
export function nameOf(session: Session, id: string | null | undefined): string {
  if (!id) return "nobody";
  return id === session.me.id ? "you" : (session.names.get(id) ?? "a colleague");
}
