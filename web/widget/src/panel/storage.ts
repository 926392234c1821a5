/**
 * What the widget keeps in the browser: who the visitor is, what they agreed to and their drafts for
 * all tabs, the unsent messages for this one. Where storage is switched off, it lasts as long as the
 * page.
 */

import type { Attachment } from "@syntera/client";
import { storagePrefix } from "../contract.ts";

/** A message that this page may still have to send. */
export interface Unsent {
  clientId: string;
  text: string;
  createdAt: number;
  attachments?: Attachment[];
}

type Area = "localStorage" | "sessionStorage";

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

  /** Names the channel by which tabs keep in step. */
  get tabsName(): string {
    return `${this.#prefix}tabs`;
  }

  get secret(): string | undefined {
    return this.get("visitor");
  }

  set secret(value: string | undefined) {
    this.set("visitor", value);
  }

  /** What is being written in a conversation; in none yet when `channel` is empty. */
  draft(channel: string): string {
    return this.get(`draft:${channel}`) ?? "";
  }

  keepDraft(channel: string, text: string): void {
    this.set(`draft:${channel}`, text);
  }

  /** The unsent messages and the channel that they were meant for. */
  get unsent(): { channel: string; items: Unsent[] } | undefined {
    return this.#json("unsent") as { channel: string; items: Unsent[] } | undefined;
  }

  set unsent(value: { channel: string; items: Unsent[] }) {
    const kept = value.items.length > 0 ? JSON.stringify(value) : undefined;
    this.set("unsent", kept, "sessionStorage");
  }

  /** The messages that were written before their channel was known. */
  get early(): Unsent[] {
    return (this.#json("early") as Unsent[] | undefined) ?? [];
  }

  set early(items: Unsent[]) {
    this.set("early", items.length > 0 ? JSON.stringify(items) : "", "sessionStorage");
  }

  #json(name: string): unknown {
    try {
      return JSON.parse(this.get(name, "sessionStorage") ?? "");
    } catch {
      return undefined;
    }
  }

  get(name: string, area: Area = "localStorage"): string | undefined {
    try {
      return window[area].getItem(this.#prefix + name) ?? undefined;
    } catch {
      return this.#memory.get(name);
    }
  }

  /** An empty value is none. */
  set(name: string, value: string | undefined, area: Area = "localStorage"): void {
    try {
      if (value) window[area].setItem(this.#prefix + name, value);
      else window[area].removeItem(this.#prefix + name);
    } catch {
      if (value) this.#memory.set(name, value);
      else this.#memory.delete(name);
    }
  }
}
