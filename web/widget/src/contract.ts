/**
 * What the loader and the panel know of each other. The two are separate files on purpose: the
 * loader is on every page, the panel only where somebody clicks.
 */

export interface Config {
  /** The publishable key, `pk_…`. */
  key: string;
  /** Where the API is, ending in `/api/v1`. */
  api: string;
  locale?: string;
}

/** What a page can listen to by `Syntera.on`. */
export interface WidgetEvents {
  open: undefined;
  close: undefined;
  /** A message took its place in the conversation. */
  message: { seq: number; from: "visitor" | "agent" | "user" | "system" };
  /** Somebody else has the word now. */
  owner: { owner: "ai" | "queued" | "human" | "closed" };
  /** The connection's state. */
  status: { status: string };
  /** The chat does not work here; `code` as in the API's documents. */
  error: { code: string };
}

export interface PanelHost {
  root: ShadowRoot;
  config: Config;
  /** The person closed the panel from inside. */
  onClose(): void;
  /** How many messages came while the panel was closed. */
  onUnread(count: number): void;
  emit<K extends keyof WidgetEvents>(name: K, event: WidgetEvents[K]): void;
}

export interface PanelHandle {
  open(): void;
  close(): void;
  /** Closes the connection and takes everything out of the page. */
  destroy(): void;
}

export type Mount = (host: PanelHost) => PanelHandle;

/**
 * The panel's script hands its `mount` over on its own script element: no global name, and no
 * CORS headers needed, as a module from another origin would.
 */
export interface PanelScript extends HTMLScriptElement {
  synteraMount?: Mount;
}

/** Everything that the widget stores has a name that begins so. */
export function storagePrefix(key: string): string {
  return `syntera:${key}:`;
}
