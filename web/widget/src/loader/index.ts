/**
 * widget.js, the one file that a page embeds:
 *
 *     <script async src="https://…/widget.js" data-key="pk_…"></script>
 *
 * `data-api`, `data-locale`, `data-theme` (`light`, `dark`) and `data-position` (`left`) are options.
 * A script without `data-key` waits for `Syntera.boot({key})`.
 */

import { Emitter } from "../../../client/src/emitter.ts";
import type { WidgetEvents } from "../contract.ts";
import { place, SynteraWidget } from "./element.ts";

/** The panel's file, with the hash of its content in its name; the build fills it in. */
declare const PANEL_FILE: string;

const TAG = "syntera-widget";
const OPTIONS = ["key", "api", "locale", "theme", "position"] as const;

type Options = { [name in (typeof OPTIONS)[number]]?: string };

const events = new Emitter<WidgetEvents>();
let widget: SynteraWidget | undefined;

function boot(options: Options): void {
  if (!options.key) throw new Error("Syntera.boot needs a key");
  if (widget?.isConnected && widget.dataset.key === options.key) return;
  widget?.remove();
  const element = document.createElement(TAG) as SynteraWidget;
  for (const name of OPTIONS) {
    const value = options[name];
    if (value !== undefined) element.dataset[name] = value;
  }
  element.emit = (name, event) => events.emit(name, event);
  widget = element;
  document.body.append(element);
}

const api = {
  /** Puts the launcher on the page. */
  boot,
  /** Opens the panel. */
  open: () => widget?.open(),
  close: () => widget?.close(),
  /** Calls `listener` on each such event; the answer stops it. */
  on: <K extends keyof WidgetEvents>(name: K, listener: (event: WidgetEvents[K]) => void) =>
    events.on(name, listener),
  /**
   * Undoes everything: the element, the connection and what was stored, so that the next person at
   * this browser starts as a stranger.
   */
  shutdown(): void {
    widget?.destroy();
    widget?.forget();
    widget?.remove();
    widget = undefined;
  },
};

export type SynteraApi = typeof api;

const script = document.currentScript as HTMLScriptElement | null;
const scope = window as { Syntera?: SynteraApi };

// Twice on one page is once.
if (!scope.Syntera) {
  scope.Syntera = api;
  place.base = new URL(".", script?.src || document.baseURI).href;
  place.panel = new URL(PANEL_FILE, place.base).href;
  if (!customElements.get(TAG)) customElements.define(TAG, SynteraWidget);
  if (script?.dataset.key) {
    const options: Options = { ...script.dataset };
    if (document.body) boot(options);
    else document.addEventListener("DOMContentLoaded", () => boot(options), { once: true });
  }
}
