/**
 * Who the visitor is: opens and renews the session with the publishable key. Tabs share one secret,
 * and take turns under a Web Lock, so that two that open at once become one visitor and not two.
 */

import { Problem, Refused, type Rest, type Token, type VisitorSession } from "@syntera/client";
import type { WidgetStorage } from "./storage.ts";

export interface VisitorToken extends Token {
  agentId: string;
}

/** A token with less left than this is not worth connecting with. */
const SPARE_MS = 60_000;

export class Visitor {
  #token: VisitorToken | undefined;
  #asking: Promise<VisitorToken> | undefined;
  #stopped = false;
  /** What the company signed of the person, if it did. */
  identity: string | undefined;
  /** Who the visitor was found to be. */
  id: string | undefined;

  constructor(
    private readonly rest: Rest,
    private readonly key: string,
    private readonly storage: WidgetStorage,
  ) {}

  /** A token; a new one when `fresh`. Throws `Refused` where the key does not open a session. */
  token(fresh = false): Promise<VisitorToken> {
    const known = this.#token;
    if (!fresh && known && known.expiresAt - Date.now() > SPARE_MS) return Promise.resolve(known);
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** From here on nothing is stored: the answer to a request under way comes too late. */
  stop(): void {
    this.#stopped = true;
  }

  async #ask(): Promise<VisitorToken> {
    const session = await this.#locked(() => this.#open());
    this.id = session.visitor_id;
    this.#token = {
      token: session.access_token,
      expiresAt: Date.now() + session.expires_in * 1000,
      agentId: session.agent_id,
    };
    return this.#token;
  }

  /** Web Locks are there on https and localhost only; without them two tabs may be two visitors. */
  #locked<T>(run: () => Promise<T>): Promise<T> {
    const locks = navigator.locks as LockManager | undefined;
    return locks ? (locks.request(this.storage.lockName, run) as Promise<T>) : run();
  }

  async #open(): Promise<VisitorSession> {
    const secret = this.storage.secret;
    try {
      const { identity } = this;
      const session = await this.rest
        .visitor(this.key, secret, identity)
        .catch((error: unknown) => {
          // An old secret, perhaps of a workspace that was set up anew, must not lock anybody out. It
          // is kept until there is another: this try may fail, too.
          if (secret !== undefined && isUnknown(error)) {
            return this.rest.visitor(this.key, undefined, identity);
          }
          throw error;
        });
      if (!this.#stopped) this.storage.secret = session.visitor_secret;
      return session;
    } catch (error) {
      throw error instanceof Problem && !error.passing ? new Refused(error.code) : error;
    }
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof Problem && error.code === "invalid_credentials";
}
