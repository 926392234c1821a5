/**
 * What the loader, the panel and its later parts know of each other. They are separate files on
 * purpose: the loader is on every page, the panel only where somebody clicks, a part only where it
 * is used.
 */

export interface Config {
  /** The publishable key, `pk_…`. */
  key: string;
  /** Where the API is, ending in `/api/v1`. */
  api: string;
  /** The BCP 47 tag of the words. */
  locale: string;
  /** The first words of a conversation, instead of the widget's own. */
  greeting?: string;
}

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

export interface PanelHost {
  root: ShadowRoot;
  config: Config;
  /** The person closed the panel from inside. */
  onClose(): void;
  /** How many messages came while nobody looked, and how the launcher says so. */
  onUnread(count: number, label: string): void;
  /** Loads another file of the widget, and hands `kit` to it. */
  load<T>(file: string, kit?: unknown): Promise<T>;
  emit<K extends keyof WidgetEvents>(name: K, event: WidgetEvents[K]): void;
}

export interface PanelHandle {
  open(): void;
  close(): void;
  identify(jwt: string): void;
  setAttributes(attributes: Attributes): void;
  /** Closes the connection and takes everything out of the page. */
  destroy(): void;
}

export type Mount = (host: PanelHost) => Promise<PanelHandle>;

/**
 * A script of the widget hands over what it makes on its own element, and finds there what it is
 * given: no global name, and no CORS headers needed, as a module from another origin would.
 */
export interface WidgetScript extends HTMLScriptElement {
  syntera?: unknown;
}

/** Everything that the widget stores has a name that begins so. */
export function storagePrefix(key: string): string {
  return `syntera:${key}:`;
}
