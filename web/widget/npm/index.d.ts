/** What `load` gives, and what the widget does on a page. */

/** What a page can listen to by `Syntera.on`. */
export interface WidgetEvents {
  open: undefined;
  close: undefined;
  /** A message took its place in the conversation. */
  message: { seq: number; from: "visitor" | "agent" | "user" | "system" };
  /** Somebody else has the word now. */
  owner: { owner: "ai" | "queued" | "human" | "closed" };
  /** So many messages are unread. */
  unread: { count: number };
  /** The connection's state. */
  status: { status: string };
  /** The chat does not work here; `code` as in the API's documents. */
  error: { code: string };
}

/** How the widget looks and for whom it is. */
export interface BootOptions {
  /** The publishable key, `pk_…`. */
  key: string;
  /** Another API base, ending in `/api/v1`. */
  api?: string;
  /** `light` or `dark`; else the reader's own. */
  theme?: string;
  /** `left` or `right`; else where lines end on this page. */
  position?: string;
  /** The accent, as `#rgb` or `#rrggbb`. */
  color?: string;
  /** The first words of a conversation. */
  greeting?: string;
  /** A BCP 47 tag; else the page's `lang`. */
  locale?: string;
  /** `hidden` shows no button; a selector names elements of the page that open the chat instead. */
  launcher?: string;
}

/** What a page says of the person: `name`, `email`, `phone`, and anything else as a text. */
export type Attributes = Record<string, string | number | boolean>;

/** `window.Syntera`. */
export interface SynteraApi {
  /** Puts the launcher on the page. */
  boot(options: BootOptions): void;
  /** Says who the person is, by a token that the company's server signed. */
  identify(jwt: string): void;
  /** Says more of the person, for the company's people. */
  setAttributes(attributes: Attributes): void;
  open(): void;
  close(): void;
  /** Calls `listener` on each such event; the answer stops it. */
  on<K extends keyof WidgetEvents>(name: K, listener: (event: WidgetEvents[K]) => void): () => void;
  /**
   * Undoes everything: the element, the connection, the listeners, the page's title and what was
   * stored, so that the next person at this browser starts as a stranger.
   */
  shutdown(): void;
  /** Makes a call that was written down before the loader was there: `["open"]`. */
  push(...calls: [string, ...unknown[]][]): void;
}

/**
 * Loads `widget.js` from `host`, such as `https://chat.example`, and gives its API at once: calls
 * before it is there are made when it is. Loading it again gives the same.
 */
export function load(host: string): SynteraApi;
