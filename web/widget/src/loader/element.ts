/**
 * `<syntera-widget>`: the launcher, in a shadow root of its own. Until the first click it stores
 * nothing, asks nothing of the network, and lets the page's layout alone.
 */

import {
  type Config,
  type Mount,
  type PanelHandle,
  type PanelScript,
  storagePrefix,
  type WidgetEvents,
} from "../contract.ts";
import { launcher as strings } from "../strings/en.ts";
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

/** The panel's script, loaded when it is first wanted. A failure may be tried again. */
function loadPanel(): Promise<Mount> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script") as PanelScript;
    script.async = true;
    script.src = trusted(place.panel);
    const done = (mount?: Mount): void => {
      script.remove();
      if (mount) resolve(mount);
      else reject(new Error("the panel could not be loaded"));
    };
    script.onload = () => done(script.synteraMount);
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

  connectedCallback(): void {
    if (this.#button) return;
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
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

  open(): void {
    if (this.#open || !this.#button) return;
    this.#open = true;
    this.#trouble.textContent = "";
    this.#loading ??= this.#load();
    this.#loading.then(
      () => {
        if (this.#open) this.#panel?.open();
      },
      () => {
        this.#loading = undefined;
        this.#open = false;
        this.#trouble.textContent = strings.failed;
        this.emit("error", { code: "panel_not_loaded" });
        this.#show(0);
      },
    );
    this.#show(0);
    this.emit("open", undefined);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#panel?.close();
    this.#show(0);
    this.#button?.focus();
    this.emit("close", undefined);
  }

  /** Takes the panel out and closes its connection. What is stored stays. */
  destroy(): void {
    this.#open = false;
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
    const { key = "", api, locale } = this.dataset;
    return {
      key,
      api: new URL(api ?? "api/v1", place.base || document.baseURI).href.replace(/\/$/, ""),
      ...(locale === undefined ? {} : { locale }),
    };
  }

  async #load(): Promise<void> {
    const button = this.#button;
    button?.toggleAttribute("data-busy", true);
    try {
      const mount = await loadPanel();
      // It may have been shut down while the panel was on its way.
      if (!this.#button || !this.shadowRoot) return;
      this.#panel = mount({
        root: this.shadowRoot,
        config: this.#config(),
        onClose: () => this.close(),
        onUnread: (count) => this.#show(count),
        emit: (name, event) => this.emit(name, event),
      });
    } finally {
      button?.toggleAttribute("data-busy", false);
    }
  }

  #show(unread: number): void {
    this.#button?.setAttribute("aria-expanded", String(this.#open));
    this.#button?.setAttribute(
      "aria-label",
      this.#open ? strings.close : unread > 0 ? strings.unread(unread) : strings.open,
    );
    this.#badge.hidden = unread === 0;
    this.#badge.textContent = unread > 9 ? "9+" : String(unread);
  }
}
