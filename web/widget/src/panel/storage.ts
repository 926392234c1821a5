/**
 * What the widget keeps in the browser: the visitor's secret for all tabs, the draft and the unsent
 * messages for this one. Where storage is switched off, it lasts as long as the page.
 */

import { storagePrefix } from "../contract.ts";

/** A message that this page may still have to send. */
export interface Unsent {
  clientId: string;
  text: string;
  createdAt: number;
}

export class WidgetStorage {
  readonly #memory = new Map<string, string>();
  readonly #prefix: string;

  constructor(key: string) {
    this.#prefix = storagePrefix(key);
  }

  /** Names the lock under which tabs take turns. */
  get lockName(): string {
    return `${this.#prefix}visitor`;
  }

  get secret(): string | undefined {
    return this.#get("localStorage", "visitor");
  }

  set secret(value: string | undefined) {
    this.#set("localStorage", "visitor", value);
  }

  get draft(): string {
    return this.#get("sessionStorage", "draft") ?? "";
  }

  set draft(value: string) {
    this.#set("sessionStorage", "draft", value === "" ? undefined : value);
  }

  /** The unsent messages and the channel that they were meant for. */
  get unsent(): { channel: string; items: Unsent[] } | undefined {
    return this.#json("unsent") as { channel: string; items: Unsent[] } | undefined;
  }

  set unsent(value: { channel: string; items: Unsent[] }) {
    const kept = value.items.length > 0 ? JSON.stringify(value) : undefined;
    this.#set("sessionStorage", "unsent", kept);
  }

  /** The messages that were written before their channel was known. */
  get early(): Unsent[] {
    return (this.#json("early") as Unsent[] | undefined) ?? [];
  }

  set early(items: Unsent[]) {
    this.#set("sessionStorage", "early", items.length > 0 ? JSON.stringify(items) : undefined);
  }

  #json(name: string): unknown {
    try {
      return JSON.parse(this.#get("sessionStorage", name) ?? "");
    } catch {
      return undefined;
    }
  }

  #get(area: "localStorage" | "sessionStorage", name: string): string | undefined {
    try {
      return window[area].getItem(this.#prefix + name) ?? undefined;
    } catch {
      return this.#memory.get(name);
    }
  }

  #set(area: "localStorage" | "sessionStorage", name: string, value: string | undefined): void {
    try {
      if (value === undefined) window[area].removeItem(this.#prefix + name);
      else window[area].setItem(this.#prefix + name, value);
    } catch {
      if (value === undefined) this.#memory.delete(name);
      else this.#memory.set(name, value);
    }
  }
}
