/**
 * What the client needs from the world, as narrow types: a test hands in its own, and the same code
 * runs in a browser and in Node.
 */

/** The part of the standard WebSocket that the client uses. */
export interface WebSocketLike {
  readonly protocol: string;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** Time as a parameter, so that tests are exact. */
export interface Timers {
  /** Milliseconds; only differences matter. */
  now(): number;
  /** Runs `run` once after `ms`; the answer cancels it. */
  after(ms: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  now: () => Date.now(),
  after(ms, run) {
    const handle = setTimeout(run, ms);
    return () => clearTimeout(handle);
  },
};

/** Whether the machine says that it has a network, and when that changes. */
export interface Network {
  online(): boolean;
  onChange(listener: () => void): () => void;
}

/** For programs: the network is taken to be there. */
export const alwaysOnline: Network = { online: () => true, onChange: () => () => {} };

/** An access token and the moment, by `Timers.now`, at which it expires. */
export interface Token {
  token: string;
  expiresAt: number;
}

/**
 * Gives the token to connect with. `fresh` asks for a new one, because the last was refused or is
 * about to expire. It throws `Refused` when no token will come, and anything else when trying
 * again later may help.
 */
export type TokenSource = (fresh: boolean) => Promise<Token>;

/** No token will be given: trying again on its own is pointless. */
export class Refused extends Error {
  override name = "Refused";
}
