/**
 * `<syntera-widget>`: the launcher, in a shadow root of its own. Until the first click it stores
 * nothing, asks nothing of the network, and lets the page's layout alone.
 */

import {
  type Attributes,
  type Config,
  type Mount,
  type PanelHandle,
  storagePrefix,
  type WidgetEvents,
  type WidgetScript,
} from "../contract.ts";
import { directionOf } from "../strings/index.ts";
import { launcherStrings } from "../strings/launchers.ts";
import { accent } from "./color.ts";
import css from "./launcher.css";

export type Emit = <K extends keyof WidgetEvents>(name: K, event: WidgetEvents[K]) => void;

/** Where the files of the widget lie; set once, when the loader runs. */
export const place = { base: "", panel: "" };

const SVG = "http://www.w3.org/2000/svg";

function icon(name: string, path: string): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const shape = document.createElementNS(SVG, "path");
  const attributes = {
    class: name,
    viewBox: "0 0 24 24",
    fill: "none",
    stroke: "currentColor",
    "stroke-width": "2",
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
    "aria-hidden": "true",
  };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

/** A page that enforces Trusted Types wants the address to come through a policy (`syntera`). */
function trusted(url: string): string {
  interface Policies {
    createPolicy(
      name: string,
      rules: { createScriptURL(url: string): string },
    ): { createScriptURL(url: string): string };
  }
  const policies = (window as { trustedTypes?: Policies }).trustedTypes;
  policy ??= policies?.createPolicy("syntera", { createScriptURL: (same) => same });
  return policy ? policy.createScriptURL(url) : url;
}

let policy: { createScriptURL(url: string): string } | undefined;

/** Another script of the widget, loaded when it is first wanted. A failure may be tried again. */
function load<T>(file: string, kit?: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script") as WidgetScript;
    script.async = true;
    script.src = trusted(new URL(file, place.base).href);
    script.syntera = kit;
    const done = (loaded?: unknown): void => {
      script.remove();
      if (loaded && loaded !== kit) resolve(loaded as T);
      else reject(new Error(`${file} could not be loaded`));
    };
    script.onload = () => done(script.syntera);
    script.onerror = () => done();
    document.head.append(script);
  });
}

export class SynteraWidget extends HTMLElement {
  emit: Emit = () => {};
  #button: HTMLButtonElement | undefined;
  #badge = document.createElement("span");
  #trouble = document.createElement("div");
  #panel: PanelHandle | undefined;
  #loading: Promise<void> | undefined;
  #open = false;
  #label: string | undefined;
  #tag = "en";
  /** Where the focus goes when the panel closes, if not to the button. */
  #from: HTMLElement | undefined;
  /** What was said of the person before the panel was there. */
  #told: ((panel: PanelHandle) => void)[] = [];

  connectedCallback(): void {
    if (this.#button) return;
    const { position, color, locale, launcher } = this.dataset;
    this.#tag = locale || document.documentElement.lang || "en";
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    const dark = color && accent(color, true);
    sheet.replaceSync(
      dark
        ? `${css}.root{${accent(color, false)}}@media(prefers-color-scheme:dark){:host(:not([data-theme="light"])) .root{${dark}}}:host([data-theme="dark"]) .root{${dark}}`
        : css,
    );
    root.adoptedStyleSheets = [sheet];
    const button = document.createElement("button");
    button.type = "button";
    button.className = "launcher";
    button.setAttribute("aria-haspopup", "dialog");
    this.#badge.className = "badge";
    this.#badge.hidden = true;
    this.#badge.ariaHidden = "true";
    button.append(
      icon("bubble", "M21 11.5a8.5 8.5 0 0 1-12.5 7.5L3 21l2-5.5A8.5 8.5 0 1 1 21 11.5z"),
      icon("cross", "M6 9l6 6 6-6"),
      this.#badge,
    );
    button.addEventListener("click", () => (this.#open ? this.close() : this.open()));
    this.#trouble.className = "trouble";
    this.#trouble.setAttribute("role", "status");
    const inside = document.createElement("div");
    inside.className = "root";
    inside.lang = this.#tag;
    inside.dir = directionOf(this.#tag);
    if (position !== "right" && (position === "left" || document.dir === "rtl")) {
      inside.classList.add("left");
    }
    if (launcher && launcher !== "default") {
      inside.classList.add("bare");
      document.addEventListener("click", this.#clicked);
    }
    inside.append(this.#trouble, button);
    root.append(inside);
    this.#button = button;
    this.#show(0);
  }

  disconnectedCallback(): void {
    // An element that is only moved is connected again at once, and keeps its conversation.
    queueMicrotask(() => {
      if (!this.isConnected) this.destroy();
    });
  }

  /** A click on an element of the page that opens the chat. */
  readonly #clicked = (event: Event): void => {
    const { launcher = "hidden" } = this.dataset;
    const target = event.target as Element | null;
    try {
      if (launcher === "hidden" || !target?.closest?.(launcher)) return;
    } catch {
      return;
    }
    event.preventDefault();
    if (this.#open) this.close();
    else this.open();
  };

  identify(jwt: string): void {
    this.#tell((panel) => panel.identify(jwt));
  }

  setAttributes(attributes: Attributes): void {
    this.#tell((panel) => panel.setAttributes(attributes));
  }

  /** Nothing is asked of the network for it before the first click. */
  #tell(what: (panel: PanelHandle) => void): void {
    if (this.#panel) what(this.#panel);
    else this.#told.push(what);
  }

  open(): void {
    if (this.#open || !this.#button) return;
    this.#open = true;
    const focused = document.activeElement;
    this.#from = focused instanceof HTMLElement && focused !== this ? focused : undefined;
    this.#trouble.textContent = "";
    this.#loading ??= this.#load();
    this.#loading.then(
      () => {
        if (this.#open) this.#panel?.open();
      },
      () => {
        this.#loading = undefined;
        this.#open = false;
        this.#trouble.textContent = launcherStrings(this.#tag).failed;
        this.emit("error", { code: "panel_not_loaded" });
        this.#show(0);
      },
    );
    this.#label = undefined;
    this.#show(0);
    this.emit("open", undefined);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#panel?.close();
    this.#show(0);
    const bare = this.dataset.launcher && this.dataset.launcher !== "default";
    if (bare) this.#from?.focus();
    else this.#button?.focus();
    this.emit("close", undefined);
  }

  /** Takes the panel out and closes its connection. What is stored stays. */
  destroy(): void {
    this.#open = false;
    this.#told = [];
    document.removeEventListener("click", this.#clicked);
    this.#panel?.destroy();
    this.#panel = undefined;
    this.#loading = undefined;
    this.shadowRoot?.replaceChildren();
    this.#button = undefined;
  }

  /** Removes what the widget has stored for this key. */
  forget(): void {
    const prefix = storagePrefix(this.#config().key);
    for (const name of ["localStorage", "sessionStorage"] as const) {
      try {
        const storage = window[name];
        for (const key of Object.keys(storage)) {
          if (key.startsWith(prefix)) storage.removeItem(key);
        }
      } catch {
        // Storage is switched off: then nothing is there.
      }
    }
  }

  #config(): Config {
    const { key = "", api, greeting } = this.dataset;
    return {
      key,
      api: new URL(api ?? "api/v1", place.base || document.baseURI).href.replace(/\/$/, ""),
      locale: this.#tag,
      ...(greeting === undefined ? {} : { greeting }),
    };
  }

  async #load(): Promise<void> {
    const button = this.#button;
    button?.toggleAttribute("data-busy", true);
    try {
      const mount = await load<Mount>(place.panel);
      // It may have been shut down while the panel was on its way.
      if (button !== this.#button || !this.shadowRoot) return;
      const panel = await mount({
        root: this.shadowRoot,
        config: this.#config(),
        onClose: () => this.close(),
        onUnread: (count, label) => {
          this.#label = count > 0 ? label : undefined;
          this.#show(count);
        },
        load,
        emit: (name, event) => this.emit(name, event),
      });
      if (button !== this.#button) {
        panel.destroy();
        return;
      }
      this.#panel = panel;
      for (const tell of this.#told.splice(0)) tell(panel);
    } finally {
      button?.toggleAttribute("data-busy", false);
    }
  }

  #show(unread: number): void {
    this.#button?.setAttribute("aria-expanded", String(this.#open));
    const t = launcherStrings(this.#tag);
    this.#button?.setAttribute("aria-label", this.#open ? t.close : (this.#label ?? t.open));
    this.#badge.hidden = unread === 0;
    this.#badge.textContent = unread > 9 ? "9+" : String(unread);
  }
}
