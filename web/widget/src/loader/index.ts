/**
 * widget.js, the one file that a page embeds:
 *
 *     <script async src="https://…/widget.js" data-key="pk_…"></script>
 *
 * The other options (`BootOptions`) are attributes too: `data-color="#0a7"`. A script without
 * `data-key` waits for `Syntera.boot({key})`. Calls that a page makes before the loader is there are
 * kept in a list: `(window.Syntera ||= []).push(["open"])`.
 */

import { Emitter } from "../../../client/src/emitter.ts";
import type { BootOptions, SynteraApi, WidgetEvents } from "../contract.ts";
import { place, SynteraWidget } from "./element.ts";

/** The panel's file, with the hash of its content in its name; the build fills it in. */
declare const PANEL_FILE: string;

const TAG = "syntera-widget";
const OPTIONS = [
  "key",
  "api",
  "locale",
  "theme",
  "position",
  "color",
  "greeting",
  "launcher",
] as const;

let events = new Emitter<WidgetEvents>();
let widget: SynteraWidget | undefined;

const api: SynteraApi = {
  boot(options) {
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
  },
  identify: (jwt) => widget?.identify(jwt),
  setAttributes: (attributes) => widget?.setAttributes(attributes),
  open: () => widget?.open(),
  close: () => widget?.close(),
  on: (name, listener) => events.on(name, listener),
  shutdown() {
    widget?.destroy();
    widget?.forget();
    widget?.remove();
    widget = undefined;
    events = new Emitter();
  },
  push(...calls) {
    for (const [name, ...args] of calls) {
      const call = Object.hasOwn(api, name) && name !== "push" && api[name as keyof SynteraApi];
      if (call) (call as (...args: unknown[]) => unknown)(...args);
      else console.error(`Syntera has no ${name}`);
    }
  },
};

const script = document.currentScript as HTMLScriptElement | null;
const scope = window as { Syntera?: SynteraApi | [string, ...unknown[]][] };
const early = scope.Syntera;

// Twice on one page is once.
if (!early || Array.isArray(early)) {
  scope.Syntera = api;
  place.base = new URL(".", script?.src || document.baseURI).href;
  place.panel = PANEL_FILE;
  if (!customElements.get(TAG)) customElements.define(TAG, SynteraWidget);
  const options = { ...script?.dataset } as Partial<BootOptions>;
  const begin = (): void => {
    if (options.key) api.boot(options as BootOptions);
    if (early) api.push(...early);
  };
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin, { once: true });
}
